"""Which faces have nearly the same embedding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from heads.checks.components import Components
from heads.checks.plain import Progress, silent
from heads.errors import DataError, UsageError

Array = np.ndarray[Any, Any]

DIRECTIONS = 64
ROWS = 1024
# float32 sums of products of unit vectors are off by less than this.
ROUNDING = 1e-4
# Where more pairs than this fraction may be similar, one product of matrices is faster than looking at each of them.
MANY_FRACTION = 0.02
GATHERED = 2**24


@dataclass(frozen=True, eq=False)
class Vectors:
    """Embeddings of images: `values` (images, dimension) float32, one for each path."""

    paths: Sequence[str]
    values: Array


@dataclass(frozen=True, eq=False)
class Similar:
    """Rows with the same number in `sets` (rows,) have similar embeddings, directly or through others.

    `pairs` of images had a cosine of at least `cosine`; `without` rows have no embedding and stand alone.
    """

    sets: Array
    cosine: float
    pairs: int
    without: int

    def where(self, chosen: Array) -> "Similar":
        """Return what is known of the rows at the positions `chosen`; the counts stay those of all rows."""
        return Similar(self.sets[chosen], self.cosine, self.pairs, self.without)


def find_similar(paths: pd.Series, vectors: Vectors, cosine: float, progress: Progress = silent) -> Similar:
    """Find the rows whose embeddings, with their mean subtracted, have at least this cosine.

    Where embeddings are never negative, as after ReLU, everything is similar unless the mean is subtracted: of 3,616
    faces, through a ResNet-50 and its last average, 1,832 pairs had a plain cosine of 0.95, most of different people;
    with the mean subtracted 3 pairs had one of 0.9, and these were the copies. No pair is missed.

    UsageError for a cosine outside 0..1, DataError for embeddings that are not finite or not those of `paths`.
    """
    if not 0 < cosine <= 1:
        raise UsageError(f"the least cosine of similar embeddings is {cosine}; it is above 0 and at most 1")
    codes = _positions(paths, vectors)
    known = np.unique(codes[codes >= 0])
    units = _directions(vectors.values[known], [vectors.paths[code] for code in known])
    sets, pairs = Components(len(known)), 0
    for first, second in _pairs(units, cosine, progress):
        sets.join(first, second)
        pairs += len(first)
    labels = np.full(len(vectors.values) + 1, -1)
    labels[known] = sets.labels()
    found = labels[codes]
    alone = codes < 0
    found[alone] = len(known) + np.arange(int(alone.sum()))
    return Similar(found, cosine, pairs, int(alone.sum()))


def _positions(paths: pd.Series, vectors: Vectors) -> Array:
    """Return (rows,): where the embedding of each path stands, -1 where there is none."""
    if vectors.values.ndim != 2 or len(vectors.paths) != len(vectors.values):
        raise DataError(f"embeddings: {len(vectors.paths)} paths, but an array of shape {vectors.values.shape}")
    where = pd.Series(np.arange(len(vectors.paths)), index=list(vectors.paths))
    codes: Array = where[~where.index.duplicated()].reindex(paths, fill_value=-1).to_numpy()
    if len(codes) and (codes < 0).all():
        raise DataError(
            f"embeddings: none of them is of a path in the table, as {paths.iloc[0]}; were they made of it?"
        )
    return codes


def _directions(values: Array, paths: Sequence[str]) -> Array:
    """Return unit vectors; one without a direction becomes 0, which is similar to nothing."""
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise DataError(f"embeddings: {len(bad)} are not finite, the first is that of {paths[bad[0]]}")
    centred = np.asarray(values, np.float32) - values.mean(axis=0, dtype=np.float64).astype(np.float32)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.where(lengths > 0, centred / np.maximum(lengths, np.finfo(np.float32).tiny), 0)


def _pairs(units: Array, cosine: float, progress: Progress) -> Iterator[tuple[Array, Array]]:
    bounds = _bounds(units)
    for start in range(0, len(units), ROWS):
        progress("comparing embeddings", start / len(units))
        stop = min(start + ROWS, len(units))
        possible = bounds[start:stop] @ bounds[start:].T >= cosine - ROUNDING
        if np.count_nonzero(possible) > MANY_FRACTION * possible.size:
            possible = units[start:stop] @ units[start:].T >= cosine
            first, second = np.nonzero(possible)
        else:
            first, second = _verified(units, start, np.nonzero(possible), cosine)
        later = second > first
        yield first[later] + start, second[later] + start
    progress("comparing embeddings", 1.0)


def _bounds(units: Array) -> Array:
    """Return (n, 65) vectors whose products are never below those of the units, and mostly not far above.

    The last coordinate is the length of what the first 64, along the directions of the largest variance, leave out:
    by Cauchy and Schwarz two remainders add at most the product of their lengths.
    """
    if units.shape[1] <= DIRECTIONS:
        return units
    rng = np.random.default_rng(0)
    sketch = units.T @ (units @ rng.standard_normal((units.shape[1], DIRECTIONS), np.float32))
    basis = np.linalg.qr(sketch)[0]
    projected = units @ basis
    left = np.sqrt(np.maximum((units * units).sum(axis=1) - (projected * projected).sum(axis=1), 0))
    return np.hstack([projected, left[:, None]])


def _verified(units: Array, start: int, possible: tuple[Array, ...], cosine: float) -> tuple[Array, Array]:
    at_once = max(1, GATHERED // units.shape[1])
    kept = np.zeros(len(possible[0]), bool)
    for at in range(0, len(kept), at_once):
        first, second = (units[found[at : at + at_once] + start] for found in possible)
        kept[at : at + at_once] = np.einsum("ij,ij->i", first, second) >= cosine
    return possible[0][kept], possible[1][kept]
