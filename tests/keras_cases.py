"""What tests of writing Keras share: networks, what to feed to them, and a check of every value."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from converters import ops, to_keras
from converters.ir import Graph, Preprocessing, Source
from converters.ops import Array, Op, Shape
from op_examples import EXAMPLES
from op_values import assert_close
from small_graphs import convolution, face, graph

# No Keras model can express these, whatever their settings: how much they give depends on the values.
REFUSED: dict[type[Op], str] = {
    ops.DetectionOutput: "how many boxes remain depends on the values",
    ops.Filter: "how many items remain depends on the values",
}
SUPPORTED = [example for example in EXAMPLES if type(example.op) not in REFUSED]
ONE_PER_OP = list({type(example.op): example for example in reversed(SUPPORTED)}.values())


def stored(array: Array) -> Array:
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def check(model: Graph, path: Path, feeds: Mapping[str, Array], tolerance: float = 1e-5) -> dict[str, Array]:
    """Hold every value of what was written to the reference."""
    got, expected = to_keras.run(model, path, feeds), model.run(feeds)
    assert set(got) == set(expected)
    for name, array in got.items():
        assert_close(array, expected[name], tolerance)
    return got


def image_net(steps: Sequence[tuple[str, Op, str]], shape: Shape = (2, 4, 8, 8), **fields: Any) -> Graph:
    return graph({"data": shape}, steps, **fields)


def feeds_of(model: Graph, seed: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in model.inputs.items()}


def several_outputs() -> Graph:
    steps: list[tuple[str, Op, str]] = [
        ("conv", convolution(3), "data"),
        ("relu", ops.ReLU(), "conv"),
        ("pool", ops.GlobalPooling(), "relu"),
        ("z", ops.Flatten(), "pool"),
        ("a", ops.Dense(4), "other"),
    ]
    outputs = {"z": "z", "conv": "relu", "raw": "data", "same": "z", "a": "a"}
    return graph({"data": (2, 4, 8, 8), "other": (2, 5)}, steps, outputs=outputs)


def described() -> Graph:
    mean = np.arange(3 * 13 * 11, dtype=np.float32).reshape(3, 13, 11)
    return face(
        preprocessing=Preprocessing("BGR", mean, (1.0, 1.0, 0.5), (13, 11)),
        labels=("Ann", "Bob", "Çelik"),
        source=Source("Caffe", {"/some/where/deploy.prototxt": "ab12", "weights.caffemodel": "cd34"}, "CC BY-NC 4.0"),
    )


def many_ops() -> Graph:
    """A network of most kinds of layers and operations, in one."""
    pooling = ops.Pooling((3, 3), (2, 2), ((1, 1), (1, 1)), ceil_mode=True)
    steps: list[tuple[str, Op, str]] = [
        ("scaled", ops.Scale(bias=True), "data"),
        ("norm", ops.BatchNormalization(affine=True), "scaled"),
        ("grouped/conv", convolution(6, groups=2), "norm"),
        ("prelu", ops.PReLU(), "grouped/conv"),
        ("max", pooling, "prelu"),
        ("average", replace(pooling, method="average"), "prelu"),
        ("lrn", ops.LocalResponseNormalization(2, 2, 0.1, 0.75), "max"),
        ("joined", ops.Concat(), "lrn average"),
        ("first", ops.Slice(1, 0, 7), "joined"),
        ("shuffled", ops.ShuffleChannels(7), "first"),
        ("up", ops.ConvolutionTranspose(7, (4, 4), (2, 2), ((1, 1), (1, 1)), (1, 1), 7, False), "shuffled"),
        ("larger", ops.BilinearResize((9, 11)), "up"),
        ("unit", ops.L2Normalization(), "larger"),
        ("best", ops.ArgMax(1, 2), "unit"),
        ("rows", ops.Reshape((0, 2, -1)), "best"),
        ("turned", ops.Permute((0, 2, 1)), "rows"),
        ("total", ops.Reduction("sum_squares", 2), "turned"),
        ("axis", ops.Scale(1, 1, bias=True), "total"),
        ("bias", ops.Bias(2, 1), "larger"),
        ("flat", ops.Flatten(), "bias"),
        ("fc", ops.Dense(5), "flat"),
        ("drop", ops.Dropout(), "fc"),
        ("power", ops.Power(2.0, 0.5, 1.0), "drop"),
        ("prob", ops.Softmax(), "power"),
    ]
    return image_net(steps, outputs={"prob": "prob", "axis": "axis"})
