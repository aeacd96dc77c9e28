"""The timed calls, and nothing but them between two readings of the clock."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns, process_time_ns
from typing import Any

import numpy as np

from benchmarks.cells import Limits
from benchmarks.measuring.probe import Array
from benchmarks.runners import Runner

# Answers of so many calls, drawn by chance, are looked at afterwards.
KEPT = 8


@dataclass(frozen=True)
class Kept:
    """The values of one timed call, which input it had, and how long it took to get them once and again."""

    feed: int
    values: dict[str, Array]
    first_look_ns: int
    second_look_ns: int


@dataclass
class Stretch:
    """Timed calls in order, in nanoseconds: of `run`, and of `wait` after it; wall and processor time of them all."""

    latency_ns: list[int] = field(default_factory=list)
    wait_ns: list[int] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    wall_ns: int = 0
    processor_ns: int = 0


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep Python's garbage collector from running inside a timed call."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def timed(runner: Runner, feeds: Sequence[Any], limits: Limits, rng: np.random.Generator) -> Stretch:
    """Time calls, each on the next input, until there are samples enough or the time is up."""
    stretch = Stretch()
    keep = chosen(limits, rng)
    with no_collection():
        processor, start = process_time_ns(), perf_counter_ns()
        aside = np.zeros(2, np.int64)
        while not enough(len(stretch.latency_ns), perf_counter_ns() - start, limits):
            number = len(stretch.latency_ns)
            feed = feeds[number % len(feeds)]
            begin = perf_counter_ns()
            answer = runner.run(feed)
            returned = perf_counter_ns()
            runner.wait()
            done = perf_counter_ns()
            stretch.latency_ns.append(returned - begin)
            stretch.wait_ns.append(done - returned)
            if number in keep:
                aside += look(runner, answer, number % len(feeds), stretch)
            del answer
        stretch.wall_ns = perf_counter_ns() - start - int(aside[0])
        stretch.processor_ns = process_time_ns() - processor - int(aside[1])
    return stretch


def chosen(limits: Limits, rng: np.random.Generator) -> set[int]:
    """Draw the calls whose answers are kept; one of them at least is made however short the time is."""
    few = rng.choice(limits.samples, min(KEPT, limits.samples), replace=False)
    return {*few.tolist(), int(rng.integers(min(limits.least_samples, limits.samples)))}


def enough(calls: int, elapsed_ns: int, limits: Limits) -> bool:
    """Tell whether a round is over."""
    return calls >= limits.samples or (calls >= limits.least_samples and elapsed_ns >= limits.seconds * 1e9)


def look(runner: Runner, answer: Any, feed: int, stretch: Stretch) -> tuple[int, int]:
    """Keep the values of an answer; return the wall and processor time that this took, which are no part of calls.

    They are asked for twice: where only the first time is slow, the answer was not computed before.
    """
    processor, begin = process_time_ns(), perf_counter_ns()
    values = runner.values(answer)
    once = perf_counter_ns()
    runner.values(answer)
    again = perf_counter_ns()
    stretch.kept.append(Kept(feed, values, once - begin, again - once))
    return perf_counter_ns() - begin, process_time_ns() - processor
