"""What an ONNX file holds, and tiny models that show what onnxruntime really does."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper

from benchmarks.runners import subnormals
from converters.onnx_model.frame import revealing

CPU = "CPUExecutionProvider"


def weight_types(path: Path) -> Counter[str]:
    """Count a model's learned values by number type, without reading them."""
    counts: Counter[str] = Counter()
    for tensor in _frame(path).graph.initializer:
        counts[helper.tensor_dtype_to_np_dtype(tensor.data_type).name] += int(np.prod(tensor.dims))
    return counts


def operators(path: Path) -> Counter[str]:
    """Count a model's nodes by operator, as the file has them."""
    return Counter(node.op_type for node in _frame(path).graph.node)


def _frame(path: Path) -> Any:
    return ModelProto.FromString(revealing(path, []))


def flushing_of(onnxruntime: Any, options: Any) -> str:
    """Return what sessions with these options make of subnormal numbers on the CPU: "keep", "flush" or "mixed"."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [subnormals.PROBE_SIZE]) for name in "xy")
    half = helper.make_tensor("half", TensorProto.FLOAT, [], [0.5])
    graph = helper.make_graph([helper.make_node("Mul", ["x", "half"], ["y"])], "halving", [x], [y], [half])
    session = onnxruntime.InferenceSession(_bytes(graph), options, providers=[CPU])
    (halved,) = session.run(None, {"x": subnormals.probe()})
    return subnormals.treatment(halved)


def has_float16(onnxruntime: Any) -> bool:
    """Return whether the CPU's kernels compute a float16 convolution in float16; most builds do it in float32."""
    shape = [1, 1, 8, 8]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT16, shape) for name in "xy")
    kernel = helper.make_tensor("kernel", TensorProto.FLOAT16, [1, 1, 1, 1], [2.0])
    graph = helper.make_graph([helper.make_node("Conv", ["x", "kernel"], ["y"])], "float16", [x], [y], [kernel])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(_bytes(graph), options, providers=[CPU])
        session.run(None, {"x": np.ones(shape, np.float16)})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    told = [event.get("args", {}) for event in events]
    computed = [kind for args in told if args.get("op_name") == "Conv" for kind in args.get("input_type_shape", ())]
    return bool(computed) and all("float16" in kind for kind in computed)


def _bytes(graph: Any) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content
