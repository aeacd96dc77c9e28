"""What all runtimes have in common: what is refused before anything is imported, and the table of runtimes."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.artefacts import KINDS
from benchmarks.cells import PRECISIONS, Settings
from benchmarks.errors import RunnerError, UsageError
from benchmarks.runners import RUNNERS, CallPath, Runner, instruction_sets, load
from benchmarks.runners.runner import either, page_in
from benchmarks.runners.subnormals import treatment

FRAMEWORKS = ("cv2", "keras", "onnx", "onnxruntime", "openvino", "scipy", "tensorflow", "threadpoolctl", "torch")


def settings_of(kind: type[Runner], call_path: str, **changes: Any) -> Settings:
    path = kind.call_paths[call_path]
    return Settings(
        **{"call_path": call_path, "layout": path.layout, "denormals": kind.denormals[0], "device": "cpu"} | changes
    )


@pytest.mark.parametrize("name", RUNNERS)
def test_every_runner_says_what_it_can_before_its_library_is_loaded(name: str) -> None:
    kind = load(name)
    assert kind.packages
    for call_path, path in kind.call_paths.items():
        assert path.extra
        assert set(path.precisions) <= set(PRECISIONS)
        assert set(path.devices) <= {"cpu", "cuda"}
        device = "cpu" if "cpu" in path.devices else "cuda:0"
        settings = settings_of(kind, call_path, device=device, precision=path.precisions[0])
        kind({}, (), settings).refuse_impossible()
        assert kind.artefact(settings) in KINDS
        assert set(map(type, kind.environment(settings).values())) <= {str}
        assert isinstance(kind.provider(settings), str)


def test_no_framework_is_loaded_by_naming_the_runners() -> None:
    code = (
        "import sys\nfrom benchmarks.cells import Settings\nfrom benchmarks.runners import RUNNERS, load\n"
        "for name in RUNNERS:\n    load(name).environment(Settings())\n"
        f"print(sorted(set({FRAMEWORKS!r}) & set(sys.modules)))"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_runner_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="there is no runner 'opencvv'; did you mean 'opencv'"):
        load("opencvv")
    with pytest.raises(RunnerError, match="pathlib:Path is no runner"):
        load("pathlib:Path")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"call_path": "eagre"}, "Torch has no call path 'eagre'; did you mean 'eager'?; it has eager, channels-last"),
        ({"device": "gpu"}, "there is no device 'gpu'; choose cpu, or cuda:0"),
        ({"device": "cuda"}, "there is no device 'cuda'; choose cpu, or cuda:0"),
        ({"precision": "int8"}, "call path 'eager', computes in fp32-strict or tf32 or bf16 or fp16, not int8"),
        ({"precision": "tf32"}, "cannot compute in tf32 on the CPU; TF32 is a format of NVIDIA's GPUs"),
        ({"layout": "channels-last"}, "call path 'eager', is fed channels-first, not channels-last"),
        ({"threads": 0}, "was asked for 0 threads; 1 or more are needed"),
        ({"denormals": "perhaps"}, "treats subnormal numbers so: keep or flush, not perhaps"),
        ({"instructions": "sse"}, "can be bound to these instructions: all or avx2, not sse"),
        ({"instructions": "avx2", "precision": "bf16"}, "is bound to avx2 on the CPU in fp32-strict only"),
        ({"instructions": "avx2", "device": "cuda:0"}, "is bound to avx2 on the CPU in fp32-strict only"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: Mapping[str, Any], said: str) -> None:
    settings = Settings(**{"call_path": "eager", **changes})
    with pytest.raises(RunnerError) as caught:
        load("torch")({}, (), settings).refuse_impossible()
    assert said in "\n".join(caught.value.problems)


@pytest.mark.parametrize("name", RUNNERS)
def test_a_runtime_is_bound_to_instructions_before_it_starts_or_says_that_it_cannot_be(name: str) -> None:
    kind = load(name)
    for call_path in kind.call_paths:
        settings = settings_of(kind, call_path, instructions="avx2")
        set_for = [set(kind.environment(each)) for each in (settings, replace(settings, instructions="all"))]
        if name in ("opencv", "openvino", "torch"):
            kind({}, (), settings).refuse_impossible()
            assert set_for[0] > set_for[1]
        else:
            with pytest.raises(RunnerError, match="can be bound to these instructions: all, not avx2"):
                kind({}, (), settings).refuse_impossible()


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["brgconv_avx2_f32", "jit_sse42_f32", "reorder_f32"], "avx2"),
        (["brgconv_avx2_f32", "jit_avx512_f32"], "all"),
        (["brgemm_avx512_amx_f32"], "all"),
        (["SSE3", "*AVX2", "*AVX512-SKX"], "all"),
        (["AVX512"], "all"),
        (["AVX2"], "avx2"),
        ([], "avx2"),
    ],
)
def test_instructions_are_told_by_names(names: Sequence[str], told: str) -> None:
    assert instruction_sets.told_by(names) == told


def test_everything_that_is_wrong_is_said_at_once() -> None:
    settings = settings_of(load("opencv"), "forward", device="cuda:0", precision="fp16", threads=0, layout="flat")
    with pytest.raises(RunnerError) as caught:
        load("opencv")({}, (), settings).refuse_impossible()
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("zeros", "expected"), [(0, "keep"), (8, "flush"), (3, "mixed")], ids=["none", "all", "some threads"]
)
def test_threads_that_differ_are_told_apart(zeros: int, expected: str) -> None:
    assert treatment(np.array([0.0] * zeros + [6e-39] * (8 - zeros), np.float32)) == expected


def test_the_distribution_that_is_installed_is_taken() -> None:
    assert either("no-such-thing", "numpy") == "numpy"
    assert version(either("numpy", "no-such-thing"))
    assert either("no-such-thing", "nor-this") == "no-such-thing"


def test_a_missing_file_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="weights.onnx"):
        page_in(tmp_path / "weights.onnx")


def test_call_paths_are_channels_first_on_the_cpu_unless_they_say_otherwise() -> None:
    assert CallPath() == CallPath("channels-first", ("fp32-strict",), ("cpu",), "")
