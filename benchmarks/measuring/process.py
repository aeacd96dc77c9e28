"""One scenario of one network on one runner, measured in the process that calls this."""

import json
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.cells import Task
from benchmarks.errors import RunnerError, UsageError
from benchmarks.measuring.cold_start import cold_start
from benchmarks.measuring.devices import versions
from benchmarks.measuring.energy import energy
from benchmarks.measuring.failures import status_and_reason
from benchmarks.measuring.latency import latency
from benchmarks.measuring.memory import memory
from benchmarks.measuring.outcome import Outcome
from benchmarks.measuring.preparation import make_ready
from benchmarks.measuring.probe import read_probe
from benchmarks.runners import Runner, load
from converters.errors import did_you_mean


def measure(task: Task) -> Outcome:
    """Measure the task's scenario; whatever a runtime throws becomes a status and a reason."""
    outcome = Outcome()
    try:
        _measure(task, outcome)
    except Exception as error:  # noqa: BLE001 - the parent gets the reason as a result, the traceback on stderr
        traceback.print_exc()
        outcome.end(*status_and_reason(error, task.runner))
    return outcome


def _measure(task: Task, outcome: Outcome) -> None:
    if task.scenario not in SCENARIOS:
        raise UsageError(
            f"there is no scenario '{task.scenario}'{did_you_mean(task.scenario, SCENARIOS)};"
            f" there are {', '.join(SCENARIOS)}"
        )
    kind = load(task.runner)
    outcome.versions = versions(kind.packages)
    runner = kind({role: Path(path) for role, path in task.files.items()}, task.nodes, task.settings)
    SCENARIOS[task.scenario](task, runner, outcome)
    if task.scenario != "peak":  # nothing was run that could tell anything
        outcome.facts.update(facts(runner))


def accuracy(task: Task, runner: Runner, outcome: Outcome) -> None:
    """Fill in parity, settings and what a head predicts on this runner."""
    make_ready(task, runner, read_probe(task), outcome)
    outcome.accuracy = import_module("benchmarks.measuring.accuracy").measure(task, runner)


def peak(task: Task, _: Runner, outcome: Outcome) -> None:
    """Fill in what the machine reaches; no network is run, the runner only names the library."""
    outcome.peak = import_module("benchmarks.measuring.peak").measure(task)


def facts(runner: Runner) -> dict[str, Any]:
    """Return what a runner tells of itself; RunnerError where that is no JSON."""
    told = runner.facts()
    try:
        json.dumps(told, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RunnerError(f"{type(runner).__name__}.facts() returned what is no JSON: {error}") from error
    return told


SCENARIOS: dict[str, Callable[[Task, Runner, Outcome], None]] = {
    "latency": latency,
    "throughput": latency,
    "cold_start": cold_start,
    "memory": memory,
    "accuracy": accuracy,
    "energy": energy,
    "peak": peak,
}
