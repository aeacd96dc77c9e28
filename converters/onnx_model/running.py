"""Running ONNX files in onnxruntime on the CPU."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import GraphProto, ModelProto, ValueInfoProto
from onnxruntime.capi import onnxruntime_pybind11_state as state

from converters.errors import ConversionError, FormatError, did_you_mean
from converters.onnx_model.file import VALUES_KEY, read_frame
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


def run(path: Path, feeds: Mapping[str, Array], wanted: Sequence[str] | None) -> dict[str, Array]:
    """Run a file that `to_onnx.save` wrote; return the `wanted` values (None: all) by the graph's names."""
    frame = read_frame(path)
    tensors = _tensors(path, frame)
    chosen = list(tensors) if wanted is None else list(wanted)
    unknown = [
        f"{path}: there is no value '{name}'{did_you_mean(name, tensors)}" for name in chosen if name not in tensors
    ]
    if unknown:
        raise ConversionError(unknown)
    fetched = list(dict.fromkeys(tensors[name] for name in chosen if name not in feeds))
    present = {output.name for output in frame.graph.output}
    with _revealing(path, [name for name in fetched if name not in present]) as readable:
        results = _results(path, _session(readable, optimised=False), feeds, fetched) if fetched else {}
    return {name: feeds[name] if name in feeds else _single(results[tensors[name]]) for name in chosen}


def run_file(path: Path, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Run any ONNX file and return its outputs by name."""
    session = _session(path, optimised=True)
    return _results(path, session, feeds, [output.name for output in session.get_outputs()])


def _tensors(path: Path, frame: ModelProto) -> dict[str, str]:
    told = {entry.key: entry.value for entry in frame.metadata_props}
    if VALUES_KEY not in told:
        raise FormatError(f"{path}: the file does not say which tensor is which value; it was not written by this tool")
    tensors: dict[str, str] = json.loads(told[VALUES_KEY])
    return tensors


@contextmanager
def _revealing(path: Path, tensors: Sequence[str]) -> Iterator[Path]:
    """Give a copy of the model whose outputs are these tensors as well; it lies beside the model, for external data."""
    if not tensors:
        yield path
        return
    # Concatenated messages merge: repeated fields are joined, so the outputs can be written behind the file.
    more = ModelProto(graph=GraphProto(output=[ValueInfoProto(name=name) for name in tensors])).SerializeToString()
    folder = path.parent if os.access(path.parent, os.W_OK) else None
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".onnx", dir=folder)
    os.close(handle)
    copy = Path(name)
    try:
        shutil.copyfile(path, copy)
        with copy.open("ab") as file:
            file.write(more)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _session(path: Path, *, optimised: bool) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    levels = onnxruntime.GraphOptimizationLevel
    # Each value has to be what the file says, not what is left of it in a fused kernel.
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    except REFUSALS as error:
        raise FormatError(f"{path}: onnxruntime cannot load it: {error}") from error


def _results(path: Path, session: Any, feeds: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
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
