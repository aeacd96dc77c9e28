"""From results to rows: what is merged, what is printed, and what is not."""

from typing import Any

import numpy as np
import pytest

from bench_records import (
    MACHINE,
    broken,
    cold_start,
    energy,
    memory,
    parity,
    peak,
    result,
    settings,
    timed,
    timing,
)
from benchmarks.errors import BenchError, UsageError
from benchmarks.records.result import Result
from benchmarks.statistics.assembly import rows
from benchmarks.statistics.rows import Row

SPEEDS = ("p50", "p90", "p95", "p99", "median_ms", "images_per_second", "ratio", "rank", "share_of_peak")


def only(results: list[Result], **where: Any) -> Row:
    found = [row for row in rows(results) if all(getattr(row, name) == value for name, value in where.items())]
    assert len(found) == 1
    return found[0]


def test_everything_measured_with_one_setting_and_batch_is_one_row() -> None:
    row = only([
        *timed("onnxruntime", [10.0, 10.2, 9.8]), *(cold_start("onnxruntime", number) for number in range(3)),
        memory("onnxruntime", peak_bytes=100), memory("onnxruntime", 1, peak_bytes=300, gpu_peak_bytes=7),
        *(energy("onnxruntime", number, joules=10.0 + number, calls=50) for number in range(2)), peak(),
    ])  # fmt: skip
    assert (row.model, row.runner, row.version, row.label) == ("tiny", "onnxruntime", "1.31.1", "onnxruntime:run")
    assert (row.machine, row.layout, row.denormals, row.spinning) == (MACHINE["name"], "channels-first", "keep", False)
    assert (row.ok, row.verdict, row.reason, row.rounds, row.rank) == (True, "ok", "", 3, 1)
    assert row.median_ms is not None and row.median_ms.n == 3
    assert row.median_ms.value == pytest.approx((10.0 * 10.2 * 9.8) ** (1 / 3))
    assert row.p50 is not None and row.p50.n == 192 and row.p50.value == pytest.approx(10, rel=0.01)
    assert row.p95 is not None and row.p95.value is not None
    assert row.p99 is not None and (row.p99.value, row.p99.needed) == (None, 662)
    assert row.cold_start_ms == {
        "import": 300, "read_weights": 20, "build": 80, "first": 30, "second": 12, "steady": 10,
    }  # fmt: skip
    assert (row.peak_memory_bytes, row.gpu_peak_bytes) == (300, 7)
    assert row.joules_per_image is not None and row.joules_per_image.value == pytest.approx((0.2 * 0.22) ** 0.5)
    assert (row.parameters, row.multiply_adds) == (1_000_000, 50_000_000)
    assert (row.difference, row.cosine) == (2e-7, 1.0)
    assert row.disagreement is not None and (row.disagreement.count, row.disagreement.images) == (0, 32)
    assert list(row.round_ms) == ["run-1/0", "run-1/1", "run-1/2"]


def test_images_per_second_count_all_time_spent_in_calls() -> None:
    calls = timing([10.0, 10.0, 40.0], batch=4).model_copy(update={"wait_ms": [0.0, 20.0, 0.0]})
    row = only([result(scenario="throughput", batch=4, measured={"timing": calls})])
    assert row.images_per_second is not None
    assert row.images_per_second.value == pytest.approx(12 / 0.08)
    assert row.median_ms is not None and row.median_ms.value == pytest.approx(10)


def test_latency_tells_of_single_calls_and_throughput_of_many() -> None:
    row = only([*timed("torch", [10.0]), *timed("torch", [5.0], scenario="throughput")])
    assert row.median_ms is not None and row.median_ms.value == pytest.approx(10)
    assert row.images_per_second is not None and row.images_per_second.value == pytest.approx(1000 / 5, rel=0.05)


def test_batches_threads_devices_and_machines_are_rows_of_their_own() -> None:
    other = {**MACHINE, "name": "other-box"}
    found = rows([
        *timed("torch", [10.0]), *timed("torch", [30.0], scenario="throughput", batch=8), memory("torch"),
        *timed("torch", [7.0], asked=settings("torch", threads=2)), *timed("torch", [9.0], machine=other),
        *timed("torch", [10.0], asked=settings("torch", call_path="compile")),
    ])  # fmt: skip
    assert [(row.machine, row.threads, row.batch, row.label) for row in found] == [
        ("bench-box", 1, 1, "torch:eager"), ("bench-box", 1, 1, "torch:compile"), ("bench-box", 1, 8, "torch:eager"),
        ("bench-box", 2, 1, "torch:eager"), ("other-box", 1, 1, "torch:eager"),
    ]  # fmt: skip
    assert [row.peak_memory_bytes is not None for row in found] == [True, False, False, False, False]


def test_the_second_twin_shows_noise_only() -> None:
    row = only([*timed("torch", [10.0, 10.0, 10.0], twin="A"), *timed("torch", [10.4, 9.7, 10.4], twin="B")])
    assert row.median_ms is not None and row.median_ms.value == pytest.approx(10)
    assert row.rounds == 3
    assert row.noise_fraction is not None and 0.02 < row.noise_fraction < 0.1


@pytest.mark.parametrize(
    ("measured", "verdict", "reason"),
    [
        ({"status": "crashed", "reason": "signal 11", "timing": None}, "crashed", "signal 11"),
        ({"status": "timed out", "timing": None}, "timed out", "ended with exit status 0"),
        ({"parity": parity(ok=False, difference=0.2, disagreements=3)}, "wrong answers", "3 of 32 answers differ"),
        ({"parity": None}, "no parity", "was not compared with the reference"),
        ({"verdicts": ["answers are cached", "not steady"]}, "doubtful", "answers are cached; not steady"),
        ({"timing": None}, "failed", "no call was timed"),
    ],
)
def test_what_is_not_proved_has_a_row_with_its_reason_and_no_speed(
    measured: dict[str, Any], verdict: str, reason: str
) -> None:
    row = only([result("torch", measured=measured), cold_start("torch"), energy("torch"), peak()], runner="torch")
    assert (row.ok, row.verdict) == (False, verdict)
    assert reason in row.reason
    assert all(getattr(row, name) is None for name in SPEEDS)
    assert not row.cold_start_ms and not row.round_ms and row.joules_per_image is None
    assert (row.label, row.version) == ("torch:eager", "2.13.0")


def test_one_failed_round_of_three_takes_the_row_with_it() -> None:
    results = timed("torch", [10.0, 10.1, 10.2])
    results[1] = broken("torch", number=1)
    row = only(results)
    assert (row.ok, row.verdict, row.rounds) == (False, "timed out", 3)
    assert row.reason == "1 of 3 rounds failed: round 1: no answer within 300 s"
    assert row.median_ms is None
    results[1] = result("torch", number=1, measured={"verdicts": ["the machine was busy"]})
    row = only(results)
    assert (row.verdict, row.reason) == ("doubtful", "1 of 3 rounds doubtful: round 1: the machine was busy")


def test_a_row_whose_second_twin_broke_is_not_ok_but_doubts_about_it_are_no_matter() -> None:
    first = timed("torch", [10.0, 10.1], twin="A")
    row = only([*first, *timed("torch", [10.0], twin="B"), broken("torch", number=1, twin="B")])
    assert (row.ok, row.reason) == (False, "measured a second time: no answer within 300 s")
    busy = result("torch", twin="B", measured={"verdicts": ["the machine was busy"]})
    assert only([*first, busy]).ok


def test_a_process_that_died_before_it_told_its_version_belongs_to_the_others() -> None:
    results = timed("torch", [10.0, 10.1])
    results.append(broken("torch", number=2))
    silent = results[2].model_copy(update={"configuration": {}})
    silent = silent.model_copy(update={"measured": silent.measured.model_copy(update={"versions": {}})})
    assert only([*results[:2], silent]).reason.startswith("1 of 3 rounds failed")


def test_another_pass_that_failed_leaves_its_figures_out_and_a_remark() -> None:
    row = only([*timed("torch", [10.0]), broken("torch", "out of memory", "killed", scenario="memory")])
    assert (row.ok, row.verdict, row.reason) == (True, "ok", "memory: killed")
    assert row.median_ms is not None and row.peak_memory_bytes is None


def test_wrong_answers_in_any_process_of_a_row_take_its_speed() -> None:
    wrong = cold_start("torch")
    measured = wrong.measured.model_copy(update={"parity": parity(ok=False, difference=0.5, disagreements=9)})
    row = only([*timed("torch", [10.0]), wrong.model_copy(update={"measured": measured})])
    assert (row.ok, row.verdict, row.median_ms) == (False, "wrong answers", None)
    assert row.reason.startswith("cold_start: differs from the reference by 0.5")
    assert row.disagreement is not None and row.disagreement.count == 9 and row.difference == 0.5


def test_a_row_of_failed_passes_only_is_not_ok() -> None:
    row = only([broken("torch", "crashed", "signal 6", scenario="memory")])
    assert (row.ok, row.verdict, row.reason) == (False, "crashed", "memory: signal 6")


def test_opencv_is_the_reference_where_it_is_there_else_onnxruntime() -> None:
    found = rows([
        *timed("opencv", [10.0, 10.1, 10.2]), *timed("onnxruntime", [20.0, 20.2, 20.4]),
        *timed("onnxruntime", [2.0, 2.0, 2.1], asked=settings(device="cuda:0")),
        *timed("torch", [1.0, 1.0, 1.05], asked=settings("torch", device="cuda:0")),
        *timed("torch", [5.0], asked=settings("torch", threads=4)),
    ])  # fmt: skip
    assert [(row.label, row.ratio and (row.ratio.reference, round(row.ratio.estimate.value, 2))) for row in found] == [
        ("opencv:forward", ("opencv:forward", 1.0)), ("onnxruntime:run", ("opencv:forward", 0.5)),
        ("torch:eager", None),
        ("torch:eager", ("onnxruntime:run", 2.0)), ("onnxruntime:run", ("onnxruntime:run", 1.0)),
    ]  # fmt: skip
    assert all(row.ratio is None or row.ratio.separable for row in found)


def test_a_named_reference_is_taken_or_refused() -> None:
    results = [*timed("opencv", [10.0, 10.1]), *timed("torch", [20.0, 20.2]), broken("keras")]
    by_label = {row.label: row for row in rows(results, "torch:eager")}
    ratio = by_label["opencv:forward"].ratio
    assert ratio is not None and ratio.reference == "torch:eager" and ratio.estimate.value == pytest.approx(2)
    assert all(row.ratio is None for row in rows(results, "keras"))  # it has no figures, and none takes its place
    with pytest.raises(UsageError, match="there is no row 'troch' to compare with.*torch.*there are keras"):
        rows(results, "troch")


def test_a_strict_reference_comes_before_a_coarse_one_of_the_same_runner() -> None:
    fast = settings("opencv", precision="fp16")
    found = rows([*timed("opencv", [5.0, 5.1], asked=fast), *timed("opencv", [10.0, 10.1])])
    assert [(row.label, row.ratio and row.ratio.reference) for row in found] == [
        ("opencv:forward fp16", "opencv:forward"),
        ("opencv:forward", "opencv:forward"),
    ]


def test_labels_tell_rows_apart_and_say_no_more() -> None:
    found = rows([
        *timed("onnxruntime", [10.0], asked=settings(spinning=True)), *timed("onnxruntime", [11.0]),
        *timed("torch", [12.0], asked=settings("torch", provider="X")),
    ])  # fmt: skip
    assert [row.label for row in found] == [
        "onnxruntime:run spinning", "onnxruntime:run not spinning", "torch:eager",
    ]  # fmt: skip


def test_the_share_of_peak_is_that_of_the_same_run_precision_device_and_threads() -> None:
    rounds = timed("torch", [10.0, 10.0])
    fits = [peak(0, multiply_adds_per_second=1e10), peak(1, multiply_adds_per_second=2e10)]
    share = only([*rounds, *fits]).share_of_peak
    rate = only(rounds).images_per_second
    assert share is not None and rate is not None
    assert share.value == pytest.approx(50e6 * rate.value / 2e10)
    slowed = fits[1].measured.model_copy(update={"verdicts": ["the machine was busy"]})
    doubted = fits[1].model_copy(update={"measured": slowed})
    for other in (
        peak(run="run-2"),
        doubted,
        peak(asked=settings("numpy", threads=2)),
        peak(asked=settings("numpy", precision="bf16")),
        peak(machine={"name": "other"}),
    ):
        assert only([*rounds, other]).share_of_peak is None
    assert only([*timed("torch", [10.0], network={"parameters": 1}), *fits]).share_of_peak is None


def test_one_result_given_twice_counts_once_but_two_outcomes_of_one_turn_are_refused() -> None:
    results = timed("torch", [10.0, 11.0])
    assert only([*results, *results]).rounds == 2
    changed = results[0].model_copy(update={"seconds": 99.0})
    with pytest.raises(BenchError, match="run run-1, round 0: two different results of torch, latency, batch 1"):
        rows([*results, changed])


def test_rounds_of_two_runs_are_rounds_of_one_row() -> None:
    row = only([*timed("torch", [10.0, 11.0]), *timed("torch", [12.0], run="run-2")])
    assert list(row.round_ms) == ["run-1/0", "run-1/1", "run-2/0"]


def test_the_order_of_results_does_not_matter() -> None:
    results = [
        *timed("opencv", [10.0, 10.1]),
        *timed("torch", [20.0, 20.2]),
        *timed("onnxruntime", [20.1, 20.0]),
        peak(),
    ]
    shuffled = [results[place] for place in np.random.default_rng(1).permutation(len(results))]
    assert rows(shuffled) == rows(results)


def test_no_results_are_no_rows() -> None:
    assert rows([]) == []
