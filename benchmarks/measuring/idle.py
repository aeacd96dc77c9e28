"""Processor time: how many cores a network keeps busy, and whether its threads rest between calls."""

from collections.abc import Sequence
from statistics import median
from time import perf_counter_ns, process_time_ns, sleep
from typing import Any

from benchmarks.measuring.timed import Stretch
from benchmarks.runners import Runner

IDLE_SECONDS, IDLE_TRIALS = 0.1, 5
# Of a core; threads that wait actively for the next call burn one each, and what else runs while idle far less.
SPINNING = 0.3
# Beyond the threads asked for: Python itself, and clocks that are not exact.
MARGIN, SHARE = 0.2, 1.05
# Processor time of a shorter stretch says little.
SHORTEST_NS = 200_000_000


def idle_fraction(runner: Runner, feed: Any) -> float:
    """Return how many cores are busy during a tenth of a second right after a call: the median of five trials."""
    fractions = []
    for _ in range(IDLE_TRIALS):
        runner.run(feed)
        runner.wait()
        processor, begin = process_time_ns(), perf_counter_ns()
        sleep(IDLE_SECONDS)
        fractions.append((process_time_ns() - processor) / (perf_counter_ns() - begin))
    return median(fractions)


def busy_cores(runner: Runner, feeds: Sequence[Any], stretch: Stretch, threads: int) -> float:
    """Return how many cores the calls keep busy; a timed stretch too short or beyond what was asked is repeated."""
    if stretch.wall_ns >= SHORTEST_NS and not too_many(stretch.cores, threads):
        return stretch.cores
    again = cores_of_calls(runner, feeds)
    return min(again, stretch.cores) if stretch.wall_ns >= SHORTEST_NS else again


def cores_of_calls(runner: Runner, feeds: Sequence[Any]) -> float:
    """Return how many cores are busy while calls follow one another for a while."""
    processor, begin, calls = process_time_ns(), perf_counter_ns(), 0
    while perf_counter_ns() - begin < SHORTEST_NS:
        runner.run(feeds[calls % len(feeds)])
        runner.wait()
        calls += 1
    return (process_time_ns() - processor) / (perf_counter_ns() - begin)


def too_many(cores: float, threads: int) -> bool:
    """Tell whether more cores were busy than the threads asked for can explain."""
    return cores > threads * SHARE + MARGIN


def observed_threads(cores: float, threads: int) -> dict[str, Any]:
    """Return the fields of `ReadBack` for what was seen of the threads."""
    how = "busy cores while calls followed one another"
    return {"asked": threads, "got": round(cores, 2), "ok": not too_many(cores, threads), "how": how}


def observed_spinning(fraction: float, asked: bool) -> dict[str, Any]:
    """Return the fields of `ReadBack` for what was seen of spinning: one that is allowed need not be seen."""
    seen = fraction > SPINNING
    how = f"{fraction:.2f} cores busy in the tenth of a second after a call"
    return {"asked": asked, "got": seen, "ok": True if seen == asked else None if asked else False, "how": how}
