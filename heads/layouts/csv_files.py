"""Any CSV files that list images, their columns and values mapped by the options."""

import os.path
import posixpath
from pathlib import Path

import pandas as pd

from converters.errors import did_you_mean
from heads.errors import UsageError
from heads.faces import BOX, COLUMNS, GROUP, LANDMARKS
from heads.layouts.ages import with_age_groups
from heads.layouts.image_files import keep_existing
from heads.layouts.labels import check_meaning, mapped, split_of
from heads.layouts.layout import Layout, MisfitError, Reading
from heads.layouts.notes import LINE, SOURCE, first
from heads.layouts.text_tables import read_text_table

TARGETS = (*COLUMNS, "fold", "age", *BOX, *LANDMARKS)


def read(reading: Reading) -> pd.DataFrame:
    """Return the rows of all CSV files."""
    files = _files(reading)
    _check_targets(reading)
    rows = pd.concat(_tables(reading, files), ignore_index=True).fillna("")
    _check_labels(reading, rows)
    rows = keep_existing(reading, _located(reading, rows), _told(reading, files))
    return _grouped(reading, _measured(reading, _split(reading, _labelled(reading, rows), files)))


def _tables(reading: Reading, files: list[Path]) -> list[pd.DataFrame]:
    """Read all files, with our columns alone."""
    tables = [read_text_table(reading, path, separator=_separator(reading, path)) for path in files]
    named = [(table, _source_columns(reading, table)) for table in tables]
    problems = [
        line
        for path, (table, source) in zip(files, named, strict=True)
        for line in _missing(reading.relative(path), table, source)
    ]
    if problems:
        raise MisfitError(problems)
    return [_renamed(table, source) for table, source in named]


def _files(reading: Reading) -> list[Path]:
    """Return the CSV files that are named, or the only one, or those that are named after splits."""
    if reading.options.files:
        return [_file(reading, name) for name in reading.options.files]
    found = _csv_files(reading)
    if len(found) > 1 and not all(split_of(path.stem, reading.options.splits) for path in found):
        raise MisfitError(f"it holds several: {_told(reading, found)}; say which to read with --file")
    if not found:
        raise MisfitError("there is no .csv or .tsv file in it; name one with --file")
    return found


def _file(reading: Reading, name: str) -> Path:
    if not (reading.folder / name).is_file():
        raise MisfitError(f"there is no file {name}")
    return reading.folder / name


def _csv_files(reading: Reading) -> list[Path]:
    return sorted(
        path for path in reading.folder.iterdir() if path.suffix.lower() in (".csv", ".tsv") and path.is_file()
    )


def _told(reading: Reading, files: list[Path]) -> str:
    return first([reading.relative(path) for path in files], len(files))


def _separator(reading: Reading, path: Path) -> str:
    return reading.options.separator or ("\t" if path.suffix.lower() == ".tsv" else ",")


def _check_targets(reading: Reading) -> None:
    unknown = [name for name in reading.options.columns if name not in TARGETS and not name.startswith(GROUP)]
    if unknown:
        raise UsageError(
            f"--column {name}=...: '{name}' is no column of ours{did_you_mean(name, TARGETS)}; "
            f"there are {', '.join(TARGETS)} and {GROUP}<name>"
            for name in unknown
        )


def _source_columns(reading: Reading, table: pd.DataFrame) -> dict[str, str]:
    """Return which column of the file each of ours is: as the options say, else the one of the same name."""
    same = {name: name for name in table.columns if name in TARGETS or name.startswith(GROUP)}
    grouped = {GROUP + name: name for name in reading.options.groups}
    return {**same, **grouped, **reading.options.columns}


def _missing(where: str, table: pd.DataFrame, source: dict[str, str]) -> list[str]:
    """Say which columns a file lacks."""
    if table.empty:
        return [f"{where} holds a header and no row"]
    there = [name for name in table.columns if name not in (SOURCE, LINE)]
    named = [
        f"{where} has no column '{name}' for our '{ours}'{did_you_mean(name, there)}"
        for ours, name in source.items()
        if name not in there
    ]
    needed = [f"{where} has no column '{ours}'" for ours in ("path", "label") if ours not in source]
    told = f" (its columns are {', '.join(there)}; say which is which, as in {_example(there)})"
    return [line + told for line in (*named, *needed)]


def _example(there: list[str]) -> str:
    return f"--column path={there[0]} --column label={there[min(1, len(there) - 1)]}"


def _renamed(table: pd.DataFrame, source: dict[str, str]) -> pd.DataFrame:
    """Return the table with our columns alone; one column of the file may be several of ours."""
    return pd.DataFrame(
        {**{ours: table[name] for ours, name in source.items()}, SOURCE: table[SOURCE], LINE: table[LINE]}
    )


def _located(reading: Reading, rows: pd.DataFrame) -> pd.DataFrame:
    """Write paths relative to the data set's folder, and leave out those that lead elsewhere."""
    base = reading.named_images() or reading.folder
    rows = rows.assign(path=[_inside(reading.folder, base, path) for path in rows["path"].tolist()], found=rows["path"])
    rows = reading.notes.leave_out(rows, rows["found"] == "", "no image is named")
    rows = reading.notes.leave_out(rows, rows["path"] == "", "the path leads out of the data set's folder", "found")
    return rows.drop(columns="found")


def _inside(folder: Path, base: Path, path: str) -> str:
    """Return a path relative to `folder` with forward slashes, "" if it is not in there."""
    if not path:
        return ""
    joined = os.path.normpath(base / path.replace("\\", "/"))
    relative = os.path.relpath(joined, folder).replace(os.sep, posixpath.sep)
    return "" if relative == ".." or relative.startswith("../") else relative


def _check_labels(reading: Reading, rows: pd.DataFrame) -> None:
    name = reading.options.columns.get("label", "label")
    check_meaning(rows["label"], reading.options.values, f"the column '{name}'")
    if mapped(rows["label"], reading.options.values)[1].all():
        found = first([f"'{value}'" for value in rows["label"].unique()], rows["label"].nunique())
        raise MisfitError(f"no --value says what the column '{name}' holds: {found}")


def _labelled(reading: Reading, rows: pd.DataFrame) -> pd.DataFrame:
    labels, unmapped = mapped(rows["label"], reading.options.values)
    rows = reading.notes.leave_out(rows, unmapped, "no --value says what the label means", "label")
    return rows.assign(label=labels[rows.index])


def _split(reading: Reading, rows: pd.DataFrame, files: list[Path]) -> pd.DataFrame:
    """Take the split from its column, else from the names of the files if they are those of splits."""
    if "split" in rows.columns:
        return _split_by_column(reading, rows)
    by_file = {reading.relative(path): split_of(path.stem, reading.options.splits) for path in files}
    if not any(by_file.values()):
        return rows
    unnamed = [name for name, split in by_file.items() if not split]
    if unnamed:
        raise MisfitError(
            f"some files are named after a split, but not {', '.join(unnamed)}: say which split each "
            f"is, as in --part {Path(unnamed[0]).stem}=train"
        )
    return rows.assign(split=rows[SOURCE].map(by_file))


def _split_by_column(reading: Reading, rows: pd.DataFrame) -> pd.DataFrame:
    named = {value: split_of(value, reading.options.splits) for value in rows["split"].unique()}
    unknown = [value for value, split in named.items() if value and not split]
    if unknown:
        told = first([f"'{value}'" for value in unknown], len(unknown))
        raise MisfitError(
            f"the column of the split holds {told}: say which split each is, as in --part {unknown[0]}=train"
        )
    return rows.assign(split=rows["split"].map(named))


def _measured(reading: Reading, rows: pd.DataFrame) -> pd.DataFrame:
    """Turn boxes and landmarks into numbers; rows where one is none are left out."""
    for names in (BOX, LANDMARKS):
        there = [name for name in names if name in rows.columns]
        if there and len(there) < len(names):
            lacking = [name for name in names if name not in there]
            raise MisfitError(f"there is a column {there[0]}, but none for {', '.join(lacking)}")
        for name in there:
            numbers = pd.to_numeric(rows[name], errors="coerce")
            rows = reading.notes.leave_out(rows.assign(**{name: numbers}), numbers.isna(), f"{name} is no number")
    return rows


def _grouped(reading: Reading, rows: pd.DataFrame) -> pd.DataFrame:
    return with_age_groups(reading, rows) if "age" in rows.columns else rows


def looks_so(reading: Reading) -> bool:
    """Tell whether a CSV file lies there."""
    return bool(_csv_files(reading))


LAYOUT = Layout(
    read=read,
    looks_so=looks_so,
    expects="one CSV file or several, with a column for the image and one for the label",
    labels="as the column says; numbers only with --value for what each means",
    identities="with a column for them",
    groups="columns group_<name>, others with --group-columns; age becomes age_group",
    splits="a column, or files named train, val and test",
    label_source="unstated",
    licence="",
    takes=(
        "images",
        "files",
        "columns",
        "values",
        "splits",
        "groups",
        "age_bounds",
        "separator",
        "label_source",
        "licence",
    ),
)
