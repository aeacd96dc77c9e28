"""Dense layers become convolutions, so that a network runs over images of any size."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from converters.errors import UnsupportedError
from converters.ir import Graph, Node, unique_name
from converters.ops import (
    ArgMax,
    BatchNormalization,
    Bias,
    Concat,
    Convolution,
    Dense,
    Elementwise,
    Flatten,
    Identity,
    L2Normalization,
    LocalResponseNormalization,
    Maximum,
    NormOffset,
    Op,
    Permute,
    PReLU,
    Product,
    Reshape,
    Scale,
    Shape,
    Slice,
    Softmax,
    Sum,
)
from converters.ops.base import size_of
from converters.passes.rewiring import rebuilt


def dense_to_conv(graph: Graph) -> Graph:
    """Return the network with the dense layers that read maps, and those after them, as convolutions.

    A layer reading (batch, channels, height, width) gets a kernel of that height and width, the layers after it one of
    1 x 1; outputs of shape (batch, classes) become (batch, classes, 1, 1), and grow with the image. UnsupportedError
    naming each node that has no such form.
    """
    turning = _Turning(graph, set(graph.shapes))
    for node in graph.nodes:
        turning.take(node)
    if turning.problems:
        raise UnsupportedError([f"cannot make the network fully convolutional: {p}" for p in turning.problems])
    if not turning.ones:
        raise UnsupportedError("cannot make the network fully convolutional: no dense layer reads a map")
    return rebuilt(graph, turning.nodes)


@dataclass(frozen=True)
class _Row:
    """A map `value` whose axes lie in one row, in the order `order` (the batch, 0, comes first)."""

    value: str
    order: Shape


@dataclass
class _Turning:
    """One walk over a graph.

    `ones` counts the axes of size 1 that a value has got behind its vector, `rows` holds the values that are a map
    with its axes in a row.
    """

    graph: Graph
    used: set[str]
    nodes: list[Node] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    ones: dict[str, int] = field(default_factory=dict)
    rows: dict[str, _Row] = field(default_factory=dict)

    def take(self, node: Node) -> None:
        """Add a node in its new form."""
        if any(name in self.ones for name in node.inputs):
            self._after_a_turned_one(node)
        elif isinstance(node.op, Dense):
            self._dense(node)
        else:
            self.nodes.append(node)
            self._note_row(node)

    def _note_row(self, node: Node) -> None:
        """Remember a flattened map, through activations as well; the flattening goes if nobody else needs it."""
        source = node.inputs[0] if node.inputs else ""
        if isinstance(node.op, (Flatten, Reshape)) and _lays_in_a_row(self.graph, node):
            self.rows[node.name] = self._before_permutation(source)
        elif isinstance(node.op, (Elementwise)) and source in self.rows and _same(node.op) is not None:
            row = self.rows[source]
            name = unique_name(f"{node.name}_map", self.used)
            self.used.add(name)
            self.nodes.append(replace(node, name=name, inputs=(row.value,)))
            self.rows[node.name] = replace(row, value=name)

    def _before_permutation(self, value: str) -> _Row:
        producer = None if value in self.graph.inputs else self.graph.node(value)
        if producer is not None and isinstance(producer.op, Permute) and producer.op.order[0] == 0:
            return _Row(producer.inputs[0], producer.op.order)
        return _Row(value, tuple(range(len(self.graph.shapes[value]))))

    def _dense(self, node: Node) -> None:
        assert isinstance(node.op, Dense)
        value = node.inputs[0]
        rank = len(self.graph.shapes[value])
        row = self.rows.get(value) or self._before_permutation(value)
        if node.op.axis % rank == 1 and len(row.order) > 2:
            self.nodes.append(_convolution(node, row, self._image(row)))
            self.ones[node.name] = len(row.order) - 2
            return
        if _from_maps(self.graph, node):
            self._refuse(node, f"it reads '{value}', which is not one map with its axes in a row")
        self.nodes.append(node)

    def _image(self, row: _Row) -> Shape:
        """Return the shape of one image of a row's map; activations after it have the shape of what they read."""
        made = {node.name: node for node in self.nodes}
        value = row.value
        while value not in self.graph.shapes:
            value = made[value].inputs[0]
        return self.graph.shapes[value][1:]

    def _after_a_turned_one(self, node: Node) -> None:
        ones = {self.ones.get(name) for name in node.inputs}
        if len(ones) > 1:
            self._refuse(node, "it joins a vector that becomes a map with one that does not")
            return
        turn = _AFTER.get(type(node.op), _same if isinstance(node.op, Elementwise) else _never)
        op, count = turn(node.op), ones.pop() or 0
        if op is None:
            self._refuse(node, f"it reads '{node.inputs[0]}', which becomes a map, and has no form for maps")
            return
        self.ones[node.name] = count
        if isinstance(node.op, Dense):
            row = _Row(node.inputs[0], tuple(range(count + 2)))
            self.nodes.append(_convolution(node, row, (node.params["weight"].shape[1], *(1,) * count)))
        else:
            self.nodes.append(replace(node, op=op))

    def _refuse(self, node: Node, why: str) -> None:
        self.problems.append(f"layer '{node.layer}' ({type(node.op).__name__}): {why}")


def _lays_in_a_row(graph: Graph, node: Node) -> bool:
    before, after = graph.shapes[node.inputs[0]], graph.shapes[node.name]
    return len(before) > 2 and after == (before[0], size_of(before[1:]))


def _from_maps(graph: Graph, node: Node) -> bool:
    """Return whether anything that a node depends on is a map."""
    waiting, seen = list(node.inputs), set(node.inputs)
    while waiting:
        value = waiting.pop()
        if len(graph.shapes[value]) > 2:
            return True
        if value not in graph.inputs:
            new = set(graph.node(value).inputs) - seen
            waiting += new
            seen |= new
    return False


def _convolution(node: Node, row: _Row, image: Shape) -> Node:
    """Return a dense layer as a convolution over a row's map, whose images have the shape `image`."""
    assert isinstance(node.op, Dense)
    weight = node.params["weight"]
    as_read = weight.reshape(weight.shape[0], *(image[axis - 1] for axis in row.order[1:]))
    kernels = as_read.transpose(np.argsort(row.order))
    ones, pads = (1,) * (len(image) - 1), ((0, 0),) * (len(image) - 1)
    op = Convolution(node.op.out_features, image[1:], ones, pads, ones, 1, node.op.bias)
    return replace(node, op=op, inputs=(row.value,), params={**node.params, "weight": kernels})


def _same(op: Op) -> Op | None:
    return _softmax(op) if isinstance(op, Softmax) else op


def _never(_op: Op) -> Op | None:
    return None


# A vector is (batch, channels): axes counted from behind move when others join behind them.
_CHANNELS = (1, -1)


def _softmax(op: Op) -> Op | None:
    assert isinstance(op, Softmax)
    return Softmax(op.axis % 2)


def _dense(op: Op) -> Op | None:
    assert isinstance(op, Dense)
    return op if op.axis in _CHANNELS else None


def _scale(op: Op) -> Op | None:
    assert isinstance(op, (Scale, Bias))
    if op.num_axes == 0:
        return op
    along_both = op.axis not in _CHANNELS and op.num_axes != 1
    return None if along_both else replace(op, axis=op.axis % 2, num_axes=1)


def _joined(op: Op) -> Op | None:
    assert isinstance(op, (Concat, Slice))
    return replace(op, axis=op.axis % 2)


def _flatten(op: Op) -> Op | None:
    assert isinstance(op, Flatten)
    return Identity() if op.axis in _CHANNELS else None


def _argmax(op: Op) -> Op | None:
    assert isinstance(op, ArgMax)
    return None if op.axis is None else replace(op, axis=op.axis % 2)


# How an op that reads a vector reads it once it is a map; None where it cannot.
_AFTER: Mapping[type[Op], Callable[[Op], Op | None]] = {
    ArgMax: _argmax,
    BatchNormalization: _same,
    Bias: _scale,
    Concat: _joined,
    Dense: _dense,
    Flatten: _flatten,
    L2Normalization: _same,
    LocalResponseNormalization: _same,
    Maximum: _same,
    NormOffset: _same,
    PReLU: _same,
    Product: _same,
    Scale: _scale,
    Slice: _joined,
    Softmax: _softmax,
    Sum: _same,
}
