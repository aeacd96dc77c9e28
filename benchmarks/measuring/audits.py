"""The audits of a timed stretch, and what becomes of it when they find something.

A finding that load on the machine could cause is looked for again before it counts.
"""

from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from benchmarks.cells import Task
from benchmarks.measuring import parity, processor
from benchmarks.measuring.caching import cached_answers
from benchmarks.measuring.drift import drift
from benchmarks.measuring.early import early_answers
from benchmarks.measuring.outcome import Outcome
from benchmarks.measuring.probe import Array, Probe
from benchmarks.measuring.timed import Stretch, timed
from benchmarks.runners import Runner

# Calls are timed so often before a drift counts: what one passing disturbance does, three do not.
STRETCHES = 3


def settled(
    task: Task, runner: Runner, feeds: Sequence[Any], rng: np.random.Generator, warm: list[int], outcome: Outcome
) -> Stretch:
    """Time calls that do not drift. Those that do join the warm-up, which was not over; in the end it is a verdict."""
    changes = []
    while True:
        before = processor.read()
        stretch = timed(runner, feeds, task.limits, rng)
        outcome.facts["processor_withheld_fraction"] = processor.withheld_fraction(before, processor.read())
        changes.append(drift(stretch.latency_ns))
        if changes[-1] == 0.0:
            break
        if len(changes) == STRETCHES:
            outcome.verdicts.append(f"drift: the last third of the calls differs from the first by {changes[-1]:+.0%}")
            break
        warm += [one + other for one, other in zip(stretch.latency_ns, stretch.wait_ns, strict=True)]
    if len(changes) > 1:
        outcome.facts["drifts_fraction"] = changes
    return stretch


def compare_kept(probe: Probe, places: Sequence[Array], stretch: Stretch, outcome: Outcome) -> None:
    """Compare the answers kept of timed calls with the reference; RunnerError where they differ."""
    seen = parity.Comparison(probe)
    for kept in stretch.kept:
        seen.add(places[kept.feed], kept.values)
    assert outcome.parity is not None
    parity.require_timed(outcome.parity, seen.difference)


def audit(
    task: Task, runner: Runner, inputs: Array, stretch: Stretch, rng: np.random.Generator, outcome: Outcome
) -> None:
    """Add verdicts on answers that came too early, or from memory; `inputs` is one batch."""
    outcome.verdicts += early_answers(runner, stretch)
    verdict, ratio = cached_answers(runner, inputs, task.limits, median(stretch.latency_ns), rng)
    outcome.verdicts += [verdict] if verdict else []
    outcome.facts["repeated_over_unseen"] = ratio
