"""From results to the rows of a table: one row for each network, runner, setting and batch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from statistics import median
from typing import Any

from benchmarks.records.result import Accuracy, ColdStart, Parity, Result
from benchmarks.statistics.break_even import break_even_calls
from benchmarks.statistics.disagreement import disagreement
from benchmarks.statistics.gathering import Group, Identity, gather, identity_of, round_medians_ms, timing, turn
from benchmarks.statistics.intervals import estimate
from benchmarks.statistics.noise import NoiseFloor, floor_for, noise_floors
from benchmarks.statistics.peaks import Peaks, peaks, share
from benchmarks.statistics.percentiles import percentile
from benchmarks.statistics.ranks import ranked
from benchmarks.statistics.ratios import compare_rows
from benchmarks.statistics.references import check_reference, labelled, reference_of
from benchmarks.statistics.rows import Estimate, FaceTest, Ratio, Row, Score
from benchmarks.statistics.validity import judge, valid

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
PARTS = tuple(ColdStart.model_fields)


@dataclass(frozen=True)
class _Sources:
    """What rows need beside their own results."""

    floors: Sequence[NoiseFloor]
    peaks: Peaks
    accuracies: Mapping[Identity, Sequence[Accuracy]]
    scores: Mapping[Identity, tuple[Score, ...]]


def rows(results: Iterable[Result], reference: str | None = None) -> list[Row]:
    """Return one row for each network, runner, setting and batch, by what rows that compete have in common, and rank.

    Latency (else throughput), cold start, memory, energy and parity belong to the row of their batch; accuracy to all
    rows of its settings. `reference` names the row that others are compared with (see `reference_of`); it is looked for
    among rows of the same model, machine, device, threads, instructions and batch. BenchError for contradictory
    results, UsageError where no row at all is the reference.
    """
    known = list(results)
    groups = gather(known)
    accuracies = predictions_of(groups)
    scores = {identity: _scores(heads) for identity, heads in accuracies.items()}
    sources = _Sources(noise_floors(known), peaks(known), accuracies, scores)
    found = sorted((_row(group, sources) for group in groups if not _only_accuracy(group, groups)), key=_group)
    blocks = [labelled(list(part)) for _, part in groupby(found, _group)]
    check_reference([row for part in blocks for row in part], reference)
    return [row for part in blocks for row in _block(part, reference, sources)]


def _group(row: Row) -> tuple[str, str, str, int, str, int]:
    return row.group


def _only_accuracy(group: Group, groups: Sequence[Group]) -> bool:
    """Return whether a group has nothing but predictions, which the rows of other batches show."""
    return _scenarios(group) == ["accuracy"] and any(
        other.identity == group.identity and _scenarios(other) != ["accuracy"] for other in groups
    )


def _block(part: list[Row], wanted: str | None, sources: _Sources) -> list[Row]:
    chosen = reference_of(part, wanted)
    if chosen is None:
        return ranked(part)
    return ranked([_itself(row) if row is chosen else _beside(row, chosen, sources) for row in part])


def _itself(reference: Row) -> Row:
    count = len(reference.round_ms)
    return replace(reference, ratio=Ratio(Estimate(1.0, n=count), separable=True, reference=reference.label))


def _beside(row: Row, reference: Row, sources: _Sources) -> Row:
    return replace(
        row,
        ratio=compare_rows(row, reference),
        break_even=break_even_calls(row, reference),
        face_tests=face_tests(
            sources.accuracies[identity_of(row)], sources.accuracies[identity_of(reference)], reference.label
        ),
    )


def _row(group: Group, sources: _Sources) -> Row:
    identity, results = group.identity, group.results
    verdict = judge(group)
    asked: dict[str, Any] = asdict(identity.settings)
    known = [result.network for result in results if result.network]
    row = Row(
        model=identity.model,
        model_sha256=identity.model_sha256,
        runner=identity.runner,
        version=identity.version,
        machine=identity.machine,
        batch=group.batch,
        rounds=len(group.single_calls) or max(len({turn(result) for result in group.of(s)}) for s in _scenarios(group)),
        ok=verdict.ok,
        verdict=verdict.verdict,
        reason=verdict.reason,
        parameters=known[0].get("parameters") if known else None,
        multiply_adds=known[0].get("multiply_adds") if known else None,
        noise_fraction=floor_for(sources.floors, (r.run for r in results), identity.machine, asked["device"]),
        scores=sources.scores[identity],
        **asked,
        **_parity(group),
        **_memory(group),
    )
    return replace(row, **_speeds(group, row, sources)) if verdict.ok else row


def _scenarios(group: Group) -> list[str]:
    return list(dict.fromkeys(result.scenario for result in group.results))


def _speeds(group: Group, row: Row, sources: _Sources) -> dict[str, Any]:
    found: dict[str, Any] = {"cold_start_ms": _cold_start(group), "joules_per_image": _joules(group)}
    if valid(group.single_calls):
        calls = [each for result in group.single_calls for each in timing(result).latency_ms]
        medians = round_medians_ms(group.single_calls)
        found |= {name: percentile(calls, fraction) for name, fraction in PERCENTILES.items()}
        found |= {"round_ms": medians, "median_ms": estimate(list(medians.values()))}
    if valid(group.many_calls):
        rates = {turn(result): _images_per_second(result) for result in group.many_calls}
        place = (row.machine, row.device, row.precision, row.threads)
        found["images_per_second"] = estimate(list(rates.values()))
        found["share_of_peak"] = share(rates, row.multiply_adds, place, sources.peaks)
    return found


def _images_per_second(result: Result) -> float:
    calls = timing(result)
    return 1000 * calls.batch * len(calls.latency_ms) / (sum(calls.latency_ms) + sum(calls.wait_ms))


def _cold_start(group: Group) -> dict[str, float]:
    rounds = group.of("cold_start")
    starts = [result.measured.cold_start for result in rounds if result.measured.cold_start]
    if not valid(rounds) or not starts:
        return {}
    return {name.removesuffix("_ms"): median(getattr(start, name) for start in starts) for name in PARTS}


def _joules(group: Group) -> Estimate | None:
    rounds = group.of("energy")
    found = [result.measured.energy for result in rounds if result.measured.energy]
    if not valid(rounds) or not found:
        return None
    return estimate([energy.joules / (energy.calls * energy.batch) for energy in found])


def _memory(group: Group) -> dict[str, Any]:
    """Return the largest peaks of all rounds: memory is needed for the worst of them."""
    rounds = group.of("memory")
    found = [result.measured.memory for result in rounds if result.measured.memory] if valid(rounds) else []
    on_gpu = [memory.gpu_peak_bytes for memory in found if memory.gpu_peak_bytes is not None]
    return {
        "peak_memory_bytes": max((memory.peak_bytes for memory in found), default=None),
        "gpu_peak_bytes": max(on_gpu, default=None),
    }


def _parity(group: Group) -> dict[str, Any]:
    """Return the worst of all processes of a row: they ran the same network on the same probe set."""
    found = [parity for result in group.counted if (parity := result.measured.parity)]
    if not found:
        return {}
    worst = max(found, key=_disagreeing)
    return {
        "difference": max(parity.difference for parity in found),
        "cosine": min(parity.cosine for parity in found),
        "disagreement": disagreement(worst.disagreements, worst.images),
    }


def _disagreeing(parity: Parity) -> float:
    return parity.disagreements / parity.images if parity.images else 0.0


def predictions_of(groups: Sequence[Group]) -> dict[Identity, Sequence[Accuracy]]:
    """Return the predictions of each head by settings: which batch they were made with makes no difference."""
    found: dict[Identity, dict[str, Accuracy]] = {group.identity: {} for group in groups}
    for group in sorted(groups, key=lambda group: group.batch):
        for result in group.of("accuracy"):
            accuracy = result.measured.accuracy
            if accuracy and valid([result]):
                found[group.identity].setdefault(accuracy.head, accuracy)
    return {identity: list(heads.values()) for identity, heads in found.items()}


def _scores(accuracies: Sequence[Accuracy]) -> tuple[Score, ...]:
    if not accuracies:
        return ()
    from benchmarks.statistics import faces  # noqa: PLC0415 - pandas, which most results have no need of

    return tuple(score for accuracy in accuracies for score in faces.scores(accuracy))


def face_tests(own: Sequence[Accuracy], reference: Sequence[Accuracy], label: str) -> tuple[FaceTest, ...]:
    """Return McNemar's test of each head that two rows share; BenchError where it saw other faces."""
    heads = {accuracy.head: accuracy for accuracy in reference}
    if not any(each.head in heads for each in own):
        return ()
    from benchmarks.statistics import faces  # noqa: PLC0415 - pandas, which most results have no need of

    return tuple(faces.face_test(each, heads[each.head], label) for each in own if each.head in heads)
