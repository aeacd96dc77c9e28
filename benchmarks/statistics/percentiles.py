"""Percentiles of latencies, given only where there are enough samples to bound them."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from benchmarks.statistics.rows import Percentile

CONFIDENCE = 0.99


@cache
def needed(fraction: float, confidence: float = CONFIDENCE) -> int:
    """Return the fewest samples that support a percentile: the second largest bounds it with this confidence.

    The second largest of n lies above the percentile unless fewer than two samples do, which has the probability
    p^n + n p^(n-1) (1 - p). It is the rule of MLPerf's LoadGen (early stopping, tolerance 0).
    """
    assert 0 < fraction < 1 and 0 < confidence < 1
    low, high = 1, 2
    while _unbounded(fraction, high) > 1 - confidence:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _unbounded(fraction, middle) <= 1 - confidence else (middle, high)
    return high


def _unbounded(fraction: float, count: int) -> float:
    return fraction**count + count * fraction ** (count - 1) * (1 - fraction)


def percentile(latency_ms: Sequence[float], fraction: float) -> Percentile:
    """Return a percentile of calls in milliseconds, without a value where there are fewer of them than it needs.

    Between two calls it is interpolated so that it is unbiased in the median whatever the distribution (Hyndman and
    Fan 1996, definition 8).
    """
    wanted = needed(fraction)
    if len(latency_ms) < wanted:
        return Percentile(None, len(latency_ms), wanted)
    found = float(np.quantile(np.asarray(latency_ms), fraction, method="median_unbiased"))
    return Percentile(found, len(latency_ms), wanted)
