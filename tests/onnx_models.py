"""Writing, checking and running ONNX models in tests."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from converters import to_onnx
from converters.ir import Graph
from converters.onnx_model import running
from converters.ops import Array


def saved(model: Graph, folder: Path, **options: Any) -> onnx.ModelProto:
    """Write, check and load a model."""
    to_onnx.save(model, folder / "model.onnx", **options)
    onnx.checker.check_model(str(folder / "model.onnx"), full_check=True)
    return onnx.load(folder / "model.onnx")


def run(model: Graph, folder: Path, feeds: dict[str, Array], wanted: list[str] | None = None) -> dict[str, Array]:
    """Run what `saved` wrote; values by our names."""
    return to_onnx.run(model, folder / "model.onnx", feeds, wanted)


def optimised(folder: Path, feeds: dict[str, Array]) -> dict[str, Array]:
    """Run what `saved` wrote as users do; outputs by their names in the file."""
    return running.run_file(folder / "model.onnx", feeds)


def shape_of(info: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in info.type.tensor_type.shape.dim]


def initializers(model: onnx.ModelProto) -> dict[str, Array]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def random_feeds(model: Graph, seed: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in model.inputs.items()}
