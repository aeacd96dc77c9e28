"""Ops that move values about and change none (Pad adds some)."""

from converters.keras_model.assembly import Builder, Site
from converters.keras_model.layout import (
    TO_FIRST,
    TO_STORED,
    OpenShape,
    Tensor,
    order_kept,
    stored_axis,
    stored_shape,
    to_first,
    to_stored,
)
from converters.keras_model.library import layers, ops
from converters.keras_model.sizes import OpenAxisError
from converters.ops import BatchReindex, Concat, Crop, Flatten, Op, Pad, Permute, Reshape, ShuffleChannels, Slice, Tile
from converters.ops.base import positive_axis


def _concat(site: Site, op: Concat) -> Tensor:
    xs = site.raw if len({x.dtype for x in site.raw}) == 1 else site.xs
    if len(xs) == 1:
        return xs[0]
    axis = stored_axis(positive_axis(op.axis, site.rank), site.rank)
    return layers.Concatenate(axis=axis, dtype=xs[0].dtype)(xs) if axis else ops.concatenate(xs, axis=0)


def _part(x: Tensor, bounds: dict[int, slice]) -> Tensor:
    """Cut a stored tensor; `bounds` has our axes."""
    rank = len(x.shape)
    at = {stored_axis(axis, rank): bound for axis, bound in bounds.items()}
    return x[tuple(at.get(axis, slice(None)) for axis in range(rank))]


def _slice(site: Site, op: Slice) -> Tensor:
    axis = positive_axis(op.axis, site.rank)
    if site.shape[axis] is None and op.stop is not None:
        raise OpenAxisError(f"takes {op.start}:{op.stop} of axis {axis}, so that axis cannot stay open")
    return _part(site.raw[0], {axis: slice(op.start, op.stop)})


def reordered(site: Site, x: Tensor, shape: OpenShape, target: OpenShape) -> Tensor:
    """Reshape a stored tensor from `shape` to `target` as its values run channels first."""
    if shape == target:
        return x
    x = x if order_kept(shape) else to_first(x)
    if order_kept(target):
        return site.reshape(x, stored_shape(target))
    return to_stored(site.reshape(x, target))


def _reshape(site: Site, _op: Flatten | Reshape) -> Tensor:
    return reordered(site, site.raw[0], site.shape, site.out)


def _permute(site: Site, op: Permute) -> Tensor:
    order: tuple[int, ...] = op.order
    if site.rank == 4:
        order = tuple(TO_FIRST[op.order[axis]] for axis in TO_STORED)
    return site.raw[0] if order == tuple(range(site.rank)) else ops.transpose(site.raw[0], order)


def _crop(site: Site, op: Crop) -> Tensor:
    axis = positive_axis(op.axis, site.rank)
    site.fixed(site.shape[axis:])
    sizes = site.fixed(site.shapes[1][axis:], "the size it crops to")
    bounds = {axis + i: slice(o, o + n) for i, (o, n) in enumerate(zip(op.offsets, sizes, strict=True))}
    return _part(site.raw[0], bounds)


def _tile(site: Site, op: Tile) -> Tensor:
    axis = stored_axis(positive_axis(op.axis, site.rank), site.rank)
    return ops.concatenate([site.raw[0]] * op.tiles, axis=axis) if op.tiles > 1 else site.raw[0]


def _batch_reindex(site: Site, _op: BatchReindex) -> Tensor:
    return ops.take(site.raw[0], ops.cast(site.raw[1], "int32"), axis=0)


def _shuffle_channels(site: Site, op: ShuffleChannels) -> Tensor:
    channels = site.fixed(site.shape[1:2])[0]
    each = channels // op.groups
    order = [group * each + place for place in range(each) for group in range(op.groups)]
    return ops.take(site.raw[0], order, axis=stored_axis(1, site.rank))


def _pad(site: Site, op: Pad) -> Tensor:
    amounts = [[0, 0]] * (site.rank - len(op.pads)) + [list(pair) for pair in op.pads]
    if not any(map(any, amounts)):
        return site.x
    if site.rank == 4:
        amounts = [amounts[axis] for axis in TO_STORED]
    return ops.pad(site.x, amounts, constant_values=op.value)


SHAPE: dict[type[Op], Builder] = {
    BatchReindex: _batch_reindex,
    Concat: _concat,
    Crop: _crop,
    Flatten: _reshape,
    Pad: _pad,
    Permute: _permute,
    Reshape: _reshape,
    ShuffleChannels: _shuffle_channels,
    Slice: _slice,
    Tile: _tile,
}
