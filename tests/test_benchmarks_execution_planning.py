"""From what was asked for to cells and turns: what cannot be is left out, or refused where it was asked for by name."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cells import SCENARIOS
from benchmarks.errors import BenchError, UsageError
from benchmarks.execution import Found, Plan, Request, choosing, group_models, plan, seconds_of
from benchmarks.execution.cell import Cell
from benchmarks.execution.order import schedule
from benchmarks.execution.progress import Estimate
from benchmarks.execution.request import Choice
from benchmarks.machine import processor, software
from benchmarks.runners import Device

CPU = Device("cpu", ("fp32-strict", "bf16", "fp16", "int8"))
HEAVY = {"torch", "keras", "tensorflow", "onnx", "onnxruntime", "cv2", "openvino", "pandas", "matplotlib", "PIL"}


@pytest.fixture(autouse=True)
def _a_machine_with_two_cores_and_every_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "threads_available", lambda: 2)
    monkeypatch.setattr(processor, "is_x86", lambda: True)
    monkeypatch.setattr(software, "version", lambda name: f"1.0 of {name}")
    monkeypatch.setattr(choosing.energy, "problem", lambda _: "there is no counter")


def devices(*found: Device, problem: str = "") -> Any:
    """Stand in for trying a runtime: it has these devices."""
    return lambda name: Found(name, {}, found, problem)


def made(devices_of: Any = devices(CPU), **asked: Any) -> Plan:  # noqa: B008 - a function, not a value that changes
    return plan(Request(**asked), devices_of)


def refused(kind: type[BenchError] = BenchError, devices_of: Any = None, **asked: Any) -> list[str]:
    with pytest.raises(kind) as caught:
        made(devices_of or devices(CPU), **asked)
    return caught.value.problems


def of(found: Plan, *names: str) -> list[tuple[Any, ...]]:
    """Return some facts of each cell."""
    return [
        tuple(getattr(cell if hasattr(cell, name) else cell.settings, name) for name in names) for cell in found.cells
    ]


def test_a_suite_is_the_product_of_its_choices() -> None:
    found = made(suite="smoke")
    assert [runner for (runner,) in of(found, "runner")] == [
        "onnxruntime", "torch", "keras", "opencv", "openvino", "numpy",
    ]  # fmt: skip
    assert {cell.settings.threads for cell in found.cells} == {2}
    assert found.models == (("vgg-face-tiny",),)
    assert found.left_out == ()


def test_what_is_asked_for_stands_in_place_of_the_suites_choice() -> None:
    found = made(
        models=(("a.prototxt", "a.caffemodel"), ("vgg-face-tiny",)), runners=("numpy", "torch:eager"), threads=(1, 2),
        rounds=4, seconds=50.0, samples=130,
    )  # fmt: skip
    assert Counter(of(found, "model", "runner", "threads")) == Counter(
        (model, runner, threads)
        for model in (("a.prototxt", "a.caffemodel"), ("vgg-face-tiny",))
        for runner in ("numpy", "torch")
        for threads in (1, 2)
    )
    assert found.rounds == 4
    assert (found.limits.seconds, found.limits.samples) == (50.0, 130)
    assert found.limits.timeout_seconds > 2 * 50  # the suite's own limit would end it while it measures


def test_settings_are_what_the_runner_means_by_the_call_path() -> None:
    found = made(runners=("torch:channels-last",))
    assert of(found, "call_path", "layout", "kind") == [("channels-last", "channels-last", "torch")]


def test_a_star_takes_every_call_path_and_leaves_out_what_cannot_be() -> None:
    found = made(runners=("opencv:*", "onnxruntime:*"))
    assert of(found, "runner", "call_path")[:1] == [("opencv", "forward")]
    assert {"opencv", "onnxruntime"} == {cell.runner for cell in found.cells}
    (left,) = [each for each in found.left_out if "tensorrt" in each.what]
    assert (left.what, left.reason) == ("onnxruntime:tensorrt", "runs on cuda, not cpu")


def test_what_a_product_holds_beyond_what_can_be_is_left_out_and_told() -> None:
    found = made(runners=("opencv", "onnxruntime"), precisions=("fp32-strict", "int8"), batches=(1, 4))
    assert of(found, "runner", "precision", "batch") == [
        ("opencv", "fp32-strict", 1), ("opencv", "fp32-strict", 4), ("onnxruntime", "fp32-strict", 1),
        ("onnxruntime", "fp32-strict", 4), ("onnxruntime", "int8", 1), ("onnxruntime", "int8", 4),
    ]  # fmt: skip
    (left,) = found.left_out
    assert (left.what, left.reason, left.cells) == ("opencv:forward", "computes in fp32-strict, not int8", 2)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"runners": ("numpy",), "precisions": ("int8",)}, "--runner numpy: nothing of it can be measured here (numpy"),
        ({"precisions": ("fp32-strict", "tf32")}, "--precision tf32: nothing of it can be measured here"),
        ({"devices": ("cpu", "cuda:0")}, "--device cuda:0: nothing of it can be measured here"),
        ({"threads": (1, 64)}, "--threads 64: nothing of it can be measured here"),
        ({"runners": ("numpy",), "instructions": ("all", "avx2")},
         "--instructions avx2: nothing of it can be measured here (numpy:run: can be bound to these"),
        ({"scenarios": ("latency", "energy")}, "--scenario energy: nothing of it can be measured here (energy on"),
    ],
)  # fmt: skip
def test_what_is_asked_for_by_name_and_cannot_be_is_refused(asked: dict[str, Any], problem: str) -> None:
    told = refused(**asked)
    assert any(line.startswith(problem) for line in told), told


def test_instructions_are_bound_where_a_runner_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {"runners": ("numpy", "openvino"), "instructions": ("all", "avx2")}
    found = made(**asked, scenarios=("latency", "peak"))
    assert of(found, "runner", "scenario", "instructions") == [
        ("numpy", "latency", "all"), ("openvino", "latency", "all"), ("openvino", "latency", "avx2"),
        ("numpy", "peak", "all"),
    ]  # fmt: skip
    assert found.cells[2].title == "vgg-face-tiny openvino:infer cpu fp32-strict 2 threads avx2 batch 1 latency"
    (left,) = found.left_out
    assert (left.what, left.reason) == ("numpy:run", "can be bound to these instructions: all, not avx2")
    monkeypatch.setattr(processor, "is_x86", lambda: False)
    assert "avx2 is of x86 processors, and this is none" in refused(**asked)[0]


def test_more_threads_than_can_run_are_refused_with_the_number_that_can() -> None:
    (told,) = refused(runners=("numpy",), threads=(1, 3))
    assert told == (
        "--threads 3: nothing of it can be measured here (numpy:run: "
        "3 threads are more than the 2 that can run at once here)"
    )


def test_a_device_counts_only_if_it_really_ran() -> None:
    asked: dict[str, Any] = {"runners": ("torch",), "devices": ("cuda:0",)}
    assert "finds no cuda:0 here" in refused(**asked)[0]
    broken = devices(CPU, Device("cuda:0", ("fp32-strict",), "driver too old"))
    assert "cuda:0 does not run here: driver too old" in refused(devices_of=broken, **asked)[0]
    assert "libtorch.so is broken" in refused(devices_of=devices(problem="libtorch.so is broken"), **asked)[0]
    old = devices(CPU, Device("cuda:0", ("fp32-strict", "fp16")))
    found = made(old, **asked, precisions=("fp32-strict", "fp16"))
    assert {cell.settings.device for cell in found.cells} == {"cuda:0"}
    (told,) = refused(devices_of=old, **asked, precisions=("fp32-strict", "bf16"))
    assert told.startswith("--precision bf16: nothing of it can be measured here")
    assert "cuda:0 does not compute in bf16 here" in told


def test_runtimes_are_started_only_where_that_tells_something() -> None:
    def never(name: str) -> Found:
        raise AssertionError(name)

    assert made(never, suite="cpu").cells


def test_a_library_that_is_not_installed_is_left_out_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "version", lambda name: "" if name == "torch" else "1.0")
    found = made(suite="smoke")
    assert "torch" not in {cell.runner for cell in found.cells}
    (left,) = found.left_out
    assert left.reason == "torch is not installed; pip install faceport[torch]"
    assert "torch is not installed" in refused(runners=("torch",))[0]


def test_throughput_sweeps_batches_and_a_single_stream_does_not() -> None:
    found = made(runners=("numpy",), batches=(8, 1), scenarios=("latency", "throughput", "memory"))
    assert of(found, "scenario", "batch") == [("latency", 1), ("throughput", 8), ("memory", 1)]
    both = made(runners=("numpy",), batches=(2,), scenarios=("latency", "throughput"))
    assert of(both, "scenario", "batch") == [("latency", 2), ("throughput", 2)]
    swept = made(runners=("numpy",), batches=(8, 1), scenarios=("throughput",))
    assert of(swept, "batch") == [(8,), (1,)]
    alone = made(runners=("numpy",), batches=(8, 1), scenarios=("latency",))
    assert of(alone, "batch") == [(8,), (1,)]


def test_one_peak_for_each_device_precision_and_number_of_threads() -> None:
    found = made(runners=("numpy", "openvino"), threads=(1, 2), precisions=("fp32-strict", "int8"),
                 scenarios=("latency", "peak"), batches=(1, 2))  # fmt: skip
    peaks = [cell for cell in found.cells if cell.scenario == "peak"]
    assert [(cell.model, cell.settings.precision, cell.settings.threads) for cell in peaks] == [
        ((), "fp32-strict", 1), ((), "fp32-strict", 2),
    ]  # fmt: skip
    assert ("peak of the machine", "no peak is known how to measure on cpu in int8") in [
        (each.what, each.reason) for each in found.left_out
    ]


def test_everything_senseless_is_told_at_once() -> None:
    told = refused(
        UsageError, precisions=("fp23",), scenarios=("latensy", "accuracy"), batches=(0,), rounds=0, seconds=0.0,
        threads=(-1,), instructions=("avx",),
    )  # fmt: skip
    assert told == [
        "--precision fp23: there is no such thing; there are fp32-strict, tf32, fp16, bf16, int8",
        "--instructions avx: there is no such thing; did you mean 'avx2'?; there are all, avx2",
        f"--scenario latensy: there is no such thing; did you mean 'latency'?; there are {', '.join(SCENARIOS)}",
        "--batch 0: expected 1 or more",
        "--threads -1: expected 0 or more",
        "--rounds 0: expected 1 or more",
        "--seconds 0.0: expected more than 0 seconds",
        "--scenario accuracy: needs --head and --faces: a head's folder and a CSV of labelled faces",
    ]


def test_runners_and_call_paths_that_do_not_exist() -> None:
    told = refused(UsageError, runners=("torhc", "opencv:forwrad", "numpy:run:twice", "no_such_module:Class"))
    assert any(line.startswith("--runner torhc: there is no such runner; did you mean 'torch'?") for line in told)
    assert any("expected NAME:CALL_PATH, there is one part too many" in line for line in told)
    told = refused(UsageError, runners=("opencv:forwrad", "no_such_module:Class", "benchmarks.cells:Task"))
    assert told[0].startswith("opencv has no call path 'forwrad'; did you mean 'forward'?; it has forward")
    assert told[1].startswith("--runner no_such_module:Class: cannot be imported: No module named 'no_such_module'")
    assert told[2].startswith("benchmarks.cells:Task is no runner")
    assert refused(UsageError, devices=("gpu",)) == [
        "--device gpu: there is no such thing; write cpu, or cuda:0, cuda:1 ..."
    ]


def test_a_head_and_its_faces_belong_together(tmp_path: Path) -> None:
    assert refused(UsageError, head=str(tmp_path)) == [
        "--head is given without --faces: accuracy is of one head on labelled faces"
    ]
    assert refused(UsageError, head=str(tmp_path), faces=str(tmp_path / "none.csv")) == [
        f"--faces {tmp_path / 'none.csv'}: is not there"
    ]
    assert "head.json" in refused(head=str(tmp_path), faces=str(tmp_path))[0]


@pytest.mark.parametrize(
    ("words", "models"),
    [
        (["vgg-face-tiny"], [("vgg-face-tiny",)]),
        (["a.prototxt", "a.caffemodel", "b.mat", "vgg-face", "w.caffemodel"],
         [("a.prototxt", "a.caffemodel"), ("b.mat",), ("vgg-face", "w.caffemodel")]),
        (["a.prototxt", "weights.caffemodel.h5"], [("a.prototxt", "weights.caffemodel.h5")]),
        ([], []),
    ],
)  # fmt: skip
def test_weights_belong_to_the_network_before_them(words: list[str], models: list[tuple[str, ...]]) -> None:
    assert group_models(words) == tuple(models)


@pytest.mark.parametrize("words", [["a.caffemodel"], ["a.mat", "a.caffemodel"], ["a.prototxt", "b.caffemodel", "c.h5"]])
def test_weights_alone_are_no_network(words: list[str]) -> None:
    with pytest.raises(UsageError, match=rf"--model {words[-1]}: weights alone are no network"):
        group_models(words)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("torch", Choice("torch")),
        ("torch:eager", Choice("torch", "eager")),
        ("torch:*", Choice("torch", "*")),
        ("my.module:Class", Choice("my.module:Class")),
        ("my.module:Class:path", Choice("my.module:Class", "path")),
    ],
)
def test_how_runners_are_written(text: str, choice: Choice) -> None:
    assert Choice.parse(text) == choice


def test_each_round_has_every_cell_once_and_the_twins_and_an_order_of_its_own() -> None:
    cells = made(suite="smoke").cells
    steps = schedule(cells, 8, seed=3)
    orders = []
    for number in range(8):
        turns = [step for step in steps if step.round == number]
        assert Counter(step.cell for step in turns) == {cell: 2 if cell is cells[0] else 1 for cell in cells}
        assert sorted(step.twin for step in turns if step.cell is cells[0]) == ["A", "B"]
        orders.append(tuple((step.cell.runner, step.twin) for step in turns))
    assert [step.round for step in steps] == sorted(step.round for step in steps)
    assert len(set(orders)) == 8
    assert schedule(cells, 8, seed=3) == steps
    assert schedule(cells, 8, seed=4) != steps
    firsts = Counter(order[0][0] for order in orders)
    assert len(firsts) > 3  # no cell always goes first


def test_what_does_not_vary_is_measured_in_the_first_round_only() -> None:
    found = made(runners=("numpy",), scenarios=("latency", "memory"), rounds=3)
    assert Counter((step.cell.scenario, step.round) for step in found.steps) == {
        ("latency", 0): 2, ("latency", 1): 2, ("latency", 2): 2, ("memory", 0): 1,
    }  # fmt: skip
    alone = made(runners=("numpy",), scenarios=("memory",), rounds=3)
    assert [step.twin for step in alone.steps] == [""]  # nothing there whose noise could be seen


def test_estimates_learn_from_what_is_like_it() -> None:
    found = made(runners=("numpy", "torch"), scenarios=("latency", "cold_start"))
    estimate = Estimate(found.limits)
    latency, cold = found.cells[0], found.cells[1]
    before = estimate.of(latency)
    assert before > estimate.of(cold)
    assert seconds_of(found) == pytest.approx(estimate.total(found.steps))
    estimate.learn(latency, 40.0)
    estimate.learn(latency, 60.0)
    assert estimate.of(latency) == 50.0
    assert estimate.of(replace(latency, batch=8)) == 50.0
    other: Cell = next(cell for cell in found.cells if cell.runner == "torch" and cell.scenario == "latency")
    assert estimate.of(other) == 50.0  # the best guess there is
    estimate.learn(other, 10.0)
    assert (estimate.of(other), estimate.of(latency)) == (10.0, 50.0)


def test_the_parent_imports_no_framework_even_when_it_plans() -> None:
    code = (
        "import sys; from benchmarks.execution import *; plan(Request(suite='cpu')); diagnose(); "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert set(done.stdout.split()) & HEAVY == set()
    assert "pydantic" in done.stdout.split()
