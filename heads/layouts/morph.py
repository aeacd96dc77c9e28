"""MORPH-II: a CSV file of photographs, several of each person, taken over years.

Sex, race or date of birth of one person differ between photographs in places (arXiv 1811.06446). Nothing tells which
one is right, so what contradicts itself is unknown.
"""

from pathlib import Path

import pandas as pd

from heads.layouts.ages import with_age_groups
from heads.layouts.image_files import keep_existing
from heads.layouts.labels import FEMALE, MALE, grouped, labelled
from heads.layouts.layout import Layout, MisfitError, Reading
from heads.layouts.text_tables import peek, read_text_table

COLUMNS = ("id_num", "dob", "race", "gender", "age", "photo")
PATTERN = "morph*.csv"
LABELS = {"M": MALE, "F": FEMALE}
RACES = {"W": "White", "B": "Black", "A": "Asian", "H": "Hispanic", "O": "Other"}


def read(reading: Reading) -> pd.DataFrame:
    """Return a row for each photograph."""
    path = _file(reading)
    rows = read_text_table(reading, path, wanted=COLUMNS)
    lacking = [name for name in COLUMNS if name not in rows.columns]
    if lacking:
        raise MisfitError(f"{reading.relative(path)} has no column {', '.join(lacking)}")
    rows = rows.assign(path=_paths(reading, path, rows["photo"].str.replace("\\", "/", regex=False)))
    rows = keep_existing(reading, rows, reading.relative(path))
    rows = rows.assign(gender=rows["gender"].str.upper(), race=rows["race"].str.upper())
    for name in ("gender", "race", "dob"):
        rows = _consistent(reading, rows, name)
    rows = labelled(
        reading, rows.rename(columns={"gender": "label", "race": "group_race", "id_num": "identity"}), LABELS
    )
    return with_age_groups(reading, grouped(reading, rows, "group_race", RACES)).drop(columns=["dob", "photo"])


def _file(reading: Reading) -> Path:
    named = reading.options.files
    if len(named) > 1:
        raise MisfitError("it has one list of photographs; name one file")
    found = [reading.folder / name for name in named] or _lists(reading)
    if not found:
        raise MisfitError("there is no morph_2008_nonCommercial.csv or other CSV file with id_num, gender and photo")
    if len(found) > 1:
        told = ", ".join(map(reading.relative, found))
        raise MisfitError(f"it holds several lists of photographs, {told}; choose one with --file")
    if not found[0].is_file():
        raise MisfitError(f"there is no file {named[0]}")
    return found[0]


def _lists(reading: Reading) -> list[Path]:
    """Return the CSV files whose columns are those of MORPH, however they are named."""
    files = sorted(path for path in reading.folder.glob("*.csv") if path.is_file())
    files += sorted(path for path in reading.folder.glob("*/*.csv") if path.is_file())
    return [path for path in files if {"id_num", "gender", "photo"} <= {name.strip() for name in peek(path)}]


def _paths(reading: Reading, path: Path, photos: pd.Series) -> pd.Series:
    """Return where the photographs lie: below the folder of the list, or below that of the images."""
    named = reading.named_images()
    bases = [named] if named else [path.parent, *(reading.find_folder(name) for name in ("Album2", "images"))]
    first_photos = photos.head(100).tolist()
    for base in bases:
        if base and any((base / photo).is_file() for photo in first_photos):
            prefix = reading.relative(base)
            return prefix + "/" + photos if prefix else photos
    raise MisfitError(
        f"none of the first photographs is there, as {first_photos[0] if first_photos else 'there are none'}"
    )


def _consistent(reading: Reading, rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Make unknown what contradicts itself within one person; with the date of birth, the age is."""
    told = rows[name].where(rows[name] != "")
    contradicts = told.groupby(rows["id_num"]).transform("nunique") > 1
    reading.notes.note(rows, contradicts, f"kept without {name}: it differs within one person", "id_num")
    return rows.assign(
        **{"age" if name == "dob" else name: rows["age" if name == "dob" else name].mask(contradicts, "")}
    )


def looks_so(reading: Reading) -> bool:
    """Tell whether a list of photographs is there."""
    return bool(_lists(reading))


LAYOUT = Layout(
    read=read,
    looks_so=looks_so,
    expects="morph_2008_nonCommercial.csv (id_num, dob, race, gender, age, photo) and the photographs that it names",
    labels="gender: M male, F female; unknown where it differs within one person",
    identities="id_num",
    groups="age_group, race (W White, B Black, A Asian, H Hispanic, O Other)",
    splits="none",
    label_source="metadata",
    licence="restricted; see the agreement under which the data set was obtained",
    takes=("images", "files", "age_bounds"),
)
