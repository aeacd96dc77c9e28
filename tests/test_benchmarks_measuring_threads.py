"""Cores that a network keeps busy, and threads that spin between calls."""

from pathlib import Path

import pytest

from bench_fakes import honest
from benchmarks.measuring import idle, processor
from benchmarks.measuring.processor import Reading


def test_threads_that_wait_for_a_core_count_like_those_that_have_one() -> None:
    main = processor.os.getpid()
    before = Reading(0, 0, {main: (0, 0)})
    after = Reading(100, 50, {main: (25, 75), 7: (25, 70)})
    assert processor.wanted_cores(before, after) == pytest.approx(1.95)
    assert processor.wanted_by_others(before, after) == pytest.approx(0.95)
    assert processor.withheld_fraction(before, after) == pytest.approx(145 / 195)


def test_without_statistics_of_threads_processor_time_has_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processor, "TASKS", tmp_path / "none")
    before, after = Reading(0, 0, {}), Reading(100, 50, {})
    assert processor.read().threads == {}
    assert processor.wanted_cores(before, after) == processor.wanted_by_others(before, after) == 0.5
    assert processor.withheld_fraction(before, after) is None


def test_too_many_threads_are_counted_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counts = iter([1.9, 1.1, 1.9, 1.8, 3.9])
    monkeypatch.setattr(idle, "busy_cores", lambda *_: next(counts))
    runner = honest(tmp_path)
    seen = [idle.observed_threads(runner, [], asked) for asked in (1, 1, 4)]
    assert [(each["got"], each["ok"]) for each in seen] == [(1.1, True), (1.8, False), (3.9, True)]


@pytest.mark.parametrize(
    ("cores", "asked", "ok"),
    [
        ([0.0], False, True),
        ([1.0, 1.0], False, False),
        ([1.0, 0.1], False, True),
        ([1.0], True, True),
        ([0], True, None),
    ],
)
def test_spinning_that_is_allowed_need_not_be_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cores: list[float], asked: bool, ok: bool | None
) -> None:
    trials = iter(cores)
    monkeypatch.setattr(idle, "idle_cores", lambda *_: next(trials))
    entry, _ = idle.observed_spinning(honest(tmp_path), None, asked=asked)
    assert entry["ok"] is ok and list(trials) == []
