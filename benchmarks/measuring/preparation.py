"""What comes before every figure: the steps to a network that can be called, its settings read back, its parity."""

from benchmarks.cells import Task
from benchmarks.measuring import denormals, parity, read_back
from benchmarks.measuring.outcome import Outcome
from benchmarks.measuring.probe import Probe
from benchmarks.runners import Runner


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
    outcome.settings["denormals observed"] = denormals.observed(task.settings.denormals)
    read_back.read_back(runner, task, outcome)
    outcome.parity = parity.parity(runner, probe, task)
    parity.require(outcome.parity)
