"""How often answers differ, with a bound on how often they may."""

from collections.abc import Sequence

from scipy.special import betaincinv

from benchmarks.errors import BenchError
from benchmarks.statistics.rows import Disagreement

LEVEL = 0.95
TEN_THOUSAND = 10_000


def upper_bound(count: int, images: int, level: float = LEVEL) -> float:
    """Return the upper end of the one-sided interval of Clopper and Pearson (1934) for `count` of `images`.

    For none it is 1 - (1 - level)^(1/images), about 3 / images: what was never seen in n images may be one in n / 3.
    """
    assert 0 <= count <= images
    if count == images:  # of no images at all, too
        return 1.0
    return float(betaincinv(count + 1, images - count, level))


def images_for(fraction: float, level: float = LEVEL) -> int:
    """Return how many images without a single disagreement bound it by `fraction`."""
    count = 1
    while upper_bound(0, count, level) > fraction:
        count *= 2
    low = count // 2
    while count - low > 1:
        middle = (low + count) // 2
        low, count = (low, middle) if upper_bound(0, middle, level) <= fraction else (middle, count)
    return count


def disagreement(count: int, images: int) -> Disagreement | None:
    """Return the rate at which answers are not the reference's, None without images."""
    if not images:
        return None
    return Disagreement(count, images, TEN_THOUSAND * count / images, TEN_THOUSAND * upper_bound(count, images))


def between(first: Sequence[int], second: Sequence[int]) -> Disagreement | None:
    """Return how often two lists of answers to the same images differ; BenchError where they cannot be the same."""
    if len(first) != len(second):
        raise BenchError(
            f"there are {len(first)} answers on one side and {len(second)} on the other; answers are compared image "
            "by image, on the same probe set"
        )
    return disagreement(sum(a != b for a, b in zip(first, second, strict=True)), len(first))
