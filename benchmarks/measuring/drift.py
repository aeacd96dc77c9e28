"""Does the pace change while it is measured?"""

from collections.abc import Sequence
from math import sqrt
from statistics import median

import numpy as np

# Less than this is no drift, however sure; and a trend is surer than noise beyond so many standard deviations.
SMALLEST_DRIFT, SURE = 0.10, 3.0


def drift(latencies: Sequence[int]) -> float:
    """Return by which fraction the last third of the calls is slower than the first, 0 where that may be noise."""
    third = len(latencies) // 3
    if third < 3:
        return 0.0
    begin, end = median(latencies[:third]), median(latencies[-third:])
    change = (end - begin) / begin
    return change if abs(change) > SMALLEST_DRIFT and abs(trend(latencies)) > SURE else 0.0


def trend(values: Sequence[int]) -> float:
    """Return how surely values rise (or fall, below zero), in standard deviations of the Mann-Kendall statistic.

    It counts the pairs in order against those out of order: a few slow calls hardly matter.
    """
    found, count = np.asarray(values), len(values)
    in_order = sum(int(np.sign(found[place + 1 :] - found[place]).sum()) for place in range(count))
    return in_order / sqrt(count * (count - 1) * (2 * count + 5) / 18)
