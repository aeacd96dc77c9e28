"""Which cells there can be: the product of what was asked for, less what a runner or this machine cannot do."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.cells import ALL_INSTRUCTIONS, Settings
from benchmarks.errors import RunnerError, UsageError
from benchmarks.execution.cell import Cell, LeftOut
from benchmarks.execution.request import Choice
from benchmarks.execution.runtimes import Found
from benchmarks.machine import energy, processor, software
from benchmarks.measuring import peak
from benchmarks.runners import RUNNERS, Runner, load
from converters.errors import did_you_mean

# A task names a runner; the peak is measured with whatever library is fastest.
PEAK_RUNNER = "numpy"


@dataclass(frozen=True)
class Axes:
    """The values of every axis, of which cells are the product; `threads_available` bounds the threads."""

    models: tuple[tuple[str, ...], ...]
    choices: tuple[Choice, ...]
    devices: tuple[str, ...]
    precisions: tuple[str, ...]
    threads: tuple[int, ...]
    instructions: tuple[str, ...]
    batches: tuple[int, ...]
    scenarios: tuple[str, ...]
    threads_available: int


@dataclass
class Chosen:
    """Cells that can be, and reasons for the others by what they are of."""

    cells: list[Cell] = field(default_factory=list)
    reasons: dict[tuple[str, str], int] = field(default_factory=dict)

    def leave_out(self, what: str, reason: str, cells: int) -> None:
        """Count cells that cannot be; equal reasons are told once."""
        self.reasons[what, reason] = self.reasons.get((what, reason), 0) + cells

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return what was left out, in order."""
        return tuple(LeftOut(what, reason, count) for (what, reason), count in self.reasons.items())


def choose(axes: Axes, devices_of: Callable[[str], Found]) -> Chosen:
    """Return the cells that can be; `devices_of` tries what a runtime can do here, and takes seconds.

    UsageError for runners and call paths that do not exist.
    """
    chosen = Chosen()
    for choice, runner in _runners(axes.choices):
        each = len(axes.models) * sum(
            len(_batches(scenario, axes)) for scenario in axes.scenarios if scenario != "peak"
        )
        missing = _missing(choice.runner, runner)
        for settings in _settings(runner, choice.call_path, axes):
            reason = missing or impossible(choice.runner, runner, settings, axes.threads_available, devices_of)
            if reason:
                chosen.leave_out(f"{choice.runner}:{choice.call_path}", reason, each)
            else:
                _add(chosen, axes, choice.runner, runner, settings)
    chosen.cells.sort(key=lambda cell: axes.models.index(cell.model))
    if "peak" in axes.scenarios:
        _add_peaks(chosen)
    return chosen


def _runners(choices: Iterable[Choice]) -> Iterator[tuple[Choice, type[Runner]]]:
    """Yield each runner and call path once; UsageError lists all that do not exist."""
    problems: list[str] = []
    found: dict[Choice, type[Runner]] = {}
    for choice in choices:
        try:
            runner = load(choice.runner)
        except (UsageError, RunnerError) as error:
            problems += error.problems
            continue
        except ImportError as error:
            problems.append(f"--runner {choice.runner}: cannot be imported: {error}")
            continue
        known = runner.call_paths
        if choice.call_path not in (*known, "", "*"):
            hint = did_you_mean(choice.call_path, known)
            problems.append(f"{choice.runner} has no call path '{choice.call_path}'{hint}; it has {', '.join(known)}")
        names = list(known) if choice.call_path == "*" else [choice.call_path or next(iter(known))]
        found |= {Choice(choice.runner, name): runner for name in names}
    if problems:
        raise UsageError(problems)
    yield from found.items()


def _missing(name: str, runner: type[Runner]) -> str:
    if software.version(runner.packages[0]):
        return ""
    extra = RUNNERS[name][1] if name in RUNNERS else ""
    how = f"; pip install faceport[{extra}]" if extra else ""
    return f"{runner.packages[0]} is not installed{how}"


def _settings(runner: type[Runner], call_path: str, axes: Axes) -> Iterator[Settings]:
    """Yield what a call path is asked for: whatever is listed, and what the runner means by the path."""
    asked = itertools.product(axes.devices, axes.precisions, axes.threads, axes.instructions)
    for device, precision, threads, instructions in asked:
        settings = Settings(
            device=device, precision=precision, threads=threads, instructions=instructions, call_path=call_path,
            layout=runner.call_paths[call_path].layout, denormals=runner.denormals[0],
        )  # fmt: skip
        yield replace(settings, provider=runner.provider(settings))


def impossible(
    name: str, runner: type[Runner], settings: Settings, threads_available: int, devices_of: Callable[[str], Found]
) -> str:
    """Return why a runner cannot have these settings here, "" if it can."""
    if settings.threads > threads_available:
        return f"{settings.threads} threads are more than the {threads_available} that can run at once here"
    if settings.instructions != ALL_INSTRUCTIONS and not processor.is_x86():
        return f"{settings.instructions} is of x86 processors, and this is none"
    asked = runner({}, (), settings)
    try:
        asked.refuse_impossible()
    except RunnerError as error:
        # The first reason is the widest, and where it is told says already of which call path it is.
        return error.problems[0].removeprefix(f"{asked}, call path '{settings.call_path}', ")
    if settings.device == "cpu" and settings.precision == "fp32-strict":
        return ""  # what every runtime does: no need to start one to find out
    return _refused_here(devices_of(name), settings)


def _refused_here(found: Found, settings: Settings) -> str:
    if found.problem:
        return found.problem
    device = next((each for each in found.devices if each.name == settings.device), None)
    if device is None:
        return f"finds no {settings.device} here"
    if device.problem:
        return f"{settings.device} does not run here: {device.problem}"
    if settings.precision not in device.precisions:
        return f"{settings.device} does not compute in {settings.precision} here"
    return ""


def _add(chosen: Chosen, axes: Axes, name: str, runner: type[Runner], settings: Settings) -> None:
    for scenario in (each for each in axes.scenarios if each != "peak"):
        batches = _batches(scenario, axes)
        reason = energy.problem(settings.device) if scenario == "energy" else ""
        if reason:
            chosen.leave_out(f"energy on {settings.device}", reason, len(axes.models) * len(batches))
            continue
        kind = runner.artefact(settings)
        chosen.cells += [
            Cell(model, name, settings, batch, scenario, kind)
            for model, batch in itertools.product(axes.models, batches)
        ]


def _batches(scenario: str, axes: Axes) -> Sequence[int]:
    """Return the batch sizes of a scenario: throughput sweeps them, the others are of the smallest one.

    Without throughput, they take all that were asked for. What latency measures is not measured again as throughput:
    images per second are those of the same calls.
    """
    smallest = min(axes.batches)
    if "throughput" not in axes.scenarios:
        return axes.batches
    if scenario != "throughput":
        return [smallest]
    return [batch for batch in axes.batches if batch != smallest or "latency" not in axes.scenarios] or axes.batches


def _add_peaks(chosen: Chosen) -> None:
    """Add one cell for each device, precision and number of threads that a speed will be a share of."""
    asked = {(cell.settings.device, cell.settings.precision, cell.settings.threads) for cell in chosen.cells}
    for device, precision, threads in sorted(asked):
        settings = Settings(device=device, precision=precision, threads=threads)
        try:
            peak.able(settings)
        except RunnerError as error:
            chosen.leave_out("peak of the machine", "; ".join(error.problems), 1)
        else:
            chosen.cells.append(Cell((), PEAK_RUNNER, settings, 1, "peak", ""))
