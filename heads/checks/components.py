"""Which things hang together, when it is known of pairs."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Components:
    """Disjoint sets over 0..count-1 that are joined by arrays of pairs; each is known by its smallest member."""

    def __init__(self, count: int) -> None:
        self._smallest = np.arange(count)

    def join(self, first: Array, second: Array) -> None:
        """Put first[i] and second[i] (pairs,) into one set, for all i."""
        while len(first):
            left, right = self._smallest[first], self._smallest[second]
            apart = left != right
            first, second, left, right = first[apart], second[apart], left[apart], right[apart]
            np.minimum.at(self._smallest, np.maximum(left, right), np.minimum(left, right))
            self._flatten()

    def join_equal(self, values: Array) -> None:
        """Put all positions that hold the same value (count,) into one set."""
        order = np.argsort(values, kind="stable")
        same = values[order[1:]] == values[order[:-1]]
        self.join(order[:-1][same], order[1:][same])

    def labels(self) -> Array:
        """Return (count,): the smallest member of the set that each belongs to."""
        return self._smallest.copy()

    def _flatten(self) -> None:
        while True:
            further = self._smallest[self._smallest]
            if np.array_equal(further, self._smallest):
                return
            self._smallest = further
