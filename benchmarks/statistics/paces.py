"""How steady the machine was: the paces that were taken beside the cells of a run, each against the run's fastest."""

from collections import defaultdict
from collections.abc import Iterable

from benchmarks.execution.pace import PACE, rate
from benchmarks.records.result import Result
from benchmarks.statistics.gathering import machine_name
from benchmarks.statistics.validity import trouble


def slowest_paces(results: Iterable[Result]) -> dict[str, float]:
    """Return by machine the slowest pace beside a sound result, as a share of the fastest in the same run (0 to 1).

    Machines whose paces were not taken are left out. The fastest may have been seen beside a result that is not sound.
    """
    everything: dict[tuple[str, str], list[float]] = defaultdict(list)
    sound: dict[tuple[str, str], list[float]] = defaultdict(list)
    for result in results:
        place = (machine_name(result.machine), result.run)
        rates = [rate(taken) for taken in result.machine.get(PACE, ())]
        everything[place] += rates
        sound[place] += [] if trouble(result) else rates
    found: dict[str, float] = {}
    for place, rates in sound.items():
        if rates:
            machine, _ = place
            found[machine] = min(found.get(machine, 1.0), min(rates) / max(everything[place]))
    return found
