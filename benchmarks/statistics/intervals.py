"""Intervals of positive quantities over rounds: the round is the unit, since calls within one resemble each other.

Everything is done with logarithms: times vary by factors, a ratio is as far above 1 as its inverse is below, and the
ratio of two geometric means is the geometric mean of the rounds' ratios.

One round has no interval. Up to `FEWEST_DRAWN` - 1 rounds have Student's, which is right for few rounds if their
logarithms are about normal; it is very wide for two, as it should be. A bootstrap cannot help there: it never leaves
the range of what was seen, and holds the truth of three rounds in about three of four cases. From `FEWEST_DRAWN` on,
quantiles of a bootstrap, which follow a skewed distribution, with the levels moved outwards so that they are no
narrower than Student's (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", expanded percentiles).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr, stdtrit

from benchmarks.errors import BenchError
from benchmarks.statistics.rows import Estimate

Array = np.ndarray[Any, Any]
LEVEL = 0.95
FEWEST_DRAWN = 8
DRAWS = 4000


def estimate(values: Sequence[float], level: float = LEVEL, seed: int = 0) -> Estimate:
    """Return the geometric mean of one value for each round with its interval; BenchError for values not above 0."""
    logs = logarithms(values)
    low, high = interval(logs, level, seed)
    return from_logarithm(float(logs.mean()), low, high, len(logs))


def quotient(above: Sequence[float], below: Sequence[float], level: float = LEVEL) -> Estimate:
    """Return the ratio of geometric means of two sets of rounds that have nothing to do with each other.

    Welch's interval (1947) of the difference of logarithms; none where a set has one round only. `n` counts all rounds.
    """
    first, second = logarithms(above), logarithms(below)
    difference = float(first.mean() - second.mean())
    count = len(first) + len(second)
    if min(len(first), len(second)) < 2:
        return from_logarithm(difference, None, None, count)
    parts = [float(each.var(ddof=1)) / len(each) for each in (first, second)]
    if not sum(parts):
        return from_logarithm(difference, difference, difference, count)
    squares = sum(part**2 / (len(each) - 1) for part, each in zip(parts, (first, second), strict=True))
    half = student(sum(parts) ** 2 / squares, level) * sum(parts) ** 0.5
    return from_logarithm(difference, difference - half, difference + half, count)


def interval(logs: Array, level: float = LEVEL, seed: int = 0) -> tuple[float | None, float | None]:
    """Return the interval of the mean of logarithms (rounds,), None twice for one round."""
    count = len(logs)
    if count < 2:
        return None, None
    if count < FEWEST_DRAWN:
        half = student(count - 1, level) * float(logs.std(ddof=1)) / count**0.5
        return float(logs.mean()) - half, float(logs.mean()) + half
    return _drawn(logs, level, seed)


def _drawn(logs: Array, level: float, seed: int) -> tuple[float, float]:
    count = len(logs)
    means = logs[np.random.default_rng(seed).integers(0, count, (DRAWS, count))].mean(axis=1)
    # A mean of draws spreads by the standard deviation over n, not n - 1, and knows nothing of Student's tails.
    tail = float(ndtr(-student(count - 1, level) * (count / (count - 1)) ** 0.5))
    low, high = np.quantile(means, (tail, 1 - tail))
    return float(low), float(high)


def student(freedom: float, level: float = LEVEL) -> float:
    """Return the two-sided quantile of Student's t distribution."""
    return float(stdtrit(freedom, (1 + level) / 2))


def logarithms(values: Sequence[float]) -> Array:
    """Return the logarithms (rounds,) of values; BenchError where one is not a number above 0."""
    found = np.asarray(values, np.float64)
    if not len(found) or not (np.isfinite(found) & (found > 0)).all():
        raise BenchError(f"times and rates are numbers above 0, one for each round; found {list(map(float, found))}")
    return np.log(found)


def from_logarithm(value: float, low: float | None, high: float | None, n: int) -> Estimate:
    """Return the estimate whose logarithms these are."""
    if low is None or high is None:
        return Estimate(float(np.exp(value)), n=n)
    return Estimate(float(np.exp(value)), float(np.exp(low)), float(np.exp(high)), n)
