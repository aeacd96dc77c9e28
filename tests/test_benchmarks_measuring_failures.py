"""What a measuring process says where nothing can be measured."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

import bench_fakes
from bench_checked import checked
from benchmarks.errors import RunnerError
from benchmarks.measuring import failures


@pytest.fixture(autouse=True)
def _short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_FAKE_MS", "0.2")


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
