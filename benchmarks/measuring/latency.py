"""The scenarios "latency" and "throughput": parity, warm-up, timed calls, and the audits of what they claim.

Both are one loop; a throughput is a latency of a larger batch.
"""

from typing import Any

import numpy as np

from benchmarks.cells import Task
from benchmarks.measuring import audits, idle, read_back
from benchmarks.measuring.outcome import Outcome
from benchmarks.measuring.preparation import make_ready
from benchmarks.measuring.probe import read_probe
from benchmarks.measuring.timed import Stretch
from benchmarks.measuring.warm_up import warm_up
from benchmarks.runners import Runner


def latency(task: Task, runner: Runner, outcome: Outcome) -> None:
    """Fill in parity, settings, timing and verdicts; RunnerError where the runner may not be timed at all."""
    probe = read_probe(task)
    make_ready(task, runner, probe, outcome)
    rng = np.random.default_rng(task.seed)
    places = probe.distinct(task.batch)
    feeds = [runner.prepare(probe.inputs[images]) for images in places]
    warm, verdict = warm_up(runner, feeds, task.limits)
    outcome.verdicts += [verdict] if verdict else []
    stretch = audits.settled(task, runner, feeds, rng, warm, outcome)
    audits.compare_kept(probe, places, stretch, outcome)
    resting = observe(task, runner, feeds, outcome)
    audits.audit(task, runner, probe.inputs[places[0]], stretch, rng, outcome)
    outcome.timing = timing(task.batch, stretch, warm, resting)


def observe(task: Task, runner: Runner, feeds: list[Any], outcome: Outcome) -> float:
    """Watch the threads, busy and idle; return how many cores are wanted while idle; RunnerError for too many."""
    settings, seen = task.settings, outcome.settings
    seen["spinning observed"], resting = idle.observed_spinning(runner, feeds[0], asked=settings.spinning)
    seen["threads observed"] = idle.observed_threads(runner, feeds, settings.threads)
    read_back.require(outcome)
    return resting


def timing(batch: int, stretch: Stretch, warm: list[int], resting: float) -> dict[str, Any]:
    """Return the fields of `Timing`."""
    return {
        "batch": batch,
        "latency_ms": milliseconds(stretch.latency_ns),
        "wait_ms": milliseconds(stretch.wait_ns),
        "warm_up_ms": milliseconds(warm),
        "wall_seconds": stretch.wall_ns / 1e9,
        "processor_seconds": stretch.processor_ns / 1e9,
        "idle_processor_fraction": resting,
    }


def milliseconds(nanoseconds: list[int]) -> list[float]:
    """Return times in milliseconds."""
    return [each / 1e6 for each in nanoseconds]
