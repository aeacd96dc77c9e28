"""Ratios, noise floor and ranks: what can be told apart, and what cannot."""

from itertools import combinations
from math import exp, log

import numpy as np
import pytest

from bench_records import MACHINE, broken, result, settings, timed
from benchmarks.statistics.noise import floor_for, fraction, noise_floors
from benchmarks.statistics.ranks import ranked
from benchmarks.statistics.ratios import compare_rows, is_separable, speed_ratio, tied
from benchmarks.statistics.rows import Estimate, Row


def row(label: str, rounds_ms: list[float], noise: float | None = None, run: str = "r") -> Row:
    return Row(
        "tiny", label, "1", "run", "cpu", "", "fp32-strict", 1, 1, "box",
        label=label,
        median_ms=Estimate(float(np.exp(np.mean(np.log(rounds_ms))))) if rounds_ms else None,
        round_ms={f"{run}/{number}": value for number, value in enumerate(rounds_ms)},
        noise_fraction=noise,
    )  # fmt: skip


def test_drift_that_hits_both_does_not_blur_a_paired_ratio() -> None:
    drift = [1.0, 1.5, 0.8, 2.0, 1.2]
    fast, slow = row("fast", [10 * each for each in drift]), row("slow", [11 * each for each in drift])
    ratio = compare_rows(fast, slow)
    assert ratio is not None and ratio.paired and ratio.separable
    assert ratio.estimate.value == pytest.approx(1.1)
    assert (ratio.estimate.low, ratio.estimate.high) == pytest.approx((1.1, 1.1))
    assert ratio.reference == "slow"
    elsewhere = compare_rows(fast, row("slow", [11 * each for each in drift], run="other"))
    assert elsewhere is not None and not elsewhere.paired and not elsewhere.separable
    assert elsewhere.estimate.value == pytest.approx(1.1)


def test_only_shared_rounds_are_compared() -> None:
    found = speed_ratio({"r/0": 10.0, "r/1": 10.0}, {"r/1": 20.0, "r/2": 500.0})
    assert found is not None
    assert found[0].value == pytest.approx(2) and found[0].n == 1 and found[1]
    assert speed_ratio({}, {"r/0": 1.0}) is None


@pytest.mark.parametrize(
    ("estimate", "noise", "separable"),
    [
        (Estimate(1.2, 1.1, 1.3, 5), None, True),
        (Estimate(1.2, 0.9, 1.5, 5), None, False),
        (Estimate(1.2, 1.1, 1.3, 5), 0.25, False),
        (Estimate(1.2, 1.1, 1.3, 5), 0.15, True),
        (Estimate(1 / 1.2, 0.8, 0.9, 5), 0.25, False),
        (Estimate(1 / 1.2, 0.8, 0.9, 5), 0.15, True),
        (Estimate(5.0, None, None, 1), None, False),
    ],
)
def test_what_is_separable(estimate: Estimate, noise: float | None, separable: bool) -> None:
    assert is_separable(estimate, noise) is separable


def test_equal_rows_look_separable_in_one_of_twenty_cases() -> None:
    random = np.random.default_rng(5)
    drawn = 10 * np.exp(random.normal(0, 0.02, (1000, 2, 5)))
    apart = np.mean([not tied(row("a", list(one)), row("b", list(two))) for one, two in drawn])
    assert 0.03 < apart < 0.075


def test_the_noise_floor_is_that_of_a_mean_of_rounds() -> None:
    twins = [0.02, -0.01, 0.015, -0.03, 0.005]
    square = np.mean(np.square(twins))
    assert log(1 + fraction([twins])) == pytest.approx(2.5706 * (square / 5) ** 0.5, rel=1e-3)
    assert log(1 + fraction([[0.05] * 50])) == pytest.approx(0.05)  # twins that lie apart in every round
    assert fraction([[0.01]]) > 0.1  # one round says little
    assert fraction([[0.0, 0.0]]) == 0


def test_the_noise_floor_holds_what_equal_things_differ_by() -> None:
    random = np.random.default_rng(6)
    inside = []
    for _ in range(1000):
        twins, others = random.normal(0, 0.02, (2, 5))
        inside.append(abs(others.mean()) <= log(1 + fraction([list(twins)])))
    assert 0.92 < np.mean(inside) < 0.98


def test_noise_is_found_by_run_and_device() -> None:
    gpu = settings(device="cuda:0")
    results = [
        *timed("onnxruntime", [10, 10, 10], twin="A"), *timed("onnxruntime", [10.1, 9.9, 10.1], twin="B"),
        *timed("onnxruntime", [2, 2], twin="A", asked=gpu), *timed("onnxruntime", [2.4, 2.4], twin="B", asked=gpu),
        *timed("onnxruntime", [10, 10], twin="A", run="run-2"), *timed("onnxruntime", [10, 10], twin="B", run="run-2"),
        *timed("opencv", [7, 8, 9]),
    ]  # fmt: skip
    floors = noise_floors(results)
    assert [(floor.run, floor.device, floor.pairs, len(floor.differences)) for floor in floors] == [
        ("run-1", "cpu", 1, 3), ("run-1", "cuda:0", 1, 2), ("run-2", "cpu", 1, 2),
    ]  # fmt: skip
    name = MACHINE["name"]
    on_gpu = floor_for(floors, ["run-1"], str(name), "cuda:0")
    assert on_gpu is not None and on_gpu > 0.2
    assert floor_for(floors, ["run-1", "run-2"], str(name), "cpu") == floors[0].fraction
    assert floor_for(floors, ["run-1"], str(name), "cuda:1") == on_gpu  # no twins there: the worst of the run
    assert floor_for(floors, ["run-3"], str(name), "cpu") is None
    assert floor_for(floors, ["run-1"], "another", "cpu") is None


def test_twins_that_broke_or_stand_alone_are_no_noise() -> None:
    results = [
        *timed("onnxruntime", [10, 10], twin="A"),
        broken("onnxruntime", number=0, twin="B"),
        result("onnxruntime", number=1, twin="B", measured={"verdicts": ["not steady"]}),
    ]
    assert noise_floors(results) == []


def test_tied_rows_share_a_rank_and_the_next_counts_them() -> None:
    rows = [
        row("slow", [20.0, 20.2, 19.9]), row("b", [10.0, 10.3, 9.9]), row("a", [10.1, 9.9, 10.1]), row("broken", []),
    ]  # fmt: skip
    assert [(each.label, each.rank) for each in ranked(rows)] == [("a", 1), ("b", 1), ("slow", 3), ("broken", None)]


def test_a_chain_of_ties_is_cut_where_two_can_be_told_apart() -> None:
    wiggle = np.array([1.0, 1.04, 0.96, 1.02, 0.98])
    rows = [row("a", list(10 * wiggle)), row("b", list(10.2 * wiggle[::-1])), row("c", list(10.4 * wiggle))]
    assert tied(rows[0], rows[1]) and tied(rows[1], rows[2]) and not tied(rows[0], rows[2])
    assert [(each.label, each.rank) for each in ranked(rows)] == [("a", 1), ("b", 1), ("c", 3)]


@pytest.mark.parametrize("seed", range(5))
def test_ranks_rise_with_the_median_and_rows_of_one_rank_are_all_tied(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = [
        row(f"r{number}", list(exp(random.normal(0, 0.05)) * 10 * np.exp(random.normal(0, 0.03, 4))), noise=0.01)
        for number in range(12)
    ]
    found = ranked(rows)
    ranks = [each.rank for each in found]
    assert ranks == sorted(ranks, key=lambda rank: rank or 0) and ranks[0] == 1
    assert all(tied(one, two) for one, two in combinations(found, 2) if one.rank == two.rank)
    for place, each in enumerate(found):
        assert each.rank is not None and each.rank <= place + 1
        before = [other for other in found[:place] if other.rank == found[place - 1].rank]
        if place and each.rank == place + 1:  # it opened a rank, so it is slower than somebody there for sure
            assert not all(tied(each, other) for other in before)
