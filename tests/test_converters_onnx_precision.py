"""ONNX operators that onnxruntime computes with less than float32's precision are not used."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from converters import to_onnx
from converters.ir import Graph, Node
from converters.ops import LocalResponseNormalization


@pytest.mark.parametrize("seed", range(4))
def test_response_normalization_of_raw_pixels_is_exact(tmp_path: Path, seed: int) -> None:
    op = LocalResponseNormalization(before=2, after=2, alpha=0.02, beta=0.75, k=1.0)
    graph = Graph("network", {"x": (1, 8, 19, 19)}, (Node("y", op, ("x",)),), {"y": "y"})
    x = np.random.default_rng(seed).normal(0, 100, (1, 8, 19, 19)).astype(np.float32)
    (path,) = to_onnx.save(graph, tmp_path / "x.onnx")
    exact = op.compute(x.astype(np.float64))
    assert abs(to_onnx.run(graph, path, {"x": x})["y"] - exact).max() < 1e-6 * abs(exact).max()
    assert "LRN" not in {node.op_type for node in onnx.load(path).graph.node}
