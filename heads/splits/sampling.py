"""Taking fewer faces: at most so many of each group, or as many of one label as of the other."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from heads.faces import GROUP, FaceTable

Array = np.ndarray[Any, Any]


def per_group_columns(table: FaceTable, wished: Sequence[str]) -> tuple[str, ...]:
    """Return by which columns faces are limited: those wished, or the label and all groups.

    An identity is no group: it is taken where the table has no groups, and the label where nobody is named either.
    """
    if wished:
        return tuple(wished)
    if not table.groups and (table.rows["identity"] != "").any():
        return ("identity",)
    return ("label", *table.groups)


def beyond(rows: pd.DataFrame, columns: Sequence[str], most: int, rng: np.random.Generator) -> Array:
    """Return (rows,): whether a row is beyond the first `most` of its crossing of the columns, in random order.

    A row without a known identity is nobody else's: where the crossing is by identity, it is never beyond.
    """
    names = [name if name in ("label", "identity") else GROUP + name for name in columns]
    shuffled = rows.iloc[rng.permutation(len(rows))]
    place = shuffled.groupby(names, sort=False).cumcount().reindex(rows.index)
    found: Array = (place >= most).to_numpy()
    return found & (rows["identity"] != "").to_numpy() if "identity" in columns else found


def surplus(labels: pd.Series, inside: Array, rng: np.random.Generator) -> Array:
    """Return (rows,): which rows `inside` to drop at random so that each label there is as rare as the rarest."""
    dropped = np.zeros(len(labels), bool)
    least = int(labels[inside].value_counts().min())
    for label in sorted(labels[inside].unique()):
        members = np.flatnonzero(inside & (labels == label).to_numpy())
        dropped[rng.permutation(members)[least:]] = True
    return dropped
