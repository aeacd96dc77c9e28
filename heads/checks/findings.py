"""What is wrong with single rows, people and pictures of a table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from heads.faces import BOX

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Copies:
    """Sets of rows that show one picture: `sets` of them, with `faces` rows in all, as lists of their paths."""

    sets: int
    faces: int
    paths: tuple[tuple[str, ...], ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"sets": self.sets, "faces": self.faces, "paths": [list(paths) for paths in self.paths]}


@dataclass(frozen=True)
class Conflict:
    """Rows that should agree and have several labels: of the same picture, or the same person.

    `counts` are (label, rows with it), the most frequent first.
    """

    what: str
    counts: tuple[tuple[str, int], ...]
    paths: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"what": self.what, "labels": dict(self.counts), "paths": list(self.paths)}


def faces(rows: pd.DataFrame) -> pd.Series:
    """Name what each row shows: its path, and where there are boxes the place in the image as well."""
    boxes = [rows[name].astype(str) for name in BOX if name in rows.columns]
    return rows["path"].str.cat(boxes, sep=" ") if boxes else rows["path"]


def copies(rows: pd.DataFrame, numbers: Array) -> Copies:
    """Return the sets of different paths that have the same number."""
    distinct = pd.DataFrame({"path": rows["path"], "number": numbers}).drop_duplicates()
    shared = distinct[distinct["number"].duplicated(keep=False)]
    paths = tuple(tuple(sorted(found)) for _, found in shared.groupby("number", sort=True)["path"])
    return Copies(len(paths), len(shared), tuple(sorted(paths)))


def repeated_paths(rows: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    """Return the paths (with boxes: the places in images) that several rows have, with how many."""
    counts = faces(rows).value_counts()
    return tuple((str(path), int(count)) for path, count in sorted(counts[counts > 1].items()))


def conflicts(rows: pd.DataFrame, keys: pd.Series, what: str) -> tuple[Conflict, ...]:
    """Return for each key whose rows have several known labels which they are; `what` is said of each.

    Rows without a key (missing value) agree with everything.
    """
    known = pd.DataFrame({"path": rows["path"], "label": rows["label"], "key": keys})
    known = known[(rows["label"] != "") & keys.notna()]
    several = known.groupby("key")["label"].transform("nunique") > 1
    return tuple(_conflict(what, key, found) for key, found in known[several].groupby("key", sort=True))


def _conflict(what: str, key: Any, found: pd.DataFrame) -> Conflict:
    counts = sorted(found["label"].value_counts().items(), key=lambda item: (-item[1], item[0]))
    said = what.format(key=key)
    return Conflict(said, tuple((str(label), int(n)) for label, n in counts), tuple(sorted(found["path"].unique())))
