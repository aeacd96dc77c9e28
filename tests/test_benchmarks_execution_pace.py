"""The machine's pace: what slows a machine without being counted is seen by a computation that is always the same."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench_processes import Shown, answered, planned, quick
from benchmarks.execution import Plan, child, pace, run, running
from benchmarks.execution.pace import PACE, Pace
from benchmarks.machine import load, processor
from benchmarks.machine.load import Disturbance
from benchmarks.records import folder as records
from benchmarks.records.result import Result

FULL, HALF = 100e9, 50e9
SLOWED = (
    "the machine was slowed: a fixed matrix product ran at 50% of the fastest in this run, at least 90% are expected"
)
Set = Callable[[Iterable[float | str]], None]
Told = list[str]


class Clock:
    """Time that passes only where somebody sleeps, and a second and a half with every pace that is taken."""

    def __init__(self) -> None:
        self.now = 1000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "sleep", clock.sleep)
    monkeypatch.setattr(pace, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def paces(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Set:
    """Set what the machine's pace will be, look by look; words are problems."""

    def set_to(values: Iterable[float | str]) -> None:
        coming = iter(values)

        def taken() -> dict[str, Any]:
            clock.sleep(1.5)
            value = next(coming)
            return {"problem": value} if isinstance(value, str) else {"multiply_adds_per_second": value}

        monkeypatch.setattr(pace, "_taken", taken)

    return set_to


def state(*rates: float) -> dict[str, Any]:
    return {PACE: [{"multiply_adds_per_second": rate} for rate in rates]}


def test_a_pace_is_held_against_the_fastest_of_the_run(paces: Set) -> None:
    paces([FULL, 91e9, 89e9])
    watch = Pace(0.1, 0)
    assert [watch.take()["multiply_adds_per_second"] for _ in range(3)] == [FULL, 91e9, 89e9]
    assert watch.fastest == FULL
    assert watch.reason(state(FULL, 91e9)) == ""
    assert watch.reason(state(FULL, 89e9)) == (
        "the machine was slowed: a fixed matrix product ran at 89% of the fastest in this run, "
        "at least 90% are expected"
    )
    assert watch.reason(state(HALF, FULL)).startswith("the machine was slowed")
    assert watch.reason({}) == ""


def test_what_was_fast_enough_may_turn_out_to_be_slow(paces: Set) -> None:
    paces([HALF, FULL])
    watch = Pace(0.1, 0)
    watch.take()
    assert watch.reason(state(HALF)) == ""
    watch.take()
    assert "ran at 50% of" in watch.reason(state(HALF))


def test_paces_of_an_earlier_part_of_the_run_count() -> None:
    watch = Pace(0.1, 0, known=[{"multiply_adds_per_second": FULL}, {"problem": "none"}, {}])
    assert watch.fastest == FULL


def test_a_slow_machine_is_waited_for_as_long_as_there_is_patience(paces: Set, clock: Clock) -> None:
    told: Told = []
    watch = Pace(0.1, 20.0, tell=told.append)
    paces([FULL, HALF, HALF, FULL])
    watch.take()
    clock.sleep(30.0)
    assert watch.before() == state(FULL)[PACE][0]
    assert told == [f"waiting: {SLOWED}"] * 2

    paces([HALF] * 10)
    clock.sleep(30.0)
    start = clock.now
    assert watch.before() == state(HALF)[PACE][0]
    # 13 of the 20 seconds were spent before; two more waits of 6.5 seconds use up the rest.
    assert clock.now - start == pytest.approx(1.5 + 2 * 6.5)
    clock.sleep(30.0)
    start = clock.now
    watch.before()
    assert clock.now - start == pytest.approx(1.5)


def test_the_pace_after_one_cell_is_that_before_the_next(paces: Set, clock: Clock) -> None:
    paces([FULL, 99e9])
    watch = Pace(0.1, 0)
    after = watch.take()
    clock.sleep(0.5)
    assert watch.before() is after
    clock.sleep(1.0)
    assert watch.before() == state(99e9)[PACE][0]


def test_a_pace_that_cannot_be_taken_is_a_reason(paces: Set) -> None:
    paces(["MemoryError"])
    watch = Pace(0.1, 0)
    found = watch.reason({PACE: [watch.take()]})
    assert found == "the machine's pace could not be taken: MemoryError"


def test_from_a_fraction_of_one_on_nobody_looks(paces: Set) -> None:
    paces([])
    watch = Pace(1.0)
    assert not watch.watched
    assert watch.take() == {}
    assert watch.reason(state(1.0)) == ""


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Result]]:
    """Run a plan of stand-ins whose paces are looked at; return the results in the order of their start."""
    monkeypatch.setattr(child, "python", quick)
    monkeypatch.setattr(load, "between", lambda *_: Disturbance(0.0, 0.0))
    monkeypatch.setattr(running, "PATIENCE_SECONDS", 0.0)

    def measure(plan: Plan, **options: Any) -> list[Result]:
        run(
            replace(plan, busy_fraction=0.1),
            tmp_path / "results",
            make=lambda request: answered(request, tmp_path),
            **options,
        )
        return records.read_all(tmp_path / "results")

    return measure


def rates(result: Result) -> list[float]:
    return [taken["multiply_adds_per_second"] for taken in result.machine[PACE]]


def test_a_cell_beside_which_the_machine_was_slow_is_measured_again(
    measured: Callable[..., list[Result]], tmp_path: Path, paces: Set
) -> None:
    paces([FULL, HALF, FULL, FULL, FULL])
    first, second = measured(planned(tmp_path, ["Honest"], repeats=1))
    assert (first.machine["attempts"], first.measured.verdicts, rates(first)) == (2, [], [FULL, FULL])
    assert (second.machine["attempts"], rates(second)) == (1, [FULL, FULL])
    assert PACE not in first.configuration["machine"]


def test_a_cell_beside_which_the_machine_stayed_slow_has_no_speed(
    measured: Callable[..., list[Result]], tmp_path: Path, paces: Set
) -> None:
    paces([FULL, FULL, HALF])
    sound, slowed = measured(planned(tmp_path, ["Honest"]))
    assert sound.measured.verdicts == []
    assert slowed.measured.verdicts == [SLOWED]


def test_what_was_measured_before_the_machine_was_fast_is_measured_again_at_the_end(
    measured: Callable[..., list[Result]], tmp_path: Path, paces: Set
) -> None:
    shown = Shown()
    paces([HALF] * 4 + [FULL] * 5)
    found = measured(planned(tmp_path, ["Honest"], rounds=2, repeats=1), progress=shown)
    assert len(found) == 4
    assert [rates(result) for result in found] == [[FULL, FULL]] * 4
    assert [result.measured.verdicts for result in found] == [[]] * 4
    assert [line.split()[1] for line in shown.lines if line.startswith("started")] == [
        "1/4", "2/4", "3/4", "4/4", "1/3", "2/3", "3/3",
    ]  # fmt: skip


def test_a_cell_that_was_disturbed_gets_its_turn_again_at_the_end(
    measured: Callable[..., list[Result]], tmp_path: Path, paces: Set
) -> None:
    paces([FULL, HALF, FULL, HALF, FULL, FULL, FULL])
    second, first = measured(planned(tmp_path, ["Honest"], repeats=1))
    assert (first.measured.verdicts, second.measured.verdicts) == ([], [])
    assert [first.twin, second.twin] == [turn.twin for turn in planned(tmp_path, ["Honest"]).steps]
    assert rates(first) == [FULL, FULL]


def test_a_continued_run_measures_again_what_proved_slow(
    measured: Callable[..., list[Result]], tmp_path: Path, paces: Set
) -> None:
    plan = planned(tmp_path, ["Honest"], repeats=1)
    paces([HALF] * 3)
    assert [rates(result) for result in measured(plan)] == [[HALF, HALF]] * 2
    (tmp_path / "results" / f"{records.read_all(tmp_path / 'results')[1].key}.json").unlink()
    paces([FULL] * 3)
    assert [rates(result) for result in measured(plan, resume=True)] == [[FULL, FULL]] * 2


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """Keep processors busy meanwhile, by processes in sessions of their own: Linux shares time between those first."""
    endless = [sys.executable, "-S", "-c", "while True: pass"]
    running = [subprocess.Popen(endless, start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def test_a_machine_that_others_use_is_seen_to_be_slower() -> None:
    watch = Pace(0.1, 0)
    for _ in range(3):
        quiet = watch.take()
    # So many that it shows where other tests keep the processors busy as well.
    with hogs(8 * processor.threads_available()):
        busy = watch.take()
    assert set(quiet) == {"multiply_adds_per_second"}
    assert watch.fastest > 1e8
    assert busy["multiply_adds_per_second"] < 0.6 * watch.fastest


def test_a_process_that_breaks_down_gives_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [sys.executable, "-S", "-c", "raise OSError('no such library')"]
    monkeypatch.setattr(child, "python", lambda *_: broken)
    assert Pace(0.1, 0).take() == {"problem": "OSError: no such library"}
