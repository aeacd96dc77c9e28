"""The raw samples behind a row."""

from collections.abc import Iterable, Sequence

from benchmarks.records.result import Result
from benchmarks.statistics.gathering import Group, gather, identity_of
from benchmarks.statistics.rows import Row

Rounds = Sequence[Sequence[float]]


def rounds_of(results: Iterable[Result], rows: Sequence[Row]) -> list[Rounds]:
    """Return for each row the latencies in milliseconds behind its median, round by round; none without a median."""
    groups = {(group.identity, group.batch): group for group in gather(results)}
    return [_rounds(groups.get((identity_of(row), row.batch))) if row.median_ms is not None else [] for row in rows]


def _rounds(group: Group | None) -> Rounds:
    timings = [result.measured.timing for result in group.single_calls] if group else []
    return [timing.latency_ms for timing in timings if timing]
