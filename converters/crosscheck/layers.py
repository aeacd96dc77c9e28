"""The learned values of two nodes, with the rearrangements that two releases of one network differ by."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf

import numpy as np

from converters.crosscheck.arrays import distance
from converters.crosscheck.pairing import Flow, Pair
from converters.ir import Graph, Node
from converters.ops import Array, Dense, Shape
from converters.parity.agreement import reads_image

CHANNELS_FLIPPED = "input channels flipped"
DENSE_AS_CONVOLUTION = "dense as convolution"

Turn = Callable[[Array], Array]


@dataclass(frozen=True)
class Layer:
    """What the learned values of two nodes have in common.

    `difference` is the largest of all their arrays, as a fraction of the array's largest value, after what
    `rearranged` names was undone. `problem` says what differs, "" where nothing does.
    """

    names: tuple[str, str]
    ops: tuple[str, str]
    difference: float
    rearranged: tuple[str, ...] = ()
    problem: str = ""

    @property
    def name(self) -> str:
        """Return both names, or the one that both have."""
        ours, theirs = self.names
        return f"'{ours}'" if ours == theirs else f"'{ours}' and '{theirs}'"

    @property
    def verdict(self) -> str:
        """Return what was found, in a few words."""
        if self.problem:
            return self.problem
        equal = "identical" if not self.difference else f"equal within {self.difference:.1e}"
        return ", ".join((equal, *self.rearranged))


def compared_layers(first: Graph, pairs: tuple[Pair, ...], tolerance: float) -> tuple[Layer, ...]:
    """Compare the learned values of all pairs that have any; `first` is the network of the pairs' first nodes."""
    flow = Flow(first)
    return tuple(
        _compared(first, flow, ours, theirs, tolerance) for ours, theirs in pairs if ours.params or theirs.params
    )


def _compared(graph: Graph, flow: Flow, ours: Node, theirs: Node, tolerance: float) -> Layer:
    names, ops = (ours.name, theirs.name), (type(ours.op).__name__, type(theirs.op).__name__)
    form = (DENSE_AS_CONVOLUTION,) if ops[0] != ops[1] else ()
    difference, problem = _difference(ours, theirs, _as_it_is)
    if difference > tolerance and takes_colours_itself(graph, ours):
        flipped, _ = _difference(ours, theirs, flipped_channels)
        if flipped <= tolerance:
            return Layer(names, ops, flipped, (*form, CHANNELS_FLIPPED))
    if difference <= tolerance:
        return Layer(names, ops, difference, form)
    explained = _explanation(_Weights.of(graph, flow, ours, theirs), tolerance)
    return Layer(names, ops, difference, form, f"{problem}{explained}")


def takes_colours_itself(graph: Graph, node: Node) -> bool:
    """Return whether a node is a convolution of a colour image, so that its input channels are R, G, B or B, G, R."""
    return bool(node.inputs) and reads_image(graph, node) and node.params["weight"].shape[1] == 3


def flipped_channels(weight: Array) -> Array:
    """Return weights (out, channels, height, width) with their input channels in reverse."""
    return weight[:, ::-1]


def _as_it_is(weight: Array) -> Array:
    return weight


def _difference(ours: Node, theirs: Node, turn: Turn) -> tuple[float, str]:
    """Return the largest difference of all arrays, the other's weight turned, and what it is in words."""
    found = [_of_array(ours, theirs, name, turn) for name in dict.fromkeys([*ours.params, *theirs.params])]
    return max(found, key=lambda pair: pair[0])


def _of_array(ours: Node, theirs: Node, name: str, turn: Turn) -> tuple[float, str]:
    one, other = ours.params.get(name), theirs.params.get(name)
    if one is None or other is None:
        left = one if other is None else other
        silent = left is not None and name == "bias" and not left.any()
        return (0.0, "") if silent else (inf, f"only one of them has the array {name}")
    one, other = np.atleast_1d(one), np.atleast_1d(turn(other) if name == "weight" else other)
    if one.size != other.size or len(one) != len(other):
        return inf, f"{name} has the shapes {list(one.shape)} and {list(other.shape)}"
    apart = distance(*_in_one_shape(other, one))
    return apart, f"{name} differs by {apart:.3g} of its largest value"


def _in_one_shape(one: Array, other: Array) -> tuple[Array, Array]:
    """Give two arrays one shape: rows of a dense layer run over channels, height and width, as a kernel does."""
    if one.shape == other.shape:
        return one, other
    # Reshaping a kernel that lies in MATLAB's order would copy it.
    return (one.reshape(other.shape), other) if one.flags.c_contiguous else (one, other.reshape(one.shape))


@dataclass(frozen=True, eq=False)
class _Weights:
    """The weights of two layers as kernels (out, channels, height, width) where they can be seen so; else None."""

    ours: Array | None
    theirs: Array | None

    @classmethod
    def of(cls, graph: Graph, flow: Flow, ours: Node, theirs: Node) -> "_Weights":
        one, other = ours.params.get("weight"), theirs.params.get("weight")
        shape = next((array.shape for array in (one, other) if array is not None and array.ndim == 4), None)
        if shape is None and isinstance(ours.op, Dense) and one is not None:
            shape = (len(one), *_map_read(graph, flow, ours))
        if one is None or other is None or shape is None or one.size != other.size or one.size != np.prod(shape):
            return cls(None, None)
        return cls(one.reshape(shape), other.reshape(shape))


def _map_read(graph: Graph, flow: Flow, node: Node) -> Shape:
    """Return (channels, height, width) of what a dense layer reads, a vector as a map of one pixel."""
    read = graph.shapes[flow.sources(node)[0]][1:]
    return read if len(read) == 3 else (int(np.prod(read)), 1, 1)


def _explanation(weights: _Weights, tolerance: float) -> str:
    """Return what would make two layers equal, as the end of a sentence; "" when nothing known does."""
    return next((f": equal {how}" for how in _explanations(weights, tolerance)), "")


def _explanations(weights: _Weights, tolerance: float) -> Iterator[str]:
    ours, theirs = weights.ours, weights.theirs
    if ours is None or theirs is None:
        return
    for how, turn in TURNS.items():
        turned = turn(theirs)
        # One filter tells nearly all cases, without a look at the others.
        if turned.shape == ours.shape and distance(turned[:1], ours[:1]) <= tolerance >= distance(turned, ours):
            yield how
    if distance(_halved(theirs), _halved(ours)) <= tolerance:
        yield "once both are rounded to float16"


def _halved(weight: Array) -> Array:
    with np.errstate(over="ignore"):
        return weight.astype(np.float16)


def _of_rows_last(weight: Array) -> Array:
    """Read rows that run over height, width and channels as a kernel."""
    out, channels, height, width = weight.shape
    return weight.reshape(out, height, width, channels).transpose(0, 3, 1, 2)


# What else may have been done to weights, and what undoes it. A network that differs so is another one.
TURNS: dict[str, Turn] = {
    "with its input channels in reverse": flipped_channels,
    "with height and width exchanged": lambda weight: weight.swapaxes(2, 3),
    "with its kernels turned by 180 degrees": lambda weight: weight[:, :, ::-1, ::-1],
    "with its inputs in the order height, width, channels": _of_rows_last,
}
