"""Keras on TensorFlow: each call path, oneDNN on and off, threads as its pool really has them."""

from collections.abc import Mapping

import pytest
import tensorflow as tf

import converters
from bench_runners import NODES, Answer, Ask, asked, run, tiny
from benchmarks.cells import TOLERANCES
from benchmarks.errors import RunnerError
from benchmarks.runners import load
from benchmarks.runners.keras_runner import ONEDNN

# oneDNN is chosen once in a process, and so is the number of threads.
PROCESSES = {2: ("function", "call", "xla", "predict"), 1: ("function-onednn",)}
THREADS = {path: threads for threads, paths in PROCESSES.items() for path in paths}
GPUS = len(tf.config.list_physical_devices("GPU"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("model") / "tiny.keras"
    converters.save(tiny(), path, cut=NODES, dynamic=("batch",), verify=False)
    return {"model": str(path)}


@pytest.fixture(scope="module")
def answers(files: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    found = {}
    for threads, paths in PROCESSES.items():
        asks = {path: Ask("keras", files, asked("keras", path, threads=threads)) for path in paths}
        found |= run(asks, tmp_path_factory.mktemp("keras"))
    return found


@pytest.mark.parametrize("path", THREADS)
def test_agrees_with_numpy_and_reads_back(answers: dict[str, Answer], path: str) -> None:
    found = answers[path]
    assert not found.problems
    assert found.largest < TOLERANCES["fp32-strict"], found.difference
    assert found.read_back == {
        "device": "cpu",
        "threads": THREADS[path],
        "precision": "fp32-strict",
        "denormals": "flush",
        "layout": "channels-last",
    }
    assert found.facts["onednn"] == (path == "function-onednn")
    assert found.facts["inter_op_threads"] == 1


@pytest.mark.parametrize("path", ["function", "function-onednn"])
def test_the_pool_has_as_many_threads_as_were_asked_for(answers: dict[str, Answer], path: str) -> None:
    assert answers[path].facts["pool_threads"] == THREADS[path]


def test_every_call_path_is_tried_here() -> None:
    assert set(THREADS) == set(load("keras").call_paths)


def test_the_environment_decides_onednn_before_the_start() -> None:
    runner = load("keras")
    assert runner.environment(asked("keras", "function"))[ONEDNN] == "0"
    assert runner.environment(asked("keras", "function-onednn"))[ONEDNN] == "1"


def test_onednn_that_came_otherwise_is_refused() -> None:
    runner = load("keras")({}, NODES, asked("keras", "function-onednn"))
    with pytest.raises(RunnerError, match=f"needs oneDNN on, but TensorFlow was loaded with it off; set {ONEDNN}=1"):
        runner.import_library()


def test_threads_that_come_too_late_are_refused() -> None:
    tf.constant(1.0)
    runner = load("keras")({}, NODES, asked("keras", "function", threads=7))
    with pytest.raises(RunnerError, match="takes a number of threads .7 here. only before it does its first work"):
        runner.import_library()


def test_a_gpu_that_is_not_there_is_refused() -> None:
    runner = load("keras")({}, NODES, asked("keras", "function", device=f"cuda:{GPUS}"))
    with pytest.raises(RunnerError, match=f"cuda:{GPUS} is not there: TensorFlow finds"):
        runner.import_library()
