"""Seeded inputs that a network can make sense of: pixels, or what its first readers ask for."""

from collections.abc import Callable, Mapping
from typing import NamedTuple
from zlib import crc32

import numpy as np

from converters.ir import Graph, Node, Preprocessing
from converters.ops import (
    LSTM,
    RNN,
    AffineGrid,
    Array,
    BatchReindex,
    BilinearSampler,
    DetectionOutput,
    Embedding,
    Filter,
    Logarithm,
    MaxUnpooling,
    Op,
    Power,
    RegionPooling,
    Shape,
)
from converters.ops.base import size_of
from converters.roles import image_inputs, readers


def sample_feeds(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Return one plausible array per input: pixels for images, whole numbers for indices, 0 and 1 for flags, and so on.

    The same seed gives the same arrays, whatever other inputs there are. float32, or uint8 for baked inputs.
    """
    return {name: _sample(graph, name, np.random.default_rng([seed, crc32(name.encode())])) for name in graph.inputs}


def _sample(graph: Graph, name: str, rng: np.random.Generator) -> Array:
    shape, kind = graph.inputs[name], np.dtype(graph.input_dtypes.get(name, "float32"))
    if kind.kind == "u":
        return rng.integers(0, 256, shape).astype(kind)
    wishes = [_Wish(node, graph.input_shapes(node), at, rng, shape) for node, at in readers(graph, name)]
    granted = (maker(w) for maker in _MAKERS for w in wishes if _asks(w, maker))
    made = next((array for array in granted if array is not None), None)
    if made is None:
        made = _pixels(graph.preprocessing, rng, shape) if name in image_inputs(graph) else rng.normal(0, 1, shape)
    return made.astype(kind)


class _Wish(NamedTuple):
    """A node that reads an input of shape `shape` as its own input number `at`; `inputs` are the shapes it reads."""

    node: Node
    inputs: tuple[Shape, ...]
    at: int
    rng: np.random.Generator
    shape: Shape


_Maker = Callable[[_Wish], Array | None]


def _asks(wish: _Wish, maker: _Maker) -> bool:
    return (type(wish.node.op), wish.at) in _MAKERS[maker]


def _pixels(known: Preprocessing, rng: np.random.Generator, shape: Shape) -> Array:
    """Return whole pixels 0..255 as the network gets them, or numbers of that spread where its mean is not known."""
    scale = 1.0 if known.scale is None else np.reshape(known.scale, (-1, 1, 1))
    if known.mean is None:
        if shape[1] != 3 and known.scale is None:
            return rng.normal(0, 1, shape)
        return np.asarray(rng.integers(-120, 131, shape) * scale)
    mean = known.mean.reshape(-1, 1, 1) if known.mean.ndim == 1 else known.mean
    if mean.shape[1:] not in ((1, 1), shape[2:]):
        mean = mean.mean((1, 2), keepdims=True)
    return np.asarray((rng.integers(0, 256, shape) - mean) * scale)


def _below(wish: _Wish) -> Array:
    """Return indices that an Embedding or a BatchReindex can look up."""
    op = wish.node.op
    limit = op.entries if isinstance(op, Embedding) else wish.inputs[0][0]
    return wish.rng.integers(0, limit, wish.shape)


def _regions(wish: _Wish) -> Array | None:
    """Return rows image, x1, y1, x2, y2 inside the maps, a few beyond their border."""
    op = wish.node.op
    assert isinstance(op, RegionPooling)
    if size_of(wish.shape) % 5:
        return None
    rows, (batch, _, *size) = size_of(wish.shape) // 5, wish.inputs[0]
    extent = np.array(size[::-1]) / op.spatial_scale
    corners = np.sort(wish.rng.uniform(-0.05, 1.05, (rows, 2, 2)), axis=1) * extent
    images = wish.rng.integers(0, batch, (rows, 1)) + op.one_based
    return np.concatenate([images, corners.reshape(rows, 4)], 1).reshape(wish.shape)


def _continuation(wish: _Wish) -> Array:
    """Return 1 where a sequence goes on, 0 where one starts: at the first step, and sometimes later."""
    flags = (wish.rng.uniform(size=wish.shape) < 0.8).astype(np.float64)
    flags[:1] = 0
    return np.asarray(flags)


def _selector(wish: _Wish) -> Array:
    """Return 0 and 1, at least one of each where there is room for both."""
    flags = wish.rng.integers(0, 2, size_of(wish.shape))
    flags[:2] = (1, 0)[: flags.size]
    return wish.rng.permutation(flags).reshape(wish.shape)


def _unpooling_indices(wish: _Wish) -> Array:
    """Return cells of the larger map, none twice in a plane as long as there are enough."""
    op = wish.node.op
    assert isinstance(op, MaxUnpooling)
    cells, plane = size_of(op.size), size_of(wish.shape[2:])
    rows = size_of(wish.shape[:2])
    if plane > cells:
        return wish.rng.integers(0, cells, wish.shape)
    return np.stack([wish.rng.permutation(cells)[:plane] for _ in range(rows)]).reshape(wish.shape)


def _offsets(wish: _Wish) -> Array:
    return wish.rng.normal(0, 0.3, wish.shape)


def _probabilities(wish: _Wish) -> Array:
    return wish.rng.uniform(0, 1, wish.shape)


def _prior_boxes(wish: _Wish) -> Array | None:
    """Return overlapping boxes inside the image, and their variances."""
    if len(wish.shape) != 3:
        return None
    boxes = wish.shape[2] // 4
    centre, half = wish.rng.uniform(0.3, 0.7, (boxes, 2)), wish.rng.uniform(0.1, 0.3, (boxes, 2))
    corners = np.concatenate([centre - half, centre + half], 1).reshape(-1)
    return np.stack([corners, np.tile([0.1, 0.1, 0.2, 0.2], boxes)])[None]


def _sampling_points(wish: _Wish) -> Array:
    return wish.rng.uniform(-1.1, 1.1, wish.shape)


def _affine_maps(wish: _Wish) -> Array:
    """Return maps near the identity, c1 to c6 of AffineGrid."""
    noise = wish.rng.normal(0, 0.2, wish.shape).reshape(-1, 6)
    return np.asarray(noise + np.array([1, 0, 0, 1, 0, 0])).reshape(wish.shape)


def _in_domain(wish: _Wish) -> Array | None:
    """Return numbers whose logarithm or power is a number; None where all have one."""
    op = wish.node.op
    assert isinstance(op, (Logarithm, Power))
    if not op.scale or (isinstance(op, Power) and op.power > 0 and op.power == int(op.power)):
        return None
    return np.asarray((wish.rng.uniform(0.1, 3, wish.shape) - op.shift) / op.scale)


# What makes an input for which reader, as its input number which. The first that fits is taken.
_MAKERS: Mapping[_Maker, tuple[tuple[type[Op], int], ...]] = {
    _regions: ((RegionPooling, 1),),
    _below: ((Embedding, 0), (BatchReindex, 1)),
    _unpooling_indices: ((MaxUnpooling, 1),),
    _continuation: ((LSTM, 1), (RNN, 1)),
    _selector: ((Filter, 1),),
    _prior_boxes: ((DetectionOutput, 2),),
    _probabilities: ((DetectionOutput, 1),),
    _offsets: ((DetectionOutput, 0),),
    _affine_maps: ((AffineGrid, 0),),
    _sampling_points: ((BilinearSampler, 1),),
    _in_domain: ((Logarithm, 0), (Power, 0)),
}
