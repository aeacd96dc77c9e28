"""Groups of faces: all of them, those of one label, of one value of a column, and of crossings of columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from converters.errors import did_you_mean
from heads.errors import DataError
from heads.metrics.scores import Scores

Array = np.ndarray[Any, Any]
LABEL, UNKNOWN = "label", "unknown"
MOST_VALUES = 50


@dataclass(frozen=True, eq=False)
class Slice:
    """Some of the faces: `where` maps columns to their values there, `faces` are the places of the faces."""

    where: tuple[tuple[str, str], ...]
    faces: Array

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that were crossed, none for all faces."""
        return tuple(column for column, _ in self.where)


def slices(scores: Scores, by: Sequence[str], deepest: int) -> Iterator[Slice]:
    """Yield all faces, then every group of `label` and the columns `by`, then crossings of up to `deepest` columns.

    Groups without a face are left out. DataError where a column is not there or has too many values.
    """
    table = _table(scores, by)
    yield Slice((), np.arange(len(scores)))
    for depth in range(1, min(deepest, len(table.columns)) + 1):
        for columns in combinations(table.columns, depth):
            places = table.groupby(list(columns), sort=True, observed=True).indices
            for values, faces in places.items():
                named = values if isinstance(values, tuple) else (values,)
                yield Slice(tuple(zip(columns, map(str, named), strict=True)), np.sort(faces))


def _table(scores: Scores, by: Sequence[str]) -> pd.DataFrame:
    columns = {name: scores.groups[name] for name in by if name in scores.groups and name != LABEL}
    table = pd.DataFrame({**columns, LABEL: scores.label_names}).replace("", UNKNOWN)
    known = [LABEL, *scores.groups.columns]
    problems = [
        f"there is no group column '{name}'; there are {', '.join(known)}{did_you_mean(name, known)}"
        for name in by
        if name not in known
    ]
    problems += [
        f"the group column '{name}' has {table[name].nunique()} values, {MOST_VALUES} at most make a readable table; "
        "put its values into bands first"
        for name in table.columns
        if table[name].nunique() > MOST_VALUES
    ]
    if problems:
        raise DataError(problems)
    return table
