"""IMDB-WIKI: faces from IMDb and Wikipedia, described by one MATLAB structure for each of the two.

Source: data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki. The images were crawled: some show no face or several, and dates
of birth or of the photograph are wrong, so that ages reach from -31 to 2014 years.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from converters.errors import FormatError
from converters.matlab.files import read_mat
from heads.errors import DataError
from heads.faces import BOX
from heads.layouts.ages import with_age_groups
from heads.layouts.image_files import keep_existing
from heads.layouts.labels import FEMALE, MALE, labelled
from heads.layouts.layout import Layout, MisfitError, Reading
from heads.layouts.notes import LINE, SOURCE

SETS = ("imdb", "wiki")
FIELDS = ("dob", "photo_taken", "full_path", "gender", "name", "face_location", "face_score", "second_face_score")
LABELS = {"1": MALE, "0": FEMALE}
# MATLAB counts days from the year 0, NumPy from 1970.
EPOCH_DATENUM = 719529
# A photograph of which only the year is known was taken on the first of July, as the set's authors reckon.
MONTH_TAKEN = 7
Array = np.ndarray[Any, Any]


def read(reading: Reading) -> pd.DataFrame:
    """Return the faces of both sets, or of the one that is there."""
    files = [(name, reading.find(f"{name}.mat")) for name in SETS]
    parts = [_part(reading, name, path) for name, path in files if path]
    if not parts:
        raise MisfitError("there is neither imdb.mat nor wiki.mat")
    if len({BOX[0] in part.columns for part in parts}) > 1:
        raise MisfitError("of one set it holds the cropped faces, of the other whole images: read them apart")
    rows = _usable(reading, pd.concat(parts, ignore_index=True))
    rows = labelled(reading, rows, LABELS)
    return with_age_groups(reading, rows)


def _part(reading: Reading, name: str, path: Path) -> pd.DataFrame:
    fields = _fields(name, path)
    images = _images(reading, name, path)
    prefix = reading.relative(images)
    rows = _rows(fields)
    rows = rows.assign(path=prefix + "/" + rows["path"] if prefix else rows["path"])
    if images.name == name:
        rows = rows.assign(**_boxes(fields["face_location"]))
    source = reading.relative(path)
    return keep_existing(reading, rows.assign(**{SOURCE: source, LINE: 0}), source)


def _fields(name: str, path: Path) -> dict[str, Any]:
    """Return the structure in a file; DataError where it is not the published one."""
    try:
        found = read_mat(path, (name,)).get(name)
    except FormatError as error:
        raise DataError(error.problems) from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds no structure '{name}'")
    missing = [field for field in FIELDS if field not in found]
    if missing:
        raise DataError(f"{path}: the structure '{name}' has no field {', '.join(missing)}")
    sizes = {field: _size(found[field]) for field in FIELDS}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{field} {size}" for field, size in sizes.items())
        raise DataError(f"{path}: the fields of '{name}' differ in length: {told}")
    return found


def _size(value: Any) -> int:
    """Return how many faces a field tells of; -1 for what is neither numbers nor a cell."""
    return int(np.size(value)) if isinstance(value, np.ndarray) else len(value) if isinstance(value, list) else -1


def _images(reading: Reading, name: str, path: Path) -> Path:
    """Return the folder of the images: the cropped faces where they are, else the whole images."""
    named = reading.named_images()
    if named:
        inner = [named / folder for folder in (f"{name}_crop", name) if (named / folder).is_dir()]
        return inner[0] if inner else named
    return reading.find_folder(f"{name}_crop", name) or path.parent


def _rows(fields: dict[str, Any]) -> pd.DataFrame:
    """Return the columns that need no folder."""
    gender = np.ravel(fields["gender"]).astype(float)
    return pd.DataFrame(
        {
            "path": pd.Series(_texts(fields["full_path"]), dtype=str),
            "identity": pd.Series(_names(fields), dtype=str),
            "label": pd.Series([f"{value:g}" if np.isfinite(value) else "" for value in gender.tolist()], dtype=str),
            "age": pd.Series(_ages(fields), dtype=str),
            "score": np.ravel(fields["face_score"]).astype(float),
            "second_score": np.ravel(fields["second_face_score"]).astype(float),
        }
    )


def _texts(cells: list[Any]) -> list[str]:
    """Return texts; an empty cell is no text in MATLAB, but a matrix of nothing."""
    return [value if isinstance(value, str) else "" for value in cells]


def _names(fields: dict[str, Any]) -> list[str]:
    """Return who is on each image: the same person has the same name in both sets."""
    names = _texts(fields["name"])
    known = _texts(fields.get("celeb_names", []))
    if not known or "celeb_id" not in fields:
        return names
    numbers = np.ravel(fields["celeb_id"]).astype(int).tolist()
    by_number = [known[number - 1] if 0 < number <= len(known) else "" for number in numbers]
    return [name or other for name, other in zip(names, by_number, strict=True)]


def _ages(fields: dict[str, Any]) -> list[str]:
    """Return ages in whole years, "" where a date is unknown."""
    born = np.ravel(fields["dob"]).astype(float)
    taken = np.ravel(fields["photo_taken"]).astype(float)
    known = np.isfinite(born) & np.isfinite(taken) & (born > 0) & (taken > 0)
    days = (np.where(known, born, EPOCH_DATENUM) - EPOCH_DATENUM).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    month = months.astype(int) % 12 + 1
    later = (month > MONTH_TAKEN) | ((month == MONTH_TAKEN) & (days > months.astype("datetime64[D]")))
    years = np.where(known, taken, 0).astype(int) - (days.astype("datetime64[Y]").astype(int) + 1970) - later
    return [str(age) if told else "" for age, told in zip(years.tolist(), known.tolist(), strict=True)]


def _boxes(locations: list[Any]) -> dict[str, Array]:
    """Return boxes from x and y of both corners, which MATLAB counts from 1."""
    corners = np.array([np.ravel(place) if np.size(place) == 4 else [np.nan] * 4 for place in locations], float)
    left, top, right, bottom = corners.T
    return dict(zip(BOX, (left - 1, top - 1, right - left + 1, bottom - top + 1), strict=True))


def _usable(reading: Reading, rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out images without a face, and unless they are wanted those with a second one."""
    notes = reading.notes
    rows = notes.leave_out(rows, np.isneginf(rows["score"]) | rows["score"].isna(), "no face was found (face_score)")
    if not reading.options.several_faces:
        rows = notes.leave_out(
            rows, rows["second_score"].notna(), "a second face was found (keep with --several-faces)"
        )
    if BOX[0] in rows.columns:
        rows = notes.leave_out(rows, rows[list(BOX)].isna().any(axis=1), "the place of the face is unknown")
    notes.note(rows, rows["identity"] == "", "kept without a name")
    return rows.drop(columns=["score", "second_score"])


def looks_so(reading: Reading) -> bool:
    """Tell whether one of the two structures is there."""
    return any(reading.find(f"{name}.mat") for name in SETS)


LAYOUT = Layout(
    read=read,
    looks_so=looks_so,
    expects="imdb_crop/imdb.mat and imdb_crop/NN/*.jpg, wiki_crop/wiki.mat and wiki_crop/NN/*.jpg, or one of the two",
    labels="gender: 1 male, 0 female, NaN unknown",
    identities="by name",
    groups="age_group: date of birth to the year of the photograph, taken to be from the middle of that year",
    splits="none",
    label_source="metadata",
    licence="academic research only; see the data set's own terms",
    takes=("images", "several_faces", "age_bounds"),
)
