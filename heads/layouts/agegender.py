"""agegender_cleaned: a folder for each age and gender, below a larger part (`aligned`) and a smaller one (`valid`)."""

import re
from pathlib import Path

import pandas as pd

from heads.layouts.ages import with_age_groups
from heads.layouts.image_files import image_paths, rows_of_images
from heads.layouts.labels import FEMALE, MALE, split_of
from heads.layouts.layout import Layout, MisfitError, Reading

PARTS = {"aligned": "train", "valid": "val"}
GENDERS = {"F": FEMALE, "M": MALE}
_FOLDER = re.compile(r"(\d{1,3})_([FM])")


def read(reading: Reading) -> pd.DataFrame:
    """Return the images of all folders that are named after an age and a gender."""
    rows = rows_of_images([path for base in _bases(reading) for path in image_paths(reading, base)])
    folders = rows["path"].str.split("/").str[-2].fillna("")
    found = folders.str.extract(_FOLDER.pattern + "$").where(folders.str.fullmatch(_FOLDER.pattern))
    strange = found[1].isna()
    if strange.all():
        raise MisfitError(f"none of its {len(rows)} images lies in a folder like 25_F or 07_M")
    rows = rows.assign(age=found[0].fillna(""), label=found[1].map(GENDERS), split=_splits(reading, rows["path"]))
    return with_age_groups(
        reading, reading.notes.leave_out(rows, strange, "in no folder that is named after an age and F or M", "path")
    )


def _bases(reading: Reading) -> list[Path]:
    """Return the folders of the parts, or the one that holds the folders of ages itself."""
    named = reading.named_images()
    if named:
        return [named]
    parts = [reading.find_folder(part) for part in PARTS]
    return [part for part in parts if part] or [reading.folder]


def _splits(reading: Reading, paths: pd.Series) -> pd.Series:
    """Return the split of each image by the part in which its folder lies."""
    root = reading.folder.resolve().name
    parts = (root + "/" + paths).str.split("/").str[-3].fillna("")
    splits = {part: split_of(part, {**PARTS, **reading.options.splits}) for part in parts.unique()}
    return parts.map(splits)


def looks_so(reading: Reading) -> bool:
    """Tell whether there are folders like 25_F."""
    folders = (*reading.folders_named(*PARTS), reading.folder)
    return any(_FOLDER.fullmatch(path.name) for folder in folders for path in folder.iterdir() if path.is_dir())


LAYOUT = Layout(
    read=read,
    looks_so=looks_so,
    expects="combined/aligned/<age>_<F or M>/ and combined/valid/<age>_<F or M>/ with images",
    labels="the end of the folder's name, F female, M male",
    identities="none",
    groups="age_group (bounds by age_bounds), from the folder's name",
    splits="aligned is train, valid is val; others by splits",
    label_source="folder",
    licence="",
    takes=("images", "splits", "age_bounds", "licence"),
)
