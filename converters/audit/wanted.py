"""The learned arrays of the reference network, and what their axes mean."""

from dataclasses import dataclass
from typing import NamedTuple

from converters.ir import Graph, Node
from converters.ops import (
    LSTM,
    RNN,
    Array,
    Constant,
    Convolution,
    ConvolutionTranspose,
    Dense,
    Dropout,
    Elementwise,
    Embedding,
    Flatten,
    Identity,
    Reshape,
    Shape,
)
from converters.ops.base import size_of
from converters.roles import image_inputs, readers

# Of outputs, inputs (channels), and what a kernel covers.
OUT, IN = "O", "I"
SPATIAL = {1: "L", 2: "HW", 3: "DHW"}
# These do not move the values of a map that is flattened.
_IN_PLACE = (Dropout, Elementwise, Flatten, Identity, Reshape)


class Axes(NamedTuple):
    """What each axis of an array is, one letter each, and its size; a dense layer's inputs are those of its map."""

    letters: str
    sizes: Shape

    @property
    def spatial(self) -> str:
        """Return the letters of a kernel's axes."""
        return "".join(letter for letter in self.letters if letter in "DHWL")


@dataclass(frozen=True, eq=False)
class Wanted:
    """One learned array of the reference: the node it belongs to, its name there, and its axes.

    `first` says that a convolution reads the image itself. `folded` says that batch normalization was melted into it
    here. `order` counts the arrays in the network's order.
    """

    node: Node
    param: str
    axes: Axes
    order: int
    first: bool = False
    folded: bool = False

    @property
    def array(self) -> Array:
        """Return the values, an axis for each letter."""
        return self.node.params[self.param].reshape(self.axes.sizes)

    @property
    def size(self) -> int:
        """Return the number of values."""
        return size_of(self.axes.sizes)

    @property
    def dense(self) -> bool:
        """Return whether it is the matrix of a dense layer."""
        return isinstance(self.node.op, Dense) and self.param == "weight"

    @property
    def kernel(self) -> bool:
        """Return whether it is the kernel of a convolution."""
        return isinstance(self.node.op, (Convolution, ConvolutionTranspose)) and self.param == "weight"

    @property
    def matrix(self) -> bool:
        """Return whether it has several axes, and so may lie in several ways."""
        return len(self.axes.letters) > 1


def wanted_arrays(graph: Graph, source: Graph | None = None) -> tuple[Wanted, ...]:
    """Return the learned arrays of a network in order; one that layers share counts once, for the first of them.

    `source` is the network before batch normalization was folded, if it was: arrays that it does not have are
    `folded`.
    """
    own = None if source is None else {id(array) for node in source for array in node.params.values()}
    images = image_inputs(graph)
    first = {id(reader.node) for name in images for reader in readers(graph, name)}
    found: list[Wanted] = []
    seen: set[int] = set()
    for node in graph:
        for param, array in node.params.items():
            if id(array) in seen or isinstance(node.op, Constant):
                continue
            seen.add(id(array))
            at_image = id(node) in first and _is_image_kernel(node, param)
            folded = own is not None and id(array) not in own
            found.append(Wanted(node, param, _axes(graph, node, param), len(found), at_image, folded))
    return tuple(found)


def _is_image_kernel(node: Node, param: str) -> bool:
    return isinstance(node.op, Convolution) and node.op.groups == 1 and param == "weight"


def _axes(graph: Graph, node: Node, param: str) -> Axes:
    shape = node.params[param].shape
    if param == "weight" and isinstance(node.op, (Convolution, ConvolutionTranspose)):
        kernel = SPATIAL.get(len(shape) - 2)
        if kernel:
            return Axes((OUT + IN if isinstance(node.op, Convolution) else IN + OUT) + kernel, shape)
    if param == "weight" and isinstance(node.op, Dense):
        image = _map_read(graph, node, shape[1])
        return Axes(OUT + IN + SPATIAL[2], (shape[0], *image)) if image else Axes(OUT + IN, shape)
    if len(shape) == 2 and isinstance(node.op, (Embedding, LSTM, RNN)):
        return Axes(OUT + IN, shape)
    return Axes("abcdefgh"[: len(shape)], shape)


def _map_read(graph: Graph, node: Node, features: int) -> Shape | None:
    """Return (channels, height, width) of the map that a dense layer reads in one row; None where it reads no map."""
    value = node.inputs[0]
    while True:
        shape = graph.shapes[value]
        if len(shape) == 4:
            return shape[1:] if size_of(shape[1:]) == features and size_of(shape[2:]) > 1 else None
        if value in graph.inputs:
            return None
        producer = graph.node(value)
        if not isinstance(producer.op, _IN_PLACE):
            return None
        value = producer.inputs[0]
