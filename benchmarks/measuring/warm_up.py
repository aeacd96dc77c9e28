"""Calls until a network runs at a steady pace."""

from collections.abc import Sequence
from itertools import cycle
from statistics import median
from time import perf_counter_ns
from typing import Any

from benchmarks.cells import Limits
from benchmarks.runners import Runner

# A window holds at least this many calls and lasts at least so long, unless calls are so slow that one is enough.
WINDOW_CALLS, WINDOW_NS, LONGEST_WINDOW_NS = 3, 100_000_000, 2_000_000_000
WINDOWS = 3
# After so many windows without peace they become twice as long: medians of longer ones are less noisy.
PATIENCE = 6


def warm_up(runner: Runner, feeds: Sequence[Any], limits: Limits) -> tuple[list[int], str]:
    """Call until the medians of three windows lie close together; return the calls' nanoseconds and a verdict, if any.

    A call is timed with its `wait`: a runtime that answers too early must not look steady for that.
    """
    calls: list[int] = []
    medians: list[float] = []
    turn = cycle(feeds)
    start = perf_counter_ns()
    while not steady(medians, limits.steady_fraction):
        if medians and perf_counter_ns() - start > limits.warm_up_seconds * 1e9:
            return calls, verdict(medians, limits)
        length = WINDOW_NS << (len(medians) // PATIENCE)
        window = one_window(runner, turn, length)
        calls += window
        medians.append(median(window))
    return calls, ""


def one_window(runner: Runner, turn: Any, length_ns: int) -> list[int]:
    """Call for the length of a window, in nanoseconds; return each call's."""
    calls: list[int] = []
    start = now = perf_counter_ns()
    while now - start < length_ns or (len(calls) < WINDOW_CALLS and now - start < LONGEST_WINDOW_NS):
        feed = next(turn)
        begin = perf_counter_ns()
        runner.run(feed)
        runner.wait()
        now = perf_counter_ns()
        calls.append(now - begin)
    return calls


def steady(medians: Sequence[float], fraction: float) -> bool:
    """Tell whether the last three windows agree within a fraction."""
    last = medians[-WINDOWS:]
    return len(last) == WINDOWS and max(last) <= (1 + fraction) * min(last)


def verdict(medians: Sequence[float], limits: Limits) -> str:
    """Say that the warm-up was given up."""
    last = ", ".join(f"{each / 1e6:.3g}" for each in medians[-WINDOWS:])
    return (
        f"never became steady: after {limits.warm_up_seconds:g} s of warm-up the last windows' medians are {last} ms,"
        f" not within {limits.steady_fraction:.0%}"
    )
