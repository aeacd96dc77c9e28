"""Is an input that came before answered faster than one never seen? MLPerf audits the same (TEST04)."""

from collections.abc import Sequence
from math import comb
from statistics import median
from time import perf_counter_ns
from typing import Any

import numpy as np

from benchmarks.cells import Limits
from benchmarks.measuring.probe import Array
from benchmarks.measuring.timed import no_collection
from benchmarks.runners import Runner

MOST_PAIRS, LEAST_PAIRS = 16, 4
# Repeats must be so much faster, and in so many pairs that chance would do it this rarely; twice in a row.
FASTER, CHANCE = 0.10, 0.07
AUDITS = 2
# Unseen inputs are images of the probe set plus noise of this share of their deviation.
NOISE = 0.01

Pairs = list[tuple[int, int]]


def cached_answers(
    runner: Runner, inputs: Array, limits: Limits, call_ns: float, rng: np.random.Generator
) -> tuple[str, float]:
    """Return a verdict, "" for none, and how long repeats take relative to unseen inputs.

    `inputs` (n, channels, height, width) is one batch; `call_ns` what a call takes, to keep within the time.
    """
    ratio = 1.0
    for _ in range(AUDITS):
        pairs = timed_pairs(runner, inputs, count(limits, call_ns), rng)
        ratio = median(again for _, again in pairs) / median(fresh for fresh, _ in pairs)
        if not suspicious(pairs, ratio):
            return "", ratio
    return f"cached answers: an input that came before takes {ratio:.0%} of the time of one never seen", ratio


def count(limits: Limits, call_ns: float) -> int:
    """Return how many pairs fit into a quarter of a round, within limits."""
    fitting = limits.seconds * 1e9 / 4 / (2 * max(call_ns, 1))
    return int(min(MOST_PAIRS, max(LEAST_PAIRS, fitting)))


def timed_pairs(runner: Runner, inputs: Array, pairs: int, rng: np.random.Generator) -> Pairs:
    """Time an unseen and a repeated input in turns, in random order; what else slows a pair slows both its halves."""
    repeated = runner.prepare(inputs)
    call(runner, repeated)
    found = []
    with no_collection():
        for _ in range(pairs):
            fresh = runner.prepare(unseen(inputs, rng))
            order = (fresh, repeated) if rng.random() < 0.5 else (repeated, fresh)
            times = [call(runner, feed) for feed in order]
            found.append((times[0], times[1]) if order[0] is fresh else (times[1], times[0]))
    return found


def unseen(inputs: Array, rng: np.random.Generator) -> Array:
    """Return inputs that nobody has seen, much like the given ones."""
    noise = rng.standard_normal(inputs.shape, dtype=np.float32)
    noisy: Array = inputs + np.float32(NOISE * inputs.std()) * noise
    return noisy


def call(runner: Runner, feed: Any) -> int:
    """Return the nanoseconds of a call and of waiting for its end."""
    begin = perf_counter_ns()
    runner.run(feed)
    runner.wait()
    return perf_counter_ns() - begin


def suspicious(pairs: Sequence[tuple[int, int]], ratio: float) -> bool:
    """Tell whether repeats are faster, by more than is harmless and more often than by chance (a sign test)."""
    faster = sum(again < fresh for fresh, again in pairs)
    chance = sum(comb(len(pairs), more) for more in range(faster, len(pairs) + 1)) / 2 ** len(pairs)
    return ratio < 1 - FASTER and chance <= CHANCE
