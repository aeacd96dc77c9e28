"""How many cores a network keeps busy, and whether its threads rest between calls."""

from collections.abc import Sequence
from statistics import median
from time import perf_counter, sleep
from typing import Any

from benchmarks.measuring import processor
from benchmarks.runners import Runner

IDLE_SECONDS, IDLE_TRIALS = 0.1, 5
# Of a core; threads that wait actively for the next call want one each, and what else runs while idle far less.
SPINNING = 0.3
# Beyond the threads asked for: the one that calls, which a busy machine keeps waiting when its turn has come.
MARGIN, SHARE = 0.5, 1.05
# Calls follow one another for so long while threads are counted.
COUNTING_SECONDS = 0.25


def idle_cores(runner: Runner, feed: Any) -> float:
    """Return how many cores other threads want in a tenth of a second right after a call: the median of five trials."""
    trials = []
    for _ in range(IDLE_TRIALS):
        runner.run(feed)
        runner.wait()
        before = processor.read()
        sleep(IDLE_SECONDS)
        trials.append(processor.wanted_by_others(before, processor.read()))
    return median(trials)


def busy_cores(runner: Runner, feeds: Sequence[Any]) -> float:
    """Return how many cores are wanted while calls follow one another for a while."""
    before, calls = processor.read(), 0
    end = perf_counter() + COUNTING_SECONDS
    while perf_counter() < end:
        runner.run(feeds[calls % len(feeds)])
        runner.wait()
        calls += 1
    return processor.wanted_cores(before, processor.read())


def observed_threads(runner: Runner, feeds: Sequence[Any], asked: int) -> dict[str, Any]:
    """Return the fields of `ReadBack` for what is seen of the threads; too many are counted once more."""
    allowed = asked * SHARE + MARGIN
    cores = busy_cores(runner, feeds)
    if cores > allowed:
        cores = min(cores, busy_cores(runner, feeds))
    how = "cores wanted while calls follow one another"
    return {"asked": asked, "got": round(cores, 2), "ok": cores <= allowed, "how": how}


def observed_spinning(runner: Runner, feed: Any, *, asked: bool) -> tuple[dict[str, Any], float]:
    """Return the fields of `ReadBack` for what is seen of spinning, and how many cores are wanted while idle.

    Spinning that is allowed need not be seen; one that is not is looked for once more.
    """
    cores = idle_cores(runner, feed)
    if cores > SPINNING and not asked:
        cores = min(cores, idle_cores(runner, feed))
    seen = cores > SPINNING
    how = f"{cores:.2f} cores wanted in the tenth of a second after a call"
    return {"asked": asked, "got": seen, "ok": True if seen == asked else None if asked else False, "how": how}, cores
