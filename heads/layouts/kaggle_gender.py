"""The gender data set of Kaggle (cashutosh/gender-classification-dataset): Training and Validation by folders.

Its faces come from IMDB-WIKI: never train on one of the two and test on the other.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from heads.layouts.image_files import image_paths, rows_of_images
from heads.layouts.labels import FEMALE, MALE
from heads.layouts.layout import Layout, MisfitError, Reading

PARTS = {"Training": "train", "Validation": "val"}
LABELS = (FEMALE, MALE)


def read(reading: Reading) -> pd.DataFrame:
    """Return the images of both parts."""
    found = list(_parts(reading))
    missing = [f"{part}/{label}" for part, label, folder in found if folder is None]
    tables = [_part(reading, part, label, folder) for part, label, folder in found if folder]
    if not tables:
        raise MisfitError("there is no folder Training/female, Training/male, Validation/female or Validation/male")
    if missing:
        reading.notes.tell(f"there is no folder {', '.join(missing)}")
    rows = pd.concat(tables, ignore_index=True)
    if rows.empty:
        raise MisfitError("its folders female and male hold no image")
    return rows


def _parts(reading: Reading) -> Iterator[tuple[str, str, Path | None]]:
    """Yield part, label and folder of all that there may be."""
    base = reading.named_images()
    for part in PARTS:
        folder = base / part if base else reading.find_folder(part)
        for label in LABELS:
            inner = folder / label if folder else None
            yield part, label, inner if inner and inner.is_dir() else None


def _part(reading: Reading, part: str, label: str, folder: Path) -> pd.DataFrame:
    return rows_of_images(image_paths(reading, folder)).assign(label=label, split=PARTS[part])


def looks_so(reading: Reading) -> bool:
    """Tell whether both labels lie below Training or Validation."""
    return any((folder / label).is_dir() for folder in reading.folders_named(*PARTS) for label in LABELS)


LAYOUT = Layout(
    read=read,
    looks_so=looks_so,
    expects="Training/female/, Training/male/, Validation/female/ and Validation/male/ with images",
    labels="the folder's name",
    identities="none",
    groups="none",
    splits="Training is train, Validation is val",
    label_source="folder",
    licence="",
    takes=("images", "licence"),
)
