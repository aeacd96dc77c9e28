"""How much of what the machine can do a row does."""

from collections.abc import Iterable, Mapping

from benchmarks.records.result import Result
from benchmarks.statistics.gathering import machine_name, once
from benchmarks.statistics.intervals import estimate
from benchmarks.statistics.rows import Estimate
from benchmarks.statistics.validity import trouble

# Run, machine, device, precision, threads -> multiply-adds per second.
Peaks = Mapping[tuple[str, str, str, str, int], float]


def peaks(results: Iterable[Result]) -> Peaks:
    """Return what each run reached in a matrix product: the best of its sound rounds, since a peak is what can be."""
    found: dict[tuple[str, str, str, str, int], float] = {}
    for result in once(results):
        peak = result.measured.peak
        if peak is not None and trouble(result) is None:
            place = (result.run, machine_name(result.machine), peak.device, peak.precision, peak.threads)
            found[place] = max(found.get(place, 0.0), peak.multiply_adds_per_second)
    return found


def share(
    images_per_second: Mapping[str, float], multiply_adds: int | None, place: tuple[str, str, str, int], known: Peaks
) -> Estimate | None:
    """Return multiply-adds done per second over those of the same run's matrix product, as a fraction.

    `images_per_second` is by "run/round", `place` is (machine, device, precision, threads). None where a run measured
    no such peak. The multiply-adds are those of a convolution's definition: Winograd's and FFT's do fewer, so that a
    share may lie far above what the processor really does, and even above 1.
    """
    found = []
    for name, rate in images_per_second.items():
        peak = known.get((name.rpartition("/")[0], *place))
        if not peak or not multiply_adds:
            return None
        found.append(multiply_adds * rate / peak)
    return estimate(found) if found else None
