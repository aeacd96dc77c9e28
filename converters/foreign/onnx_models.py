"""ONNX files that others wrote: what they take and give, in onnxruntime."""

from collections.abc import Mapping
from pathlib import Path

import onnxruntime

from converters.errors import FormatError
from converters.onnx_model.running import FATAL_ONLY, REFUSALS, run_file
from converters.ops import Array

OpenShape = tuple[int | None, ...]


def inputs(path: Path) -> dict[str, OpenShape]:
    """Return the model's inputs in order, with None for sizes that are open."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except REFUSALS as error:
        raise FormatError(f"{path}: onnxruntime cannot load it: {error}") from error
    return {
        entry.name: tuple(size if isinstance(size, int) else None for size in entry.shape)
        for entry in session.get_inputs()
    }


def run(path: Path, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Run the model and return its outputs by name, in order."""
    return run_file(path, feeds)
