"""What stands below a table: where, when, with what and how its figures came about, and how to get them again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.records.result import Result
from benchmarks.statistics.digits import alone, upwards
from benchmarks.statistics.gathering import machine_name
from benchmarks.statistics.noise import noise_floors
from benchmarks.statistics.paces import slowest_paces
from benchmarks.statistics.rows import Row
from benchmarks.tables.break_even import break_even_batches
from benchmarks.tables.repeating import command
from benchmarks.tables.table import REPEAT

GIBI = 2**30
TIMED = ("latency", "throughput")
Lines = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Sources:
    """The rows of a table, the results that they and the machine's peaks come from, and the columns that are shown."""

    rows: Sequence[Row]
    results: Sequence[Result]
    columns: frozenset[str]

    @property
    def own(self) -> list[Result]:
        """Return the results without those that are of the machine alone."""
        return [result for result in self.results if result.scenario != "peak"]


def footer(rows: Sequence[Row], results: Sequence[Result], columns: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return terms and what is to be said of them, those that concern these columns (keys) only."""
    sources = Sources(rows, results, frozenset(columns))
    return tuple(
        line for make, wanted in PARTS if not wanted or sources.columns.intersection(wanted) for line in make(sources)
    )


def machines(sources: Sources) -> Lines:
    """Yield each machine once, by name; two descriptions of one name are both told."""
    found = {_machine(result.machine): machine_name(result.machine) for result in sources.own}
    for told, name in sorted(found.items(), key=lambda pair: (pair[1], pair[0])):
        yield (f"machine {name}" if len(found) > 1 else "machine"), told


def _machine(machine: Mapping[str, Any]) -> str:
    parts = [
        machine.get("processor"),
        f"{machine['logical_cores']} logical cores" if machine.get("logical_cores") else "",
        _available(machine),
        _memory(machine),
        "virtual" if machine.get("virtual") else "",
        *(_gpu(gpu) for gpu in machine.get("gpus") or ()),
        machine.get("system"),
        f"Python {machine['python']}" if machine.get("python") else "",
        f"governor {machine['governor']}" if machine.get("governor") else "",
        "" if machine.get("turbo") is None else f"turbo {'on' if machine['turbo'] else 'off'}",
    ]
    return ", ".join(str(part) for part in parts if part)


def _available(machine: Mapping[str, Any]) -> str:
    threads = machine.get("threads_available")
    return f"{threads} thread{'' if threads == 1 else 's'} available" if threads else ""


def _memory(machine: Mapping[str, Any]) -> str:
    size, limit = machine.get("memory_bytes"), machine.get("memory_limit_bytes")
    if not size:
        return ""
    return f"{alone(size / GIBI)} GiB of memory{f', {alone(limit / GIBI)} GiB allowed' if limit else ''}"


def _gpu(gpu: Mapping[str, Any]) -> str:
    size = f" with {alone(gpu['memory_bytes'] / GIBI)} GiB" if gpu.get("memory_bytes") else ""
    return f"{gpu.get('name', 'GPU')}{size}, driver {gpu.get('driver', 'unknown')}, CUDA {gpu.get('cuda', 'unknown')}"


def networks(sources: Sources) -> Lines:
    """Yield each network: its size, and the sha256 of its files."""
    found = {(result.model, result.model_sha256): result for result in sources.own}
    for (model, sha256), result in sorted(found.items()):
        yield f"network {model}", ", ".join(filter(None, (*_sizes(result.network), f"sha256 {sha256[:12]}")))


def _sizes(network: Mapping[str, Any]) -> Iterable[str]:
    if network.get("parameters"):
        yield f"{alone(network['parameters'] / 1e6)} million parameters"
    if network.get("multiply_adds"):
        yield f"{alone(network['multiply_adds'] / 1e6)} million multiply-adds an image"


def versions(sources: Sources) -> Lines:
    """Yield the versions of all libraries that took part, failed processes included."""
    found: dict[str, set[str]] = {}
    for result in sources.own:
        for name, version in result.measured.versions.items():
            found.setdefault(name, set()).add(version)
    told = [f"{name} {' and '.join(sorted(each))}" for name, each in sorted(found.items())]
    if told:
        yield "versions", ", ".join(told)


def when(sources: Sources) -> Lines:
    """Yield the days of the measurement and the commit of the code that measured."""
    days = sorted({result.started[:10] for result in sources.results})
    commits = sorted({_commit(result) for result in sources.results})
    if days:
        yield "measured", days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        yield "commit", ", ".join(commits)


def _commit(result: Result) -> str:
    return f"{result.commit[:12] or 'unknown'}{' with uncommitted changes' if result.dirty else ''}"


def samples(sources: Sources) -> Lines:
    """Yield how many calls and rounds figures rest on."""
    timings = [r.measured.timing for r in sources.own if r.scenario in TIMED and r.measured.timing]
    rounds = {row.rounds for row in sources.rows if row.rounds}
    if timings and rounds:
        calls = {len(timing.latency_ms) for timing in timings}
        if max(rounds) == 1:
            yield (
                "samples",
                f"{_range(calls)} calls in one round: there are no intervals, they would be those over rounds",
            )
            return
        told = f"{_range(calls)} calls in each of {_range(rounds)} rounds, each in a fresh process"
        yield "samples", f"{told}; rounds of all rows take turns, and intervals are those over rounds"


def _range(numbers: set[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def noise(sources: Sources) -> Lines:
    """Yield what two measurements of the very same thing differ by."""
    floors = noise_floors(sources.results)
    if not floors:
        yield "noise", "unknown: no cell was measured twice in each round"
        return
    several = len({floor.machine for floor in floors}) > 1
    found: dict[tuple[str, str], float] = {}
    for floor in floors:
        place = (floor.machine, floor.device)
        found[place] = max(found.get(place, 0.0), floor.fraction)
    told = ", ".join(
        f"{upwards(100 * fraction)} % on {device}{f' of {machine}' if several else ''}"
        for (machine, device), fraction in sorted(found.items())
    )
    yield "noise", f"rows closer than {told} may well be equal: one cell, measured twice in each round, shows as much"


def pace(sources: Sources) -> Lines:
    """Yield how slow the machine ever was beside the timed cells whose figures are shown."""
    shares = slowest_paces(sources.own)
    told = ", ".join(
        f"{alone(100 * share)} %{f' on {machine}' if len(shares) > 1 else ''}"
        for machine, share in sorted(shares.items())
    )
    if told:
        yield "pace", f"a fixed matrix product, before and after each cell, never ran below {told} of its fastest"


def reference(sources: Sources) -> Lines:
    """Yield which row others are compared with."""
    names = dict.fromkeys(row.ratio.reference for row in sources.rows if row.ratio)
    if names:
        pairing = (
            "" if all(row.ratio.paired for row in sources.rows if row.ratio) else "; some were not measured together"
        )
        yield "reference", f"{', '.join(names)}; speed is its median latency over a row's own, round by round{pairing}"


def break_even(sources: Sources) -> Lines:
    """Yield from which batch on rows are faster than the reference, where there are several batches."""
    told = list(break_even_batches(sources.rows))
    if told:
        yield "break-even batch", ". ".join(told)


def parity(sources: Sources) -> Lines:
    """Yield what answers were compared with."""
    found = [result.measured.parity for result in sources.own if result.measured.parity]
    if not found:
        return
    limits = {
        str(result.asked["precision"]): result.measured.parity.tolerance
        for result in sources.own
        if result.measured.parity
    }
    allowed = ", ".join(f"{_limit(limits[name])} for {name}" for name in sorted(limits))
    images = _range({each.images for each in found})
    told = "the largest over all nodes of max |got - reference| / max |reference| (a softmax's by its largest logit)"
    where = f"on {images} images, NumPy's values being the reference, in the process that was timed"
    yield "difference", f"{told} {where}; allowed: {allowed}"


def _limit(tolerance: float | None) -> str:
    return "any" if tolerance is None else f"{tolerance:g}".replace("e-0", "e-")


def peaks(sources: Sources) -> Lines:
    """Yield what the machines reached."""
    found: dict[str, tuple[float, float]] = {}
    for result in sources.results:
        peak = result.measured.peak
        if peak and result.measured.status == "ok":
            place = f"{peak.device}, {peak.precision}, {peak.threads} thread{'' if peak.threads == 1 else 's'}"
            done, copied = found.get(place, (0.0, 0.0))
            found[place] = max(done, peak.multiply_adds_per_second), max(copied, peak.bytes_per_second)
    for place, (done, copied) in sorted(found.items()):
        told = f"{alone(done / 1e9)} G multiply-adds/s in a matrix product, {alone(copied / 1e9)} GB/s in a copy"
        yield "peak", f"{told} ({place})"


def heads(sources: Sources) -> Lines:
    """Yield whose accuracy it is."""
    found = {
        (accuracy.head, len(accuracy.predictions), accuracy.positive)
        for result in sources.own
        if (accuracy := result.measured.accuracy)
    }
    for name, faces, positive in sorted(found):
        told = f"{name}, on {faces} faces; the positive label is {positive}"
        test = "; McNemar's exact test is against the reference row" if sources.columns & {"mcnemar_p"} else ""
        yield "head", f"{told}{test}"


def repeat(sources: Sources) -> Lines:
    """Yield the command that measures these rows again."""
    yield REPEAT, command(sources.rows, sources.results)


# What is told, in this order, and the columns of which one must be shown for it; none: always.
SPEEDS = ("median_ms", "p90_ms", "p95_ms", "p99_ms", "images_per_second", "ratio", "share_of_peak_fraction")
PARTS: Sequence[tuple[Callable[[Sources], Lines], tuple[str, ...]]] = (
    (machines, ()),
    (networks, ()),
    (versions, ()),
    (when, ()),
    (samples, SPEEDS),
    (noise, SPEEDS),
    (pace, (*SPEEDS, "to_first_answer_ms")),
    (reference, ("ratio", "break_even_calls")),
    (break_even, ("ratio",)),
    (parity, ("difference", "cosine", "disagreement_per_ten_thousand")),
    (peaks, ("share_of_peak_fraction",)),
    (heads, ("accuracy_fraction",)),
    (repeat, ()),
)
