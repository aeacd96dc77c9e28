"""Small networks with seeded weights, for tests of passes and of the comparer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from converters import ops
from converters.ir import Graph, Node
from converters.ops import Array, Op, Shape

ONES, NO_PADS, PADS = (1, 1), ((0, 0), (0, 0)), ((1, 1), (1, 1))


def convolution(out: int, kernel: Shape = (3, 3), pads: Any = PADS, **settings: Any) -> ops.Convolution:
    """A convolution of stride 1, padded to keep its size."""
    return ops.Convolution(out, kernel, ONES, pads, ONES, **settings)


def graph(inputs: Mapping[str, Shape], steps: Sequence[tuple[str, Op, str]], **fields: Any) -> Graph:
    """A network of (name, op, inputs separated by blanks), params seeded by the names; the last value is its output."""
    shapes: dict[str, Shape] = dict(inputs)
    nodes = []
    for name, op, sources in steps:
        read = [shapes[source] for source in sources.split()]
        nodes.append(Node(name, op, tuple(sources.split()), params(name, op.param_shapes(*read))))
        shapes[name] = op.output_shape(*read)
    return Graph("small", inputs, tuple(nodes), fields.pop("outputs", {steps[-1][0]: steps[-1][0]}), **fields)


def params(name: str, shapes: Mapping[str, Shape]) -> dict[str, Array]:
    """Seeded weights of a sensible size; variances are positive."""
    made = {}
    for what, shape in shapes.items():
        rng = np.random.default_rng([*name.encode(), *what.encode()])
        values = rng.normal(0, 1, shape) / np.sqrt(max(int(np.prod(shape[1:])), 1))
        made[what] = np.asarray(np.abs(values) + 0.3 if what == "variance" else values, np.float32)
    return made


def face(**fields: Any) -> Graph:
    """VGG-Face in small: two convolutions, pooling, three dense layers, softmax, with in-place layers as in Caffe."""
    pooling = ops.Pooling((2, 2), (2, 2), NO_PADS, ceil_mode=True)
    steps: list[tuple[str, Op, str]] = [
        ("conv1", convolution(4), "data"),
        ("relu1", ops.ReLU(), "conv1"),
        ("pool1", pooling, "relu1"),
        ("conv2", convolution(6), "pool1"),
        ("relu2", ops.ReLU(), "conv2"),
        ("pool2", pooling, "relu2"),
        ("fc6", ops.Dense(10), "pool2"),
        ("relu6", ops.ReLU(), "fc6"),
        ("drop6", ops.Dropout(), "relu6"),
        ("fc7", ops.Dense(8), "drop6"),
        ("relu7", ops.ReLU(), "fc7"),
        ("drop7", ops.Dropout(), "relu7"),
        ("fc8", ops.Dense(5), "drop7"),
        ("prob", ops.Softmax(), "fc8"),
    ]
    aliases = {"conv1": "relu1", "conv2": "relu2", "fc6": "drop6", "fc7": "drop7"}
    return graph({"data": (2, 3, 13, 11)}, steps, aliases=aliases, **fields)


def with_node(model: Graph, name: str, **changes: Any) -> Graph:
    """The network with fields of one node changed."""
    return replace(model, nodes=tuple(replace(n, **changes) if n.name == name else n for n in model.nodes))


def with_settings(model: Graph, name: str, **settings: Any) -> Graph:
    """The network with settings of one node's op changed."""
    op: Any = model.node(name).op
    return with_node(model, name, op=replace(op, **settings))


def with_params(model: Graph, name: str, **arrays: Array) -> Graph:
    """The network with params of one node replaced."""
    return with_node(model, name, params={**model.node(name).params, **arrays})


def images(model: Graph, seed: int = 0) -> dict[str, Array]:
    """Normal values for every input."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in model.inputs.items()}
