"""All pairs of bit patterns that differ in few bits, without comparing every pair.

Norouzi, Punjani and Fleet, "Fast search in Hamming space with multi-index hashing" (2012): two patterns that differ in
at most 31 bits differ in at most one bit of at least one of 16 disjoint chunks. Only patterns that share a chunk up to
one bit are compared; no pair is missed.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Pairs = tuple[Array, Array, Array]

CHUNKS = 16
CHUNK_BITS = 16
LARGEST_DISTANCE = 2 * CHUNKS - 1
# Pairs compared at once: 32 bytes each on either side.
BLOCK = 2**18
# Neighbours in a perceptual hash of 16 x 16 bits are alike, and so are rows and columns: bit (row, column) goes to the
# chunk (column - 3 * row) % 16. On real faces 1.1 % of all pairs share such a chunk; of rows 1.5 %, of columns 2.9 %.
ORDER = np.argsort(np.array([(column - 3 * row) % CHUNKS for row in range(16) for column in range(16)]), kind="stable")
MASKS = (0, *(1 << bit for bit in range(CHUNK_BITS)))


def close_pairs(
    patterns: Array, distance: int, progress: Callable[[float], None] = lambda _done: None
) -> Iterator[Pairs]:
    """Yield all pairs of `patterns` (n, 32) uint8 that differ in at most `distance` (0..31) of their 256 bits.

    Each pair comes once, as (first, second, bits that differ), arrays of int, first < second, in blocks. `progress`
    takes which fraction is done.
    """
    if not 0 <= distance <= LARGEST_DISTANCE:
        raise ValueError(f"the distance is {distance}, it can be 0 to {LARGEST_DISTANCE}")
    patterns = np.ascontiguousarray(patterns)
    keys = chunks(patterns)
    words = patterns.view(np.uint64)
    count = len(patterns)
    if sum(_candidates(column) for column in keys.T) >= count * (count - 1) // 2:
        for done, pairs in _within(words, np.zeros(count, np.uint16), (0,), distance):
            progress(done)
            yield pairs
        return
    for number in range(CHUNKS):
        for done, (first, second, bits) in _within(words, keys[:, number], MASKS, distance):
            progress((number + done) / CHUNKS)
            # A pair that several chunks bring together is told by the first of them.
            new = np.argmax(np.bitwise_count(keys[first] ^ keys[second]) <= 1, axis=1) == number
            yield first[new], second[new], bits[new]


def chunks(patterns: Array) -> Array:
    """Return (n, 16) uint16: each pattern as 16 chunks of bits, see ORDER."""
    bits = np.unpackbits(patterns, axis=1)[:, ORDER].reshape(len(patterns), CHUNKS, CHUNK_BITS)
    keys: Array = np.packbits(bits, axis=2).view(np.uint16)[:, :, 0]
    return keys


def _candidates(keys: Array) -> int:
    counts = np.bincount(keys, minlength=2**CHUNK_BITS)
    values = np.arange(len(counts))
    ordered = sum(int(counts @ counts[values ^ mask]) for mask in MASKS)
    return (ordered - len(keys)) // 2


def _within(words: Array, keys: Array, masks: tuple[int, ...], distance: int) -> Iterator[tuple[float, Pairs]]:
    """Yield the close ones among the pairs whose keys differ by one of the masks, and which fraction is done."""
    order = np.argsort(keys, kind="stable")
    keys, words = keys[order], words[order]
    ends = np.cumsum(np.bincount(keys, minlength=2**CHUNK_BITS))
    starts = np.concatenate([[0], ends[:-1]])
    for number, mask in enumerate(masks):
        partners = keys ^ np.uint16(mask)
        begin = starts[partners] if mask else np.arange(len(keys)) + 1
        # Each pair of buckets is met once, from the one with the smaller key.
        lengths = np.where((keys < partners) | (mask == 0), ends[partners] - begin, 0)
        for left, right in _expanded(begin, lengths):
            bits = np.bitwise_count(words[left] ^ words[right]).sum(axis=1, dtype=np.int64)
            close = bits <= distance
            first, second = order[left[close]], order[right[close]]
            done = (number + left[-1] / len(keys)) / len(masks)
            yield done, (np.minimum(first, second), np.maximum(first, second), bits[close])


def _expanded(begin: Array, lengths: Array) -> Iterator[tuple[Array, Array]]:
    """Yield (i, j) for every i and each j in begin[i]..begin[i]+lengths[i]-1, about BLOCK pairs at a time."""
    ends = np.cumsum(lengths)
    start = 0
    while start < len(lengths):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + BLOCK, side="right")))
        part = lengths[start:stop]
        if part.any():
            left = np.repeat(np.arange(start, stop), part)
            within = np.arange(len(left)) - np.repeat(np.cumsum(part) - part, part)
            yield left, begin[left] + within
        start = stop
