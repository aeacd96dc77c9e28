"""Confidence intervals: Wilson's for proportions, quantiles of a bootstrap for the rest.

Faces of one person resemble each other, so that n faces of few people say less than n faces of n people. Wilson's
interval takes that into account through an effective n (Kish's design effect, estimated from the people themselves, as
Korn and Graubard 1998 do in surveys): unlike quantiles of a bootstrap it does not shrink to a point where a group has
no error at all.
"""

from statistics import NormalDist
from typing import Any

import numpy as np
from scipy.special import stdtrit

from heads.metrics.values import Interval

Array = np.ndarray[Any, Any]
# With more draws than this undefined, the others no longer show how much the value moves.
UNDEFINED_DRAWS = 0.05


def wilson(share: float, n: float, level: float) -> tuple[float, float]:
    """Return Wilson's score interval (1927) of a proportion seen in `n` independent faces; `n` may be a fraction."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def effective_n(hits: Array, people: Array, level: float) -> float:
    """Return how many independent faces would say as much as these; `hits` (faces,) bool, `people` (faces,) integers.

    The variance of the proportion is that of a ratio of sums over people (Cochran 1977, chapter 9). A variance that few
    people tell is itself uncertain: Student's t in place of the normal quantile takes that into n, as Korn and Graubard
    do. Where all faces are hits, or none is, the variance cannot be estimated: then each person counts once.
    """
    counts = np.bincount(people)
    count = int((counts > 0).sum())
    share = hits.mean()
    if count == len(hits):
        return float(count)
    if share in (0, 1) or count < 2:
        return float(count)
    off = np.bincount(people, weights=hits - share)
    variance = count / (count - 1) * float((off**2).sum()) / len(hits) ** 2
    plain = share * (1 - share) / len(hits)
    kept = min(1.0, plain / variance) if variance > 0 else 1.0
    tail = (1 + level) / 2
    return float(len(hits) * kept * (NormalDist().inv_cdf(tail) / stdtrit(count - 1, tail)) ** 2)


def proportion_interval(hits: Array, people: Array, level: float) -> tuple[Interval | None, str]:
    """Return the interval of the share of `hits`, or why there is none."""
    if len(np.unique(people)) == 1 and len(hits) > 1:
        return None, "all faces are of one person"
    n = effective_n(hits, people, level)
    method = "Wilson" if n == len(hits) else f"Wilson, effective n {n:.1f} for faces of the same people"
    return Interval(*wilson(float(hits.mean()), n, level), method), ""


def bootstrap_interval(draws: Array, level: float, bounds: tuple[float, float] = (0, 1)) -> tuple[Interval | None, str]:
    """Return the interval that `draws` (resamples,) of a metric span within its bounds, or why there is none."""
    kept = draws[np.isfinite(draws)]
    lost = 1 - len(kept) / len(draws)
    if lost > UNDEFINED_DRAWS:
        return None, f"undefined in {lost:.0%} of the resamples"
    if np.ptp(kept) == 0:
        return None, "the same in every resample"
    low, high = np.quantile(kept, ((1 - level) / 2, (1 + level) / 2))
    # Single precision in the draws may lead over a bound by its last digit.
    return Interval(max(float(low), bounds[0]), min(float(high), bounds[1]), "bootstrap"), ""


def calibration_interval(value: float, draws: Array, noise: Array, level: float) -> tuple[Interval | None, str]:
    """Return the interval of a calibration error, or why there is none.

    Resampling adds noise to every bin, which can only make the error larger: the quantiles of the draws lie too high
    and are mirrored at the value (Davison and Hinkley 1997, section 5.2). Where `noise`, the draws of a head without
    error, is as large, the interval starts at 0. The value itself, which is too large as well, is never left outside.
    """
    found, note = bootstrap_interval(draws, level)
    if found is None:
        return None, note
    low = max(0.0, 2 * value - found.high) if value > np.quantile(noise, level) else 0.0
    return Interval(min(low, value), min(1.0, max(value, 2 * value - found.low)), "basic bootstrap"), ""
