"""onnxruntime on the CPU: values, threads that really exist, subnormal numbers, int8, and what is refused."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnxruntime import quantization

import converters
from bench_runners import NODES, Answer, Array, Ask, asked, images, run, tiny
from benchmarks.cells import TOLERANCES
from benchmarks.errors import RunnerError
from benchmarks.runners import load

ASKS = {
    "1 thread": {"threads": 1},
    "2 threads, flush": {"threads": 2, "denormals": "flush"},
    "2 threads, spinning": {"threads": 2, "spinning": True},
    "int8": {"threads": 1, "precision": "int8"},
    "fp16": {"threads": 1, "precision": "fp16"},
}
ENDS = ("pool5", "prob")
CPU = "CPUExecutionProvider"


class Calibration(quantization.CalibrationDataReader):
    """Three images, one at a time."""

    def __init__(self) -> None:
        self.batches: Iterator[Array] = iter(np.split(images(), 3))

    def get_next(self) -> dict[str, Array] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"data": batch}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    folder = tmp_path_factory.mktemp("models")
    found = {"onnx": folder / "tiny.onnx", "onnx-fp16": folder / "half.onnx", "onnx-int8": folder / "int8.onnx"}
    converters.save(tiny(), found["onnx"], cut=NODES, dynamic=("batch",), verify=False)
    converters.save(tiny(), found["onnx-fp16"], cut=NODES, dynamic=("batch",), verify=False, dtype="float16")
    # A value before a ReLU is clipped where onnxruntime quantises the ReLU away: fc7 is left out.
    converters.save(tiny(), folder / "ends.onnx", cut=ENDS, dynamic=("batch",), verify=False)
    quantization.quantize_static(folder / "ends.onnx", found["onnx-int8"], Calibration())
    return {kind: {"model": str(path)} for kind, path in found.items()}


@pytest.fixture(scope="module")
def answers(models: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    found = {}
    for name, changes in ASKS.items():  # the first session of a process decides what its threads do with denormals
        settings = asked("onnxruntime", "run", **changes)
        nodes = ENDS if settings.precision == "int8" else NODES
        ask = Ask("onnxruntime", models[load("onnxruntime").artefact(settings)], settings, nodes)
        found |= run({name: ask}, tmp_path_factory.mktemp("run"))
    return found


@pytest.mark.parametrize("name", ["1 thread", "2 threads, flush", "2 threads, spinning"])
def test_agrees_with_numpy(answers: dict[str, Answer], name: str) -> None:
    assert not answers[name].problems
    assert answers[name].largest < TOLERANCES["fp32-strict"], answers[name].difference


@pytest.mark.parametrize("name", ["1 thread", "2 threads, flush", "2 threads, spinning", "int8"])
def test_every_setting_is_read_back(answers: dict[str, Answer], name: str) -> None:
    wanted = {"device": "cpu", "provider": CPU, "precision": "fp32-strict", "denormals": "keep", "spinning": False}
    assert answers[name].read_back == wanted | ASKS[name]


def test_int8_computes_int8_and_answers_nearly_the_same(answers: dict[str, Answer]) -> None:
    assert 1e-4 < answers["int8"].largest < 0.5


def test_fp16_on_a_cpu_is_seen_to_be_computed_in_float32(answers: dict[str, Answer]) -> None:
    (cpu,) = (device for device in load("onnxruntime").devices() if device.name == "cpu")
    real = "fp16" in cpu.precisions
    assert answers["fp16"].read_back["precision"] == ("fp16" if real else "float32 kernels on float16 weights")
    assert answers["fp16"].largest < TOLERANCES["fp16"]


def test_facts_tell_who_has_the_nodes(answers: dict[str, Answer]) -> None:
    facts = answers["1 thread"].facts
    assert facts["nodes_by_provider"] == {CPU: pytest.approx(38, abs=2)}
    assert facts["transposes"] == facts["casts"] == 0
    assert facts["nodes_on_cpu"] is None
    assert facts["inter_op_threads"] == 1


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this onnxruntime may have a GPU"
)
@pytest.mark.parametrize("call_path", ["run", "binding", "tensorrt"])
def test_a_gpu_that_is_not_there_is_refused(models: dict[str, dict[str, str]], call_path: str) -> None:
    runner = load("onnxruntime")(
        {"model": Path(models["onnx"]["model"])}, NODES, asked("onnxruntime", call_path, device="cuda:0")
    )
    runner.import_library()
    runner.read_weights()
    with pytest.raises(RunnerError, match="cuda:0 is not there for onnxruntime: this build has .*CPUExecution"):
        runner.build()


def test_a_provider_that_does_not_fit_the_device_is_refused() -> None:
    runner = load("onnxruntime")({}, NODES, asked("onnxruntime", "run", provider="CUDAExecutionProvider"))
    with pytest.raises(RunnerError, match="CUDAExecutionProvider does not run on cpu"):
        runner.import_library()


def test_a_node_that_the_model_does_not_give_is_refused(models: dict[str, dict[str, str]]) -> None:
    runner = load("onnxruntime")({"model": Path(models["onnx"]["model"])}, ["fc77"], asked("onnxruntime", "run"))
    runner.import_library()
    runner.read_weights()
    with pytest.raises(
        RunnerError, match="does not give the node 'fc77'; did you mean 'fc7'.*it gives pool5, fc7, prob"
    ):
        runner.build()


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.onnx").write_bytes(b"nothing")
    runner = load("onnxruntime")({"model": tmp_path / "none.onnx"}, NODES, asked("onnxruntime", "run"))
    runner.import_library()
    runner.read_weights()
    with pytest.raises(RunnerError, match="none.onnx: onnxruntime cannot load it"):
        runner.build()
