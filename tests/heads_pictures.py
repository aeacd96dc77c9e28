"""Tiny pictures in the folders of data sets, for the tests of their readers."""

from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from heads.faces import FaceTable


def pictures(folder: Path, *names: str) -> Path:
    """Write a picture of 4x4 pixels under each name and return the folder."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (number % 256, 90, 200)).save(path, format="PNG" if name.endswith("png") else "JPEG")
    return folder


def lines(path: Path, *texts: str) -> None:
    """Write a text file of these lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")


def column(table: FaceTable, name: str) -> dict[str, str]:
    """Return a column by the names of the files, without their folders."""
    return dict(zip(table.rows["path"].str.rpartition("/")[2], table.rows[name], strict=True))


def told(table: FaceTable, *words: str) -> list[str]:
    """Return the lines about malformed rows that hold all of these words."""
    return [line for line in table.malformed if all(word in line for word in words)]


def counts(table: FaceTable, name: str) -> dict[str, int]:
    """Return how often each value of a column occurs."""
    values: Iterable[str] = table.rows[name].tolist()
    return {value: list(table.rows[name]).count(value) for value in sorted(set(values))}
