"""From where on the one way is faster than the other: from which batch, after how many calls."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import floor

from benchmarks.errors import BenchError
from benchmarks.statistics.ratios import compare_rows
from benchmarks.statistics.rows import BreakEven, Ratio, Row

# What is paid before the first call.
START = ("import", "read_weights", "build")


@dataclass(frozen=True)
class BatchBreakEven:
    """The smallest batch at which the first is separably faster than the second, None where there is none.

    `ratios` holds the first's speed over the second's at every batch that both were measured at; `lost_again` the
    larger batches at which the first is not separably faster any more.
    """

    batch: int | None
    ratios: Mapping[int, Ratio]
    lost_again: tuple[int, ...] = ()


def batch_break_even(first: Iterable[Row], second: Iterable[Row]) -> BatchBreakEven:
    """Return from which batch on one way is faster than another; each is given as its rows, one for each batch.

    BenchError for two rows of one batch, and where no batch was measured on both sides.
    """
    mine, its = _by_batch(first), _by_batch(second)
    shared = sorted(mine.keys() & its.keys())
    if not shared:
        raise BenchError(
            f"no batch was measured on both sides: there are {sorted(mine) or 'none'} and {sorted(its) or 'none'}"
        )
    ratios = {batch: ratio for batch in shared if (ratio := compare_rows(mine[batch], its[batch]))}
    faster = [batch for batch, ratio in ratios.items() if ratio.separable and ratio.estimate.value > 1]
    if not faster:
        return BatchBreakEven(None, ratios)
    lost = tuple(batch for batch in ratios if batch > faster[0] and batch not in faster)
    return BatchBreakEven(faster[0], ratios, lost)


def _by_batch(rows: Iterable[Row]) -> dict[int, Row]:
    found: dict[int, Row] = {}
    for row in rows:
        if row.batch in found:
            raise BenchError(f"{row.label} has two rows at batch {row.batch}; give those of one way on one device")
        found[row.batch] = row
    return {batch: row for batch, row in found.items() if row.round_ms}


def break_even_calls(row: Row, reference: Row) -> BreakEven | None:
    """Return from which number of calls on a row costs less in all than the reference, from a fresh process on.

    Start, first and second call are those of the cold start, every further call the median latency of the row. None
    where one of them was not measured. A row whose steady speed cannot be told from the reference's is never said to
    pay back.
    """
    ratio = compare_rows(row, reference)
    if ratio is None or not row.cold_start_ms or not reference.cold_start_ms:
        return None
    assert row.median_ms is not None and reference.median_ms is not None
    paid = [_first_calls(each.cold_start_ms) for each in (row, reference)]
    for calls in (1, 2):
        if paid[0][calls - 1] < paid[1][calls - 1] and (ratio.estimate.value >= 1 or not ratio.separable):
            return BreakEven(calls, calls, calls, reference=reference.label)
    if not ratio.separable:
        return BreakEven(None, reason="the steady speeds cannot be told apart", reference=reference.label)
    if ratio.estimate.value < 1:
        return BreakEven(None, reason="each further call costs more", reference=reference.label)
    return _later(paid[0][1] - paid[1][1], row.median_ms.value, ratio, reference.label)


def _first_calls(parts: Mapping[str, float]) -> tuple[float, float]:
    first = sum(parts[name] for name in START) + parts["first"]
    return first, first + parts["second"]


def _later(debt_ms: float, steady_ms: float, ratio: Ratio, label: str) -> BreakEven:
    found = ratio.estimate
    assert found.low is not None and found.high is not None and found.low > 1  # what is separable has an interval

    def calls(faster: float) -> int:
        """Return the first whole number of calls after which the debt is more than paid."""
        return 2 + floor(debt_ms / (steady_ms * (faster - 1))) + 1

    return BreakEven(calls(found.value), calls(found.high), calls(found.low), reference=label)
