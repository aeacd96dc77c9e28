"""How much faster one row is than another, round by round, and whether that can be told from noise."""

from collections.abc import Mapping
from math import log, log1p

from benchmarks.statistics.intervals import estimate, quotient
from benchmarks.statistics.rows import Estimate, Ratio, Row

Rounds = Mapping[str, float]


def speed_ratio(rounds_ms: Rounds, reference_ms: Rounds) -> tuple[Estimate, bool] | None:
    """Return the reference's time over the row's own, above 1 where it is faster than the reference; and: paired?

    Both are median latencies by "run/round". Rounds of one run lie side by side in time (A B C, A B C), so that what
    disturbs one disturbs the others: shared rounds are compared one by one. Without any the two were measured at
    different times, and are compared as strangers. None where there is nothing to compare.
    """
    if not rounds_ms or not reference_ms:
        return None
    shared = [name for name in rounds_ms if name in reference_ms]
    if shared:
        return estimate([reference_ms[name] / rounds_ms[name] for name in shared]), True
    return quotient(list(reference_ms.values()), list(rounds_ms.values())), False


def is_separable(ratio: Estimate, noise_fraction: float | None) -> bool:
    """Return whether a ratio says more than noise: its interval lies off 1, and it is larger than twins differ.

    Without an interval (one round) nothing can be told.
    """
    if ratio.low is None or ratio.high is None or ratio.low <= 1 <= ratio.high:
        return False
    return abs(log(ratio.value)) > log1p(noise_fraction or 0.0)


def compare_rows(row: Row, reference: Row) -> Ratio | None:
    """Return a row's speed relative to another's, None where one of them has no figures."""
    found = speed_ratio(row.round_ms, reference.round_ms)
    if found is None:
        return None
    ratio, paired = found
    return Ratio(ratio, is_separable(ratio, noise_of(row, reference)), reference.label, paired)


def noise_of(*rows: Row) -> float | None:
    """Return the largest noise floor of some rows, None where none was measured."""
    return max((row.noise_fraction for row in rows if row.noise_fraction is not None), default=None)


def tied(first: Row, second: Row) -> bool:
    """Return whether two rows cannot be told apart by their speed."""
    ratio = compare_rows(first, second)
    return ratio is None or not ratio.separable
