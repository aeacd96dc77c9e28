"""How far two arrays of learned values are apart, found without copies of their size."""

from collections.abc import Iterator

import numpy as np

from converters.ops import Array
from converters.parity.measure import measured

# What is looked at in one go: a layer of 100 million weights would else take gigabytes in double precision.
PART_VALUES = 1 << 21


def distance(got: Array, expected: Array) -> float:
    """Return max |got - expected| / max |expected| in float64, the plain difference where all of `expected` is 0.

    Infinite for other shapes, and where one is finite and the other not.
    """
    if got.shape != expected.shape:
        return float("inf")
    largest = scale = 0.0
    for ours, theirs in _parts(got, expected):
        with np.errstate(invalid="ignore", over="ignore"):
            apart = float(np.abs(ours - theirs).max(initial=0.0))
        if not np.isfinite(apart):
            return measured(got, expected).difference
        largest = max(largest, apart)
        scale = max(scale, float(np.abs(theirs).max(initial=0.0)))
    return largest / (scale or 1.0)


def _parts(got: Array, expected: Array) -> Iterator[tuple[Array, Array]]:
    """Yield both arrays in parts of their first axis, in float64."""
    if not got.ndim:
        got, expected = got.reshape(1), expected.reshape(1)
    step = max(1, PART_VALUES * len(got) // max(got.size, 1))
    for start in range(0, len(got), step):
        rows = slice(start, start + step)
        yield got[rows].astype(np.float64), expected[rows].astype(np.float64)
