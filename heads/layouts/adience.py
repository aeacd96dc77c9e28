"""Adience: faces from Flickr albums, in five folds that no album is in twice.

Source: talhassner.github.io/home/projects/Adience, readme.txt. Boxes and poses in the files are those of the original
photographs, which are not part of the set. Eidinger, Enbar, Hassner: Age and Gender Estimation of Unfiltered Faces.
"""

import re
from pathlib import Path

import pandas as pd

from heads.errors import UsageError
from heads.layouts.ages import with_published_groups
from heads.layouts.image_files import keep_existing
from heads.layouts.labels import FEMALE, MALE, labelled, splits_of_folds
from heads.layouts.layout import Layout, MisfitError, Reading
from heads.layouts.text_tables import read_text_table

FOLDS = tuple(f"fold_{number}_data.txt" for number in range(5))
# The two forms of the images: which folder they are in, and what their names begin with.
FORMS = {"aligned": "landmark_aligned_face", "faces": "coarse_tilt_aligned_face"}
COLUMNS = ("user_id", "original_image", "face_id", "age", "gender")
GENDERS = {"m": MALE, "f": FEMALE, "u": ""}
# As published; rows that state another range or one age belong to the group that holds all of it, or to none.
AGE_GROUPS = {
    (0, 2): "0-2",
    (4, 6): "4-6",
    (8, 13): "8-13",
    (15, 20): "15-20",
    (25, 32): "25-32",
    (38, 43): "38-43",
    (48, 53): "48-53",
    (60, 100): "60+",
}
_FOLD = re.compile(r"fold_(?:frontal_)?(\d+)_data\.txt")
_AGE = re.compile(r"\(?(\d+)(?:, *(\d+))?\)?")


def read(reading: Reading) -> pd.DataFrame:
    """Return the rows of all folds."""
    files = _files(reading)
    splits = splits_of_folds({_number(part): split for part, split in reading.options.splits.items()}, list(files))
    tables = [_fold(reading, path).assign(fold=number, split=splits.get(number, "")) for number, path in files.items()]
    rows = pd.concat(tables, ignore_index=True)
    if rows.empty:
        raise MisfitError("its folds hold no row")
    rows = keep_existing(reading, rows.assign(path=_paths(reading, rows)), "the folds")
    rows = labelled(reading, rows.rename(columns={"user_id": "identity", "gender": "label"}), GENDERS)
    return with_published_groups(reading, rows, rows["age"].map(_age_group))


def _files(reading: Reading) -> dict[str, Path]:
    """Return the file of each fold by its number; MisfitError where one is missing."""
    names = reading.options.files
    if not names:
        found = {name: reading.find(name) for name in FOLDS}
        missing = [name for name, path in found.items() if path is None]
        if missing:
            raise MisfitError(f"there is no {', '.join(missing)}; name the folds that are to be read with --file")
        return {str(number): path for number, path in enumerate(found.values()) if path}
    strange = [name for name in names if not _FOLD.fullmatch(Path(name).name)]
    if strange:
        raise UsageError(f"{', '.join(strange)}: is not named fold_<number>_data.txt or fold_frontal_<number>_data.txt")
    lacking = [name for name in names if not (reading.folder / name).is_file()]
    if lacking:
        raise MisfitError(f"there is no {', '.join(lacking)}")
    numbers = [match[1] for name in names if (match := _FOLD.fullmatch(Path(name).name))]
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if twice:
        raise UsageError(f"the fold {', '.join(twice)} is named more than once with --file")
    return {number: reading.folder / name for number, name in zip(numbers, names, strict=True)}


def _number(part: str) -> str:
    """Return the number of a fold that is named by it, or by its file."""
    found = re.fullmatch(r"(?:fold_(?:frontal_)?)?(\d+)(?:_data(?:\.txt)?)?", part)
    return found[1] if found else part


def _fold(reading: Reading, path: Path) -> pd.DataFrame:
    rows = read_text_table(reading, path, separator="\t", wanted=COLUMNS)
    lacking = [name for name in COLUMNS if name not in rows.columns]
    if lacking:
        raise MisfitError(f"{reading.relative(path)} has no column {', '.join(lacking)}")
    return rows


def _paths(reading: Reading, rows: pd.DataFrame) -> pd.Series:
    """Return where the images lie, in the form that is there."""
    folder, start = _form(reading, rows)
    prefix = reading.relative(folder)
    names = rows["user_id"] + f"/{start}." + rows["face_id"] + "." + rows["original_image"]
    return prefix + "/" + names if prefix else names


def _form(reading: Reading, rows: pd.DataFrame) -> tuple[Path, str]:
    """Return the folder of the images and what their names begin with; the aligned ones if both forms are there."""
    named = reading.named_images()
    found = [(named, start) for start in FORMS.values()] if named else []
    if not named:
        pairs = [(reading.find_folder(name), start) for name, start in FORMS.items()]
        found = [(folder, start) for folder, start in pairs if folder]
        found += [(reading.folder, start) for start in FORMS.values()]
    rest = "." + rows["face_id"] + "." + rows["original_image"]
    for folder, start in found:
        if any((folder / user / f"{start}{end}").is_file() for user, end in zip(rows["user_id"], rest, strict=True)):
            return folder, start
    raise MisfitError(
        f"no image of its folds is there; the first would be aligned/{rows['user_id'].iloc[0]}/"
        f"{FORMS['aligned']}{rest.iloc[0]}, or the same in faces/ with {FORMS['faces']}"
    )


def _age_group(age: str) -> str:
    """Return the published group that holds an age or all of a range of ages."""
    found = _AGE.fullmatch(age)
    if not found:
        return ""
    low, high = int(found[1]), int(found[2] or found[1])
    return next((name for (first, last), name in AGE_GROUPS.items() if first <= low <= high <= last), "")


def looks_so(reading: Reading) -> bool:
    """Tell whether the first fold is there."""
    return reading.find(FOLDS[0]) is not None


LAYOUT = Layout(
    read=read,
    looks_so=looks_so,
    expects="fold_0_data.txt to fold_4_data.txt, and aligned/<user_id>/ or faces/<user_id>/ with the images",
    labels="gender: m male, f female; u and nothing are unknown",
    identities="user_id, a Flickr album, which may show several people",
    groups="age_group (eight, as published)",
    splits="five folds in the column `fold`; splits with --part, as in --part 0=test --part 1=val --part 2=train ...",
    label_source="annotator-perceived",
    licence="",
    takes=("images", "files", "splits", "licence"),
)
