"""Comparisons as tables: each pair, what only one side has, and the warnings that must not be missed."""

import csv
import io

import pytest

import bench_records as records
from benchmarks.errors import UsageError
from benchmarks.statistics.comparison import compare, compare_routes
from benchmarks.tables.comparing import compare_table, comparison_table
from benchmarks.tables.table import view

MAIN = [
    *records.timed("torch", [10, 10.1, 9.9, 10.05]),
    *records.timed("onnxruntime", [16, 16.2, 15.9, 16.1]),
    *records.timed("opencv", [8, 8.1, 8.05, 7.9]),
    records.broken("keras", "crashed", "signal 11"),
]
BRANCH = [
    *records.timed("torch", [5, 5.1, 4.9, 5.05], run="run-2", commit="feed"),
    *records.timed("onnxruntime", [16.1, 16.0, 16.05, 16.2], run="run-2", commit="feed"),
    *records.timed("keras", [20, 20.1, 20.2, 19.9], run="run-2", commit="feed"),
    *records.timed("numpy", [500, 501], run="run-2", commit="feed"),
]


def lines(text: str) -> dict[str, dict[str, str]]:
    return {line["runner"]: line for line in csv.DictReader(io.StringIO(text))}


def test_each_pair_has_a_verdict_and_rows_of_one_side_stay() -> None:
    found = lines(compare_table(compare(MAIN, BRANCH, ("main", "branch")), "csv"))
    assert {name: line["verdict"] for name, line in found.items()} == {
        "torch:eager": "branch is faster",
        "onnxruntime:run": "not separable",
        "keras:call": "not comparable",
        "opencv:forward": "only in main",
        "numpy:run": "only in branch",
    }
    assert float(found["torch:eager"]["ratio"]) == pytest.approx(2.0, rel=0.02)
    assert found["keras:call"]["verdict_reason"] == "main: signal 11"
    assert found["opencv:forward"]["second_median_ms"] == "" and found["opencv:forward"]["first_median_ms"] != ""
    assert found["numpy:run"]["first_median_ms"] == "" and found["numpy:run"]["second_median_ms"] != ""


def test_what_is_not_separable_is_a_tilde_and_warnings_stand_first_below() -> None:
    made = view(comparison_table(compare(MAIN, BRANCH, ("main", "branch"))))
    place = [head.key for head in made.heads].index("ratio")
    assert [line[place].text for line in made.lines][1] == "~"
    assert made.heads[place].text == "speed of branch over main, x ↑"
    terms = [term for term, _ in made.footer]
    assert terms == ["warning", "warning", "machine", "speed", "noise"]
    assert made.footer[0][1] == "commits: 1234567890ab in main, feed in branch"
    assert "NOT PAIRED" in made.footer[1][1]
    assert dict(made.footer)["speed"].endswith("between two runs")
    assert dict(made.footer)["noise"].startswith("unknown")


def test_machines_of_both_sides_are_named() -> None:
    other = records.timed("torch", [9, 9.1], machine={**records.MACHINE, "name": "laptop"})
    footer = dict(comparison_table(compare(MAIN, other)).footer)
    assert (footer["machine of A"], footer["machine of B"]) == ("bench-box", "laptop")


def test_two_ways_within_one_run_have_a_column_each() -> None:
    made = view(comparison_table(compare_routes(records.suite(), "opencv", "torch")))
    heads = [head.text for head in made.heads]
    assert heads[:3] == ["batch", "runner of opencv", "runner of torch"]
    assert [[cell.text for cell in line[:3]] for line in made.lines] == [
        ["1", "opencv:forward", "torch:eager"],
        ["8", "opencv:forward", "torch:eager"],
    ]
    assert made.lines[0][-1].text == "torch is slower"
    assert "McNemar's p" in heads and "other answers, per 10 000 ↓" in heads
    footer = dict(made.footer)
    assert footer["speed"].endswith("round by round within one run")
    assert footer["noise"].startswith("sides closer than 2.") and "warning" not in footer


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(UsageError, match="no format 'xml'"):
        compare_table(compare(MAIN, BRANCH), "xml")
