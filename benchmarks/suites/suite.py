"""What a suite is: which cells are measured, how long, and how often."""

from dataclasses import dataclass, field

from benchmarks.cells import ALL_INSTRUCTIONS, Limits

# Stands for every runner that this package knows, and for as many threads as can run at once.
ALL = "all"


@dataclass(frozen=True)
class Suite:
    """A named choice of cells: the product of everything below, less what cannot be.

    `models` are names, or the paths of one model's files joined in a tuple. `runners` are as `--runner` takes them:
    `torch`, `torch:compiled`, `torch:*` for all of its call paths, `module:Class`. `threads` 0 means as many as can run
    at once. `busy_fraction`: figures are not published where other processes took more of a core than that,
    or slowed the machine by more than that (from 1 on nobody looks); such a measurement is made again up to `repeats`
    times.
    """

    name: str
    description: str
    models: tuple[tuple[str, ...], ...]
    runners: tuple[str, ...]
    devices: tuple[str, ...]
    batches: tuple[int, ...]
    precisions: tuple[str, ...]
    threads: tuple[int, ...]
    scenarios: tuple[str, ...]
    rounds: int
    instructions: tuple[str, ...] = (ALL_INSTRUCTIONS,)
    busy_fraction: float = 0.1
    repeats: int = 2
    limits: Limits = field(default_factory=Limits)
