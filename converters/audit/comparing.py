"""How far an array of a file is from one of the reference: block by block, in little memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf, sqrt
from typing import Any, NamedTuple

import numpy as np

from converters.ops import Array

BLOCK_VALUES = 1 << 20
SAMPLE = 2048
SEED = 5
# Weights that went through float32 once more than the others.
ROUNDING = 1e-6


class Distance(NamedTuple):
    """How far one array is from another.

    `difference` is max |a - b| / max |b|, infinite where one is not finite and the other is; `cosine` that of the two
    as vectors. `rounded` names the number type to which one of them was rounded where that explains all of it, and
    `reference_rounded` says that it was the reference.
    """

    difference: float
    cosine: float
    rounded: str = ""
    reference_rounded: bool = False

    @property
    def equal(self) -> bool:
        """Return whether nothing but rounding lies between them."""
        return self.difference <= ROUNDING or bool(self.rounded)


@dataclass
class _Sums:
    """What adds up over the blocks of two arrays."""

    largest_difference: float = 0.0
    largest: float = 0.0
    ours: float = 0.0
    theirs: float = 0.0
    both: float = 0.0
    roundings: set[tuple[str, bool]] = field(default_factory=lambda: {(k, r) for k in _ROUND for r in (False, True)})

    def add(self, got: Array, expected: Array) -> None:
        """Add a block of each."""
        self._note_roundings(got, expected)
        g, e = got.astype(np.float64), expected.astype(np.float64)
        finite = np.isfinite(g) & np.isfinite(e)
        if not finite.all():
            same = (g == e) | (np.isnan(g) & np.isnan(e))
            if not (same | finite).all():
                self.largest_difference = inf
            g, e = g[finite], e[finite]
        self.largest_difference = max(self.largest_difference, float(np.abs(g - e).max(initial=0.0)))
        self.largest = max(self.largest, float(np.abs(e).max(initial=0.0)))
        self.theirs += float(np.vdot(g, g))
        self.ours += float(np.vdot(e, e))
        self.both += float(np.vdot(g, e))

    def _note_roundings(self, got: Array, expected: Array) -> None:
        for kind, of_reference in tuple(self.roundings):
            rounded, other = (expected, got) if of_reference else (got, expected)
            if not np.array_equal(_ROUND[kind](other), rounded.astype(np.float32), equal_nan=True):
                self.roundings.discard((kind, of_reference))

    def distance(self) -> Distance:
        """Return what they come to."""
        difference = self.largest_difference / (self.largest or 1.0)
        norm = sqrt(self.ours * self.theirs)
        cosine = self.both / norm if norm else float(self.ours == self.theirs)
        if difference <= ROUNDING or not self.roundings:
            return Distance(difference, cosine)
        kind, of_reference = min(self.roundings, key=lambda pair: (pair[1], pair[0] != "float16"))
        return Distance(difference, cosine, kind, of_reference)


def distance(got: Array, expected: Array, factor: float = 1.0, offset: float = 0.0) -> Distance:
    """Return how far `(got - offset) / factor` is from `expected`; both have one shape, and may be views."""
    sums = _Sums()
    for block in blocks(expected.shape):
        theirs = got[block]
        if factor != 1.0 or offset:
            theirs = (theirs.astype(np.float64) - offset) / factor
        sums.add(theirs, expected[block])
    return sums.distance()


def blocks(shape: tuple[int, ...]) -> Iterator[Any]:
    """Yield indices of pieces along the first axis that together are the whole, of a bounded number of values each."""
    if not shape:
        yield ...
        return
    row = int(np.prod(shape[1:], dtype=np.int64))
    step = max(1, BLOCK_VALUES // max(row, 1))
    for start in range(0, shape[0], step):
        yield slice(start, start + step)


def sample_places(shape: tuple[int, ...]) -> tuple[Array, ...]:
    """Return an index of at most `SAMPLE` places, the same ones for the same shape."""
    rng = np.random.default_rng(SEED)
    count = int(np.prod(shape, dtype=np.int64))
    flat = np.arange(count) if count <= SAMPLE else rng.integers(0, count, SAMPLE)
    return tuple(np.unravel_index(flat, shape)) if shape else ()


def _half(values: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32).astype(np.float16).astype(np.float32)


def _brain(values: Array) -> Array:
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    # Ties go to the even one of both neighbours.
    nearest = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return np.asarray((nearest & np.uint32(0xFFFF0000)).view(np.float32))


_ROUND: dict[str, Callable[[Array], Array]] = {"float16": _half, "bfloat16": _brain}


class Fingerprint(NamedTuple):
    """What an array keeps however its values are arranged."""

    size: int
    total: float
    squares: float
    low: float
    high: float


def fingerprint(array: Array) -> Fingerprint:
    """Return the fingerprint of an array, in float64, piece by piece; values that are not finite count as 0."""
    flat = array.ravel(order="K")
    total, squares, low, high = 0.0, 0.0, inf, -inf
    for start in range(0, flat.size, BLOCK_VALUES):
        piece = np.nan_to_num(flat[start : start + BLOCK_VALUES].astype(np.float64), posinf=0.0, neginf=0.0)
        total += float(piece.sum())
        squares += float(np.vdot(piece, piece))
        low, high = min(low, float(piece.min())), max(high, float(piece.max()))
    return Fingerprint(flat.size, total, squares, low, high)


def apart(a: Fingerprint, b: Fingerprint) -> float:
    """Return how far two fingerprints are from each other, as a fraction of the values' sizes; inf for other sizes."""
    if a.size != b.size:
        return inf
    largest = max(abs(b.low), abs(b.high), abs(a.low), abs(a.high))
    if not largest:
        return 0.0
    norm = max(a.squares, b.squares)
    ends = max(abs(a.low - b.low), abs(a.high - b.high)) / largest
    return max(ends, abs(a.squares - b.squares) / norm, abs(a.total - b.total) / sqrt(norm * a.size))
