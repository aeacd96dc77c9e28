"""What is to be run: cells, their turns in each round, and what was left out."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.cells import ALL_INSTRUCTIONS, Limits, Settings
from benchmarks.execution.request import Request

# Deterministic, or nearly: measured in the first round only.
ONCE = ("accuracy", "memory")
# Those whose figures are times or joules: other processes disturb them.
TIMED = ("latency", "throughput", "cold_start", "energy", "peak")


@dataclass(frozen=True)
class Cell:
    """One thing to measure: one network on one runner with one setting, in one scenario.

    `model` holds the words that name it, none for "peak", which is of the machine alone; `kind` is the artefact that
    the runner needs.
    """

    model: tuple[str, ...]
    runner: str
    settings: Settings
    batch: int
    scenario: str
    kind: str

    @property
    def title(self) -> str:
        """Return what a person is told while it runs."""
        settings = self.settings
        threads = f"{settings.threads} thread{'s' if settings.threads > 1 else ''}"
        bound = "" if settings.instructions == ALL_INSTRUCTIONS else f" {settings.instructions}"
        where = f"{settings.device} {settings.precision} {threads}{bound}"
        if self.scenario == "peak":
            return f"peak of the machine, {where}"
        name = Path(self.model[0]).stem
        return f"{name} {self.runner}:{settings.call_path} {where} batch {self.batch} {self.scenario}"


@dataclass(frozen=True)
class Step:
    """One cell's turn in one round; `twin` is "A" or "B" for the pair that shows the noise."""

    cell: Cell
    round: int
    twin: str = ""


@dataclass(frozen=True)
class LeftOut:
    """Cells that the suite's product holds but that cannot be, and why."""

    what: str
    reason: str
    cells: int = 1


@dataclass(frozen=True)
class Plan:
    """All that will be run, in order, and what will not."""

    request: Request
    suite: str
    rounds: int
    limits: Limits
    busy_fraction: float
    repeats: int
    cells: tuple[Cell, ...]
    steps: tuple[Step, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def models(self) -> tuple[tuple[str, ...], ...]:
        """Return the words of each model once, in order."""
        return tuple(dict.fromkeys(cell.model for cell in self.cells if cell.model))
