"""Drawing faces again, a whole person at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
# Weights in memory at once: a few megabytes, so that they stay in the processor's cache.
CELLS_AT_ONCE = 1_000_000


def people_of(identities: Array) -> Array:
    """Return (faces,) integers, equal for faces of one person; a face without identity is a person of its own."""
    known = identities != ""
    codes = np.empty(len(identities), np.int64)
    names, codes[known] = np.unique(identities[known], return_inverse=True)
    codes[~known] = len(names) + np.arange((~known).sum())
    return codes


def resamples(people: Array, count: int, seed: int) -> Iterator[Array]:
    """Yield weights (some draws, faces) float32 until there were `count` draws: how often each face was drawn.

    People are drawn with replacement, as many as there are, and bring all of their faces; the same seed gives the same
    draws.
    """
    total = int(people.max()) + 1
    rows = max(1, CELLS_AT_ONCE // max(len(people), total))
    random = np.random.default_rng(seed)
    for start in range(0, count, rows):
        size = min(rows, count - start)
        drawn = random.integers(0, total, (size, total)) + total * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * total).reshape(size, total)
        yield np.take(times.astype(np.float32), people, axis=1)
