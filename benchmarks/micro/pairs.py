"""Timing a piece of work in turns with its yardstick, so that whatever slows the machine down slows both.

pytest-benchmark does the timing of the work; the yardstick is timed in its `setup`, just before each round. Warming up
and the number of calls in a round are ours: pytest-benchmark warms nothing up on CPython, and sizes its rounds by the
first call, which is the slow one.
"""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.micro.yardsticks import Yardstick

BLOCK_SECONDS = 0.005  # a round's calls take so long together: far above the clock's step and the cost of a loop
PAIRS_SECONDS = 1.5
FEWEST_PAIRS, MOST_PAIRS = 11, 101
WARM_UP_SECONDS, WARM_UP_CALLS = 0.2, 3
# What the fixture `against` is: it measures work beside a yardstick, and returns what the work returns.
Against = Callable[[Yardstick, Callable[[], Any]], Any]


@dataclass(frozen=True)
class Ratio:
    """How many times its yardstick's time a call takes: median and quartiles over pairs measured in turns.

    `call_seconds` is the median by the clock, for people to read; it is never compared.
    """

    yardstick: str
    median: float
    low: float
    high: float
    pairs: int
    call_seconds: float


def measure(benchmark: Any, work: Callable[[], Any], yardstick: Yardstick) -> tuple[Any, Ratio]:
    """Return what the work returns, and its ratio to the yardstick; `benchmark` is pytest-benchmark's fixture."""
    work_seconds, stick_seconds = _warmed_up(work), _warmed_up(yardstick.call)
    work_calls = max(1, math.ceil(BLOCK_SECONDS / work_seconds))
    # As long as the work: of two, the shorter one is interrupted less often on a busy machine.
    stick_calls = max(1, round(work_calls * work_seconds / stick_seconds))
    sticks: list[float] = []

    def time_yardstick() -> None:
        benchmark.stats.iterations = work_calls  # pytest-benchmark then tells the time of one call
        sticks.append(_seconds(yardstick.call, stick_calls) / stick_calls)

    pairs = PAIRS_SECONDS / (work_calls * work_seconds + stick_calls * stick_seconds)
    result = benchmark.pedantic(
        lambda: _repeat(work, work_calls),
        setup=time_yardstick,
        rounds=min(max(math.ceil(pairs), FEWEST_PAIRS), MOST_PAIRS),
    )
    return result, ratio_of(yardstick.name, benchmark.stats.stats.data, sticks)


def ratio_of(yardstick: str, seconds: list[float], sticks: list[float]) -> Ratio:
    """Return the ratio of calls to the yardsticks timed just before them; more yardsticks than calls are ignored."""
    ratios = [mine / stick for mine, stick in zip(seconds, sticks[: len(seconds)], strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(yardstick, median, low, high, len(ratios), statistics.median(seconds))


def _warmed_up(work: Callable[[], Any]) -> float:
    """Return the seconds that a call takes once warm."""
    best, calls = math.inf, 0
    end = time.perf_counter() + WARM_UP_SECONDS
    while calls < WARM_UP_CALLS or time.perf_counter() < end:
        best = min(best, _seconds(work, 1))
        calls += 1
    return best


def _seconds(work: Callable[[], Any], calls: int) -> float:
    start = time.perf_counter()
    _repeat(work, calls)
    return time.perf_counter() - start


def _repeat(work: Callable[[], Any], calls: int) -> Any:
    result = None
    for _ in range(calls):
        result = work()
    return result
