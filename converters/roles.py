"""What the inputs of a network are for: images, or something its readers give a meaning (indices, flags, regions)."""

from typing import NamedTuple

from converters.ir import Graph, Node
from converters.ops import (
    LSTM,
    RNN,
    AffineGrid,
    BatchReindex,
    BilinearSampler,
    Concat,
    DetectionOutput,
    Dropout,
    Embedding,
    Filter,
    Flatten,
    Identity,
    MaxUnpooling,
    Op,
    Permute,
    RegionPooling,
    Reshape,
    Slice,
    Tile,
)

IMAGE_CHANNELS = (1, 3)

# These hand values on as they are: what their reader wants of a value, it wants of their input.
_TRANSPARENT: tuple[type[Op], ...] = (Concat, Dropout, Flatten, Identity, Permute, Reshape, Slice, Tile)


class Reader(NamedTuple):
    """A node that reads an input, maybe through ops that only move values, and at which of its own inputs it does."""

    node: Node
    position: int


def readers(graph: Graph, name: str) -> list[Reader]:
    """Return who gives the values of `name` their meaning, in execution order."""
    reached = {name}
    found = []
    for node in graph.nodes:
        positions = [position for position, value in enumerate(node.inputs) if value in reached]
        if positions and isinstance(node.op, _TRANSPARENT):
            reached.add(node.name)
        else:
            found += [Reader(node, position) for position in positions]
    return found


def has_meaning(reader: Reader) -> bool:
    """Return whether a reader wants more than plain numbers: indices, flags, regions, boxes, points, sequences."""
    return reader.position in _MEANINGFUL.get(type(reader.node.op), ())


def lists_rows(reader: Reader) -> bool:
    """Return whether a reader takes the first axis for a list of its own: regions, indices of images, time steps."""
    return reader.position in _ROWS_OF_THEIR_OWN.get(type(reader.node.op), ())


def map_inputs(graph: Graph) -> list[str]:
    """Return the inputs of four axes whose readers see nothing but maps in them, whatever their number of channels."""
    four = [name for name, shape in graph.inputs.items() if len(shape) == 4]
    return [name for name in four if not any(map(has_meaning, readers(graph, name)))]


def image_inputs(graph: Graph) -> list[str]:
    """Return the inputs that can be images: maps of one or three channels and more than one pixel."""
    return [name for name in map_inputs(graph) if _like_an_image(*graph.inputs[name][1:])]


def _like_an_image(channels: int, height: int, width: int) -> bool:
    return channels in IMAGE_CHANNELS and height * width > 1


# Which inputs of an op are more than plain numbers.
_MEANINGFUL: dict[type[Op], tuple[int, ...]] = {
    AffineGrid: (0,),
    BatchReindex: (1,),
    BilinearSampler: (1,),
    DetectionOutput: (0, 1, 2),
    Embedding: (0,),
    Filter: (1,),
    LSTM: (0, 1, 2, 3, 4),
    MaxUnpooling: (1,),
    RNN: (0, 1, 2, 3),
    RegionPooling: (1,),
}

_ROWS_OF_THEIR_OWN: dict[type[Op], tuple[int, ...]] = {
    BatchReindex: (1,),
    LSTM: (0, 1, 2, 3, 4),
    RNN: (0, 1, 2, 3),
    RegionPooling: (1,),
}
