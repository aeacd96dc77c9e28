"""The raw samples behind a row."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from benchmarks.records.result import Result
from benchmarks.statistics.gathering import Group, gather
from benchmarks.statistics.rows import Row

SETTINGS = ("device", "provider", "precision", "threads", "layout", "call_path", "denormals", "spinning")
Key = tuple[object, ...]
Rounds = Sequence[Sequence[float]]


def rounds_of(results: Iterable[Result], rows: Sequence[Row]) -> list[Rounds]:
    """Return for each row the latencies in milliseconds behind its median, round by round; none without a median."""
    groups = {_key_of_group(group): group for group in gather(results)}
    return [_rounds(groups.get(_key_of_row(row))) if row.median_ms is not None else [] for row in rows]


def _rounds(group: Group | None) -> Rounds:
    timings = [result.measured.timing for result in group.single_calls] if group else []
    return [timing.latency_ms for timing in timings if timing]


def _key_of_group(group: Group) -> Key:
    identity = group.identity
    settings = asdict(identity.settings)
    named = (identity.model, identity.model_sha256, identity.machine, identity.runner, identity.version, group.batch)
    return *named, *(settings[name] for name in SETTINGS)


def _key_of_row(row: Row) -> Key:
    named = (row.model, row.model_sha256, row.machine, row.runner, row.version, row.batch)
    return *named, *(getattr(row, name) for name in SETTINGS)
