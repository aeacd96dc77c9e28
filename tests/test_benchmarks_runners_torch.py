"""PyTorch: each call path in each precision that the CPU has, and what is read back of it."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch._inductor import cpp_builder, exc

import converters
from bench_runners import NODES, WIDEST, Answer, Ask, asked, run, tiny
from benchmarks.cells import TOLERANCES
from benchmarks.errors import RunnerError
from benchmarks.runners import load

PRECISIONS = ("fp32-strict", "bf16", "fp16")
SUPPORTED = {
    "fp32-strict": True,
    "bf16": torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    "fp16": torch.ops.mkldnn._is_mkldnn_fp16_supported(),
}
GPUS = torch.cuda.device_count() if torch.cuda.is_available() else 0


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("model")
    converters.save(tiny(), folder / "several", "torch", cut=NODES, verify=False)
    converters.save(tiny(), folder / "one", "torch", verify=False)
    converters.save(tiny(), folder / "short", "torch", cut=("pool1",), verify=False)
    return {name: str(folder / name) for name in ("several", "one", "short")}


def ask(folder: str, call_path: str, nodes: tuple[str, ...] = NODES, **changes: object) -> Ask:
    return Ask("torch", {"folder": folder}, asked("torch", call_path, **changes), nodes)


@pytest.fixture(scope="module")
def answers(files: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    paths = ("eager", "channels-last")
    asks = {f"{path}, {each}": ask(files["several"], path, precision=each) for path in paths for each in PRECISIONS}
    asks["one output"] = ask(files["one"], "eager", ("prob",))
    found = run(asks, tmp_path_factory.mktemp("1"))
    flushing = ask(files["several"], "channels-last", threads=2, denormals="flush")
    found |= run({"2 threads, flush": flushing}, tmp_path_factory.mktemp("2"))
    bound = ask(files["several"], "channels-last", instructions="avx2")
    return found | run({"avx2": bound}, tmp_path_factory.mktemp("bound"))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("path", ["eager", "channels-last"])
def test_agrees_with_numpy_and_reads_back(answers: dict[str, Answer], path: str, precision: str) -> None:
    found = answers[f"{path}, {precision}"]
    if not SUPPORTED[precision]:
        assert "\n".join(found.problems) == (
            f"PyTorch on this CPU: it has no instructions for {precision}; PyTorch would emulate it"
        )
        return
    assert found.largest < TOLERANCES[precision], found.difference
    assert precision == "fp32-strict" or found.largest > TOLERANCES["fp32-strict"]  # it is not float32 in disguise
    assert found.read_back == {
        "device": "cpu",
        "threads": 1,
        "precision": precision,
        "denormals": "keep",
        "instructions": WIDEST,
        "layout": "channels-last" if path == "channels-last" else "channels-first",
    }
    assert found.facts["interop_threads"] == 1


def test_a_network_with_one_output_gives_it_by_its_name(answers: dict[str, Answer]) -> None:
    found = answers["one output"]
    assert found.largest < TOLERANCES["fp32-strict"]
    assert list(found.difference["1"]) == ["prob"]


def test_all_threads_flush_subnormal_numbers_where_that_is_asked(answers: dict[str, Answer]) -> None:
    found = answers["2 threads, flush"]
    assert found.largest < TOLERANCES["fp32-strict"]
    assert (found.read_back["threads"], found.read_back["denormals"]) == (2, "flush")


def test_bound_instructions_are_read_back(answers: dict[str, Answer]) -> None:
    found = answers["avx2"]
    assert found.largest < TOLERANCES["fp32-strict"]
    assert (found.read_back["instructions"], found.facts["cpu_capability"]) == ("avx2", "AVX2")


@pytest.mark.parametrize(("bound", "told"), [("all", WIDEST), ("avx2", "avx2")])
def test_compiles_where_there_is_a_compiler(files: Mapping[str, str], tmp_path: Path, bound: str, told: str) -> None:
    settings = asked("torch", "compile", instructions=bound)
    one = Ask("torch", {"folder": files["short"]}, settings, ("pool1",), (1,))
    found = run({"compile": one}, tmp_path)["compile"]
    try:
        cpp_builder.get_cpp_compiler()
    except exc.InvalidCxxCompiler:
        assert "needs a C++ compiler" in found.problems[0]
        return
    assert found.largest < TOLERANCES["fp32-strict"]
    assert found.facts["compile_cache"] == "none"
    assert found.facts["compiled_graphs"] == 1
    assert (found.read_back["call_path"], found.read_back["instructions"]) == ("compile", told)


def test_without_a_compiler_compile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise exc.InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", none)
    with pytest.raises(RunnerError, match="torch.compile needs a C.. compiler .*install g.. or clang"):
        load("torch")({}, (), asked("torch", "compile")).import_library()


def test_emulated_precisions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(RunnerError, match="no instructions for bf16; PyTorch would emulate it"):
        load("torch")({}, (), asked("torch", "eager", precision="bf16")).import_library()
    (cpu, *_) = load("torch").devices()
    assert "bf16" not in cpu.precisions
    assert "tf32" not in cpu.precisions


def test_a_gpu_that_is_not_there_is_refused() -> None:
    runner = load("torch")({}, NODES, asked("torch", "eager", device=f"cuda:{GPUS}"))
    with pytest.raises(RunnerError, match=f"cuda:{GPUS} is not there: PyTorch finds"):
        runner.import_library()


def test_a_node_that_the_module_does_not_give_is_refused(files: Mapping[str, str]) -> None:
    runner = load("torch")({"folder": Path(files["several"])}, ["pool55"], asked("torch", "eager"))
    runner._torch = torch
    runner.read_weights()
    with pytest.raises(RunnerError, match="does not give the node 'pool55'; did you mean 'pool5'"):
        runner.build()


def test_a_folder_without_a_module_is_refused(tmp_path: Path) -> None:
    runner = load("torch")({"folder": tmp_path}, NODES, asked("torch", "eager"))
    with pytest.raises(RunnerError, match="expected one module with its .safetensors beside it, found none"):
        runner.read_weights()
