"""From which batch, and after how many calls, one way is faster than another."""

import pytest

from bench_records import broken, cold_start, settings, timed
from benchmarks.errors import BenchError
from benchmarks.records.result import Result
from benchmarks.statistics.assembly import rows
from benchmarks.statistics.break_even import batch_break_even, break_even_calls
from benchmarks.statistics.rows import BreakEven, Row

BATCHES = (1, 2, 4, 8, 16)


def route(runner: str, times_ms: dict[int, list[float]]) -> list[Row]:
    return rows([each for batch, rounds in times_ms.items() for each in timed(runner, rounds, batch=batch)])


def around(value: float, spread: float = 0.01) -> list[float]:
    return [value * (1 + spread * each) for each in (0.0, 1.0, -1.0, 0.5)]


def test_the_smallest_batch_at_which_one_is_separably_faster() -> None:
    one = route("torch", {batch: around(10 + batch) for batch in BATCHES})
    other = route("opencv", {batch: around(3.05 * batch)[::-1] for batch in (*BATCHES, 32)})
    found = batch_break_even(one, other)  # 11, 12, 14, 18, 26 against 3, 6, 12, 24, 49
    assert (found.batch, found.lost_again) == (8, ())
    assert list(found.ratios) == list(BATCHES)
    assert batch_break_even(other, one).batch == 1
    assert batch_break_even(other, one).lost_again == (8, 16)


def test_a_difference_that_is_not_separable_is_no_break_even() -> None:
    one, other = route("torch", {1: around(10.0, 0.05)}), route("opencv", {1: around(10.2, 0.05)[::-1]})
    found = batch_break_even(one, other)
    assert found.batch is None and not found.ratios[1].separable


def test_rows_that_cannot_be_compared_by_batch_are_refused() -> None:
    one = route("torch", {1: around(10.0)})
    with pytest.raises(BenchError, match=r"no batch was measured on both sides: there are \[1\] and \[2\]"):
        batch_break_even(one, route("opencv", {2: around(10.0)}))
    with pytest.raises(BenchError, match="no batch was measured.*and none"):
        batch_break_even(one, rows([broken("opencv")]))
    with pytest.raises(BenchError, match="torch:eager has two rows at batch 1"):
        batch_break_even([*one, *one], one)


def started(start_ms: float, steady: list[float], runner: str = "torch", call_path: str = "eager") -> list[Result]:
    asked = settings(runner, call_path=call_path)
    parts = {"import_ms": 0, "read_weights_ms": 0, "build_ms": start_ms, "first_ms": 20, "second_ms": 20}
    return [*timed(runner, steady, asked=asked), cold_start(runner, parts=parts, asked=asked)]


def break_even(compiled: list[Result], plain: list[Result]) -> BreakEven | None:
    found = {row.call_path: row for row in rows([*compiled, *plain])}
    return break_even_calls(found["compile"], found["eager"])


def total_ms(start_ms: float, steady_ms: float, calls: int) -> float:
    return start_ms + 20 * min(calls, 2) + steady_ms * max(calls - 2, 0)


@pytest.mark.parametrize("start_ms", [1000.0, 1001.0, 500.5, 3.0])
def test_a_compiled_path_pays_back_when_it_costs_less_in_all(start_ms: float) -> None:
    found = break_even(started(start_ms, [8.0] * 3, call_path="compile"), started(0, [10.0] * 3))
    assert found is not None and found.calls is not None
    assert total_ms(start_ms, 8, found.calls) < total_ms(0, 10, found.calls)
    assert total_ms(start_ms, 8, found.calls - 1) >= total_ms(0, 10, found.calls - 1)
    assert found.reference == "torch:eager"


def test_the_range_of_calls_comes_from_the_interval_of_the_ratio() -> None:
    found = break_even(started(1000, around(8.0), call_path="compile"), started(0, around(10.0)[::-1]))
    assert found is not None and found.calls is not None and found.low is not None and found.high is not None
    assert found.low < 503 < found.high and found.low < found.calls < found.high


def test_where_it_never_pays_back() -> None:
    slower = break_even(started(1000, [12.0] * 3, call_path="compile"), started(0, [10.0] * 3))
    assert slower is not None and (slower.calls, slower.reason) == (None, "each further call costs more")
    same = break_even(started(1000, around(10.0), call_path="compile"), started(0, around(10.0)[::-1]))
    assert same is not None and (same.calls, same.reason) == (None, "the steady speeds cannot be told apart")
    cheaper_at_first = break_even(started(0, [12.0] * 3, call_path="compile"), started(1000, [10.0] * 3))
    assert cheaper_at_first is not None and cheaper_at_first.calls is None


def test_a_start_that_costs_less_and_calls_that_cost_no_more_pay_at_once() -> None:
    found = break_even(started(0, [8.0] * 3, call_path="compile"), started(100, [10.0] * 3))
    assert found is not None and (found.calls, found.low, found.high) == (1, 1, 1)


def test_nothing_is_said_without_a_cold_start_on_both_sides() -> None:
    assert break_even(timed("torch", [8.0], asked=settings("torch", call_path="compile")), started(0, [10.0])) is None


def test_rows_break_even_with_their_reference() -> None:
    found = rows([*started(1000, [8.0] * 3, call_path="compile"), *started(0, [10.0] * 3)], "torch:eager")
    assert [(row.call_path, row.break_even and row.break_even.calls) for row in found] == [
        ("compile", 503),
        ("eager", None),
    ]
