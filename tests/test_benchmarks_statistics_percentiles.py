"""How many samples a percentile needs, and what is said with fewer."""

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.statistics.percentiles import needed, percentile


@pytest.mark.parametrize(("fraction", "samples"), [(0.5, 11), (0.9, 64), (0.95, 130), (0.99, 662), (0.999, 6636)])
def test_the_known_numbers_come_out_of_the_rule(fraction: float, samples: int) -> None:
    assert needed(fraction) == samples
    # Fewer than two of n samples above the percentile: then the second largest does not bound it.
    assert binom.cdf(1, samples, 1 - fraction) <= 0.01 < binom.cdf(1, samples - 1, 1 - fraction)


def test_the_second_largest_bounds_the_percentile_as_often_as_promised() -> None:
    random = np.random.default_rng(1)
    samples = np.sort(random.exponential(size=(4000, needed(0.9))), axis=1)
    bounded = (samples[:, -2] >= -np.log(0.1)).mean()
    assert 0.985 < bounded < 0.997
    fewer = np.sort(random.exponential(size=(4000, 40)), axis=1)
    assert (fewer[:, -2] >= -np.log(0.1)).mean() < 0.95


def test_a_percentile_without_enough_samples_has_no_value_and_says_what_it_needs() -> None:
    found = percentile(list(np.arange(63.0)), 0.9)
    assert (found.value, found.n, found.needed) == (None, 63, 64)
    assert percentile([], 0.5).value is None


def test_a_percentile_is_right_whatever_the_order_of_calls() -> None:
    calls = np.random.default_rng(2).permutation(np.arange(1.0, 101.0))
    assert percentile(list(calls), 0.5).value == pytest.approx(50.5)
    assert percentile(list(calls), 0.9).value == pytest.approx(90.5, abs=0.3)


def test_other_confidences_need_other_numbers() -> None:
    assert needed(0.9, 0.9) < needed(0.9, 0.99) < needed(0.9, 0.999)
