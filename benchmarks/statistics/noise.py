"""The noise floor: how far apart two measurements of the same thing lie in one run."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import expm1, log, sqrt

import numpy as np

from benchmarks.cells import configuration_hash
from benchmarks.records.result import Result
from benchmarks.statistics.gathering import TIMED, machine_name, once, round_medians_ms
from benchmarks.statistics.intervals import student
from benchmarks.statistics.validity import trouble


@dataclass(frozen=True)
class NoiseFloor:
    """What twins of one run show on one device.

    `fraction`: two rows whose speeds differ by less, over as many rounds, may well be the same. `differences` are those
    of the twins in each round, as logarithms of the second's time over the first's; `pairs` counts the twins.
    """

    run: str
    machine: str
    device: str
    fraction: float
    pairs: int
    differences: tuple[float, ...]


def noise_floors(results: Iterable[Result]) -> list[NoiseFloor]:
    """Return the noise floor of each run and device that has twins.

    What is compared are means over rounds, so the floor is that of a mean over r rounds: t s / sqrt(r), the end of the
    95 % interval of a difference whose true value is 0, with s the root mean square of all N differences and t
    Student's for N (none is lost: the mean is known to be 0). One round gives a very large floor, as it should. Should
    the twins lie apart in every round, for whatever reason, the floor is their mean difference at least.
    """
    found: dict[tuple[str, str, str], list[list[float]]] = defaultdict(list)
    for place, differences in _twins(results).items():
        found[place[:3]].append(differences)
    return [
        NoiseFloor(*place, fraction(pairs), len(pairs), tuple(each for pair in pairs for each in pair))
        for place, pairs in found.items()
    ]


def fraction(pairs: Sequence[Sequence[float]]) -> float:
    """Return the noise floor that the differences (logarithms, round by round) of one or more twins mean."""
    everything = [each for pair in pairs for each in pair]
    square = float(np.mean(np.square(everything)))
    spread = student(len(everything)) * sqrt(square / min(map(len, pairs)))
    return expm1(max(spread, *(abs(float(np.mean(pair))) for pair in pairs)))


def floor_for(floors: Iterable[NoiseFloor], runs: Iterable[str], machine: str, device: str) -> float | None:
    """Return the noise floor of a row: the largest of its runs, from its own device where that has twins.

    None where a run has no twins: nothing is known of its noise but what the rounds show.
    """
    own = [floor for floor in floors if floor.machine == machine]
    found = []
    for run in dict.fromkeys(runs):
        of_run = [floor for floor in own if floor.run == run]
        of_device = [floor for floor in of_run if floor.device == device]
        found += [floor.fraction for floor in of_device or of_run]
    return max(found, default=None)


def _twins(results: Iterable[Result]) -> dict[tuple[str, str, str, str], list[float]]:
    sides: dict[tuple[str, str, str, str], dict[str, dict[str, float]]] = defaultdict(lambda: {"A": {}, "B": {}})
    for result in once(results):
        if result.twin in ("A", "B") and result.scenario in TIMED and trouble(result) is None:
            same = configuration_hash(result.configuration)
            place = (result.run, machine_name(result.machine), str(result.asked["device"]), same)
            sides[place][result.twin] |= round_medians_ms([result])
    found = {
        place: [log(twins["B"][name] / twins["A"][name]) for name in twins["A"] if name in twins["B"]]
        for place, twins in sides.items()
    }
    return {place: differences for place, differences in found.items() if differences}
