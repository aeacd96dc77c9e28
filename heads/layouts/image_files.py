"""Finding image files, and telling which of the listed ones are there."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pandas as pd

from heads.layouts.layout import MisfitError, Reading
from heads.layouts.notes import LINE, SOURCE, counted, first

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
_LITTER = {"thumbs.db", "desktop.ini"}


def is_image_name(name: str) -> bool:
    """Tell whether a file's name is that of an image; `._` files are left by other systems beside the real ones."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122 - called a million times


def image_paths(reading: Reading, below: Path) -> list[str]:
    """Return all images below a folder, sorted, relative to the data set's folder; says what else lies there."""
    found: list[str] = []
    others: list[str] = []
    for folder, names in _walk(below):
        prefix = reading.relative(folder)
        for name in names:
            (found if is_image_name(name) else others).append(f"{prefix}/{name}" if prefix else name)
    others = [path for path in others if not _is_litter(PurePosixPath(path).name)]
    if others:
        told = first(others, len(others))
        reading.notes.tell(f"{counted(len(others), 'file')} not named as an image: {told}")
    return sorted(found)


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def _walk(below: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder with its files; links are followed, but no folder is entered twice."""
    seen: set[str] = set()
    for folder, folders, files in os.walk(below, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        yield Path(folder), files


def rows_of_images(paths: list[str]) -> pd.DataFrame:
    """Return rows for images whose labels lie in their paths."""
    parents = [path.rpartition("/")[0] or "." for path in paths]
    return pd.DataFrame({"path": pd.Series(paths, dtype=str), SOURCE: pd.Series(parents, dtype=str), LINE: 0})


def holds_images(folder: Path) -> bool:
    """Tell whether images lie directly in a folder."""
    with os.scandir(folder) as entries:
        return any(is_image_name(entry.name) for entry in entries)


def keep_existing(reading: Reading, rows: pd.DataFrame, listed: str) -> pd.DataFrame:
    """Leave out rows whose image is missing, and say how many images the annotations do not speak of.

    `listed` names the annotations. MisfitError if no image is there at all.
    """
    parents = rows["path"].str.rpartition("/")[0]
    there: set[str] = set()
    for parent in parents.unique().tolist():
        folder = reading.folder / parent
        if folder.is_dir():
            with os.scandir(folder) as entries:
                there.update(f"{parent}/{entry.name}" if parent else entry.name for entry in entries)
    missing = ~rows["path"].isin(there)
    if len(rows) and missing.all():
        raise MisfitError(
            f"none of the {len(rows)} images of {listed} is there; the first would be {rows['path'].iloc[0]}"
        )
    _tell_unlisted(reading, there - set(rows["path"]), listed)
    return reading.notes.leave_out(rows, missing, "the image is not there", "path")


def _tell_unlisted(reading: Reading, names: set[str], listed: str) -> None:
    unlisted = sorted(path for path in names if is_image_name(PurePosixPath(path).name))
    if unlisted:
        reading.notes.tell(
            f"{counted(len(unlisted), 'image')} not listed in {listed}: {first(unlisted, len(unlisted))}"
        )
