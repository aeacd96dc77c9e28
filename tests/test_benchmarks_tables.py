"""Tables: what rows and columns they have, in which order, and what their cells say."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

import bench_records as records
from benchmarks.errors import UsageError
from benchmarks.records.result import Result
from benchmarks.statistics.assembly import rows
from benchmarks.statistics.rows import (
    BreakEven,
    Disagreement,
    Estimate,
    FaceTest,
    Percentile,
    Ratio,
    Row,
    Score,
)
from benchmarks.tables.columns import COLUMNS, SETS, chosen
from benchmarks.tables.making import Selection, behind, table
from benchmarks.tables.table import Cell, Table, View, build, view

pytest.importorskip("pandas", reason="could not import pandas, which statistics of accuracy need")


@pytest.fixture(scope="module")
def suite() -> list[Result]:
    return records.suite()


def row(runner: str = "torch", median: float | None = 100.0, **fields: Any) -> Row:
    told: dict[str, Any] = {
        "model": "vgg", "runner": runner, "version": "1.0", "call_path": "run", "device": "cpu", "provider": "",
        "precision": "fp32-strict", "threads": 2, "batch": 1, "machine": "box", "label": f"{runner}:run",
        **({"median_ms": Estimate(median, median * 0.99, median * 1.01, 5)} if median else {}), **fields,
    }  # fmt: skip
    return Row(**told)


def cell_of(one: Row, key: str, others: Sequence[Row] = ()) -> Cell:
    found = COLUMNS[key].cell(one, [one, *others])
    assert found is not None
    return found


def column(made: View, key: str) -> list[str]:
    place = [head.key for head in made.heads].index(key)
    return [line[place].text for line in made.lines]


def keys(made: Table | View) -> list[str]:
    return [head.key for head in made.heads]


def test_every_column_of_every_set_exists() -> None:
    for name in SETS:
        assert chosen(name, [])
    shown = {key for each in SETS.values() for key in each}
    assert set(COLUMNS) <= shown, "a column that no set shows is never seen"


def test_unknown_columns_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="no columns 'median'; did you mean 'median_ms'\\?; sets are speed"):
        chosen("runner,median", [])
    with pytest.raises(UsageError, match="there are no columns ''"):
        chosen(" , ", [])


def test_columns_may_be_named_one_by_one() -> None:
    made = build([row()], "verdict, runner,median_ms,runner")
    assert keys(made) == ["verdict", "runner", "median_ms"]


def test_columns_without_a_value_are_left_out_and_shared_settings_told_once() -> None:
    made = view(build([row("torch"), row("keras", batch=8)], "speed"))
    assert keys(made) == ["runner", "version", "call_path", "batch", "median_ms", "verdict"]
    assert dict(made.shared) == {
        "machine": "box",
        "model": "vgg",
        "device": "cpu",
        "precision": "fp32-strict",
        "threads": "2",
    }


def with_and_without_avx512() -> list[Result]:
    """OpenVINO is ahead of OpenCV, and without AVX-512 behind it."""
    medians = {"all": {"opencv": 10.0, "openvino": 8.0}, "avx2": {"opencv": 10.1, "openvino": 15.0}}
    return [
        result
        for bound, each in medians.items()
        for runner, median in each.items()
        for result in records.timed(
            runner, [median * 0.99, median, median * 1.01], asked=records.settings(runner, instructions=bound)
        )
    ]


def test_rows_of_bound_instructions_have_ranks_and_a_reference_of_their_own() -> None:
    made = view(table(with_and_without_avx512(), "brief"))
    assert column(made, "instructions") == ["all", "all", "avx2", "avx2"]
    assert column(made, "runner") == ["openvino", "opencv", "opencv", "openvino"]
    assert column(made, "rank") == ["1", "2", "1", "2"]
    assert [text == "reference" for text in column(made, "ratio")] == [False, True, True, False]
    assert made.breaks == {2}
    footer = dict(made.footer)
    assert footer["reference"].startswith("opencv:forward, opencv:forward avx2; ")
    assert " --threads 1 --instructions all,avx2 --scenario " in footer["to repeat"]
    bound = view(table(with_and_without_avx512(), "brief", selection=Selection(instructions=("avx2",))))
    assert dict(bound.shared)["instructions"] == "avx2"


@pytest.mark.parametrize("columns", SETS)
def test_results_from_before_instructions_could_be_bound_mean_all_and_look_as_they_did(columns: str) -> None:
    new = [result for result in with_and_without_avx512() if result.asked["instructions"] == "all"]
    old = [
        result.model_copy(
            update={"asked": {name: value for name, value in result.asked.items() if name != "instructions"}}
        )
        for result in new
    ]
    assert rows(old) == rows(new)
    made = table(old, columns)
    assert made == table(new, columns)
    assert "instructions" not in keys(made) and "--instructions" not in dict(made.footer)["to repeat"]


def test_rows_of_several_machines_never_stand_without_their_names() -> None:
    one, two = row(), row(machine="other")
    assert keys(build([one], "runner,median_ms")) == ["runner", "median_ms"]
    made = view(build([one, two], "runner,median_ms"))
    assert column(made, "machine") == ["box", "other"]
    assert made.breaks == {1}


def test_rows_are_sorted_by_network_machine_device_threads_batch_and_median() -> None:
    ordered = [
        row("torch", 5.0, model="a"),
        row("torch", 10.0, threads=1),
        row("keras", 7.0),
        row("torch", 9.0),
        row("numpy", None, ok=False, verdict="crashed"),
        row("torch", 3.0, batch=8),
        row("torch", 1.0, device="cuda:0"),
        row("torch", 1.0, machine="c"),
    ]
    made = build(list(reversed(ordered)), "model,machine,device,threads,batch,runner,median_ms")
    expected = [[one.model, one.machine, one.device, str(one.threads), str(one.batch), one.runner] for one in ordered]
    assert [[cell.text if cell else "" for cell in line[:6]] for line in made.lines] == expected


def test_ranks_that_are_shared_within_a_block_say_so() -> None:
    tied = [row("torch", 9.0, rank=2), row("keras", 9.1, rank=2)]
    alone = [row("opencv", 5.0, rank=1), row("torch", 3.0, batch=8, rank=2)]
    made = view(build([*tied, *alone], "rank,runner,batch"))
    assert column(made, "rank") == ["1", "2=", "2=", "2"]
    assert any(mark == "=" for mark, _ in made.legend)


@pytest.mark.parametrize(
    ("ratio", "text", "interval"),
    [
        (Ratio(Estimate(1.739, 1.70, 1.78), True, "opencv:forward"), "1.74", "[1.70, 1.78]"),
        (Ratio(Estimate(1.01, 0.98, 1.03), False, "opencv:forward"), "~", "[0.98, 1.03]"),
        (Ratio(Estimate(1.0), True, "torch:run"), "reference", ""),
    ],
)
def test_ratios(ratio: Ratio, text: str, interval: str) -> None:
    shown = cell_of(row(ratio=ratio), "ratio")
    assert (shown.text, shown.interval) == (text, interval)
    assert shown.raw["reference"] == ratio.reference
    assert ("~" in shown.marks) is (text == "~")


def test_percentiles_that_the_samples_do_not_support_are_not_printed() -> None:
    one = row(p50=Percentile(None, 7, 11), p90=Percentile(110.04, 320, 64), p99=Percentile(None, 320, 662))
    assert cell_of(one, "p90_ms").text == "110"
    assert cell_of(one, "p99_ms").text == "n<662"
    assert cell_of(one, "p99_ms").raw == {"": None, "n": 320, "needed": 662}
    assert cell_of(one, "median_ms").text == "n<11", "seven calls are no median either"
    assert cell_of(row(p50=Percentile(100.0, 11, 11)), "median_ms").text == "100.0"


def test_numbers_have_the_unit_of_their_head_and_stay_raw_in_csv() -> None:
    one = row(
        peak_memory_bytes=1536 << 20, parameters=145_002_878, multiply_adds=15_480_000_000,
        share_of_peak=Estimate(0.5, 0.48, 0.52, 5), cosine=1 - 3e-6, difference=1.83e-7,
        disagreement=Disagreement(0, 600, 0.0, 49.8),
    )  # fmt: skip
    expected = {
        "peak_memory_bytes": "1540", "parameters": "145", "multiply_adds": "15.5", "share_of_peak_fraction": "50.0",
        "cosine": "3.0e-6", "difference": "1.9e-7", "disagreement_per_ten_thousand": "0",
    }  # fmt: skip
    assert {key: cell_of(one, key).text for key in expected} == expected
    assert cell_of(one, "disagreement_per_ten_thousand").interval == "[≤ 50]"
    assert cell_of(one, "peak_memory_bytes").raw == {"": 1536 << 20}
    assert cell_of(one, "share_of_peak_fraction").raw[""] == 0.5
    heads = [head.text for head in build([one], "peak_memory_bytes,share_of_peak_fraction,difference").heads]
    assert heads == ["peak memory, MiB ↓", "of peak, % ↑", "difference ↓"]


def test_a_cold_start_is_the_sum_of_what_comes_before_the_first_answer() -> None:
    parts = {"import": 300.0, "read_weights": 20.0, "build": 80.0, "first": 30.0, "second": 12.0, "steady": 10.0}
    one = row(cold_start_ms=parts)
    assert cell_of(one, "to_first_answer_ms").text == "430"
    assert [cell_of(one, f"cold_{name}_ms").raw[""] for name in parts] == list(parts.values())
    assert COLUMNS["to_first_answer_ms"].cell(row(cold_start_ms={"import": 300.0}), []) is None


def test_break_even() -> None:
    assert cell_of(row(break_even=BreakEven(40, 30, None)), "break_even_calls").interval == "[30, never]"
    never = cell_of(row(break_even=BreakEven(None, reason="each further call costs more")), "break_even_calls")
    assert (never.text, never.note) == ("none", "each further call costs more")


def test_each_metric_of_each_head_and_group_has_a_column() -> None:
    scores = (
        Score("accuracy", Estimate(0.95, 0.929, 0.965, 600), head="svm"),
        Score("f1", None, "no face is labelled female", head="svm"),
        Score("accuracy", Estimate(0.9, 0.85, 0.93, 300), group="age=young", head="svm"),
    )
    tests = (FaceTest("svm", "opencv:forward", 600, 3, 0, 3, 0.25),)
    one = row(scores=scores, face_tests=tests)
    made = view(build([one], "scores,by_group,face_tests"))
    assert keys(made) == ["accuracy_fraction", "f1_fraction", "accuracy_fraction_age=young", "mcnemar_p"]
    assert [cell.text for cell in made.lines[0]] == ["95.0", "undefined", "90.0", "0.25"]
    assert made.lines[0][0].interval == "[92.9, 96.5]"
    assert made.notes == (("a", "no face is labelled female"),)
    two = row(scores=(*scores, Score("accuracy", Estimate(0.8), head="mlp")))
    assert "accuracy of svm, % ↑" in [head.text for head in build([two], "scores").heads]
    assert "accuracy_fraction_mlp" in keys(build([two], "scores"))


def test_failed_rows_stay_with_their_reason(suite: list[Result]) -> None:
    made = view(table(suite, "speed"))
    verdicts = dict(zip(column(made, "runner"), column(made, "verdict"), strict=True))
    assert verdicts["keras"] == "crashed"
    assert verdicts["numpy"] == "wrong answers"
    assert sorted(reason for _, reason in made.notes) == ["parity failed", "signal 11"]
    crashed = next(line for line in made.lines if any(cell.text == "keras" for cell in line))
    assert made.letter(crashed[-1]) in dict(made.notes)
    assert [cell.text for cell in crashed[5:-1]] == ["-"] * (len(crashed) - 6)
    assert any(mark == "-" for mark, _ in made.legend)


def test_a_setting_that_a_runner_does_not_have_is_blank() -> None:
    made = view(build([row("onnxruntime", provider="CUDAExecutionProvider"), row("torch")], "runner,provider,ratio"))
    assert column(made, "provider") == ["CUDAExecutionProvider", ""]
    assert not made.legend, "nothing is missing there"


def test_a_table_without_figures_says_nothing_of_samples() -> None:
    failed = [records.broken("keras", "crashed", "signal 11")]
    assert not {"samples", "noise", "reference"} & set(dict(table(failed, "speed").footer))
    made = view(table(failed, "speed"))
    assert [head.key for head in made.heads] == ["runner", "version", "call_path", "verdict"]


def test_a_row_that_a_table_has_nothing_to_say_of_is_left_out(suite: list[Result]) -> None:
    """Memory was measured at batch 1 only."""
    made = table(suite, "memory")
    batches = [line[keys(made).index("batch")] for line in made.lines]
    assert {cell.text for cell in batches if cell} == {"1"}
    assert "--batch 1 " in dict(made.footer)["to repeat"]


def test_ranks_are_those_among_the_rows_shown_and_ratios_keep_their_reference(suite: list[Result]) -> None:
    made = view(table(suite, "brief", selection=Selection(runner=("torch:eager", "onnxruntime"), batch=("1",))))
    assert column(made, "runner") == ["onnxruntime", "torch"]
    assert column(made, "rank") == ["1", "2"]
    assert dict(made.footer)["reference"].startswith("opencv:forward;")
    assert "opencv" not in dict(made.footer)["versions"]


def test_another_reference_can_be_chosen(suite: list[Result]) -> None:
    made = view(table(suite, "brief", reference="torch", selection=Selection(batch=("1",))))
    assert dict(zip(column(made, "runner"), column(made, "ratio"), strict=True))["torch"] == "reference"
    assert re.match(r"torch:eager; speed is its median", dict(made.footer)["reference"])


def test_all_values_that_no_row_has_are_told_at_once(suite: list[Result]) -> None:
    with pytest.raises(UsageError) as caught:
        table(suite, selection=Selection(model=("tony",), batch=("1", "3"), runner=("torch:compile",)))
    assert caught.value.problems == [
        "no row has the model 'tony'; did you mean 'tiny'?; there are tiny",
        "no row has the runner 'torch:compile'; there are "
        + ", ".join(dict.fromkeys(w for r in rows(suite) for w in (r.runner, f"{r.runner}:{r.call_path}"))),
        "no row has the batch '3'; there are 1, 8",
    ]


def test_results_behind_rows_are_their_own_with_twins_and_the_peak_of_their_run(suite: list[Result]) -> None:
    other = records.peak(run="another run")
    shown = [each for each in rows(suite) if each.runner == "onnxruntime" and each.batch == 1]
    found = behind(shown, [*suite, other])
    assert {result.runner for result in found if result.scenario != "peak"} == {"onnxruntime"}
    assert {result.batch for result in found} == {1}
    assert {"A", "B"} <= {result.twin for result in found}
    assert len([result for result in found if result.scenario == "peak"]) == 5
    assert other not in found
