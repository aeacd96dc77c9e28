"""The GPU's path with stand-in runtimes: they fall back, answer before they are done, or compute in TF32 unasked."""

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from bench_runners import Array, asked
from benchmarks.cells import Limits, Settings, Task
from benchmarks.errors import RunnerError
from benchmarks.measuring.early import early_answers
from benchmarks.measuring.outcome import Outcome
from benchmarks.measuring.read_back import read_back
from benchmarks.measuring.timed import Stretch, timed
from benchmarks.runners import Runner, load

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
COMPUTING_SECONDS = 0.03


class Behaviour(SimpleNamespace):
    """What a stand-in onnxruntime does wrong, and what it was asked for."""

    available: Sequence[str] = (TENSORRT, CUDA, CPU)
    falls_back: bool = False
    nodes_on_cpu: int = 0
    nodes: int = 5
    ignores: Mapping[str, str] = {}
    answers_early: bool = False
    asked: Sequence[Any] = ()


class Binding:
    """I/O binding to a device that takes its time."""

    def __init__(self) -> None:
        self.input: Array | None = None
        self.place: list[tuple[str, str, int]] = []
        self.outputs: dict[str, Array] = {}
        self.work: threading.Thread | None = None

    def bind_ortvalue_input(self, name: str, value: tuple[Array, str, int]) -> None:
        self.input = value[0]
        self.place.append((name, *value[1:]))

    def bind_output(self, name: str, device: str, number: int) -> None:
        self.place.append((name, device, number))

    def synchronize_inputs(self) -> None:
        """Nothing is on its way."""

    def synchronize_outputs(self) -> None:
        if self.work is not None:
            self.work.join()

    def copy_outputs_to_cpu(self) -> list[Array]:
        return list(self.outputs.values())


class Session:
    """A session that doubles its input."""

    def __init__(self, behaviour: Behaviour, options: "Options", providers: Sequence[Any]) -> None:
        behaviour.asked = providers
        self.behaviour, self.options, self.pending = behaviour, options, threading.Thread()
        told = [each if isinstance(each, tuple) else (each, {}) for each in providers]
        self.providers = {name: {**given, **behaviour.ignores} for name, given in told}
        if behaviour.falls_back:
            self.providers = {CPU: {}}

    def get_providers(self) -> list[str]:
        return list(self.providers)

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        return self.providers

    def get_session_options(self) -> "Options":
        return self.options

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="data", type="tensor(float)")]

    def get_outputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="prob")]

    def get_provider_graph_assignment_info(self) -> list[SimpleNamespace]:
        counts = {self.get_providers()[0]: self.behaviour.nodes, CPU: self.behaviour.nodes_on_cpu}
        return [
            SimpleNamespace(ep_name=name, get_nodes=lambda count=count: [None] * count)
            for name, count in counts.items()
            if count
        ]

    def io_binding(self) -> Binding:
        return Binding()

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> list[Array]:
        assert list(names) == ["prob"]
        time.sleep(COMPUTING_SECONDS)
        return [2 * feeds["data"]]

    def run_with_iobinding(self, binding: Binding) -> None:
        assert binding.input is not None
        given = binding.input

        def compute() -> None:
            time.sleep(COMPUTING_SECONDS)
            binding.outputs = {"prob": 2 * given}

        binding.work = threading.Thread(target=compute)
        binding.work.start()


class Options:
    """Options of a session."""

    graph_optimization_level = "GraphOptimizationLevel.ORT_ENABLE_ALL"
    intra_op_num_threads = inter_op_num_threads = log_severity_level = 0

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def add_session_config_entry(self, key: str, value: str) -> None:
        self.entries[key] = value

    def get_session_config_entry(self, key: str) -> str:
        return self.entries[key]


@pytest.fixture
def behaviour(monkeypatch: pytest.MonkeyPatch) -> Behaviour:
    """Put a stand-in in onnxruntime's place, and return what it is told to do."""
    told, fake = Behaviour(), ModuleType("onnxruntime")
    vars(fake).update(
        SessionOptions=Options,
        InferenceSession=lambda _path, options, providers: Session(told, options, providers),
        get_available_providers=lambda: list(told.available),
        OrtValue=SimpleNamespace(ortvalue_from_numpy=lambda array, device, number: (array.copy(), device, number)),
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    return told


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "doubling.onnx"
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, 2, 2]) for name in ("data", "prob"))
    two = helper.make_tensor("two", TensorProto.FLOAT, [], [2.0])
    graph = helper.make_graph([helper.make_node("Mul", ["data", "two"], ["prob"])], "doubling", [x], [y], [two])
    onnx.save(helper.make_model(graph), path)
    return path


def started(model: Path, call_path: str = "run", device: str = "cuda:0", **changes: Any) -> Runner:
    """Return a runner of the stand-in, built."""
    runner = load("onnxruntime")({"model": model}, ["prob"], asked("onnxruntime", call_path, device=device, **changes))
    runner.import_library()
    runner.read_weights()
    runner.build()
    return runner


def verdict(runner: Runner, settings: Settings) -> None:
    """Compare what a runner reads back with settings as a measuring process does, which refuses what differs."""
    read_back(runner, Task("doubling", "onnxruntime", settings, 1, "latency"), Outcome())


def batch() -> Array:
    return np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)


def test_a_session_that_silently_falls_back_is_refused(behaviour: Behaviour, model: Path) -> None:
    behaviour.falls_back = True
    with pytest.raises(
        RunnerError, match=f"{CUDA} was asked for on cuda:0, but onnxruntime silently fell back to {CPU}"
    ):
        started(model)


def test_tensorrt_that_falls_back_to_cuda_is_refused(behaviour: Behaviour, model: Path) -> None:
    started(model, "tensorrt")
    assert [name for name, _ in behaviour.asked[:2]] == [TENSORRT, CUDA]
    behaviour.falls_back = True
    with pytest.raises(RunnerError, match=f"{TENSORRT} was asked for .* fell back to {CPU}"):
        started(model, "tensorrt")


def test_a_provider_that_is_there_but_idle_is_refused(behaviour: Behaviour, model: Path) -> None:
    behaviour.nodes, behaviour.nodes_on_cpu = 0, 5
    with pytest.raises(RunnerError, match=f"{CUDA} .* has none of the network's nodes: {CPU} has 5"):
        started(model)


def test_nodes_left_on_the_cpu_are_told(behaviour: Behaviour, model: Path) -> None:
    behaviour.nodes_on_cpu = 2
    facts = started(model).facts()
    assert facts["nodes_on_cpu"] == 2
    assert facts["nodes_by_provider"] == {CUDA: 5, CPU: 2}


@pytest.mark.parametrize(("precision", "option"), [("fp32-strict", "0"), ("tf32", "1")])
def test_tf32_is_set_both_ways_and_read_back(behaviour: Behaviour, model: Path, precision: str, option: str) -> None:
    runner = started(model, precision=precision)
    (name, options), last = behaviour.asked
    assert (name, options["use_tf32"], last) == (CUDA, option, CPU)
    assert runner.read_back()["precision"] == precision
    verdict(runner, runner.settings)


def test_tf32_that_was_not_asked_for_is_refused(behaviour: Behaviour, model: Path) -> None:
    behaviour.ignores = {"use_tf32": "1"}
    runner = started(model)
    with pytest.raises(RunnerError, match="precision: asked for fp32-strict, got tf32"):
        verdict(runner, runner.settings)


def test_another_gpu_than_asked_for_is_refused(behaviour: Behaviour, model: Path) -> None:
    behaviour.ignores = {"device_id": "0"}
    runner = started(model, device="cuda:1")
    with pytest.raises(RunnerError, match="device: asked for cuda:1, got cuda:0"):
        verdict(runner, runner.settings)


@pytest.mark.usefixtures("behaviour")
def test_binding_keeps_feed_and_answers_on_the_gpu(model: Path) -> None:
    runner = started(model, "binding", "cuda:1")
    feed = runner.prepare(batch())
    assert feed.place == [("data", "cuda", 1), ("prob", "cuda", 1)]


@pytest.mark.usefixtures("behaviour")
def test_a_bound_run_returns_when_the_device_is_done(model: Path) -> None:
    runner = started(model, "binding")
    feed = runner.prepare(batch())
    begin = time.perf_counter()
    answer = runner.run(feed)
    assert time.perf_counter() - begin >= COMPUTING_SECONDS
    np.testing.assert_array_equal(runner.values(answer)["prob"], 2 * batch())


@pytest.mark.usefixtures("behaviour")
def test_waiting_shows_a_run_that_returned_too_early(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = started(model, "binding")
    limits = Limits(samples=4, least_samples=4, seconds=5)
    assert early_answers(runner, of(runner, limits)) == []

    def early(feed: Binding) -> Binding:
        runner._session.run_with_iobinding(feed)
        runner._bound_last = feed
        return feed

    monkeypatch.setattr(runner, "run", early)
    (told,) = early_answers(runner, of(runner, limits))
    assert told.startswith("answered too early")


def of(runner: Runner, limits: Limits) -> Stretch:
    """Return timed calls."""
    return timed(runner, [runner.prepare(batch())], limits, np.random.default_rng(0))


def test_tensorrt_is_kept_from_tf32_by_the_environment() -> None:
    kind = load("onnxruntime")
    assert kind.environment(asked("onnxruntime", "tensorrt", device="cuda:0")) == {"NVIDIA_TF32_OVERRIDE": "0"}
    assert kind.environment(asked("onnxruntime", "tensorrt", device="cuda:0", precision="tf32")) == {}


class Switches(SimpleNamespace):
    """TF32 switches of PyTorch; `stuck` ones stay on whatever is asked for."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value or "stuck" in vars(self))


def fake_torch(*, stuck: bool, gpus: int = 1) -> Any:
    """Return a stand-in for PyTorch as far as settings go."""
    switches = [Switches(**({"stuck": True} if stuck else {})) for _ in range(2)]
    fake = ModuleType("torch")
    vars(fake).update(
        cuda=SimpleNamespace(is_available=lambda: gpus > 0, device_count=lambda: gpus),
        backends=SimpleNamespace(
            cuda=SimpleNamespace(matmul=switches[0]),
            cudnn=switches[1],
            cpu=SimpleNamespace(get_cpu_capability=lambda: "AVX512"),
            mkldnn=SimpleNamespace(is_available=lambda: False),
        ),
        set_flush_denormal=lambda _wanted: True,
        set_num_threads=lambda count: vars(fake).update(get_num_threads=lambda: count),
        get_num_interop_threads=lambda: 1,
        set_float32_matmul_precision=lambda _wanted: None,
    )
    return fake


def torch_runner(fake: Any, monkeypatch: pytest.MonkeyPatch, weights_on: str = "cuda:0", **changes: Any) -> Runner:
    """Return a runner on the stand-in; its model has one weight, which lies where `weights_on` says."""
    monkeypatch.setitem(sys.modules, "torch", fake)
    runner = load("torch")({}, ["prob"], asked("torch", "eager", device="cuda:0", **changes))
    runner.import_library()

    class Place(SimpleNamespace):
        def __str__(self) -> str:
            return weights_on

    place = Place(type=weights_on.partition(":")[0])
    weight = SimpleNamespace(device=place, dtype="torch.float32", numel=lambda: 1, dim=lambda: 2)
    runner._model = SimpleNamespace(parameters=lambda: iter([weight]))
    return runner


@pytest.mark.parametrize("precision", ["fp32-strict", "tf32"])
def test_pytorch_is_set_both_ways_and_read_back(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    fake = fake_torch(stuck=False)
    runner = torch_runner(fake, monkeypatch, precision=precision)
    assert fake.backends.cuda.matmul.allow_tf32 == fake.backends.cudnn.allow_tf32 == (precision == "tf32")
    assert runner.read_back() == {"device": "cuda:0", "threads": 1, "precision": precision}
    verdict(runner, runner.settings)


def test_pytorch_in_tf32_though_strict_was_asked_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = torch_runner(fake_torch(stuck=True), monkeypatch)
    with pytest.raises(RunnerError, match="precision: asked for fp32-strict, got tf32"):
        verdict(runner, runner.settings)


def test_pytorch_with_weights_on_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = torch_runner(fake_torch(stuck=False), monkeypatch, "cpu")
    monkeypatch.setattr(runner, "_flushing", lambda: "keep")
    runner._torch.get_float32_matmul_precision = lambda: "highest"
    with pytest.raises(RunnerError, match="device: asked for cuda:0, got cpu"):
        verdict(runner, runner.settings)


def test_pytorch_without_the_second_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", fake_torch(stuck=False))
    with pytest.raises(RunnerError, match="cuda:1 is not there: PyTorch finds 1 GPUs; choose cpu"):
        load("torch")({}, ["prob"], asked("torch", "eager", device="cuda:1")).import_library()


def test_tensorflow_that_answers_from_the_cpu_is_refused() -> None:
    runner = load("keras")({}, ["prob"], asked("keras", "function", device="cuda:0"))
    enabled = SimpleNamespace(tensor_float_32_execution_enabled=lambda: True)
    threading_of = SimpleNamespace(get_intra_op_parallelism_threads=lambda: 1)
    runner._tf = SimpleNamespace(config=SimpleNamespace(experimental=enabled, threading=threading_of))
    layer = SimpleNamespace(data_format="channels_last")
    runner._model = SimpleNamespace(layers=[layer], weights=[SimpleNamespace(dtype="float32")])
    runner._flushing = lambda: "flush"
    runner._ran_on = "/job:localhost/replica:0/task:0/device:GPU:0"
    with pytest.raises(RunnerError, match="precision: asked for fp32-strict, got tf32"):
        verdict(runner, runner.settings)
    runner._ran_on = "/job:localhost/replica:0/task:0/device:CPU:0"
    with pytest.raises(RunnerError, match="device: asked for cuda:0, got cpu"):
        verdict(runner, runner.settings)
