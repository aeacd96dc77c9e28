"""Whether onnxruntime's providers really run: a tiny model on each, and its own profile of who computed."""

import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

SIZE = 8
REMOTE = ("AzureExecutionProvider",)  # asks a service elsewhere; no device of this machine


def devices() -> list[str]:
    """Name the providers that onnxruntime claims to have, whether or not there is a device for them."""
    return [provider for provider in onnxruntime.get_available_providers() if provider not in REMOTE]


def _product() -> bytes:
    shape = [SIZE, SIZE]
    tensors = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("a", "b", "y")}
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["y"])], "product", [tensors["a"], tensors["b"]], [tensors["y"]]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def trial(provider: str) -> str:
    """Say what is wrong with a provider; empty when it computed a product of matrices rightly."""
    a = np.arange(SIZE * SIZE, dtype=np.float32).reshape(SIZE, SIZE)
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(_product(), options, providers=[provider])
        (y,) = session.run(None, {"a": a, "b": a.T.copy()})
        used = _providers(Path(session.end_profiling()))
    if provider not in used:
        return f"fell back to {', '.join(sorted(used)) or 'nothing'}"
    return "" if np.allclose(y, a @ a.T, rtol=1e-2) else "computes wrong values"


def _providers(profile: Path) -> set[str]:
    events = json.loads(profile.read_text())
    return {event["args"]["provider"] for event in events if event.get("args", {}).get("provider")}
