"""Labeled Faces in the Wild: a folder for each person; the labels come from lists that others made.

Lists that are read: male_names.txt and female_names.txt (an image or a person on each line), and the five folds of
BEFIT ("file, fold, M or F", separated by tabs; face.anthropomatik.kit.edu).
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from heads.errors import DataError, UsageError
from heads.layouts.image_files import image_paths, rows_of_images
from heads.layouts.labels import FEMALE, MALE, splits_of_folds
from heads.layouts.layout import Layout, MisfitError, Reading
from heads.layouts.notes import counted, first
from heads.layouts.text_tables import BLANKS, peek, read_text_table

NAMES = {"male_names.txt": MALE, "female_names.txt": FEMALE}
OFFICIAL = {"peopleDevTrain.txt": "train", "peopleDevTest.txt": "test"}
FOLD_LABELS = {"M": MALE, "F": FEMALE}
IMAGE = r"(?:^|/)(?P<person>[^/]+)/(?P<name>[^/]+)_\d{4}\.\w+$"
_FOLD_LINE = re.compile(r"\d+")


def read(reading: Reading) -> pd.DataFrame:
    """Return a row for each image; people whom no list names are without a label."""
    rows = _faces(reading)
    folds = _fold_files(reading)
    names = {name: path for name in NAMES if (path := reading.find(name))}
    if not folds and not names:
        raise MisfitError(
            f"no list says who is labelled how: put {' and '.join(NAMES)} beside the images, "
            "or the files of BEFIT's folds"
        )
    if reading.options.splits and not folds:
        raise UsageError("--part says which split a fold is, but lists of names have no folds")
    rows = _by_folds(reading, rows, folds) if folds else _by_names(reading, rows, names)
    reading.notes.note(rows, rows["label"] == "", "kept without a label")
    return rows if reading.options.splits else _official(reading, rows)


def _faces(reading: Reading) -> pd.DataFrame:
    """Return the images named <person>/<person>_NNNN.jpg."""
    rows = rows_of_images(image_paths(reading, reading.named_images() or reading.folder))
    if rows.empty:
        raise MisfitError("there is no image in it")
    parts = rows["path"].str.extract(IMAGE)
    fitting = parts["person"].notna() & (parts["person"] == parts["name"])
    if not fitting.any():
        raise MisfitError("no image is named as its folder, like Name/Name_0001.jpg")
    rows = rows.assign(identity=parts["person"], image=rows["path"].str.rpartition("/")[2])
    rows = reading.notes.leave_out(rows, ~fitting, "not named as its folder, like Name/Name_0001.jpg")
    if rows["image"].duplicated().any():
        tops = sorted({path.split("/")[0] for path in rows["path"]})
        raise MisfitError(f"the same images lie there more than once, in {', '.join(tops)}; choose one with --images")
    return rows


def _by_names(reading: Reading, rows: pd.DataFrame, files: dict[str, Path]) -> pd.DataFrame:
    """Label images, or all images of a person, as the lists of names do; who is in both lists is unknown."""
    listed = {NAMES[name]: set(_entries(path)) for name, path in files.items()}
    missing = [name for name in NAMES if name not in files]
    if missing:
        reading.notes.tell(f"there is no {missing[0]}: its people are without a label")
    stems = rows["image"].str.rpartition(".")[0]
    said = {
        label: rows["image"].isin(entries) | stems.isin(entries) | rows["identity"].isin(entries)
        for label, entries in listed.items()
    }
    both = said[MALE] & said[FEMALE] if len(said) > 1 else pd.Series(data=False, index=rows.index)
    reading.notes.note(rows, both, "named in both lists")
    labels = pd.Series("", index=rows.index)
    for label, chosen in said.items():
        labels = labels.mask(chosen & ~both, label)
    return rows.assign(label=labels)


def _entries(path: Path) -> Iterator[str]:
    """Yield what stands on each line, without the folder it may name."""
    try:
        for line in path.read_text(encoding="utf-8-sig").splitlines():
            if line.strip():
                yield line.strip().replace("\\", "/").rpartition("/")[2]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a list of names: {error}") from error


def _fold_files(reading: Reading) -> list[Path]:
    """Return the files that are named, or the text files whose first line is that of a fold."""
    named = [reading.folder / name for name in reading.options.files]
    lacking = [reading.relative(path) for path in named if not path.is_file()]
    if lacking:
        raise MisfitError(f"there is no file {', '.join(lacking)}")
    found = sorted(path for path in reading.folder.glob("*.txt") if path.is_file() and path.name not in NAMES)
    return named or [path for path in found if _is_fold(peek(path, "\t"))]


def _is_fold(fields: list[str]) -> bool:
    return len(fields) == 3 and bool(_FOLD_LINE.fullmatch(fields[1].strip())) and fields[2].strip() in FOLD_LABELS


def _by_folds(reading: Reading, rows: pd.DataFrame, files: list[Path]) -> pd.DataFrame:
    """Take label and fold of each image from BEFIT's files."""
    tables = [read_text_table(reading, path, separator="\t", names=("file", "fold", "label")) for path in files]
    listed = pd.concat(tables, ignore_index=True)
    listed = listed.assign(file=listed["file"].str.rpartition("/")[2], path=listed["file"])
    listed = reading.notes.leave_out(listed, ~listed["label"].isin(FOLD_LABELS), "neither M nor F", "label")
    listed = reading.notes.leave_out(listed, ~listed["file"].isin(rows["image"]), "the image is not there", "path")
    listed = reading.notes.leave_out(listed, listed.duplicated("file"), "the image is listed before", "path")
    if listed.empty:
        raise MisfitError("none of the images in the files of the folds is there")
    known = listed.set_index("file")
    splits = splits_of_folds(reading.options.splits, sorted(listed["fold"].unique()))
    folds = rows["image"].map(known["fold"]).fillna("")
    return rows.assign(
        label=rows["image"].map(known["label"].map(FOLD_LABELS)).fillna(""),
        fold=folds,
        split=[splits.get(fold, "") for fold in folds],
    )


def _official(reading: Reading, rows: pd.DataFrame) -> pd.DataFrame:
    """Split people as the lists of the set's first view do, where they are there."""
    paths = {split: path for name, split in OFFICIAL.items() if (path := reading.find(name))}
    if not paths:
        return rows
    people = {
        person: split
        for split, path in paths.items()
        for person in read_text_table(reading, path, separator=BLANKS, names=("person", "images"))["person"].tolist()
    }
    unknown = sorted(set(people) - set(rows["identity"]))
    if unknown:
        reading.notes.tell(
            f"{counted(len(unknown), 'name')} in the official split without images: {first(unknown, len(unknown))}"
        )
    return rows.assign(split=rows["identity"].map(people).fillna(""))


def looks_so(reading: Reading) -> bool:
    """Tell whether most images are named as their folders."""
    rows = rows_of_images(image_paths(Reading(reading.folder), reading.folder))
    if rows.empty:
        return False
    parts = rows["path"].str.extract(IMAGE)
    return bool((parts["person"] == parts["name"]).mean() > 0.5)


LAYOUT = Layout(
    read=read,
    looks_so=looks_so,
    expects="<person>/<person>_0001.jpg ..., and male_names.txt with female_names.txt, or the files of BEFIT's folds",
    labels="as the lists say: M male, F female",
    identities="the folder's name",
    groups="none",
    splits="peopleDevTrain.txt train, peopleDevTest.txt test; folds of BEFIT's files with --part, as in --part 1=test",
    label_source="annotator-perceived",
    licence="no licence stated; see the data set's page",
    takes=("images", "files", "splits", "licence"),
)
