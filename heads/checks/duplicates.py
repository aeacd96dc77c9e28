"""Which rows of a table show the same picture: byte for byte, or nearly."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from heads.checks.components import Components
from heads.checks.examination import Examined
from heads.checks.hamming import LARGEST_DISTANCE, close_pairs
from heads.checks.plain import Progress, silent
from heads.errors import UsageError

Array = np.ndarray[Any, Any]

DISTANCE = LARGEST_DISTANCE
# Of the grey values of 16 x 16 pixels. Copies had 0.97 or more, the nearest different aligned faces 0.92 or less.
CORRELATION = 0.95
# Below this spread of its grey values a picture is blank: nothing in it can be compared.
BLANK = 2.0
EXAMPLES = 100


@dataclass(frozen=True)
class NearPair:
    """Two rows with different files that look alike: `distance` bits of the 256 of their perceptual hashes differ."""

    first: int
    second: int
    distance: int
    correlation: float


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Rows with the same number in `identical` (rows,) have the same bytes, in `near` (rows,) at least look alike.

    What looks like something that looks like a third counts as looking like the third. Pictures count as alike when
    their perceptual hashes differ in at most `distance` bits of 256 (`candidates` pairs of files did) and the grey
    values of their thumbnails are correlated by at least CORRELATION (`pairs` of those). `closest` are the first of
    them. `blank` rows hold pictures without content, and are alike only if their bytes are.
    """

    identical: Array
    near: Array
    blank: Array
    distance: int | None
    candidates: int = 0
    pairs: int = 0
    closest: tuple[NearPair, ...] = ()

    def where(self, chosen: Array) -> "Duplicates":
        """Return what is known of the rows at the positions `chosen`; the numbers of pairs stay those of all rows."""
        arrays = (self.identical[chosen], self.near[chosen], self.blank[chosen])
        return Duplicates(*arrays, self.distance, self.candidates, self.pairs)


def find_duplicates(examined: Examined, distance: int | None = DISTANCE, progress: Progress = silent) -> Duplicates:
    """Find the rows with the same or nearly the same picture; with `distance` None only those with the same bytes.

    UsageError for a distance that is not 0 to 31.
    """
    if distance is not None and not 0 <= distance <= LARGEST_DISTANCE:
        raise UsageError(f"the distance of perceptual hashes is {distance}; it can be 0 to {LARGEST_DISTANCE}")
    identical, firsts = _identical(examined)
    spread = examined.thumbnails.std(axis=1)
    blank = (spread < BLANK) & examined.readable
    if distance is None:
        return Duplicates(identical, identical, blank, None)
    chosen = firsts[(spread[firsts] >= BLANK) & examined.readable[firsts]]
    search = _Search(examined, chosen, identical)
    search.run(distance, progress)
    return Duplicates(identical, search.joined(), blank, distance, search.candidates, search.pairs, search.closest())


def _identical(examined: Examined) -> tuple[Array, Array]:
    """Number the rows by their bytes, and return the first row of each number; unreadable ones stand alone."""
    digests = np.ascontiguousarray(examined.sha256).view("S32")[:, 0]
    _, codes = np.unique(digests, return_inverse=True)
    codes = np.where(examined.readable, codes, len(codes) + np.arange(len(codes)))
    _, firsts, codes = np.unique(codes, return_index=True, return_inverse=True)
    return codes, firsts


class _Search:
    """Pairs of the rows `chosen` that look alike, as sets of all rows."""

    def __init__(self, examined: Examined, chosen: Array, identical: Array) -> None:
        self._chosen = chosen
        self._hashes = examined.hashes[chosen]
        self._thumbnails = _standardized(examined.thumbnails[chosen])
        self._sets = Components(len(examined.sha256))
        self._sets.join_equal(identical)
        self._found: list[tuple[Array, ...]] = []
        self.candidates = 0
        self.pairs = 0

    def run(self, distance: int, progress: Progress) -> None:
        for first, second, bits in close_pairs(self._hashes, distance, partial(progress, "comparing images")):
            self.candidates += len(first)
            correlation = np.einsum("ij,ij->i", self._thumbnails[first], self._thumbnails[second])
            alike = correlation >= CORRELATION
            if alike.any():
                one, other = self._chosen[first[alike]], self._chosen[second[alike]]
                self._take(np.minimum(one, other), np.maximum(one, other), bits[alike], correlation[alike])
        progress("comparing images", 1.0)

    def _take(self, first: Array, second: Array, bits: Array, correlation: Array) -> None:
        self.pairs += len(first)
        self._sets.join(first, second)
        self._found.append((first, second, bits, correlation))
        if sum(len(found[0]) for found in self._found) > 2**16:
            self._found = [self._nearest()]

    def _nearest(self) -> tuple[Array, ...]:
        first, second, bits, correlation = (np.concatenate(part) for part in zip(*self._found, strict=True))
        order = np.lexsort((second, first, bits))[:EXAMPLES]
        return first[order], second[order], bits[order], correlation[order]

    def joined(self) -> Array:
        return self._sets.labels()

    def closest(self) -> tuple[NearPair, ...]:
        if not self._found:
            return ()
        rows = zip(*(part.tolist() for part in self._nearest()), strict=True)
        return tuple(NearPair(*row) for row in rows)


def _standardized(thumbnails: Array) -> Array:
    values = thumbnails.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    scaled: Array = values / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled
