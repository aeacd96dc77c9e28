"""Pooling of regions of interest: each bin a maximum or mean over a rectangle that the values decide."""

from collections.abc import Iterator

import numpy as np

from converters.keras_model.assembly import Builder, Site
from converters.keras_model.layout import Tensor
from converters.keras_model.library import ops, plus
from converters.ops import Op, RegionPooling
from converters.ops.pooling import LOWEST

Bins = tuple[Tensor, Tensor]  # (regions, bins): the first cell of each bin and the one behind its last


def _region_pooling(site: Site, op: RegionPooling) -> Tensor:
    height, width = site.fixed(site.shape[2:])
    regions = ops.reshape(site.cast(site.raw[1], "float32"), (-1, 5))
    image = ops.subtract(ops.cast(regions[:, 0], "int32"), int(op.one_based))
    rows, columns = (_bins(regions, op, which, limit) for which, limit in ((0, height), (1, width)))
    if op.method == "average":
        return _means(site, image, rows, columns)
    return _maxima(site, image, rows, columns)


def _bins(regions: Tensor, op: RegionPooling, which: int, limit: int) -> Bins:
    # A region is [image, x1, y1, x2, y2]: rows lie at 2 and 4, columns at 1 and 3.
    start, end = (_rounded(regions[:, at], op) for at in (2 - which, 4 - which))
    length = ops.cast(ops.maximum(ops.add(ops.subtract(end, start), 1.0), 1.0), "float32")
    # No constant: a compiled graph would multiply by its reciprocal, and another rounding makes other bins.
    count = ops.multiply(ops.cast(ops.greater(length, 0.0), "float32"), float(op.size[which]))
    width = ops.expand_dims(ops.divide(length, count), 1)
    start = ops.expand_dims(ops.cast(start, "int32"), 1)
    at = np.arange(op.size[which], dtype=np.float32)[None]
    low = ops.cast(ops.floor(ops.multiply(width, at)), "int32")
    high = ops.cast(ops.ceil(ops.multiply(width, at + 1)), "int32")
    return ops.clip(plus(low, start), 0, limit), ops.clip(plus(high, start), 0, limit)


def _rounded(value: Tensor, op: RegionPooling) -> Tensor:
    """Scale a coordinate and round half away from zero, as C does (Keras rounds half to even)."""
    scaled = ops.multiply(ops.cast(value, "float64"), op.spatial_scale)
    away = ops.multiply(ops.sign(scaled), ops.floor(ops.add(ops.absolute(scaled), 0.5)))
    return ops.subtract(away, float(op.one_based))


def _levels(size: int) -> int:
    return size.bit_length()


def _doublings(x: Tensor, axis: int, size: int) -> Iterator[Tensor]:
    """Yield `x`, then the maxima of 2, 4, 8 ... neighbours along `axis`; where some are missing, of those there are."""
    yield x
    for level in range(1, _levels(size)):
        step = 2 ** (level - 1)
        pads = [[0, step] if i == axis else [0, 0] for i in range(4)]
        moved = ops.pad(x, pads, constant_values=LOWEST)[
            tuple(slice(step, None) if i == axis else slice(None) for i in range(4))
        ]
        x = ops.maximum(x, moved)
        yield x


def _maxima(site: Site, image: Tensor, rows: Bins, columns: Bins) -> Tensor:
    """Maximum of each rectangle as that of four overlapping ones whose sides are powers of two, looked up in tables."""
    height, width = site.fixed(site.shape[2:])
    channels = site.fixed(site.shape[1:2])[0]
    tables = [y for x in _doublings(site.wide, 1, height) for y in _doublings(x, 2, width)]
    # (images * row levels * column levels * height * width, channels)
    flat = ops.reshape(ops.stack(tables, axis=1), (-1, channels))
    (row_level, *row_starts), (column_level, *column_starts) = _halves(rows, height), _halves(columns, width)
    table = plus(
        ops.multiply(_grid(image), _levels(height) * _levels(width)),
        plus(ops.multiply(_down(row_level), _levels(width)), _across(column_level)),
    )
    parts = []
    for row in row_starts:
        for column in column_starts:
            cell = plus(ops.multiply(plus(ops.multiply(table, height), _down(row)), width), _across(column))
            parts.append(ops.take(flat, cell, axis=0))
    y = ops.maximum(ops.maximum(parts[0], parts[1]), ops.maximum(parts[2], parts[3]))
    filled = ops.logical_and(_down(ops.greater(rows[1], rows[0])), _across(ops.greater(columns[1], columns[0])))
    return ops.where(ops.expand_dims(filled, -1), y, 0.0)


def _halves(bins: Bins, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the largest power of two in each bin, as exponent, and where the first and last stretch of it start."""
    low, high = bins
    length = ops.maximum(ops.subtract(high, low), 1)
    level = ops.zeros_like(length)
    for exponent in range(1, _levels(size)):
        level = plus(level, ops.cast(ops.greater_equal(length, 2**exponent), "int32"))
    stretch = ops.left_shift(ops.ones_like(level), level)
    first = ops.minimum(low, size - 1)
    return level, first, ops.maximum(ops.subtract(plus(first, length), stretch), 0)


def _grid(x: Tensor) -> Tensor:
    return ops.reshape(x, (-1, 1, 1))


def _down(x: Tensor) -> Tensor:
    return ops.expand_dims(x, 2)


def _across(x: Tensor) -> Tensor:
    return ops.expand_dims(x, 1)


def _means(site: Site, image: Tensor, rows: Bins, columns: Bins) -> Tensor:
    """Mean of each rectangle: its map weighted along the rows, then along the columns."""
    height, width = site.fixed(site.shape[2:])
    maps = ops.take(site.wide, image, axis=0)
    y = ops.einsum("rih,rhwc->riwc", _shares(rows, height), maps)
    return ops.einsum("rjw,riwc->rijc", _shares(columns, width), y)


def _shares(bins: Bins, size: int) -> Tensor:
    """Return (regions, bins, size): 1 / length inside a bin, 0 outside, all 0 for an empty one."""
    low, high = (ops.expand_dims(bound, -1) for bound in bins)
    cells = np.arange(size, dtype=np.int32)
    inside = ops.logical_and(ops.greater_equal(cells, low), ops.less(cells, high))
    return ops.divide(ops.cast(inside, "float32"), ops.cast(ops.maximum(ops.subtract(high, low), 1), "float32"))


REGIONS: dict[type[Op], Builder] = {RegionPooling: _region_pooling}
