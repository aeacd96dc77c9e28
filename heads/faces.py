"""The table that every data set becomes: one row per face, its label as a string, never as a number.

On disk it is a CSV that any program opens. Facts about the whole table stand in columns that hold one value.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from heads.errors import DataError

# Always there, as strings; "" is unknown. `split` is train, val or test.
COLUMNS = ("path", "label", "identity", "split")
GROUP = "group_"
# In pixels of the image as it is stored; a table has all of a set or none.
BOX = ("box_left", "box_top", "box_width", "box_height")
LANDMARKS = tuple(
    f"{point}_{axis}" for point in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for axis in "xy"
)
FACTS = ("root", "layout", "label_source", "licence", "seed")
SPLITS = ("train", "val", "test")
READ_ROWS = 10_000


@dataclass(frozen=True, eq=False)
class FaceTable:
    """Faces of one data set: `rows` with COLUMNS, any `group_<name>` columns, and perhaps BOX or LANDMARKS.

    `path` in a row is relative to `root`, with forward slashes. `label_source` says who gave the labels: "self-report",
    "annotator-perceived", "metadata" or "folder", or in words what else is known. `malformed` has a line for each kind
    of thing that is wrong in the data set's files, such as rows that were left out, with where the first ones stand.
    `seed` is that of the split, if there is one.
    """

    layout: str
    root: Path
    rows: pd.DataFrame
    label_source: str
    licence: str = ""
    malformed: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        missing = [name for name in COLUMNS if name not in self.rows.columns]
        if missing:
            raise DataError(f"{self.layout}: the table has no column {', '.join(missing)}")

    @property
    def groups(self) -> list[str]:
        """Return the names of the group columns, without their prefix."""
        return [name.removeprefix(GROUP) for name in self.rows.columns if name.startswith(GROUP)]

    def __len__(self) -> int:
        return len(self.rows)

    def image(self, path: str) -> Path:
        """Return where an image lies."""
        return self.root / path

    def with_rows(self, rows: pd.DataFrame) -> "FaceTable":
        """Return the same data set with other rows."""
        return replace(self, rows=rows.reset_index(drop=True))


def write_table(table: FaceTable, path: Path, place: Path | None = None) -> None:
    """Write a table as CSV; the images' root is written relative to the folder of `place`, where the CSV will lie."""
    rows = table.rows.copy()
    try:
        root = Path(os.path.relpath(table.root.resolve(), (place or path).resolve().parent)).as_posix()
    except ValueError:  # another drive, on Windows
        root = table.root.resolve().as_posix()
    seed = "" if table.seed is None else str(table.seed)
    for name, value in zip(FACTS, (root, table.layout, table.label_source, table.licence, seed), strict=True):
        rows[name] = value
    rows.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def read_table(path: Path, images: Path | None = None) -> FaceTable:
    """Read a table that `write_table` wrote; `images` names the images' root where they have moved.

    DataError names what is missing, a row whose split is none of train, val, test or nothing, and labels that are
    numbers: nobody can tell what they mean.
    """
    try:
        rows = _read_rows(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path}: is no CSV: {error}") from error
    missing = [name for name in (*COLUMNS, *FACTS) if name not in rows.columns]
    if missing:
        raise DataError(f"{path}: has no column {', '.join(missing)}; `heads split` writes such a file")
    if rows.empty:
        raise DataError(f"{path}: holds no row")
    unknown = rows.index[~rows["split"].isin(["", *SPLITS])]
    if len(unknown):
        found = rows["split"][unknown[0]]
        raise DataError(f"{path}:{unknown[0] + 2}: the split is '{found}'; it is one of {', '.join(SPLITS)}")
    numeric = [label for label in rows["label"].unique() if is_number(label)]
    if numeric:
        raise DataError(
            f"{path}: labels are numbers ({', '.join(sorted(numeric)[:5])}), and what these mean is not stated; write "
            "what they mean in their place, as --layout csv with --value 1=male --value 0=female does"
        )
    root, layout, source, licence, seed = (_single(rows, name, path) for name in FACTS)
    rows = rows.drop(columns=list(FACTS))
    for name in (*BOX, *LANDMARKS):
        if name in rows.columns:
            rows[name] = pd.to_numeric(rows[name], errors="coerce")
    return FaceTable(
        layout, images or path.parent / root, rows, source, licence, seed=int(seed) if seed.isdecimal() else None
    )


def _read_rows(path: Path) -> pd.DataFrame:
    """Read all columns as text, in parts: text takes more memory while it is read than when it is kept."""
    with pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8", chunksize=READ_ROWS) as parts:
        return pd.concat(list(parts), ignore_index=True)


def is_number(label: str) -> bool:
    """Return whether a label is a number, which says nothing of what it means."""
    try:
        float(label)
    except ValueError:
        return False
    return True


def _single(rows: pd.DataFrame, name: str, path: Path) -> str:
    values = rows[name].unique()
    if len(values) != 1:
        raise DataError(f"{path}: column '{name}' holds {len(values)} values, it states one fact of the whole table")
    return str(values[0])
