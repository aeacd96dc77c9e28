"""How often answers differ, and how often they may."""

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmarks.errors import BenchError
from benchmarks.statistics.disagreement import between, disagreement, images_for, upper_bound


@pytest.mark.parametrize(("count", "images"), [(0, 1), (0, 32), (0, 10_000), (1, 32), (7, 200), (199, 200)])
def test_the_bound_is_that_of_clopper_and_pearson(count: int, images: int) -> None:
    expected = binomtest(count, images, alternative="less").proportion_ci(0.95, "exact").high
    assert upper_bound(count, images) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("images", [100, 1000, 30_000])
def test_none_of_n_bounds_the_rate_by_about_three_over_n(images: int) -> None:
    assert upper_bound(0, images) == pytest.approx(3 / images, rel=0.02)


def test_the_bound_holds_the_truth_in_95_of_100_cases_at_least() -> None:
    counts = np.random.default_rng(1).binomial(200, 0.02, 2000)
    assert 0.95 <= np.mean([upper_bound(int(count), 200) >= 0.02 for count in counts]) < 1


def test_a_rate_is_told_in_parts_per_ten_thousand() -> None:
    found = disagreement(3, 2000)
    assert found is not None
    assert (found.count, found.images, found.per_ten_thousand) == (3, 2000, 15)
    assert 30 < found.upper_per_ten_thousand < 40
    assert disagreement(0, 0) is None
    assert upper_bound(5, 5) == 1


@pytest.mark.parametrize("fraction", [0.5, 0.1, 0.01, 0.001])
def test_how_many_images_it_takes(fraction: float) -> None:
    wanted = images_for(fraction)
    assert upper_bound(0, wanted) <= fraction < upper_bound(0, wanted - 1)


def test_answers_of_two_are_compared_image_by_image() -> None:
    found = between([1, 2, 3, 4], [1, 0, 3, 0])
    assert found is not None and (found.count, found.images) == (2, 4)
    with pytest.raises(BenchError, match="3 answers on one side and 2 on the other"):
        between([1, 2, 3], [1, 2])
