"""Ops that move values, in ONNX."""

from collections.abc import Sequence

import numpy as np

from converters.onnx_model.building import INFERRED, INT64, Dim, Site, Value
from converters.ops import (
    BatchReindex,
    Concat,
    Crop,
    Filter,
    Flatten,
    Pad,
    Permute,
    Reshape,
    ShuffleChannels,
    Slice,
    Tile,
)


def concat(site: Site, op: Concat, *inputs: Value) -> str:
    """Concat."""
    if len(inputs) == 1:
        return inputs[0].name
    return site.add("Concat", *(x.name for x in inputs), axis=op.axis % inputs[0].rank)


def slice_(site: Site, op: Slice, x: Value) -> str:
    """Slice."""
    return site.slice(x.name, op.axis % x.rank, op.start, op.stop)


def flatten(site: Site, op: Flatten, x: Value) -> str:
    """Flatten where all axes behind the first are merged, otherwise Reshape."""
    start, end = op.axis % x.rank, op.end_axis % x.rank
    if (start, end) == (1, x.rank - 1):
        return site.add("Flatten", x.name, axis=1)
    sizes = site.sizes(x)
    merged = sizes[start : end + 1]
    whole: Dim = site.product(merged) if all(isinstance(size, int) for size in merged) else INFERRED
    return site.reshape(x.name, [*sizes[:start], whole, *sizes[end + 1 :]], x)


def reshape(site: Site, op: Reshape, x: Value) -> str:
    """Reshape; sizes that are copied or left over stay so."""
    start = op.axis if op.axis >= 0 else x.rank + op.axis + 1
    end = x.rank if op.num_axes == -1 else start + op.num_axes
    sizes = site.sizes(x)
    middle: list[Dim] = [sizes[start + i] if dim == 0 else dim for i, dim in enumerate(op.dims)]
    if INFERRED in middle:
        middle[middle.index(INFERRED)] = _left_over(site, middle, sizes[start:end])
    return site.reshape(x.name, [*sizes[:start], *middle, *sizes[end:]], x)


def _left_over(site: Site, dims: Sequence[Dim], sizes: Sequence[Dim]) -> Dim:
    """Return the size of the axis that takes what is left: a number if all that counts is fixed."""
    given = [dim for dim in dims if dim != INFERRED]
    # An open axis that is copied divides out: Size objects are equal when they are the same axis.
    left = [size for size in sizes if isinstance(size, int) or size not in given]
    given = [dim for dim in given if isinstance(dim, int) or dim not in sizes]
    whole, known = site.product(left), site.product(given)
    return whole // known if isinstance(whole, int) and isinstance(known, int) else INFERRED


def permute(site: Site, op: Permute, x: Value) -> str:
    """Transpose."""
    return site.add("Transpose", x.name, perm=op.order)


def crop(site: Site, op: Crop, x: Value, like: Value) -> str:
    """Slice as far as the second input is large."""
    axes = range(op.axis % x.rank, x.rank)
    ends = [site.count("Add", site.size(like, axis), offset) for axis, offset in zip(axes, op.offsets, strict=True)]
    return site.add("Slice", x.name, site.ints(op.offsets, "starts"), site.vector(ends), site.ints(axes, "axes"))


def tile(site: Site, op: Tile, x: Value) -> str:
    """Tile."""
    repeats = [op.tiles if axis == op.axis % x.rank else 1 for axis in range(x.rank)]
    return site.add("Tile", x.name, site.ints(repeats, "repeats"))


def batch_reindex(site: Site, _op: BatchReindex, x: Value, index: Value) -> str:
    """Gather."""
    return site.add("Gather", x.name, site.cast(index.name, INT64), axis=0)


def filter_(site: Site, _op: Filter, x: Value, selector: Value) -> str:
    """Compress by the selector as truth values."""
    flat = selector.name if selector.rank == 1 else site.reshape(selector.name, [INFERRED])
    return site.add("Compress", x.name, site.cast(flat, np.bool_), axis=0)


def shuffle_channels(site: Site, op: ShuffleChannels, x: Value) -> str:
    """Gather the channels in their new order."""
    (channels,) = site.pin(x, [1], "the new order of the channels is stored")
    order = np.arange(channels).reshape(op.groups, -1).T.reshape(-1)
    return site.gather(x.name, order.tolist(), axis=1)


def pad(site: Site, op: Pad, x: Value) -> str:
    """Pad."""
    if not any(amount for pair in op.pads for amount in pair):
        return x.name
    return site.pad_before_pooling(x.name, x.rank, op.pads, op.value)
