"""The table that every data set becomes: one row per face, its label as a string, never as a number."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

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
SPLITS = ("train", "val", "test")
# Few enough for their memory not to matter, enough for their number not to.
PART_ROWS = 4096


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

    @property
    def columns(self) -> list[str]:
        """Return the names of the columns."""
        return list(self.rows.columns)

    def __len__(self) -> int:
        return len(self.rows)

    def parts(self) -> Iterator["FaceTable"]:
        """Yield all rows in order, some at a time."""
        for first in range(0, len(self), PART_ROWS):
            yield self.with_rows(self.rows.iloc[first : first + PART_ROWS])

    def whole(self) -> "FaceTable":
        """Return the table itself."""
        return self

    def image(self, path: str) -> Path:
        """Return where an image lies."""
        return self.root / path

    def with_rows(self, rows: pd.DataFrame) -> "FaceTable":
        """Return the same data set with other rows."""
        return replace(self, rows=rows.reset_index(drop=True))


class Faces(Protocol):
    """Faces of one data set in an order, of which only some need to be in memory: a `FaceTable`, or a file of one."""

    @property
    def layout(self) -> str:
        """Return the name of the layout that the table was read from."""

    @property
    def root(self) -> Path:
        """Return the folder that the paths of images are relative to."""

    @property
    def columns(self) -> list[str]:
        """Return the names of the columns."""

    def __len__(self) -> int: ...

    def parts(self) -> Iterator[FaceTable]:
        """Yield all rows in order, some at a time."""

    def whole(self) -> FaceTable:
        """Return the table with all its rows."""
