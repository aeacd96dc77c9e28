"""Does a process need more memory with every call, or was that an allocator finding its size?"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

# Kernels count pages of each thread in portions, allocators take them in larger ones: less than this is no growth.
SMALLEST_GROWTH_BYTES = 1 << 20
BLOCKS, PARTS = 32, 4
# Each quarter of the calls must have its part of the growth, a quarter of its fair share at least: a pool that is
# filled once, or doubles once, grows in one of them alone.
FAIR_SHARE = 0.25


def growth_per_call(samples: Sequence[int]) -> float:
    """Return the growth in bytes a call: the median slope between blocks of calls (Theil and Sen)."""
    blocks = medians(samples, min(BLOCKS, len(samples)))
    if len(blocks) < 2:
        return 0.0
    calls_per_block = len(samples) / len(blocks)
    slopes = [
        (later - earlier) / distance
        for place, earlier in enumerate(blocks)
        for distance, later in enumerate(blocks[place + 1 :], start=1)
    ]
    return median(slopes) / calls_per_block


def leaks(samples: Sequence[int]) -> bool:
    """Tell whether memory grows all the time, and by more than an allocator's portions."""
    total = growth_per_call(samples) * len(samples)
    quarters = medians(samples, PARTS)
    fair = total / PARTS
    return total > SMALLEST_GROWTH_BYTES and all(
        later - earlier > FAIR_SHARE * fair for earlier, later in pairwise(quarters)
    )


def medians(samples: Sequence[int], parts: int) -> list[float]:
    """Return the medians of so many parts of equal length."""
    edges = [len(samples) * part // parts for part in range(parts + 1)]
    return [median(samples[begin:end]) for begin, end in pairwise(edges) if end > begin]
