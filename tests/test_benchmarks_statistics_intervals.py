"""Intervals over rounds: simulations whose truth is known."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp, ttest_ind

from benchmarks.errors import BenchError
from benchmarks.statistics import intervals
from benchmarks.statistics.intervals import FEWEST_DRAWN, estimate, quotient

Draw = Callable[[np.random.Generator, int], np.ndarray]
REPEATS = 1500


def normal(random: np.random.Generator, rounds: int) -> np.ndarray:
    return random.normal(0, 0.03, rounds)


def skewed(random: np.random.Generator, rounds: int) -> np.ndarray:
    return random.exponential(0.03, rounds) - 0.03


def coverage(draw: Draw, rounds: int, repeats: int = REPEATS) -> float:
    random = np.random.default_rng(rounds)
    found = [intervals.interval(draw(random, rounds)) for _ in range(repeats)]
    return float(np.mean([low is not None and high is not None and low <= 0 <= high for low, high in found]))


@pytest.mark.parametrize("rounds", [2, 3, 5, 7, 8, 12, 20])
def test_intervals_of_normal_rounds_hold_the_truth_in_95_of_100_cases(rounds: int) -> None:
    assert 0.93 < coverage(normal, rounds) < 0.975


@pytest.mark.parametrize("rounds", [3, 5, 8, 20])
def test_intervals_of_skewed_rounds_fall_short_by_less_than_a_tenth(rounds: int) -> None:
    assert 0.85 < coverage(skewed, rounds) < 0.96


def test_a_plain_bootstrap_of_few_rounds_would_promise_too_much() -> None:
    random = np.random.default_rng(3)
    held = 0
    for _ in range(500):
        logs = normal(random, 3)
        low, high = np.quantile(logs[random.integers(0, 3, (1000, 3))].mean(axis=1), (0.025, 0.975))
        held += low <= 0 <= high
    assert 0.65 < held / 500 < 0.85  # why Student's stands in for fewer rounds than FEWEST_DRAWN


def test_few_rounds_have_students_interval_of_their_logarithms() -> None:
    found = estimate([10.0, 10.5, 9.8])
    logs = np.log([10.0, 10.5, 9.8])
    expected = ttest_1samp(logs, 0).confidence_interval(0.95)
    assert found.value == pytest.approx(np.exp(logs.mean()))
    assert (found.low, found.high) == pytest.approx((np.exp(expected.low), np.exp(expected.high)))
    assert found.n == 3


def test_two_rounds_have_a_very_wide_interval_and_one_has_none() -> None:
    found = estimate([10.0, 10.2])
    assert found.low is not None and found.high is not None
    assert found.low < 9.0 and found.high > 11.4  # a spread of 2 %, times 12.7 / sqrt(2) / sqrt(2)
    alone = estimate([10.0])
    assert (alone.value, alone.low, alone.high, alone.n) == (pytest.approx(10.0), None, None, 1)


def test_the_bootstrap_is_as_wide_as_students_and_the_same_each_time() -> None:
    logs = np.random.default_rng(4).normal(0, 0.03, FEWEST_DRAWN + 2)
    low, high = intervals.interval(logs)
    assert (low, high) == intervals.interval(logs)
    assert (low, high) != intervals.interval(logs, seed=1)
    half = t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / len(logs) ** 0.5
    assert low is not None and high is not None
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)


def test_the_ratio_of_strangers_has_welchs_interval() -> None:
    first, second = [10.0, 10.4, 9.9, 10.1], [7.9, 8.6, 8.0]
    expected = ttest_ind(np.log(first), np.log(second), equal_var=False).confidence_interval(0.95)
    found = quotient(first, second)
    assert (found.low, found.high) == pytest.approx((np.exp(expected.low), np.exp(expected.high)))
    assert found.n == 7
    assert quotient(first, [8.0]).low is None
    assert quotient([2.0, 2.0], [1.0, 1.0]).high == pytest.approx(2)


@pytest.mark.parametrize("values", [[], [0.0, 1.0], [-1.0], [float("nan")], [float("inf"), 1.0]])
def test_what_is_no_time_is_refused(values: list[float]) -> None:
    with pytest.raises(BenchError, match="numbers above 0"):
        estimate(values)
