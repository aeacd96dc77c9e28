"""The scenarios "latency" and "throughput": parity, warm-up, timed calls, and the audits of what they claim.

Both are one loop; a throughput is a latency of a larger batch.
"""

from typing import Any

import numpy as np

from benchmarks.cells import Task
from benchmarks.measuring import parity, read_back
from benchmarks.measuring.audits import audit, compare_kept, settled
from benchmarks.measuring.idle import SPINNING, idle_fraction, observed_spinning
from benchmarks.measuring.outcome import Outcome
from benchmarks.measuring.probe import Probe, read_probe
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
    stretch = settled(task, runner, feeds, rng, warm, outcome)
    idle = rest(task, runner, feeds[0], outcome)
    compare_kept(probe, places, stretch, outcome)
    audit(task, runner, probe.inputs[places[0]], feeds, stretch, rng, outcome)
    read_back.require(outcome)
    outcome.timing = timing(task.batch, stretch, warm, idle)


def rest(task: Task, runner: Runner, feed: Any, outcome: Outcome) -> float:
    """Note whether threads burn cores while idle, and return how many."""
    fraction = idle_fraction(runner, feed)
    if fraction > SPINNING and not task.settings.spinning:
        fraction = min(fraction, idle_fraction(runner, feed))
    outcome.settings["spinning observed"] = observed_spinning(fraction, task.settings.spinning)
    return fraction


def timing(batch: int, stretch: Stretch, warm: list[int], idle: float) -> dict[str, Any]:
    """Return the fields of `Timing`."""
    return {
        "batch": batch,
        "latency_ms": milliseconds(stretch.latency_ns),
        "wait_ms": milliseconds(stretch.wait_ns),
        "warm_up_ms": milliseconds(warm),
        "wall_seconds": stretch.wall_ns / 1e9,
        "processor_seconds": stretch.processor_ns / 1e9,
        "idle_processor_fraction": idle,
    }


def make_ready(task: Task, runner: Runner, probe: Probe, outcome: Outcome) -> None:
    """Import, read, build, call once, read the settings back and require parity."""
    runner.import_library()
    runner.read_weights()
    runner.build()
    prove(task, runner, probe, outcome)


def prove(task: Task, runner: Runner, probe: Probe, outcome: Outcome) -> None:
    """Require of a runner that was built the settings that were asked for, and parity."""
    first = next(probe.batches(task.batch))
    runner.run(runner.prepare(probe.inputs[first]))
    runner.wait()
    read_back.read_back(runner, task, outcome)
    outcome.parity = parity.parity(runner, probe, task)
    parity.require(outcome.parity)


def milliseconds(nanoseconds: list[int]) -> list[float]:
    """Return times in milliseconds."""
    return [each / 1e6 for each in nanoseconds]
