"""Measuring processes, each with a stand-in runtime that misbehaves in one way, and what they say of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

import bench_fakes
from benchmarks.records.result import Measured

TESTS = Path(__file__).parent


@dataclass(frozen=True)
class Ended:
    """A process that has ended: `measured` None where it wrote nothing; `frameworks` are what it had imported."""

    exit_status: int
    measured: Measured | None
    stderr: str
    left: list[str]
    frameworks: list[str] | None


Ends = dict[tuple[str, str], "Future[Ended]"]


def child(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "BENCH_FAKE_NOTE": str(folder / "note")}
    command = [sys.executable, "-m", "benchmarks.measuring", *arguments]
    return subprocess.run(
        command, env=environment, cwd=TESTS.parent, capture_output=True, text=True, timeout=60, check=False
    )


def end_of(folder: Path, fake: str, scenario: str) -> Ended:
    folder.mkdir()
    changes: dict[str, Any] = {"batch": 4} if scenario == "throughput" else {}
    if fake == "NeverSteady":
        changes["limits"] = replace(bench_fakes.QUICK, warm_up_seconds=1.5)
    given = json.dumps(bench_fakes.task(folder, fake, scenario, **changes).to_json())
    (folder / "task.json").write_text(given, encoding="utf-8")
    done = child(folder, str(folder / "task.json"), str(folder / "out.json"))
    out = folder / "out.json"
    measured = Measured.model_validate(json.loads(out.read_text(encoding="utf-8"))) if out.exists() else None
    note = folder / "note"
    frameworks = json.loads(note.read_text(encoding="utf-8")) if note.exists() else None
    return Ended(done.returncode, measured, done.stderr, sorted(path.name for path in folder.iterdir()), frameworks)


CASES = (
    ("Honest", "latency"), ("Honest", "throughput"), ("Honest", "cold_start"), ("Honest", "memory"),
    ("Slower", "latency"), ("FirstSlow", "cold_start"), ("Drifting", "latency"), ("NeverSteady", "latency"),
    ("Caching", "latency"), ("Asynchronous", "latency"), ("Lazy", "latency"), ("WrongWhenTimed", "latency"),
    ("BurningThreads", "latency"), ("Spinning", "latency"), ("Leaking", "memory"), ("Filling", "memory"),
    ("Exiting", "latency"), ("Segfaulting", "latency"),
)  # fmt: skip


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    """Start all processes, six at a time: most of them sleep, and the honest must pass beside the others."""
    root = tmp_path_factory.mktemp("cells")
    with ThreadPoolExecutor(6) as pool:
        yield {case: pool.submit(end_of, root / "-".join(case), *case) for case in CASES}


@pytest.fixture
def end(ends: Ends) -> Callable[..., Measured]:
    def wait(fake: str, scenario: str = "latency") -> Measured:
        ended = ends[fake, scenario].result()
        assert ended.exit_status == 0, ended.stderr
        assert ended.measured is not None
        return ended.measured

    return wait


def test_the_honest_one_passes(end: Callable[..., Measured]) -> None:
    measured = end("Honest")
    assert (measured.status, measured.reason, measured.verdicts) == ("ok", "", [])
    assert measured.parity is not None and measured.parity.ok and measured.parity.timed_difference == 0.0
    assert measured.parity.images == 12 and measured.parity.disagreements == 0 and measured.parity.cosine == 1.0
    assert measured.parity.answers == measured.parity.reference_answers and len(set(measured.parity.answers)) > 1
    assert measured.timing is not None and measured.timing.batch == 1
    assert len(measured.timing.latency_ms) == len(measured.timing.wait_ms) == bench_fakes.QUICK.samples
    assert 3.0 < median(measured.timing.latency_ms) < 30.0
    assert len(measured.timing.warm_up_ms) >= 9
    assert measured.timing.wall_seconds >= sum(measured.timing.latency_ms) / 1e3
    assert set(measured.versions) == {"numpy"}
    assert measured.settings["threads"].ok and measured.settings["threads observed"].ok
    assert measured.settings["spinning observed"].ok and measured.settings["layout"].ok is None
    assert set(measured.facts) == {"calls", "processor_withheld_fraction", "repeated_over_unseen"}


def test_a_throughput_is_a_latency_of_a_larger_batch(end: Callable[..., Measured]) -> None:
    measured = end("Honest", "throughput")
    assert measured.status == "ok" and not measured.verdicts
    assert measured.timing is not None and measured.timing.batch == 4
    assert measured.parity is not None and measured.parity.images == 12


def test_who_sleeps_twice_as_long_takes_twice_as_long(end: Callable[..., Measured]) -> None:
    timing = end("Slower").timing
    assert timing is not None and 6.0 < median(timing.latency_ms) < 60.0


@pytest.mark.parametrize("scenario", ["latency", "cold_start", "memory"])
def test_a_process_loads_nothing_but_its_runtime(ends: Ends, scenario: str) -> None:
    assert ends["Honest", scenario].result().frameworks == []


@pytest.mark.parametrize(
    ("fake", "verdict"),
    [
        ("Drifting", "drift: the last third of the calls differs from the first by +"),
        ("NeverSteady", "never became steady: after 1.5 s of warm-up"),
        ("Caching", "cached answers: an input that came before takes"),
        ("Asynchronous", "answered too early: "),
        ("Lazy", "answered too early: looking at an answer for the first time takes"),
    ],
)
def test_figures_that_may_not_be_published_carry_a_verdict(
    end: Callable[..., Measured], fake: str, verdict: str
) -> None:
    measured = end(fake)
    assert measured.status == "ok" and measured.timing is not None
    assert any(each.startswith(verdict) for each in measured.verdicts), measured.verdicts


def test_an_early_answer_is_no_cached_one(end: Callable[..., Measured]) -> None:
    assert "cached answers" not in "".join(end("Asynchronous").verdicts)
    assert "answered too early" not in "".join(end("Caching").verdicts)


@pytest.mark.parametrize(
    ("fake", "reason"),
    [
        ("WrongWhenTimed", "answers of timed calls differ from the reference by "),
        ("BurningThreads", "threads observed: asked for 1, got "),
        ("Spinning", "spinning observed: asked for False, got True ("),
    ],
)
def test_what_only_shows_while_timing_is_refused_without_figures(
    end: Callable[..., Measured], fake: str, reason: str
) -> None:
    measured = end(fake)
    assert measured.status == "refused" and measured.reason.startswith(reason), measured.reason
    assert measured.timing is None


def test_wrong_timed_answers_are_no_parity(end: Callable[..., Measured]) -> None:
    parity = end("WrongWhenTimed").parity
    assert parity is not None and not parity.ok
    assert parity.difference == 0.0 and parity.timed_difference is not None and parity.timed_difference > 0.1


def test_a_cold_start_has_six_parts(end: Callable[..., Measured]) -> None:
    measured = end("Honest", "cold_start")
    parts = measured.cold_start
    assert parts is not None and measured.status == "ok" and measured.timing is None
    assert 20 <= parts.import_ms < 200 and 10 <= parts.read_weights_ms < 150 and 30 <= parts.build_ms < 250
    assert all(3 <= each < 60 for each in (parts.first_ms, parts.second_ms, parts.steady_ms))
    assert measured.parity is not None and measured.parity.ok


def test_what_is_done_in_the_first_call_is_found_there(end: Callable[..., Measured]) -> None:
    parts = end("FirstSlow", "cold_start").cold_start
    assert parts is not None and parts.first_ms >= 60 > parts.second_ms


def test_memory_is_the_peak_of_the_process(end: Callable[..., Measured]) -> None:
    measured = end("Honest", "memory")
    memory = measured.memory
    assert memory is not None and measured.status == "ok" and not measured.verdicts and measured.timing is None
    assert 10_000_000 < memory.idle_bytes <= memory.peak_bytes < 500_000_000
    assert memory.anonymous_bytes is not None and 0 < memory.anonymous_bytes <= memory.peak_bytes
    assert abs(memory.growth_bytes_per_call) < 10_000 and memory.gpu_peak_bytes is None


def test_a_leak_is_found_and_measured(end: Callable[..., Measured]) -> None:
    measured = end("Leaking", "memory")
    assert measured.memory is not None and 250_000 < measured.memory.growth_bytes_per_call < 350_000
    assert [each.partition(":")[0] for each in measured.verdicts] == ["leaks"]


def test_a_pool_that_is_filled_once_is_no_leak(end: Callable[..., Measured]) -> None:
    measured = end("Filling", "memory")
    assert measured.verdicts == []
    assert measured.memory is not None and measured.memory.peak_bytes > measured.memory.idle_bytes + 19_000_000


@pytest.mark.parametrize(("fake", "status"), [("Exiting", 3), ("Segfaulting", -11)])
def test_a_crash_leaves_no_json(ends: Ends, fake: str, status: int) -> None:
    ended = ends[fake, "latency"].result()
    assert (ended.exit_status, ended.measured) == (status, None)
    assert ended.left == ["probe.npz", "task.json"]


def test_devices_are_told_with_their_problems(tmp_path: Path) -> None:
    assert child(tmp_path, "--devices", "bench_fakes:Honest", str(tmp_path / "out.json")).returncode == 0
    told = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert told["problem"] == "" and set(told["versions"]) == {"numpy"}
    assert [(each["name"], each["problem"]) for each in told["devices"]] == [
        ("cpu", ""),
        ("cuda:0", "a stand-in has no GPU"),
    ]


def test_a_wrong_command_line_is_wrong_usage(tmp_path: Path) -> None:
    done = child(tmp_path, "--devices")
    assert done.returncode == 2 and done.stderr.startswith("usage: python -m benchmarks.measuring TASK.json")
