"""What the verdicts of a measuring process rest on, piece by piece, and what it says where nothing can be measured."""

import gc
import json
import math
import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import bench_fakes
from benchmarks.cells import Limits, Settings, Task
from benchmarks.errors import BenchError, RunnerError
from benchmarks.measuring import (
    caching,
    denormals,
    devices,
    drift,
    early,
    energy,
    failures,
    growth,
    idle,
    parity,
    processor,
    read_back,
    resident,
    timed,
    warm_up,
)
from benchmarks.measuring.outcome import Outcome, write_json
from benchmarks.measuring.probe import Probe, read_probe
from benchmarks.measuring.process import measure
from benchmarks.measuring.processor import Reading
from benchmarks.records.result import Measured

MS = 1_000_000


@pytest.fixture(autouse=True)
def _short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_FAKE_MS", "0.2")


def noisy(count: int, slope: float = 0.0, seed: int = 1, noise: float = 0.03) -> list[int]:
    """Return latencies around 10 ms with some noise, now and then one of three times the length."""
    draw = random.Random(seed)  # noqa: S311 - noise, not a secret
    return [
        int(10 * MS * (1 + slope * place / count) * draw.gauss(1, noise) * (3 if draw.random() < 0.05 else 1))
        for place in range(count)
    ]


# --- drift ---


@pytest.mark.parametrize("count", [11, 24, 64, 500])
def test_noise_is_no_drift(count: int) -> None:
    assert [drift.drift(noisy(count, seed=seed)) for seed in range(40)] == [0.0] * 40


@pytest.mark.parametrize(("count", "slope"), [(24, 0.4), (64, 0.3), (64, -0.3), (500, 0.2)])
def test_a_drift_is_found_with_its_sign(count: int, slope: float) -> None:
    found = drift.drift(noisy(count, slope))
    assert math.copysign(1, found) == math.copysign(1, slope) and 0.1 < abs(found) < 0.4


def test_thirds_that_differ_by_chance_are_no_drift() -> None:
    rounds = [noisy(24, seed=seed, noise=0.3) for seed in range(40)]
    differ = [abs(sorted(each[:8])[4] / sorted(each[-8:])[4] - 1) > drift.SMALLEST_DRIFT for each in rounds]
    assert sum(differ) > 10
    assert sum(drift.drift(each) != 0 for each in rounds) <= 1  # and it takes three in a row


def test_a_sure_but_small_drift_is_harmless() -> None:
    assert drift.drift([100_000 + place for place in range(5_000)]) == 0.0
    assert drift.trend(range(100)) > 10
    assert drift.trend([5] * 100) == 0.0


def test_too_few_calls_tell_no_drift() -> None:
    assert drift.drift([1, 2, 3, 4, 50, 60, 70, 80]) == 0.0


# --- cached answers ---


def test_repeats_are_suspicious_only_if_faster_by_much_and_surely() -> None:
    assert caching.suspicious([(10, 5)] * 4, 0.5)
    assert not caching.suspicious([(10, 5)] * 3, 0.5)
    assert not caching.suspicious([(100, 95)] * 16, 0.95)
    assert not caching.suspicious([(10, 5)] * 9 + [(5, 10)] * 7, 0.8)


@pytest.mark.parametrize(("kind", "verdict"), [(bench_fakes.Caching, "cached answers"), (bench_fakes.Honest, "")])
def test_a_few_pairs_are_enough_to_find_a_cache(tmp_path: Path, kind: type[bench_fakes.Honest], verdict: str) -> None:
    task = bench_fakes.task(tmp_path)
    runner = kind({}, task.nodes, task.settings)
    rng = np.random.default_rng(0)
    told, _ = caching.cached_answers(runner, bench_fakes.pictures(1), Limits(seconds=0), MS, rng)
    assert told.partition(":")[0] == verdict


def test_pairs_fit_into_the_time() -> None:
    limits = Limits(seconds=20)
    assert caching.count(limits, 1e6) == caching.MOST_PAIRS
    assert caching.count(limits, 0.3e9) == 8
    assert caching.count(limits, 60e9) == caching.LEAST_PAIRS


def test_unseen_inputs_are_much_like_the_given_ones() -> None:
    inputs = bench_fakes.pictures(2)
    unseen = caching.unseen(inputs, np.random.default_rng(0))
    assert unseen.dtype == np.float32 and unseen.shape == inputs.shape
    assert 0 < np.abs(unseen - inputs).max() < 0.1 * inputs.std()


# --- warm-up ---


def test_a_pace_is_steady_when_three_windows_agree() -> None:
    assert not warm_up.steady([1.0, 1.0], 0.1)
    assert not warm_up.steady([1.0, 1.0, 1.2], 0.1)
    assert warm_up.steady([9.0, 1.0, 1.09, 1.05], 0.1)


def test_a_window_of_slow_calls_may_hold_one() -> None:
    runner = SimpleNamespace(run=lambda _: None, wait=lambda: None)
    turn = iter(range(10_000_000))
    assert len(warm_up.one_window(runner, turn, 0)) == warm_up.WINDOW_CALLS


# --- early answers ---


def stretch_of(latency_ns: int, wait_ns: int, first: int = 10, second: int = 10) -> timed.Stretch:
    kept = [timed.Kept(0, {}, first, second)] * 3
    return timed.Stretch([latency_ns] * 9, [wait_ns] * 9, kept)


def test_what_remains_after_a_call_counts_if_it_is_notable(tmp_path: Path) -> None:
    runner = honest(tmp_path)
    assert early.early_answers(runner, stretch_of(10 * MS, 1_000)) == []
    assert early.early_answers(runner, stretch_of(100_000, 12_000)) == []  # notable, but a call to a driver
    assert early.early_answers(runner, stretch_of(MS, 4 * MS)) == [
        "answered too early: 80% of a call remained to be done after it returned"
    ]


def test_waiting_takes_its_time_even_for_nothing(tmp_path: Path) -> None:
    runner = honest(tmp_path)
    runner.wait = lambda: time.sleep(0.002)
    assert early.early_answers(runner, stretch_of(10 * MS, 2 * MS)) == []


def test_an_answer_that_must_be_computed_first_came_too_early(tmp_path: Path) -> None:
    found = early.early_answers(honest(tmp_path), stretch_of(MS, 0, first=5 * MS, second=MS))
    assert len(found) == 1 and "takes 4 ms longer than the second time, a call 1 ms" in found[0]
    assert early.early_answers(honest(tmp_path), stretch_of(MS, 0, first=5 * MS, second=5 * MS)) == []


def honest(folder: Path, **settings: Any) -> bench_fakes.Honest:
    task = bench_fakes.task(folder, **settings)
    return bench_fakes.Honest({}, task.nodes, task.settings)


# --- timed calls ---


def test_inputs_take_turns_and_the_collector_rests(tmp_path: Path) -> None:
    runner = honest(tmp_path)
    seen = []
    runner.run = lambda feed: seen.append((float(feed[0, 0, 0, 0]), gc.isenabled())) or bench_fakes.compute(feed)
    feeds = list(bench_fakes.pictures(4)[:, None])
    limits = Limits(samples=16, least_samples=11, seconds=5)
    stretch = timed.timed(runner, feeds, limits, np.random.default_rng(0))
    assert [first for first, _ in seen] == [float(feed[0, 0, 0, 0]) for feed in feeds] * 4
    assert not any(collecting for _, collecting in seen) and gc.isenabled()
    assert len(stretch.latency_ns) == 16 and 1 <= len(stretch.kept) <= 9
    assert stretch.wall_ns >= sum(stretch.latency_ns)


def test_a_round_ends_with_its_time_but_not_before_its_least_samples() -> None:
    limits = Limits(samples=64, least_samples=11, seconds=2)
    assert not timed.enough(10, 60_000 * MS, limits) and timed.enough(11, 2_000 * MS, limits)
    assert not timed.enough(63, 1_999 * MS, limits) and timed.enough(64, 0, limits)


def test_one_answer_is_kept_however_short_a_round_is() -> None:
    limits = Limits(samples=1000, least_samples=11)
    drawn = [timed.chosen(limits, np.random.default_rng(seed)) for seed in range(50)]
    assert all(min(calls) < 11 and len(calls) <= 9 for calls in drawn) and len({min(each) for each in drawn}) > 3


# --- threads and spinning ---


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


# --- settings ---


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


# --- parity ---


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


def checked(task: Task) -> Measured:
    return Measured.model_validate(json.loads(json.dumps(measure(task).to_json(), allow_nan=False)))


# --- the probe set ---


def test_batches_cover_the_probe_set_and_fill_up() -> None:
    probe = Probe(bench_fakes.pictures(5), {})
    assert [batch.tolist() for batch in probe.batches(2)] == [[0, 1], [2, 3], [4, 0]]
    assert [batch.tolist() for batch in probe.batches(7)] == [[0, 1, 2, 3, 4, 0, 1]]


@pytest.mark.parametrize("images", [2, 3, 8, 12, 64])
@pytest.mark.parametrize("size", [1, 4, 32])
def test_timed_inputs_are_distinct(images: int, size: int) -> None:
    found = Probe(bench_fakes.pictures(images), {}).distinct(size)
    assert len({tuple(each.tolist()) for each in found}) == len(found) == min(8, images)
    assert {len(each) for each in found} == {size}


def test_a_probe_set_that_does_not_fit_is_refused_with_all_reasons(tmp_path: Path) -> None:
    task = bench_fakes.task(tmp_path)
    reference = np.full((2, 5), np.nan)
    np.savez(task.probe, inputs=np.zeros((1, 3, 8, 9)), **{"reference/fc": reference, "reference/prob": reference})
    with pytest.raises(BenchError) as refused:
        read_probe(task)
    told = "\n".join(refused.value.problems)
    assert "inputs are 1 of (3, 8, 9), expected at least 2 of (3, 8, 8)" in told
    assert "node 'fc' has 2 values for 1 inputs" in told and "the reference of node 'prob' is not finite" in told
    with pytest.raises(BenchError, match="probe.npz: the probe set has no reference of fc7"):
        read_probe(replace(task, nodes=("fc7",)))
    with pytest.raises(BenchError, match="nowhere.npz: the probe set is not there"):
        read_probe(replace(task, probe=str(tmp_path / "nowhere.npz")))


# --- failures ---


class ResourceExhaustedError(Exception):
    pass


class Cv2Error(Exception):
    pass


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ResourceExhaustedError("OOM when allocating tensor"),
        bench_fakes.OutOfMemoryError("x"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("Failed to allocate memory for requested buffer of size 1073741824"),
        Cv2Error("OpenCV(4.14.0) error: (-4:Insufficient memory) Failed to allocate 99 bytes"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_every_way_to_run_out_of_memory_is_one_status(error: Exception) -> None:
    assert failures.status_and_reason(error, "torch")[0] == "out of memory"
    assert failures.status_and_reason(wrapped(error), "torch")[0] == "out of memory"


def wrapped(error: Exception) -> Exception:
    around = RunnerError("cannot build")
    around.__cause__ = error
    return around


@pytest.mark.parametrize(
    ("fake", "status", "reason"),
    [
        ("Raising", "failed", "ValueError: shape (1, 3, 8, 8) is not what the graph takes"),
        ("Missing", "failed", "no_such_runtime is not installed"),
        ("Broken", "failed", "the library of bench_fakes:Broken is broken: libnative.so.13: cannot open shared object"),
        ("OutOfMemory", "out of memory", "MemoryError: Unable to allocate 512. GiB for an array"),
        ("FrameworkOutOfMemory", "out of memory", "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB"),
        ("Honset", "refused", "bench_fakes:Honset is no runner; a runner is a class derived from"),
    ],
)
@pytest.mark.parametrize("scenario", ["latency", "memory", "cold_start"])
def test_a_failure_is_one_sentence(tmp_path: Path, scenario: str, fake: str, status: str, reason: str) -> None:
    measured = checked(bench_fakes.task(tmp_path, fake, scenario))
    assert measured.status == status and measured.reason.startswith(reason)
    assert "\n" not in measured.reason


def test_a_missing_library_names_the_extra_that_brings_it() -> None:
    error = ModuleNotFoundError("No module named 'openvino'", name="openvino")
    told = failures.status_and_reason(error, "openvino")
    assert told == ("failed", "openvino is not installed; install it with: pip install 'faceport[openvino]'")


def test_a_long_message_is_shortened() -> None:
    told = failures.one_line("x " * 1000)
    assert len(told) == failures.LONGEST_REASON and told.endswith("...")


def test_unknown_names_are_answered_with_the_nearest(tmp_path: Path) -> None:
    measured = checked(bench_fakes.task(tmp_path, scenario="latencies"))
    assert measured.status == "failed"
    assert measured.reason.startswith("there is no scenario 'latencies'; did you mean 'latency'?; there are latency,")
    measured = checked(replace(bench_fakes.task(tmp_path), runner="onnxruntim"))
    assert "there is no runner 'onnxruntim'; did you mean 'onnxruntime'?" in measured.reason


def test_facts_that_are_no_json_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_fakes.Honest, "facts", lambda _: {"speed": math.inf})
    measured = checked(bench_fakes.task(tmp_path, limits=replace(bench_fakes.QUICK, warm_up_seconds=0.3)))
    assert measured.status == "refused" and measured.timing is None
    assert measured.reason.startswith("Honest.facts() returned what is no JSON: ")


# --- other scenarios ---


@pytest.mark.parametrize("scenario", ["accuracy", "peak"])
def test_parts_of_others_are_called_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scenario: str) -> None:
    fields = {
        "accuracy": {"head": "h", "positive": "woman", "predictions": []},
        "peak": {
            "multiply_adds_per_second": 1e9, "bytes_per_second": 1e9, "precision": "fp32-strict", "device": "cpu",
            "threads": 1, "with_library": "numpy",
        },
    }  # fmt: skip
    calls: list[tuple[Any, ...]] = []
    stand_in = SimpleNamespace(measure=lambda *given: calls.append(given) or fields[scenario])
    monkeypatch.setitem(sys.modules, f"benchmarks.measuring.{scenario}", stand_in)
    measured = checked(bench_fakes.task(tmp_path, scenario=scenario))
    assert measured.status == "ok" and getattr(measured, scenario) is not None
    assert (measured.parity is not None) == (scenario == "accuracy") == (len(calls[0]) == 2)


def test_without_a_counter_there_is_no_energy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "POWERCAP", tmp_path / "powercap")
    measured = checked(bench_fakes.task(tmp_path, scenario="energy"))
    assert measured.status == "refused" and measured.energy is None
    assert measured.reason.startswith("no energy counter can be read here: RAPL's energy_uj below ")


def zone(folder: Path, name: str, energy_uj: str, most: int = 10_000_000) -> Path:
    folder.mkdir(parents=True)
    for file, text in (("name", name), ("energy_uj", energy_uj), ("max_energy_range_uj", str(most))):
        (folder / file).write_text(f"{text}\n", encoding="ascii")
    return folder / "energy_uj"


def test_energy_is_what_the_packages_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = zone(tmp_path / "intel-rapl:0", "package-0", "9000000")
    zone(tmp_path / "intel-rapl:0" / "intel-rapl:0:0", "core", "7")
    zone(tmp_path / "intel-rapl:0:0", "core", "7")
    zone(tmp_path / "intel-rapl:1", "psys", "7")
    zone(tmp_path / "intel-rapl:2", "package-1", "not readable")
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    with energy.counters("cpu") as found:
        assert [each.name for each in found] == ["RAPL package-0"]
        meter = energy.Meter(found)
        counter.write_text("9500000\n", encoding="ascii")
        assert meter.read() == pytest.approx(0.5)
        counter.write_text("500000\n", encoding="ascii")  # began anew at 10 J
        assert meter.read() == pytest.approx(1.5)
    limits = Limits(least_samples=11, seconds=0.2, warm_up_seconds=0.3)
    measured = checked(bench_fakes.task(tmp_path, scenario="energy", limits=limits))
    assert measured.energy is not None and measured.energy.calls >= 11 and measured.energy.joules == 0.0
    assert measured.energy.counter == "RAPL package-0" and measured.timing is None


# --- memory ---


def steps(calls: int, grow: Callable[[int], int], seed: int = 0) -> list[int]:
    draw = random.Random(seed)  # noqa: S311 - noise, not a secret
    return [100_000_000 + grow(call) + draw.randrange(0, 262_144, 4096) for call in range(calls)]


@pytest.mark.parametrize("calls", [12, 64, 256])
def test_growth_with_every_call_is_a_leak(calls: int) -> None:
    samples = steps(calls, lambda call: 300_000 * call)
    assert growth.leaks(samples) and growth.growth_per_call(samples) == pytest.approx(300_000, rel=0.1)


@pytest.mark.parametrize(
    "grow",
    [
        lambda _: 0,
        lambda call: 20_000_000 if call > 100 else 0,  # one allocation for good
        lambda call: 50_000_000 * (call < 100),  # given back
        lambda call: min(call, 60) * 500_000,  # a pool that is filled
        lambda call: (call % 50) * 1_000_000,  # garbage, collected now and then
        lambda call: call * 1_000,  # less than an allocator's portion in all
    ],
)
def test_other_growth_is_none(grow: Callable[[int], int]) -> None:
    assert not any(growth.leaks(steps(256, grow, seed)) for seed in range(5))


def test_growth_of_nothing() -> None:
    assert growth.growth_per_call([5]) == 0.0 and not growth.leaks([5] * 12)


def test_memory_is_read_in_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmHWM:\t    1692 kB\n", encoding="ascii")
    monkeypatch.setattr(resident, "STATUS", status)
    assert resident.memory_bytes("VmHWM") == 1692 * 1024
    with pytest.raises(BenchError, match="status: there is no RssAnon; memory cannot be measured on this system"):
        resident.memory_bytes("RssAnon")
    monkeypatch.setattr(resident, "STATUS", tmp_path / "none")
    with pytest.raises(BenchError, match="none: No such file or directory; memory is measured on Linux only"):
        resident.memory_bytes("VmHWM")


# --- devices and files ---


@pytest.mark.parametrize(
    ("runner", "problem"),
    [
        ("bench_fakes:Missing", "no_such_runtime is not installed"),
        ("bench_fakes:Broken", "the library of bench_fakes:Broken is broken: libnative.so.13: cannot open shared"),
        ("nmpy", "there is no runner 'nmpy'; did you mean 'numpy'?"),
    ],
)
def test_a_runner_that_cannot_be_used_is_told_with_its_problem(runner: str, problem: str) -> None:
    told = devices.devices(runner)
    assert told["problem"].startswith(problem) and told["devices"] == []


def test_packages_that_are_not_installed_have_no_version() -> None:
    assert devices.versions(("numpy", "no-such-runtime")) == {"numpy": np.__version__}


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    write_json({"a": 1}, tmp_path / "out.json")
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        write_json({"a": math.nan}, tmp_path / "out.json")
    with pytest.raises(OSError, match="out.json"):
        write_json({"a": 1}, tmp_path / "none" / "out.json")
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_settings_survive_the_way_to_the_process(tmp_path: Path) -> None:
    task = bench_fakes.task(tmp_path, threads=2, batch=8)
    assert Task.from_json(json.loads(json.dumps(task.to_json()))) == task
    assert task.settings == Settings(threads=2) and task.batch == 8
