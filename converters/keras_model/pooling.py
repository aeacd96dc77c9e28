"""Ops that summarise windows: max and average pooling, their indices, unpooling."""

from collections.abc import Sequence

import numpy as np

from converters.errors import UnsupportedError
from converters.keras_model.assembly import Builder, Site
from converters.keras_model.layout import (
    FORMAT,
    OpenShape,
    Tensor,
    from_channels_last,
    number,
    to_channels_last,
    to_first,
    to_stored,
)
from converters.keras_model.library import layers, ops, plus
from converters.keras_model.windows import padded, taps
from converters.ops import GlobalPooling, MaxUnpooling, Op, Pads, Pooling, PoolingIndices, Shape
from converters.ops.base import size_of
from converters.ops.pooling import LOWEST

_EXACT = 2**24  # whole numbers above are not all float32
_MAXIMUM = {1: layers.MaxPooling1D, 2: layers.MaxPooling2D, 3: layers.MaxPooling3D}
_AVERAGE = {1: layers.AveragePooling1D, 2: layers.AveragePooling2D, 3: layers.AveragePooling3D}


def _pooling(site: Site, op: Pooling) -> Tensor:
    if not 1 <= len(op.kernel) <= 3:
        raise UnsupportedError(f"pools over {len(op.kernel)} axes, but Keras has layers for one, two and three")
    if op.method == "average":
        return from_channels_last(average(op, to_channels_last(site.wide), site.shape))
    # TensorFlow has no maxima over three axes in half precision.
    x = to_channels_last(site.wide if len(op.kernel) == 3 else site.x)
    if x.dtype == "float16" and _may_miss_the_input(op):
        raise UnsupportedError(f"gives {LOWEST:.3g} for windows outside of the input, which half precision cannot hold")
    return from_channels_last(_maximum(site, op, x))


def _may_miss_the_input(op: Pooling) -> bool:
    """Return whether a window may lie outside of the input: in the padding, or without any, where none is dropped."""
    gaps = any(s > k for k, s in zip(op.kernel, op.stride, strict=True))
    inside_padding = any(max(pads) >= k for k, pads in zip(op.kernel, op.pads, strict=True))
    return inside_padding or (gaps and op.ceil_mode and not any(map(any, op.pads)))


def _maximum(site: Site, op: Pooling, x: Tensor) -> Tensor:
    room = window_room(op, site.shape)
    fixed = None not in site.shape[2:]
    same = fixed and room == _same_room(op, site.fixed(site.shape[2:]), site.fixed(site.out[2:]))
    x = x if same else padded(x, room, float(number(LOWEST, x.dtype)))
    return _windowed(_MAXIMUM, op, x, "same" if same else "valid")


def _windowed(kinds: dict[int, type], op: Pooling, x: Tensor, padding: str = "valid") -> Tensor:
    return kinds[len(op.kernel)](op.kernel, strides=op.stride, padding=padding, data_format=FORMAT, dtype=x.dtype)(x)


def window_room(op: Pooling | PoolingIndices, shape: OpenShape) -> Pads:
    """Return the padding with which windows need no rounding: what the last one reaches, or enough for any size."""
    if None not in shape[2:]:
        overhang = op.overhang(tuple(n or 1 for n in shape))
        return tuple((before, max(after, 0)) for before, after in overhang)
    clip = any(amount for pair in op.pads for amount in pair)
    room = []
    for k, s, (before, after) in zip(op.kernel, op.stride, op.pads, strict=True):
        # Rounding up is rounding down with stride - 1 more cells; fewer than a kernel start no window behind the input.
        behind = after + (s - 1 if op.ceil_mode else 0)
        room.append((before, min(behind, k - 1) if clip else behind))
    return tuple(room)


def _same_room(op: Pooling, spatial: Shape, out: Shape) -> Pads | None:
    """Return the padding that Keras' "same" means here, None where it gives another number of windows."""
    room = []
    for n, o, k, s in zip(spatial, out, op.kernel, op.stride, strict=True):
        if o != -(-n // s):
            return None
        total = max((o - 1) * s + k - n, 0)
        room.append((total // 2, total - total // 2))
    return tuple(room)


def average(op: Pooling, x: Tensor, shape: OpenShape) -> Tensor:
    """Average the windows of a tensor whose channels come last; `shape` is its shape in our order."""
    room = window_room(op, shape)
    if None in shape[2:]:
        return _open_average(op, x, room)
    y = _windowed(_AVERAGE, op, padded(x, room, 0.0))
    for axis, factors in enumerate(_corrections(op, tuple(n or 1 for n in shape))):
        if any(factor != 1 for factor in factors):
            rank = len(shape)
            y = ops.multiply(y, np.asarray(factors, y.dtype).reshape([-1 if i == axis + 1 else 1 for i in range(rank)]))
    return y


def _corrections(op: Pooling, shape: Shape) -> list[Sequence[float]]:
    """Return for each axis and window the kernel's size divided by that of the window as far as it counts."""
    out = op.output_shape(shape)[2:]
    factors = []
    for n, o, k, s, (before, after) in zip(shape[2:], out, op.kernel, op.stride, op.pads, strict=True):
        start = np.arange(o) * s - before
        low, high = (0, n) if op.divisor == "inside" else (-before, n + after)
        with np.errstate(divide="ignore"):  # no cell counts: 0 / 0 there, in Caffe as well
            factors.append((k / (np.minimum(start + k, high) - np.maximum(start, low))).tolist())
    return factors


def _open_average(op: Pooling, x: Tensor, room: Pads) -> Tensor:
    """Divide by the average of ones, which are 1 wherever a cell counts."""
    if _may_miss_the_input(op):
        raise UnsupportedError(
            "averages windows that may lie outside of the input, and only fixed sizes tell what they are divided by"
        )
    ones = ops.ones_like(x[(slice(0, 1), ..., slice(0, 1))])
    counted = op.pads if op.divisor == "padded" else ((0, 0),) * len(op.pads)
    inner = tuple((min(b, rb), min(a, ra)) for (b, a), (rb, ra) in zip(counted, room, strict=True))
    outer = tuple((rb - b, ra - a) for (b, a), (rb, ra) in zip(inner, room, strict=True))
    y = _windowed(_AVERAGE, op, padded(x, room, 0.0))
    if not any(map(any, outer)):
        return y
    return ops.divide(y, _windowed(_AVERAGE, op, padded(padded(ones, inner, 1.0), outer, 0.0)))


def _global_pooling(site: Site, op: GlobalPooling) -> Tensor:
    if site.rank == 4:
        layer = layers.GlobalMaxPooling2D if op.method == "max" else layers.GlobalAveragePooling2D
        return layer(data_format=FORMAT, keepdims=True, dtype="float32")(site.wide)
    reduce = ops.max if op.method == "max" else ops.mean
    return reduce(site.wide, tuple(range(2, site.rank)), keepdims=True)


def _pooling_indices(site: Site, op: PoolingIndices) -> Tensor:
    _, width = op.kernel
    columns = site.fixed(site.shape[3:], "the width")[0]
    x = padded(to_channels_last(site.wide), window_room(op, site.shape), LOWEST)
    windows = ops.stack(list(taps(x, op.kernel, op.stride, (1, 1))), axis=-1)
    best = ops.max(windows, axis=-1)
    # Of equal values Caffe takes the first. (Keras' argmax takes 0 for more than -0.)
    places = np.arange(size_of(op.kernel), dtype=np.int32)
    tap = ops.min(ops.where(ops.equal(windows, ops.expand_dims(best, -1)), places, places[-1]), axis=-1)
    cell = ops.ones_like(best[:1, :, :, :1], dtype="int32")
    corner = [
        ops.subtract(ops.multiply(ops.subtract(ops.cumsum(cell, axis), 1), s), b)
        for axis, s, (b, _) in zip((1, 2), op.stride, op.pads, strict=True)
    ]
    row, column = plus(ops.floor_divide(tap, width), corner[0]), plus(ops.mod(tap, width), corner[1])
    index = ops.cast(ops.add(ops.multiply(row, columns), column), "float32")
    return ops.where(ops.greater(best, LOWEST), index, -1.0)


def _max_unpooling(site: Site, op: MaxUnpooling) -> Tensor:
    """Look up for each output cell the last position that points to it, and take the value there."""
    rows = size_of(site.fixed(site.shape[1:2]))
    cells, places = size_of(op.size), size_of(site.fixed(site.shape[2:]))
    values = ops.reshape(to_first(site.wide), (-1, places))
    index = ops.cast(ops.reshape(to_first(site.raw[1]), (-1, places)), "int32")
    if places >= _EXACT:
        raise UnsupportedError(f"maps of {places} values are too large: float32 counts only to {_EXACT}")
    place = ops.cumsum(ops.ones_like(values), 1)
    row = ops.subtract(ops.cumsum(ops.ones_like(index[:, :1]), 0), 1)
    # Place 0, which holds a zero, points to the last cell: where the batch is open it says how many cells there are.
    target = plus(ops.pad(index, [[0, 0], [1, 0]], constant_values=cells - 1), ops.multiply(row, cells))
    batch = site.out[0]
    count = None if batch is None else batch * rows * cells
    last = ops.segment_max(ops.reshape(ops.pad(place, [[0, 0], [1, 0]]), (-1,)), ops.reshape(target, (-1,)), count)
    chosen = ops.cast(ops.maximum(ops.reshape(last, (-1, cells)), 0.0), "int32")
    y = ops.take_along_axis(ops.pad(values, [[0, 0], [1, 0]]), chosen, axis=1)
    return to_stored(site.reshape(y, (batch, rows, *op.size)))


POOLING: dict[type[Op], Builder] = {
    GlobalPooling: _global_pooling,
    MaxUnpooling: _max_unpooling,
    Pooling: _pooling,
    PoolingIndices: _pooling_indices,
}
