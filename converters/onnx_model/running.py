"""Running ONNX files in onnxruntime on the CPU."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import ModelProto
from onnxruntime.capi import onnxruntime_pybind11_state as state

from converters.errors import ConversionError, FormatError, did_you_mean
from converters.ir import Feeds, Runner
from converters.onnx_model.file import VALUES_KEY
from converters.onnx_model.frame import read_frame, revealing
from converters.ops import Array

FATAL_ONLY = 4
REFUSALS = (
    state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NoModel, state.NoSuchFile,
    state.NotImplemented, state.RuntimeException,
)  # fmt: skip
NUMBER_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}


def opened(path: Path, wanted: Sequence[str] | None) -> Runner:
    """Load a file that `to_onnx.save` wrote; return what runs it and gives the `wanted` values (None: all) by name."""
    frame = read_frame(path)
    tensors = _tensors(path, frame)
    chosen = list(tensors) if wanted is None else list(wanted)
    unknown = [
        f"{path}: there is no value '{name}'{did_you_mean(name, tensors)}" for name in chosen if name not in tensors
    ]
    if unknown:
        raise ConversionError(unknown)
    present = {output.name for output in frame.graph.output}
    hidden = [name for name in dict.fromkeys(tensors[name] for name in chosen) if name not in present]
    session = _whole_session(path, hidden)
    fed = {entry.name for entry in session.get_inputs()}
    fetched = {name: tensors[name] for name in chosen if tensors[name] not in fed}

    def run(feeds: Feeds) -> dict[str, Array]:
        values = _results(path, session, feeds, list(dict.fromkeys(fetched.values())))
        return {name: _single(values[fetched[name]]) if name in fetched else feeds[tensors[name]] for name in chosen}

    return run


def run_file(path: Path, feeds: Feeds) -> dict[str, Array]:
    """Run any ONNX file and return its outputs by name."""
    session = _session(path, path, onnxruntime.SessionOptions())
    return _results(path, session, feeds, [output.name for output in session.get_outputs()])


def _tensors(path: Path, frame: ModelProto) -> dict[str, str]:
    told = {entry.key: entry.value for entry in frame.metadata_props}
    if VALUES_KEY not in told:
        raise FormatError(f"{path}: the file does not say which tensor is which value; it was not written by this tool")
    tensors: dict[str, str] = json.loads(told[VALUES_KEY])
    return tensors


def _whole_session(path: Path, hidden: Sequence[str]) -> Any:
    """Load a file so that each value can be asked for, and is what the file says, not what a fused kernel leaves."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # Two runs do not pay for a rearranged copy of the weights, which doubles the memory too.
    options.add_session_config_entry("session.disable_prepacking", "1")
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", os.fspath(path.resolve().parent)
    )
    return _session(path, revealing(path, hidden), options)


def _session(path: Path, model: Path | bytes, options: Any) -> Any:
    options.log_severity_level = FATAL_ONLY
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except REFUSALS as error:
        raise FormatError(f"{path}: onnxruntime cannot load it: {error}") from error


def _results(path: Path, session: Any, feeds: Feeds, names: Sequence[str]) -> dict[str, Array]:
    inputs = {entry.name: NUMBER_TYPES.get(entry.type) for entry in session.get_inputs()}
    problems = [f"{path}: input '{name}' is not fed" for name in inputs if name not in feeds]
    problems += [
        f"{path}: there is no input '{name}'{did_you_mean(name, inputs)}" for name in feeds if name not in inputs
    ]
    if problems:
        raise ConversionError(problems)
    fed = {name: np.asarray(feeds[name], dtype, order="C") for name, dtype in inputs.items()}
    try:
        values = session.run(list(names), fed)
    except REFUSALS as error:
        raise ConversionError(f"{path}: onnxruntime cannot run it on these inputs: {error}") from error
    return dict(zip(names, values, strict=True))


def _single(array: Array) -> Array:
    return array.astype(np.float32) if array.dtype == np.float16 else array
