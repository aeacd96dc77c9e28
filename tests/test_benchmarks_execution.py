"""Runs of stand-in runtimes: whatever becomes of a process is a result, and the others are measured all the same."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench_fakes import write_probe
from bench_processes import Shown, answered, planned, quick
from benchmarks.artefacts.request import Answer
from benchmarks.artefacts.request import Request as Wanted
from benchmarks.errors import BenchError
from benchmarks.execution import Plan, Summary, child, environment, run, turns
from benchmarks.execution.child import groups
from benchmarks.machine.load import Disturbance
from benchmarks.records import folder as records
from benchmarks.records.result import Result

TESTS = Path(__file__).parent
Run = Callable[..., Summary]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def measure(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a plan; stand-ins take the place of the processes that make artefacts and measure."""
    monkeypatch.setattr(turns.child, "python", quick)

    def measured(plan: Plan, **options: Any) -> Summary:
        return run(plan, out, make=lambda request: answered(request, tmp_path), **options)

    return measured


def by_runner(folder: Path) -> dict[str, Result]:
    """Return the results of a folder by stand-in; of twins the first."""
    return {each.runner.partition(":")[2]: each for each in records.read_all(folder) if each.twin != "B"}


@pytest.mark.parametrize(
    ("runner", "status", "reason", "exit_status"),
    [
        ("Raising", "failed", "ValueError: of another shape", 0),
        ("Refusing", "refused", "there is no device 'cuda:0' here", 0),
        ("Exiting", "failed", "ended with exit code 3: native check failed", 3),
        ("Segfaulting", "crashed", "was ended by SIGSEGV", -signal.SIGSEGV),
        ("bench_processes:Killed", "crashed", "was ended by SIGKILL", -signal.SIGKILL),
        ("bench_processes:Ungrateful", "crashed", "was ended by SIGSEGV, after it had measured", -signal.SIGSEGV),
        ("OutOfMemory", "out of memory", "MemoryError: 512 GiB", 0),
        ("bench_processes:Silent", "failed", "ended without a word of what it measured", 0),
        ("bench_processes:Garbled", "failed", "wrote what is no JSON: Expecting property name", 0),
        ("bench_processes:Inventing", "failed", "wrote what is no measurement: speed: extra inputs", 0),
    ],
)
def test_whatever_happens_to_a_process_is_a_result_and_the_suite_goes_on(
    measure: Run, tmp_path: Path, out: Path, runner: str, status: str, reason: str, exit_status: int
) -> None:
    summary = measure(planned(tmp_path, [runner, "Honest"]))
    found = by_runner(out)
    broken = found[runner.rpartition(":")[2]]
    assert broken.measured.status == status
    assert reason in broken.measured.reason
    assert broken.exit_status == exit_status
    assert found["Honest"].measured.status == "ok"
    assert found["Honest"].measured.timing is not None
    assert summary.statuses == {"ok": 1, status: 2}  # the broken one is the first, which has a twin
    title = f"a-network {broken.runner}:run cpu fp32-strict 1 thread batch 1 latency"
    assert summary.problems == (f"{title}: {status}: {broken.measured.reason}",)


def test_real_processes_measure_what_can_be_and_say_where_they_broke_down(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    plan = planned(tmp_path, ["Segfaulting", "Raising", "Honest"])
    run(plan, out, make=lambda request: answered(request, tmp_path))
    found = by_runner(out)
    honest, crashed, failed = (found[name].measured for name in ("Honest", "Segfaulting", "Raising"))
    assert (honest.status, crashed.status, failed.status) == ("ok", "crashed", "failed")
    assert honest.timing is not None
    assert 2.5 < min(honest.timing.latency_ms) < 30  # it sleeps 3 ms
    assert honest.parity is not None
    assert honest.parity.ok
    assert "Segmentation fault" in found["Segfaulting"].stderr_tail
    assert "in run" in found["Segfaulting"].stderr_tail
    assert "ValueError" in failed.reason


def test_what_hangs_is_ended_and_says_where_it_hung(measure: Run, tmp_path: Path, out: Path) -> None:
    measure(planned(tmp_path, ["Honest", "Hanging"], timeout=1.0))
    hung = by_runner(out)["Hanging"]
    assert (hung.measured.status, hung.measured.reason) == ("timed out", "had not ended after 1 s")
    assert "in hanging" in hung.stderr_tail
    assert 1.0 <= hung.seconds < 6.0


def test_the_kernels_count_tells_want_of_memory_from_a_kill(
    measure: Run, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter(range(100))
    monkeypatch.setattr(groups, "memory_kills", lambda: next(counts))
    measure(planned(tmp_path, ["bench_processes:Killed"]))
    killed = by_runner(out)["Killed"]
    assert (killed.measured.status, killed.measured.reason) == (
        "out of memory",
        "the kernel ended it for want of memory",
    )


def test_a_process_that_dies_otherwise_while_memory_is_short_elsewhere_did_crash(
    measure: Run, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter(range(100))
    monkeypatch.setattr(groups, "memory_kills", lambda: next(counts))
    measure(planned(tmp_path, ["Segfaulting"]))
    assert by_runner(out)["Segfaulting"].measured.status == "crashed"


def test_a_result_holds_all_that_decides_its_figures_and_no_paths(measure: Run, tmp_path: Path, out: Path) -> None:
    summary = measure(planned(tmp_path, ["Honest"], seed=5))
    result = by_runner(out)["Honest"]
    assert result.run == summary.run
    assert result.model_sha256 == "a" * 64
    assert result.network == {"parameters": 960, "artefact": {"nodes": 4}, "asked_nodes": []}
    assert result.asked["threads"] == 1
    assert result.configuration["task"]["seed"] == 5
    assert set(result.configuration["versions"]) == {"numpy"}
    assert result.machine["processor"] == result.configuration["machine"]["processor"]
    assert result.machine["attempts"] == 1
    assert "others_cores" in result.machine
    assert "others_cores" not in result.configuration["machine"]
    assert str(tmp_path) not in json.dumps(result.configuration)


def test_the_environment_is_set_before_the_start_and_nothing_is_inherited_that_tunes(
    measure: Run, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "31")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    monkeypatch.setenv("PYTHONHASHSEED", "12")
    monkeypatch.setenv("BENCH_OF_USER", "stays")
    measure(planned(tmp_path, ["bench_processes:Telling"]))
    result = by_runner(out)["Telling"]
    told = result.measured.facts["environment"]
    assert (told["OMP_NUM_THREADS"], told["MKL_NUM_THREADS"]) == ("1", "1")
    assert (told["OPENBLAS_NUM_THREADS"], told["BENCH_OF_RUNNER"]) == ("7", "1 threads")  # the runner's last word
    assert (told["PYTHONHASHSEED"], told["BENCH_OF_USER"]) == ("0", "stays")
    assert "TF_ENABLE_ONEDNN_OPTS" not in told
    assert result.configuration["environment"]["OPENBLAS_NUM_THREADS"] == "7"
    assert "BENCH_OF_USER" not in result.configuration["environment"]


def test_a_folder_called_benchmarks_where_one_stands_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "benchmarks"
    foreign.mkdir()
    (foreign / "__init__.py").write_text("raise SystemExit('the wrong one')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    ended = child.run(child.python("benchmarks.measuring"), environment.clean(), 60)
    assert (ended.exit_status, ended.tail[:6]) == (2, "usage:")


def test_processes_that_a_measurement_leaves_behind_are_ended(measure: Run, tmp_path: Path, out: Path) -> None:
    measure(planned(tmp_path, ["bench_processes:WithChild"]))
    assert by_runner(out)["WithChild"].measured.status == "ok"
    left = [
        each
        for each in psutil.process_iter(["cmdline"])
        if str(TESTS / "bench_measuring.py") in (each.info["cmdline"] or ())
    ]
    assert [each for each in left if each.status() != psutil.STATUS_ZOMBIE] == []


def test_only_the_end_of_long_output_is_kept(measure: Run, tmp_path: Path, out: Path) -> None:
    measure(planned(tmp_path, ["bench_processes:Scribbling"]))
    tail = by_runner(out)["Scribbling"].stderr_tail
    assert tail.startswith("... warning 1")
    assert tail.endswith("warning 1999\n")
    assert len(tail) < 4100


def test_rounds_are_interleaved_and_twins_are_turns_like_all_others(measure: Run, tmp_path: Path, out: Path) -> None:
    shown = Shown()
    measure(planned(tmp_path, ["Honest", "Slower"], rounds=2), progress=shown)
    results = records.read_all(out)
    assert [each.round for each in results] == [0, 0, 0, 1, 1, 1]
    for number in (0, 1):
        turns_of = sorted((each.runner, each.twin) for each in results if each.round == number)
        assert turns_of == [("bench_fakes:Honest", "A"), ("bench_fakes:Honest", "B"), ("bench_fakes:Slower", "")]
    twins = [each for each in results if each.twin]
    assert len({json.dumps(each.configuration, sort_keys=True) for each in twins}) == 1
    assert len({each.key for each in results}) == 6
    assert shown.lines[0] == "preparing a-network"
    assert [line.split()[0] for line in shown.lines[1:]] == ["started", "finished"] * 6
    assert shown.lines[-1].endswith("ok False")  # nothing is left to do
    assert "started 6/6" in shown.lines[-2]


def test_a_folder_with_results_is_refused_unless_the_run_is_continued(measure: Run, tmp_path: Path, out: Path) -> None:
    plan = planned(tmp_path, ["Honest", "Slower"])
    first = measure(plan)
    with pytest.raises(BenchError, match=r"results: holds 3 results already; continue that run with --resume, or name"):
        measure(plan)
    gone = next(path for path in records.files(out) if records.read(path).runner == "bench_fakes:Slower")
    gone.unlink()
    before = {path: path.read_bytes() for path in records.files(out)}
    shown = Shown()
    second = measure(plan, resume=True, progress=shown)
    assert (second.measured, second.kept, second.run) == (1, 2, first.run)
    assert all(path.read_bytes() == text for path, text in before.items())
    assert gone.exists()
    assert sum(line.startswith("kept") for line in shown.lines) == 2
    assert sum(line.startswith("started") for line in shown.lines) == 1


def test_what_decides_figures_is_measured_again_when_a_run_is_continued(
    measure: Run, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path, ["Honest"])
    measure(plan)
    assert measure(replace(plan, limits=replace(plan.limits, timeout_seconds=31.0)), resume=True).measured == 0
    assert measure(replace(plan, limits=replace(plan.limits, samples=12)), resume=True).measured == 2
    monkeypatch.setattr(turns.software, "versions", lambda _: {"numpy": "99.0"})
    assert measure(plan, resume=True).measured == 2
    assert len(records.files(out)) == 6


def test_other_images_in_the_probe_set_are_another_measurement(measure: Run, tmp_path: Path, out: Path) -> None:
    plan = planned(tmp_path, ["Honest"])
    measure(plan)
    fewer = answered(Wanted(model=("a-network",), folder=""), tmp_path)
    write_probe(Path(fewer.probe), images=11)
    assert run(plan, out, resume=True, make=lambda _: fewer).measured == 2


def test_a_continued_run_refuses_files_that_are_no_results(measure: Run, tmp_path: Path, out: Path) -> None:
    out.mkdir()
    (out / "notes.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BenchError, match=r"notes\.json: is no result of a benchmark"):
        measure(planned(tmp_path, ["Honest"]), resume=True)


def test_a_disturbed_measurement_is_made_again_and_says_so_if_it_stays_disturbed(
    measure: Run, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter([2000.0, 0.0, *[2000.0] * 3])
    monkeypatch.setattr(turns.load, "between", lambda *_: Disturbance(next(told), 0.0))
    measure(planned(tmp_path, ["Honest"], repeats=1))
    quiet, busy = records.read_all(out)
    assert list(told) == [], "the second turn was run once more at the end, and stayed disturbed"
    assert (quiet.machine["attempts"], quiet.measured.verdicts) == (2, [])
    assert busy.machine["attempts"] == 3
    assert busy.measured.status == "ok"
    assert busy.measured.verdicts == [
        "the machine was busy: other processes kept 2000.00 cores busy, at most 1000 are allowed"
    ]


def test_a_cell_whose_artefact_could_not_be_made_is_a_result_too(tmp_path: Path, out: Path) -> None:
    plan = planned(tmp_path, ["Honest"])
    failed = {"source": "an operator has no counterpart"}
    run(plan, out, make=lambda request: answered(request, tmp_path, files={}, failed=failed))
    result = by_runner(out)["Honest"]
    assert result.measured.status == "failed"
    assert result.measured.reason == "its model could not be made (source): an operator has no counterpart"
    assert result.exit_status is None


def test_models_that_cannot_be_used_are_refused_together_before_anything_is_measured(tmp_path: Path, out: Path) -> None:
    plan = planned(tmp_path, ["Honest"], models=(("one",), ("two",)))

    def refuse(request: Any) -> Answer:
        raise BenchError(f"{request.model[0]}: is no network")

    with pytest.raises(BenchError) as caught:
        run(plan, out, make=refuse)
    assert caught.value.problems == ["one: is no network", "two: is no network"]
    assert records.files(out) == []


def test_a_plan_with_more_threads_than_there_are_is_refused(measure: Run, tmp_path: Path) -> None:
    plan = planned(tmp_path, ["Honest"])
    wide = replace(plan.cells[0], settings=replace(plan.cells[0].settings, threads=4096))
    with pytest.raises(BenchError, match=r"4096 threads are asked for, \d+ can run at once here"):
        measure(replace(plan, cells=(wide,)))


INTERRUPTED = """
import sys
from pathlib import Path
from bench_processes import Shown, answered, planned, quick
from benchmarks.execution import run, turns
from converters.files import interrupts

class Saying(Shown):
    def started(self, step, *rest):
        print(step.cell.runner, flush=True)

if __name__ == "__main__":
    interrupts.install()
    turns.child.python = quick
    here = Path(sys.argv[1])
    plan = planned(here, ["Honest", "Hanging"], rounds=1)
    steps = sorted(plan.steps, key=lambda step: step.cell.runner, reverse=True)
    object.__setattr__(plan, "steps", tuple(steps))
    run(plan, here / "results", make=lambda request: answered(request, here), progress=Saying())
"""


def first_child(pid: int) -> psutil.Process:
    """Return the process that another one has started, or is just starting."""
    for _ in range(1000):
        children: list[psutil.Process] = psutil.Process(pid).children()
        if children:
            return children[0]
        time.sleep(0.01)
    raise AssertionError("nothing was started")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_what_measures_and_keeps_what_was_measured(
    tmp_path: Path, out: Path, number: signal.Signals
) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        while parent.stdout.readline().strip() != b"bench_fakes:Hanging":
            pass
        child = first_child(parent.pid)
        parent.send_signal(number)
        parent.communicate(timeout=20)
    assert parent.returncode != 0
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert [each.runner for each in records.read_all(out)] == ["bench_fakes:Honest"] * 2
    assert sorted(path.name for path in out.iterdir()) == [path.name for path in records.files(out)]
