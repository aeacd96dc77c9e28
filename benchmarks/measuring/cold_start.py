"""The scenario "cold_start": six parts of a start, before anything else in the process touched the runtime's library.

Not in it: the start of the interpreter, and NumPy, which this package imports and every runtime reads its inputs from.
The model's file was written or read not long ago: it lies in the page cache, as in a second start, not a first one.
"""

from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter_ns
from typing import Any

from benchmarks.cells import Task
from benchmarks.measuring.outcome import Outcome
from benchmarks.measuring.preparation import prove
from benchmarks.measuring.probe import read_probe
from benchmarks.measuring.warm_up import warm_up
from benchmarks.runners import Runner

STEADY_CALLS = 11


def cold_start(task: Task, runner: Runner, outcome: Outcome) -> None:
    """Fill in the six parts, then parity, settings and verdicts; a call lasts until `wait` says that it is done."""
    probe = read_probe(task)
    parts = {
        "import_ms": duration_ms(runner.import_library),
        "read_weights_ms": duration_ms(runner.read_weights),
        "build_ms": duration_ms(runner.build),
    }
    feeds = [runner.prepare(probe.inputs[images]) for images in probe.distinct(task.batch)]
    parts["first_ms"] = duration_ms(partial(call, runner, feeds[0]))
    parts["second_ms"] = duration_ms(partial(call, runner, feeds[1]))
    _, verdict = warm_up(runner, feeds, task.limits)
    outcome.verdicts += [verdict] if verdict else []
    turns = [feeds[number % len(feeds)] for number in range(STEADY_CALLS)]
    parts["steady_ms"] = median(duration_ms(partial(call, runner, feed)) for feed in turns)
    prove(task, runner, probe, outcome)
    outcome.cold_start = parts


def call(runner: Runner, feed: Any) -> None:
    """Run a feed and wait for the end."""
    runner.run(feed)
    runner.wait()


def duration_ms(step: Callable[[], None]) -> float:
    """Return the milliseconds of a step."""
    begin = perf_counter_ns()
    step()
    return (perf_counter_ns() - begin) / 1e6
