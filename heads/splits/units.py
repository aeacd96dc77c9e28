"""What may not be torn apart: the faces of a person, the copies of a picture."""

from typing import Any

import numpy as np
import pandas as pd

from heads.checks.components import Components
from heads.checks.duplicates import Duplicates
from heads.checks.similarity import Similar
from heads.splits.options import IDENTITY, IMAGE

Array = np.ndarray[Any, Any]


def units(rows: pd.DataFrame, by: str, duplicates: Duplicates | None, similar: Similar | None) -> Array:
    """Return (rows,): the same number for rows that have to stay together when splitting `by` identity, image, random.

    By identity, people stay together, and so do equal files. A picture that is only nearly the same joins two people
    neither: the sets would grow together from one doubtful resemblance to the next. A face whose person is unknown
    stays with all that looks like it.
    """
    sets = Components(len(rows))
    if by not in (IDENTITY, IMAGE):
        return sets.labels()
    sets.join_equal(pd.factorize(rows["path"])[0])
    if duplicates:
        sets.join_equal(duplicates.identical)
    known = (rows["identity"] != "").to_numpy()
    if by == IDENTITY:
        people = pd.factorize(rows["identity"])[0]
        sets.join_equal(np.where(known, people, len(rows) + np.arange(len(rows))))
    alone = np.full(len(rows), by == IMAGE) | ~known
    for alike in [*([duplicates.near] if duplicates else []), *([similar.sets] if similar else [])]:
        joining = np.isin(alike, alike[alone])
        sets.join_equal(np.where(joining, alike, alike.max() + 1 + np.arange(len(rows))))
    return sets.labels()
