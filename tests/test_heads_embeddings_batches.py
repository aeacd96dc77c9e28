"""Batches become smaller when memory runs out, and everything else passes through."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedding_cases import StandIn, expected, table_of, write_images
from heads.embeddings.batches import PatientRunner, means_no_memory
from heads.embeddings.extraction import EmbedOptions, embed
from heads.embeddings.loading import load_labelled
from heads.errors import HeadsError


class OutOfMemoryError(RuntimeError):
    """Named as PyTorch names its own."""


class ResourceExhaustedError(Exception):
    """Named as TensorFlow names its own."""


class Fail(Exception):  # noqa: N818 - onnxruntime's name
    """Named as onnxruntime names its own."""


def wrapped() -> Exception:
    outer = HeadsError("the backbone cannot be run")
    outer.__cause__ = OutOfMemoryError("CUDA")
    return outer


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("CUDA"),
        ResourceExhaustedError("OOM when allocating tensor"),
        Fail("[ONNXRuntimeError] : 1 : FAIL : Failed to allocate memory for requested buffer of size 51380224"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
        wrapped(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_batches_are_halved_when_memory_runs_out(tmp_path: Path, error: Exception) -> None:
    names = write_images(tmp_path / "images", 30)
    backbone = StandIn(largest=3, error=error)
    result = embed(backbone, table_of(tmp_path / "images", names), tmp_path / "e", EmbedOptions(batch_size=16))
    assert result.batch_size == 2 and set(backbone.batches) == {2}
    wanted = np.stack([expected(tmp_path / "images", name) for name in names])
    np.testing.assert_array_equal(load_labelled(tmp_path / "e").vectors, wanted)


def test_one_image_too_large_for_memory_is_a_clear_failure(tmp_path: Path) -> None:
    names = write_images(tmp_path / "images", 5)
    with pytest.raises(
        HeadsError, match="memory runs out with a single image (MemoryError: )".replace("(", r"\(")[:-1]
    ):
        embed(StandIn(largest=0), table_of(tmp_path / "images", names), tmp_path / "e")


def test_the_attempted_batch_is_released_before_the_next_attempt() -> None:
    held = []

    class Huge:
        def __init__(self) -> None:
            held.append(self)

        def __del__(self) -> None:
            alive.pop()

    alive: list[int] = []

    def run(batch: Any) -> Any:
        assert not alive
        alive.append(1)
        huge = Huge()
        held.clear()
        if len(batch) > 2:
            raise MemoryError
        del huge
        return batch

    assert PatientRunner(run, 1, 8)(np.ones((8, 1), np.float32)).shape == (8, 1)


@pytest.mark.parametrize(
    "error", [ValueError("wrong shape"), OSError("no space left"), HeadsError("the device is lost")]
)
def test_other_failures_do_not_mean_memory(error: Exception) -> None:
    assert not means_no_memory(error)
    with pytest.raises(type(error)):
        PatientRunner(StandIn(largest=0, error=error).run, 192, 4)(np.ones((4, 3, 8, 8), np.float32))
