"""FairFace: two CSV files with age, gender and race of each image."""

import pandas as pd

from heads.layouts.image_files import keep_existing
from heads.layouts.layout import Layout, MisfitError, Reading
from heads.layouts.text_tables import read_text_table

FILES = {"train": "fairface_label_train.csv", "val": "fairface_label_val.csv"}
COLUMNS = ("file", "age", "gender", "race")
LABELS = {"Male": "male", "Female": "female"}


def read(reading: Reading) -> pd.DataFrame:
    """Return a row for each image of both parts, or of the one that is there."""
    parts = [_part(reading, split, name) for split, name in FILES.items()]
    found = [part for part in parts if part is not None]
    if not found:
        raise MisfitError(f"there is neither {' nor '.join(FILES.values())}")
    rows = pd.concat(found, ignore_index=True)
    prefix = _prefix(reading, rows["file"]) if len(rows) else ""
    rows = keep_existing(reading, rows.assign(path=prefix + rows["file"]), "the label files")
    rows = reading.notes.leave_out(rows, ~rows["gender"].isin(LABELS), "gender is neither Male nor Female", "gender")
    return rows.assign(label=rows["gender"].map(LABELS), group_age_group=rows["age"], group_race=rows["race"])


def _part(reading: Reading, split: str, name: str) -> pd.DataFrame | None:
    path = reading.find(name)
    if path is None:
        reading.notes.tell(f"there is no {name}: the split {split} is empty")
        return None
    rows = read_text_table(reading, path, wanted=COLUMNS)
    lacking = [column for column in COLUMNS if column not in rows.columns]
    if lacking:
        raise MisfitError(f"{reading.relative(path)} has no column {', '.join(lacking)}")
    return rows.assign(split=split)


def _prefix(reading: Reading, files: pd.Series) -> str:
    """Return what stands before "train/1.jpg": nothing, or the folder that the images were unpacked into."""
    named = reading.named_images()
    folders = (
        [named] if named else [reading.folder, *(path for path in sorted(reading.folder.iterdir()) if path.is_dir())]
    )
    parts = files.str.rpartition("/")[0].unique().tolist()
    holding = [folder for folder in folders if any((folder / part).is_dir() for part in parts)]
    if not holding:
        raise MisfitError(f"there is no folder {' or '.join(parts)} with the images")
    if len(holding) > 1:
        told = ", ".join(reading.relative(folder) or "." for folder in holding)
        raise MisfitError(f"the images are there more than once, in {told}; choose one with --images")
    prefix = reading.relative(holding[0])
    return prefix + "/" if prefix else ""


def looks_so(reading: Reading) -> bool:
    """Tell whether a label file is there."""
    return any(reading.find(name) for name in FILES.values())


LAYOUT = Layout(
    read=read,
    looks_so=looks_so,
    expects=f"{FILES['train']} and {FILES['val']}, train/ and val/ with the images",
    labels="gender: Male, Female",
    identities="no",
    groups="age_group (nine, as published), race (seven, as published)",
    splits="train, val",
    label_source="annotator-perceived",
    licence="CC BY 4.0",
    takes=("images",),
)
