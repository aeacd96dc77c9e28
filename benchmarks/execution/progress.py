"""What a run tells while it goes on, and how long it will still take."""

from collections.abc import Iterable
from statistics import fmean
from typing import Protocol

from benchmarks.cells import Limits
from benchmarks.execution.cell import Cell, Step
from benchmarks.records.result import Result

# Before anything is known: a process starts, imports its framework, and reads and checks the network.
START_SECONDS = 6.0
# Scenarios that end by themselves, not when the time for calls is over.
SHORT = ("cold_start", "memory", "peak")


class Progress(Protocol):
    """Is told what a run does; whoever shows it to a person writes one."""

    def preparing(self, what: str) -> None:
        """Something is done before the first cell: a model is converted."""

    def started(self, step: Step, number: int, total: int, seconds_left: float) -> None:
        """Turn `number` of `total`, counted from 1, begins; `seconds_left` is a guess for it and all that follow."""

    def finished(self, step: Step, result: Result, seconds_left: float) -> None:
        """A turn has ended and its result is on the disk."""

    def kept(self, step: Step, number: int, total: int) -> None:
        """A turn is skipped: its result was there before."""

    def waiting(self, reason: str) -> None:
        """Nothing is measured for a while, and why."""


class Silent:
    """Shows nothing."""

    def preparing(self, what: str) -> None:
        """Show nothing."""

    def started(self, step: Step, number: int, total: int, seconds_left: float) -> None:
        """Show nothing."""

    def finished(self, step: Step, result: Result, seconds_left: float) -> None:
        """Show nothing."""

    def kept(self, step: Step, number: int, total: int) -> None:
        """Show nothing."""

    def waiting(self, reason: str) -> None:
        """Show nothing."""


class Estimate:
    """Guesses how long cells take: as the same one took before, else as those most like it, else from the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken: dict[tuple[object, ...], list[float]] = {}

    def learn(self, cell: Cell, seconds: float) -> None:
        """Note how long a cell took."""
        for likeness in _likenesses(cell):
            self._taken.setdefault(likeness, []).append(seconds)

    def of(self, cell: Cell) -> float:
        """Return the seconds that a cell will probably take."""
        for likeness in _likenesses(cell):
            if likeness in self._taken:
                return fmean(self._taken[likeness])
        short = cell.scenario in SHORT
        return START_SECONDS + (0 if short else self._limits.seconds + 0.1 * self._limits.warm_up_seconds)

    def total(self, steps: Iterable[Step]) -> float:
        """Return the seconds that all these turns will probably take."""
        return sum(self.of(step.cell) for step in steps)


def _likenesses(cell: Cell) -> list[tuple[object, ...]]:
    """Return what cells have in common, the closest first."""
    return [
        (cell,),
        ("path", cell.model, cell.runner, cell.settings.call_path, cell.scenario),
        ("runner", cell.model, cell.runner, cell.scenario),
        ("scenario", cell.model, cell.scenario),
    ]
