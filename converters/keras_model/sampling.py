"""Ops that read maps between their pixels: resizing, upsampling, spatial transformers."""

from itertools import product
from typing import Any

import numpy as np

from converters.keras_model.assembly import Builder, Site
from converters.keras_model.layout import FORMAT, Tensor
from converters.keras_model.library import layers, ops, plus
from converters.keras_model.windows import zero_padded
from converters.ops import AffineGrid, BilinearResize, BilinearSampler, NearestUpsampling, Op


def _resize(site: Site, op: BilinearResize) -> Tensor:
    x = zero_padded(site.x, op.pads)
    sizes = [n + sum(pads) for n, pads in zip(site.fixed(site.shape[2:]), op.pads, strict=True)]
    for axis, size, target in zip((1, 2), sizes, site.fixed(site.out[2:]), strict=True):
        x = _resized_along(x, axis, size, target)
    return x


def _resized_along(x: Tensor, axis: int, size: int, target: int) -> Tensor:
    if size == target:
        return x
    # As in the original, a target of one cell reads the first pixel.
    position = np.arange(target) * ((size - 1) / (target - 1) if target > 1 else 0.0)
    low = np.minimum(position.astype(int), size - 1)
    high = np.minimum(low + 1, size - 1)
    weight = (position - low).astype(x.dtype).reshape([-1 if i == axis else 1 for i in range(4)])
    near, far = (ops.take(x, index.tolist(), axis=axis) for index in (low, high))
    return ops.add(ops.multiply(near, 1 - weight), ops.multiply(far, weight))


def _nearest(site: Site, op: NearestUpsampling) -> Tensor:
    return layers.UpSampling2D(op.factors, data_format=FORMAT, interpolation="nearest")(site.x)


def _affine_grid(site: Site, op: AffineGrid) -> Tensor:
    """Compute both coordinates, stored as (batch, 2, height, width): (batch, width, 2, height) in our order."""
    c = ops.reshape(site.wide, (-1, 6, 1, 1))
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) if n > 1 else np.zeros(1, np.float32) for n in op.size)
    y, x = rows.reshape(1, 1, -1, 1), columns.reshape(1, 1, 1, -1)
    points = [
        plus(plus(ops.multiply(c[:, a : a + 1], y), ops.multiply(c[:, a + 1 : a + 2], x)), c[:, d : d + 1])
        for a, d in ((0, 4), (2, 5))
    ]
    return ops.concatenate(points, axis=1)


def _sampler(site: Site, _op: BilinearSampler) -> Tensor:
    """Gather the four pixels around each point from one list of all pixels; what lies outside counts as zero."""
    height, width = site.fixed(site.shape[2:])
    channels = site.fixed(site.shape[1:2])[0]
    grid = site.cast(site.raw[1], "float32")  # (grids, 2, out height, out width)
    points = [ops.multiply(ops.add(grid[:, i], 1.0), (n - 1) / 2) for i, n in enumerate((height, width))]
    lows = [ops.floor(point) for point in points]
    pixels = ops.reshape(site.wide, (-1, channels))
    origin = _first_pixels(site, grid, height * width)
    y = None
    for step in product((0.0, 1.0), repeat=2):
        corner = [ops.add(low, s) for low, s in zip(lows, step, strict=True)]
        part = ops.multiply(
            _pixels(pixels, origin, corner, (height, width)), ops.expand_dims(_weight(points, corner), -1)
        )
        y = part if y is None else ops.add(y, part)
    return y


def _first_pixels(site: Site, grid: Tensor, area: int) -> Tensor:
    """Return for each grid where its image starts in the list of pixels: several grids in turn may read one image."""
    shapes = site.bench.graph.shapes
    images, grids = (shapes[name][0] for name in site.node.inputs)
    place = ops.subtract(ops.cumsum(ops.ones_like(grid[:, :1, :1, 0], dtype="int32"), axis=0), 1)
    return ops.multiply(ops.floor_divide(place, grids // images), area)


def _weight(points: list[Tensor], corner: list[Tensor]) -> Tensor:
    vertical, horizontal = (
        ops.subtract(1.0, ops.absolute(ops.subtract(at, c))) for at, c in zip(points, corner, strict=True)
    )
    return ops.multiply(vertical, horizontal)


def _pixels(pixels: Tensor, origin: Tensor, corner: list[Tensor], size: tuple[int, int]) -> Tensor:
    inside: Any = True
    for at, limit in zip(corner, size, strict=True):
        inside = ops.logical_and(inside, ops.logical_and(ops.greater_equal(at, 0.0), ops.less(at, float(limit))))
    row, column = (
        ops.cast(ops.clip(at, 0.0, float(limit - 1)), "int32") for at, limit in zip(corner, size, strict=True)
    )
    index = plus(plus(ops.multiply(row, size[1]), column), origin)
    return ops.where(ops.expand_dims(inside, -1), ops.take(pixels, index, axis=0), 0.0)


SAMPLING: dict[type[Op], Builder] = {
    AffineGrid: _affine_grid,
    BilinearResize: _resize,
    BilinearSampler: _sampler,
    NearestUpsampling: _nearest,
}
