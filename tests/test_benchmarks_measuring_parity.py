"""How far answers may be from the reference, and that wrong ones are refused without figures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bench_fakes
from bench_checked import checked
from benchmarks.cells import Limits
from benchmarks.errors import RunnerError
from benchmarks.measuring import parity
from benchmarks.measuring.probe import Probe


@pytest.fixture(autouse=True)
def _short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_FAKE_MS", "0.2")


def test_a_difference_is_relative_to_the_largest_value_of_its_node() -> None:
    probe = Probe(np.zeros((2, 1, 1, 1)), {"a": np.array([[0, 8.0], [2, 1]]), "b": np.array([[1, 0.0], [0, 4]])})
    seen = parity.Comparison(probe)
    seen.add(np.array([1, 0]), {"a": np.array([[2, 1.0], [0, 8]]), "b": np.array([[0, 2.0], [1, 0]])})
    assert seen.by_node == {"a": 0.0, "b": 0.5} and seen.difference == 0.5
    assert seen.cosine == 1.0 and seen.answers == {0: 0, 1: 1}


def test_a_softmax_may_differ_as_far_as_its_logits_do() -> None:
    probe = Probe(np.zeros((2, 1, 1, 1)), {"prob": np.array([[0.0, 0.5], [0.25, 0.25]])}, {"prob": 20.0})
    seen = parity.Comparison(probe)
    seen.add(np.array([0, 1]), {"prob": np.array([[0.0, 0.6], [0.25, 0.25]])})
    assert seen.difference == pytest.approx(0.1 / 0.5 / 20)


def test_cosines_of_nothing() -> None:
    zero, one = np.zeros((1, 3)), np.ones((1, 3))
    assert [float(parity.cosines(a, b)[0]) for a, b in ((zero, zero), (zero, one), (one, -one))] == pytest.approx(
        [1, 0, -1]
    )


@pytest.mark.parametrize(
    ("fake", "reason"),
    [
        ("WrongForOneImage", "failed parity: node 'fc' differs from the reference by 0.00"),
        ("NotANumber", "node 'prob': 1 of 5 values are not finite"),
        ("WrongShape", "node 'fc': values are (1, 4), expected 1 of 5 numbers"),
        ("ForgettingNode", "the runtime gives no node 'fc'; it gives prob"),
        ("ClaimingThreads", "threads: asked for 1, got 4 (read back)"),
        ("Refusing", "there is no device 'cuda:0' here; use --device cpu"),
    ],
)
@pytest.mark.parametrize("scenario", ["latency", "throughput", "cold_start"])
def test_a_runner_that_is_wrong_is_refused_without_figures(
    tmp_path: Path, scenario: str, fake: str, reason: str
) -> None:
    measured = checked(bench_fakes.task(tmp_path, fake, scenario, limits=Limits(warm_up_seconds=0.3)))
    assert measured.status == "refused" and measured.reason.startswith(reason), measured.reason
    assert (measured.timing, measured.cold_start) == (None, None)


def test_one_wrong_image_counts(tmp_path: Path) -> None:
    parity_found = checked(bench_fakes.task(tmp_path, "WrongForOneImage", batch=5)).parity
    assert parity_found is not None and not parity_found.ok
    assert parity_found.by_node["prob"] == 0.0 and 1e-5 < parity_found.by_node["fc"] < 1e-3
    assert parity_found.disagreements == 0 and len(parity_found.answers) == 12


def test_without_a_tolerance_a_difference_is_only_measured(tmp_path: Path) -> None:
    task = bench_fakes.task(tmp_path, "WrongForOneImage", tolerance=None, precision="fp32-strict")
    measured = checked(replace(task, limits=Limits(samples=64, seconds=1, warm_up_seconds=0.3)))
    assert measured.status == "ok" and measured.parity is not None and measured.parity.ok
    assert measured.parity.difference > 1e-5 and measured.parity.tolerance is None


def test_without_a_tolerance_timed_answers_must_be_as_good_as_before() -> None:
    found = {"ok": True, "tolerance": None, "difference": 0.01, "timed_difference": None}
    parity.require_timed(found, 0.012)
    assert found["timed_difference"] == 0.012
    with pytest.raises(RunnerError, match="differ from the reference by 0.02 of the largest value, 0.015 is allowed"):
        parity.require_timed(found, 0.02)
    assert found["ok"] is False
