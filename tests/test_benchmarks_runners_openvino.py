"""OpenVINO: values in every precision that the CPU has, settings as the compiled model has them."""

from pathlib import Path

import openvino
import pytest

import converters
from bench_runners import NODES, WIDEST, Answer, Ask, asked, run, tiny
from benchmarks.cells import TOLERANCES
from benchmarks.errors import RunnerError
from benchmarks.runners import load

ASKS = {
    "1 thread": {"threads": 1},
    "2 threads, flush": {"threads": 2, "denormals": "flush"},
    "bf16": {"threads": 1, "precision": "bf16"},
    "fp16": {"threads": 1, "precision": "fp16"},
    "avx2": {"threads": 1, "instructions": "avx2"},
}
RUNTIME = {"fp32-strict": "f32", "bf16": "bf16", "fp16": "f16"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    converters.save(tiny(), path, cut=NODES, dynamic=("batch",), verify=False)
    return {"model": str(path)}


@pytest.fixture(scope="module")
def answers(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    asks = {name: Ask("openvino", files, asked("openvino", "infer", **changes)) for name, changes in ASKS.items()}
    bound = {"avx2": asks.pop("avx2")}  # for a whole process
    return run(asks, tmp_path_factory.mktemp("infer")) | run(bound, tmp_path_factory.mktemp("bound"))


@pytest.mark.parametrize("name", ASKS)
def test_agrees_with_numpy_and_reads_back(answers: dict[str, Answer], name: str) -> None:
    found, precision = answers[name], str(ASKS[name].get("precision", "fp32-strict"))
    word = {"fp32-strict": "FP32", "bf16": "BF16", "fp16": "FP16"}[precision]
    if word not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        assert f"OpenVINO computes no {precision} on this CPU" in "\n".join(found.problems)
        return
    assert found.largest < TOLERANCES[precision], found.difference
    assert precision == "fp32-strict" or found.largest > TOLERANCES["fp32-strict"]  # it is not float32 in disguise
    wanted = {"device": "cpu", "precision": "fp32-strict", "denormals": "keep", "instructions": WIDEST}
    assert found.read_back == wanted | ASKS[name]
    assert set(found.facts["runtime_precisions"]) == {RUNTIME[precision]}
    assert found.facts["streams"] == 1
    assert any("avx" in primitive for primitive in found.facts["primitives"])


def test_devices_name_what_the_cpu_computes_in() -> None:
    (device,) = load("openvino").devices()
    assert (device.name, device.problem) == ("cpu", "")
    assert "fp32-strict" in device.precisions


def test_a_gpu_is_refused(files: dict[str, str]) -> None:
    runner = load("openvino")({"model": Path(files["model"])}, NODES, asked("openvino", "infer", device="cuda:0"))
    with pytest.raises(RunnerError, match="OpenVINO, call path 'infer', runs on cpu, not cuda"):
        runner.import_library()


def test_a_node_that_the_model_does_not_give_is_refused(files: dict[str, str]) -> None:
    runner = load("openvino")({"model": Path(files["model"])}, ["probe"], asked("openvino", "infer"))
    runner.import_library()
    runner.read_weights()
    with pytest.raises(RunnerError, match="does not give the node 'probe'; did you mean 'prob'"):
        runner.build()
