"""Which part each unit (a person, a picture with its copies) goes to, so that all parts are alike."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def allot(units: Array, strata: Sequence[Array], fractions: Sequence[float], rng: np.random.Generator) -> Array:
    """Return (rows,): the number of the part of each row; rows with the same number in `units` stay together.

    `strata` are codings of the rows (rows,), from coarse to fine: each value of each of them is divided over the parts
    by `fractions` (above 0, adding up to 1) as well as the units allow. Large units go first, each to where it does the
    least harm; single rows then fill up exactly what is missing.
    """
    _, units = np.unique(units, return_inverse=True)
    order = rng.permutation(int(units.max()) + 1)
    sizes = np.bincount(units)
    shares = np.asarray(fractions, float)
    of_unit = _large(units, strata, shares, order[np.argsort(-sizes[order], kind="stable")], sizes)
    parts = of_unit[units]
    _fill(parts, units, strata, shares, order)
    return parts


def _large(units: Array, strata: Sequence[Array], shares: Array, order: Array, sizes: Array) -> Array:
    """Return the part of each unit of several rows, -1 for the others.

    A unit with a_s rows of stratum s goes to the part where the sum over s of (have_s - want_s)^2 / want_s grows least.
    """
    starts, columns, counts, totals = _contents(units, strata)
    want = shares[:, None] * totals
    excess = -want
    of_unit = np.full(len(sizes), -1)
    for unit in order[: int((sizes > 1).sum())]:
        inside = slice(starts[unit], starts[unit + 1])
        which, added = columns[inside], counts[inside]
        harm = (added * (2 * excess[:, which] + added) / want[:, which]).sum(axis=1)
        best = int(np.argmin(harm))
        of_unit[unit] = best
        excess[best, which] += added
    return of_unit


def _contents(units: Array, strata: Sequence[Array]) -> tuple[Array, Array, Array, Array]:
    """Count the rows of each stratum in each unit: unit u has `counts` of `columns` at starts[u]..starts[u+1]."""
    offsets = np.cumsum([0, *(int(codes.max()) + 1 for codes in strata)])
    width = int(offsets[-1])
    pairs = np.concatenate([units * width + codes + offset for codes, offset in zip(strata, offsets[:-1], strict=True)])
    found, counts = np.unique(pairs, return_counts=True)
    starts = np.searchsorted(found, np.arange(int(units.max()) + 2) * width)
    totals = np.bincount(pairs % width, minlength=width)
    return starts, found % width, counts, totals.astype(float)


def _fill(parts: Array, units: Array, strata: Sequence[Array], shares: Array, order: Array) -> None:
    """Give the rows that have no part yet one, so that each stratum misses its share by less than a row.

    What one stratum had to round is made up for in the next of the same label; the largest come last.
    """
    fine = strata[-1]
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    free = np.flatnonzero(parts < 0)
    free = free[np.argsort(rank[units[free]], kind="stable")]
    sizes = np.bincount(fine[free], minlength=int(fine.max()) + 1)
    have = np.bincount(fine[parts >= 0] * len(shares) + parts[parts >= 0], minlength=len(sizes) * len(shares))
    want = shares * np.bincount(fine)[:, None] - have.reshape(len(sizes), len(shares))
    coarse = np.zeros(len(sizes), np.int64)
    coarse[fine] = strata[0]
    members = np.split(free[np.argsort(fine[free], kind="stable")], np.cumsum(sizes)[:-1])
    carry = np.zeros(len(shares))
    for stratum in np.lexsort((sizes, coarse)):
        if sizes[stratum]:
            given = _rounded(want[stratum] + carry, int(sizes[stratum]))
            carry += want[stratum] - given
            parts[members[stratum]] = np.repeat(np.arange(len(shares)), given)


def _rounded(want: Array, total: int) -> Array:
    """Return whole numbers from 0 up that add up to `total`, in proportion to what is wanted."""
    positive = np.maximum(want, 0)
    positive *= total / positive.sum()
    given = np.floor(positive + 1e-9).astype(np.int64)
    largest = np.argsort(given - positive, kind="stable")
    given[largest[: total - int(given.sum())]] += 1
    return given
