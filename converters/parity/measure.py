"""How far one array is from another."""

from math import inf
from typing import NamedTuple

import numpy as np

from converters.ops import Array

# Values beyond this (Caffe's -FLT_MAX of an empty window) are held to themselves, lest they dwarf all others.
HUGE = 1e30


class Measured(NamedTuple):
    """A difference, infinite with a note where the arrays cannot be compared."""

    difference: float
    note: str = ""


def measured(got: Array, expected: Array, scale_before: float = 0.0, least_scale: float = 0.0) -> Measured:
    """Return max |got - expected| / max |expected|, in float64; never divided by less than `least_scale`.

    Where all of `expected` is 0, `scale_before` is divided by instead (the largest value the node has read), or 1. NaN
    and infinities must stand at the same places. Shapes must be equal.
    """
    if got.shape != expected.shape:
        return Measured(inf, f"shape {list(got.shape)} instead of {list(expected.shape)}")
    g, e = got.astype(np.float64, copy=False), expected.astype(np.float64, copy=False)
    if not g.size:
        return Measured(0.0)
    with np.errstate(invalid="ignore", over="ignore"):
        difference, size = np.abs(g - e), np.abs(e)
    if size.max() < HUGE and np.isfinite(difference).all():  # false for NaN as well
        return Measured(_largest(difference) / (max(_largest(size), least_scale) or scale_before or 1.0))
    return _around_odd_values(g, e, difference, scale_before)


def _largest(size: Array) -> float:
    return float(size.max(initial=0.0))


def _around_odd_values(got: Array, expected: Array, difference: Array, scale_before: float) -> Measured:
    finite = np.isfinite(expected) & np.isfinite(got)
    same = np.isnan(got) & np.isnan(expected) | (got == expected)
    wrong = ~finite & ~same
    if wrong.any():
        return Measured(inf, _odd_note(got, expected, wrong))
    huge = finite & (np.abs(expected) >= HUGE)
    scale = _largest(np.abs(expected[finite & ~huge])) or scale_before or 1.0
    plain = _largest(difference[finite & ~huge]) / scale
    return Measured(max(plain, _largest(difference[huge] / np.abs(expected[huge]))))


def _odd_note(got: Array, expected: Array, wrong: Array) -> str:
    first = np.unravel_index(int(wrong.argmax()), wrong.shape)
    values = f"{float(got[first])!r} instead of {float(expected[first])!r}"
    where = [int(i) for i in first]
    return f"{values} at {where}, one of {int(wrong.sum())} places where not both are finite"
