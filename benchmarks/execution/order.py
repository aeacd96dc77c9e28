"""In which order cells take their turns: A B C, then again, so that what drifts hits all of them."""

import random
from collections.abc import Sequence

from benchmarks.execution.cell import ONCE, Cell, Step

# The noise floor is that of calls: these show it, the first one best.
TWINS_OF = ("latency", "throughput")


def schedule(cells: Sequence[Cell], rounds: int, seed: int) -> tuple[Step, ...]:
    """Return the turns of all rounds. Each round has an order of its own, drawn from the seed.

    In a fixed order each cell would always follow the same other one, and inherit the heat and the caches it left.
    The twins are two turns of one cell in each round: what differs between them is noise.
    """
    twin = noise_cell(cells)
    steps: list[Step] = []
    for number in range(rounds):
        turns = [
            Step(cell, number) for cell in cells if cell is not twin and (number == 0 or cell.scenario not in ONCE)
        ]
        if twin is not None:
            turns += [Step(twin, number, "A"), Step(twin, number, "B")]
        random.Random(f"{seed} {number}").shuffle(turns)  # noqa: S311 - an order to be repeated, not a secret
        steps += turns
    return tuple(steps)


def noise_cell(cells: Sequence[Cell]) -> Cell | None:
    """Return the cell that is measured twice in each round; None where no cell measures calls."""
    for scenario in TWINS_OF:
        for cell in cells:
            if cell.scenario == scenario:
                return cell
    return None
