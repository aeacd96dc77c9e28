"""Settings that a runtime says it has, compared with those that were asked for."""

from pathlib import Path

import pytest

import bench_fakes
from bench_checked import checked
from bench_fakes import honest
from benchmarks.errors import RunnerError
from benchmarks.measuring import denormals, read_back
from benchmarks.measuring.outcome import Outcome


@pytest.fixture(autouse=True)
def _short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_FAKE_MS", "0.2")


def test_what_a_runtime_tells_is_compared_with_what_was_asked(tmp_path: Path) -> None:
    outcome = Outcome()
    task = bench_fakes.task(tmp_path, "FallingBack", device="cuda:0", provider="Stand-in")
    runner = bench_fakes.FallingBack({}, task.nodes, task.settings)
    with pytest.raises(RunnerError, match=r"device: asked for cuda:0, got cpu \(read back\)"):
        read_back.read_back(runner, task, outcome)
    assert outcome.settings["precision"]["ok"] is True
    assert outcome.settings["provider"] == {
        "asked": "Stand-in", "got": None, "ok": None, "how": "the runtime does not tell"
    }  # fmt: skip


def test_everything_that_was_not_had_is_named(tmp_path: Path) -> None:
    runner = honest(tmp_path)
    runner.read_back = lambda: {"threads": 4, "spinning": True, "layout": "channels-first"}
    with pytest.raises(RunnerError) as refused:
        read_back.read_back(runner, bench_fakes.task(tmp_path), Outcome())
    assert refused.value.problems == [
        "threads: asked for 1, got 4 (read back)",
        "spinning: asked for False, got True (read back)",
    ]


def test_instructions_are_judged_only_where_they_were_bound(tmp_path: Path) -> None:
    found = checked(bench_fakes.task(tmp_path, "ClaimingInstructions", instructions="avx2"))
    assert (found.status, found.reason) == ("refused", "instructions: asked for avx2, got all (read back)")
    assert found.timing is None
    runner, outcome = honest(tmp_path), Outcome()
    runner.read_back = lambda: {"instructions": "avx2"}
    read_back.read_back(runner, bench_fakes.task(tmp_path), outcome)
    assert outcome.settings["instructions"] == {"asked": "all", "got": "avx2", "ok": True, "how": "read back"}


def test_a_setting_that_does_not_exist_is_no_answer(tmp_path: Path) -> None:
    runner = honest(tmp_path)
    runner.read_back = lambda: {"threds": 1}
    with pytest.raises(RunnerError, match="bench_fakes:Honest: read back threds, which are no settings"):
        read_back.read_back(runner, bench_fakes.task(tmp_path), Outcome())


def test_denormals_are_computed_and_condemn_nobody() -> None:
    assert denormals.observed("keep") == {
        "asked": "keep", "got": "keep", "ok": True, "how": "computed in the calling thread"
    }  # fmt: skip
    assert denormals.observed("flush")["ok"] is None
