"""Two sets of results side by side, and two ways within one run."""

import pytest

from bench_records import MACHINE, broken, parity, result, settings, timed
from benchmarks.errors import BenchError, UsageError
from benchmarks.records.result import Result
from benchmarks.statistics.comparison import compare, compare_routes

BEFORE, AFTER = [10.0, 10.1, 9.9, 10.05], [8.0, 8.05, 7.95, 8.1]


def versioned(results: list[Result], version: str) -> list[Result]:
    return [
        each.model_copy(update={"configuration": {**each.configuration, "versions": {each.runner: version}}})
        for each in results
    ]


def test_two_sides_of_one_run_are_paired() -> None:
    found = compare(timed("torch", BEFORE), timed("torch", AFTER, commit="fedcba"), ("old", "new"))
    (pair,) = found.pairs
    assert pair.ratio is not None and pair.ratio.paired and pair.ratio.separable and pair.ratio.reference == "old"
    assert pair.ratio.estimate.value == pytest.approx(1.25, rel=0.01) and pair.ratio.estimate.n == 4
    assert found.paired and found.warnings == ("commits: 1234567890ab in old, fedcba in new",)


def test_runs_of_different_machines_and_versions_are_strangers_and_it_says_so() -> None:
    elsewhere = versioned(timed("torch", AFTER, run="run-2", machine={**MACHINE, "name": "big-box"}, dirty=True), "9.9")
    found = compare(timed("torch", BEFORE), elsewhere)
    (pair,) = found.pairs
    assert pair.ratio is not None and not pair.ratio.paired and pair.ratio.estimate.n == 8
    assert not found.paired
    assert found.warnings[:2] == (
        "NOT THE SAME machine: bench-box in A, big-box in B",
        "NOT THE SAME version of torch: 2.13.0 in A, 9.9 in B",
    )
    assert found.warnings[2] == "commits: 1234567890ab in A, 1234567890ab (dirty) in B"
    assert found.warnings[3].startswith("NOT PAIRED: the sides were measured in different runs")


def test_another_network_of_the_same_name_is_told() -> None:
    found = compare(timed("torch", BEFORE), timed("torch", AFTER, model_sha256="b" * 64))
    assert found.warnings == ("NOT THE SAME network called tiny (sha256): aaaaaaaaaaaa in A, bbbbbbbbbbbb in B",)


def test_what_cannot_be_told_apart_is_marked() -> None:
    (pair,) = compare(timed("torch", BEFORE), timed("torch", BEFORE[::-1], run="run-2")).pairs
    assert pair.ratio is not None and not pair.ratio.separable


def test_rows_of_one_side_only_are_listed_and_failed_ones_have_a_reason() -> None:
    found = compare(
        [*timed("torch", BEFORE), *timed("opencv", BEFORE), *timed("keras", BEFORE)],
        [*timed("torch", AFTER), *timed("numpy", AFTER), broken("keras")],
    )
    assert [row.runner for row in found.first_only] == ["opencv"]
    assert [row.runner for row in found.second_only] == ["numpy"]
    failed = next(pair for pair in found.pairs if pair.first.runner == "keras")
    assert (failed.ratio, failed.reason) == (None, "B: no answer within 300 s")


def test_answers_are_compared_on_the_same_probe_set_only() -> None:
    first = result("torch", measured={"parity": parity(32, 2)})
    second = result("torch", measured={"parity": parity(32, 5)}, run="run-2")
    (pair,) = compare([first], [second]).pairs
    assert pair.answers is not None and (pair.answers.count, pair.answers.images) == (3, 32)
    (other,) = compare([first], [result("torch", measured={"parity": parity(16)}, run="run-2")]).pairs
    assert other.answers is None


def test_the_noise_floor_decides_too() -> None:
    twins = [*timed("torch", BEFORE, twin="A"), *timed("torch", [each * 1.4 for each in BEFORE], twin="B")]
    found = compare(twins, timed("torch", AFTER, run="run-2"))
    assert found.noise_fraction is not None and found.noise_fraction > 0.3
    assert found.pairs[0].ratio is not None and not found.pairs[0].ratio.separable


def test_sides_without_anything_in_common_are_refused() -> None:
    with pytest.raises(
        BenchError, match="A and B have no row in common; A has tiny torch:eager cpu batch 1; B has tiny"
    ):
        compare(timed("torch", BEFORE), timed("opencv", AFTER))


def test_a_side_with_two_versions_of_one_thing_is_refused() -> None:
    both = [*timed("torch", BEFORE), *versioned(timed("torch", AFTER), "2.14.0")]
    with pytest.raises(
        BenchError, match=r"B has two rows for tiny on cpu, 1 threads, batch 1: torch:eager 2\.14\.0 on .* 2\.13\.0 on"
    ):
        compare(timed("torch", BEFORE), both)


def test_two_ways_within_one_run() -> None:
    compiled = settings("torch", call_path="compile")
    results = [
        *timed("torch", BEFORE), *timed("torch", AFTER, asked=compiled), *timed("opencv", BEFORE),
        *timed("torch", [50.0, 51.0, 49.0], batch=8), *timed("torch", [40.0, 40.5, 40.2], batch=8, asked=compiled),
    ]  # fmt: skip
    found = compare_routes(results, "torch:eager", "torch:compile")
    assert [(pair.first.batch, pair.ratio and round(pair.ratio.estimate.value, 2)) for pair in found.pairs] == [
        (1, 1.25), (8, 1.24),
    ]  # fmt: skip
    assert found.paired and not found.warnings
    assert [row.batch for row in compare_routes(results, "torch:eager", "opencv").first_only] == [8]
    with pytest.raises(BenchError, match="torch has two rows for tiny on cpu, 1 threads, batch 1: torch:"):
        compare_routes(results, "torch", "opencv")
    with pytest.raises(UsageError, match="there is no row 'troch'"):
        compare_routes(results, "troch", "opencv")
    with pytest.raises(UsageError, match="compared with itself"):
        compare_routes(results, "opencv", "opencv")


def test_one_way_with_and_without_bound_instructions() -> None:
    bound = settings("openvino", instructions="avx2")
    results = [*timed("openvino", AFTER), *timed("openvino", BEFORE, asked=bound), *timed("opencv", BEFORE)]
    (pair,) = compare_routes(results, "openvino:infer", "openvino:infer avx2").pairs
    assert (pair.first.instructions, pair.second.instructions) == ("all", "avx2")
    assert pair.ratio is not None and pair.ratio.paired and pair.ratio.estimate.value == pytest.approx(0.8, rel=0.01)
    assert len(compare(results, results).pairs) == 3
    with pytest.raises(
        BenchError, match="openvino has two rows .*: openvino:infer .* and openvino:infer avx2 .*choose"
    ):
        compare_routes(results, "openvino", "opencv")


def test_a_whole_label_means_that_row_alone() -> None:
    half = settings("torch", precision="fp16")
    results = [*timed("torch", BEFORE), *timed("torch", AFTER, asked=half)]
    (pair,) = compare_routes(results, "torch:eager", "torch:eager fp16").pairs
    assert (pair.first.precision, pair.second.precision) == ("fp32-strict", "fp16")
