"""Ops that summarise windows: max and average pooling, their indices, unpooling, regions of interest."""

from dataclasses import dataclass
from itertools import product
from math import ceil, floor
from typing import ClassVar, Literal

import numpy as np

from converters.errors import ShapeError
from converters.ops.base import Array, Op, Pads, Shape, as_index, check_rank, last_axes, size_of
from converters.ops.windows import check_window, padded, taps

# Caffe starts every maximum at -FLT_MAX, in double precision as well; a window without a pixel keeps it.
LOWEST = float(np.finfo(np.float32).min)

Method = Literal["max", "average"]
Divisor = Literal["padded", "inside"]


def pooled_size(size: int, kernel: int, stride: int, pads: tuple[int, int], ceil_mode: bool, clip: bool) -> int:
    """Return the number of windows along one axis;

    with `clip`, one that starts behind the input and its left padding is dropped.
    """
    before, after = pads
    room = size + before + after - kernel
    count = (-(-room // stride) if ceil_mode else room // stride) + 1
    if clip and (count - 1) * stride >= size + before:
        count -= 1
    if count < 1:
        raise ShapeError(f"pooling window of {kernel} does not fit the padded input of {size + before + after}")
    return count


@dataclass(frozen=True)
class _Windows(Op):
    """Windows over the last two axes, with Caffe's rounding:

    up when `ceil_mode`, a last window in the right padding dropped if anything is padded.
    """

    kernel: Shape
    stride: Shape
    pads: Pads
    ceil_mode: bool = False

    def output_shape(self, x: Shape) -> Shape:
        check_rank(x, 3)
        check_window(len(x) - 2, kernel=self.kernel, stride=self.stride, pads=self.pads)
        clip = any(amount for pair in self.pads for amount in pair)
        axes = zip(x[2:], self.kernel, self.stride, self.pads, strict=True)
        return (*x[:2], *(pooled_size(n, k, s, p, self.ceil_mode, clip) for n, k, s, p in axes))

    def overhang(self, x: Shape) -> Pads:
        """Return the padding before each spatial axis, and after it as far as the last window reaches (negative:

        cells no window meets).
        """
        out = self.output_shape(x)[2:]
        axes = zip(x[2:], out, self.kernel, self.stride, self.pads, strict=True)
        return tuple((before, (o - 1) * s + k - n - before) for n, o, k, s, (before, _) in axes)

    def _views(self, x: Array, value: float) -> list[tuple[Shape, Array]]:
        room = tuple((before, max(after, 0)) for before, after in self.overhang(x.shape))
        ones = (1,) * len(self.kernel)
        return list(taps(padded(x, room, value), self.kernel, self.stride, ones, self.output_shape(x.shape)[2:]))


@dataclass(frozen=True)
class Pooling(_Windows):
    """Maximum or mean of each window; the maximum ignores padding, the mean takes it as zeros.

    Input and output (batch, channels, *spatial). A mean divides by the window clipped to the padded input
    (`divisor="padded"`, Caffe) or to the input itself (`"inside"`, MatConvNet). A window without a pixel gives
    -FLT_MAX as maximum. Source: BVLC Caffe, pooling_layer.cpp; MatConvNet, vl_nnpool.
    """

    method: Method = "max"
    divisor: Divisor = "padded"

    def compute(self, x: Array) -> Array:
        if self.method == "max":
            views = self._views(x, LOWEST)
            y = views[0][1].copy()
            for _, view in views[1:]:
                np.maximum(y, view, out=y)
            return y
        total = sum((view for _, view in self._views(x, 0.0)), np.zeros((), x.dtype))
        # Caffe divides 0 by a negative size for a window that lies behind the input.
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(total / self.divisors(x.shape).astype(x.dtype))

    def divisors(self, x: Shape) -> Array:
        """Return what each window's sum is divided by: an array of the output's spatial shape."""
        counts = []
        out = self.output_shape(x)[2:]
        for n, o, k, s, (before, after) in zip(x[2:], out, self.kernel, self.stride, self.pads, strict=True):
            start = np.arange(o) * s - before
            low, high = (0, n) if self.divisor == "inside" else (-before, n + after)
            counts.append(np.minimum(start + k, high) - np.maximum(start, low))
        area = counts[0]
        for count in counts[1:]:
            area = area[..., None] * count
        return area


@dataclass(frozen=True)
class PoolingIndices(_Windows):
    """For each max-pooling window the flat index (row * width + column) of its first maximum, as a float; -1 where a
    window is empty.

    Input and output (batch, channels, height, width). Source: the second top of BVLC Caffe's pooling_layer.cpp.
    """

    def compute(self, x: Array) -> Array:
        rows = np.arange(size_of(x.shape[2:])).reshape(x.shape[2:]).astype(x.dtype)
        # Caffe compares with > from -FLT_MAX on, so the first of equal values wins and nothing beats a pixel that
        # holds -FLT_MAX.
        values, indices = self._views(x, LOWEST), self._views(rows[None, None], -1.0)
        best = np.full(values[0][1].shape, LOWEST, x.dtype)
        where = np.full(best.shape, -1, x.dtype)
        for (_, value), (_, index) in zip(values, indices, strict=True):
            larger = value > best
            best = np.where(larger, value, best)
            where = np.where(larger, index, where)
        return where


@dataclass(frozen=True)
class GlobalPooling(Op):
    """Maximum or mean over all spatial axes, which stay with size 1:

    (batch, channels, *spatial) -> (batch, channels, 1, ...).
    """

    method: Method = "average"

    def output_shape(self, x: Shape) -> Shape:
        check_rank(x, 3)
        return (*x[:2], *(1,) * (len(x) - 2))

    def compute(self, x: Array) -> Array:
        axes = tuple(range(2, x.ndim))
        return np.asarray(x.max(axes, keepdims=True) if self.method == "max" else x.mean(axes, keepdims=True))


@dataclass(frozen=True)
class MaxUnpooling(Op):
    """Put each value where a pooling index says, zeros elsewhere; where indices repeat, the last one in row order
    stays.

    Inputs: values and indices (batch, channels, height, width); output (batch, channels, *size). Source: SegNet's
    Caffe, upsample_layer.cpp.
    """

    size: Shape
    inputs_wanted: ClassVar[int | None] = 2

    def output_shape(self, x: Shape, indices: Shape) -> Shape:
        check_rank(x, 4)
        if x != indices:
            raise ShapeError(f"values {list(x)} and indices {list(indices)} differ in shape")
        return (*x[:2], *self.size)

    def compute(self, x: Array, indices: Array) -> Array:
        y = np.zeros((*x.shape[:2], size_of(self.size)), x.dtype)
        flat = as_index(indices).reshape(*x.shape[:2], -1)
        if flat.size and not 0 <= flat.min() <= flat.max() < y.shape[2]:
            raise ShapeError(
                f"pooling indices reach {flat.min()} .. {flat.max()}, but the output has {y.shape[2]} cells"
            )
        np.put_along_axis(y, flat, x.reshape(flat.shape), axis=2)
        return y.reshape(*x.shape[:2], *self.size)


def rounded(value: float) -> int:
    """Round half away from zero, as C's round does (Python's rounds half to even)."""
    return floor(value + 0.5) if value >= 0 else ceil(value - 0.5)


@dataclass(frozen=True)
class RegionPooling(Op):
    """Pool each region of interest to a fixed size.

    Inputs: maps (batch, channels, height, width) and regions (count, 5) or (count, 5, 1, 1), rows [image, x1, y1, x2,
    y2] in image coordinates that `spatial_scale` turns into map cells; with `one_based`, images and cells count from
    1. Output (count, channels, *size); an empty bin gives 0. Source: Fast R-CNN's Caffe, roi_pooling_layer.cpp;
    MatConvNet, vl_nnroipool.
    """

    size: Shape
    spatial_scale: float = 1.0
    one_based: bool = False
    method: Method = "max"
    inputs_wanted: ClassVar[int | None] = 2

    def output_shape(self, x: Shape, regions: Shape) -> Shape:
        check_rank(x, 4)
        if len(regions) < 2 or regions[1] != 5 or size_of(regions[2:]) != 1:
            raise ShapeError(f"regions have shape {list(regions)}, expected [count, 5]")
        return (regions[0], x[1], *self.size)

    def compute(self, x: Array, regions: Array) -> Array:
        y = np.zeros(self.output_shape(x.shape, regions.shape), x.dtype)
        for row, region in enumerate(regions.reshape(-1, 5)):
            image = int(region[0]) - self.one_based
            if not 0 <= image < x.shape[0]:
                raise ShapeError(f"region {row} names image {int(region[0])}, but the batch holds {x.shape[0]}")
            for cell in product(*(range(n) for n in self.size)):
                window = last_axes(x[image], self._bin(region, cell, x.shape[2:]))
                if window.size:
                    last_axes(y[row], cell)[:] = window.max((1, 2)) if self.method == "max" else window.mean((1, 2))
        return y

    def _bin(self, region: Array, cell: Shape, spatial: Shape) -> tuple[slice, ...]:
        slices = []
        # A region is [image, x1, y1, x2, y2]: rows lie at 2 and 4, columns at 1 and 3.
        for at, bins, limit, first in zip(cell, self.size, spatial, (2, 1), strict=True):
            start, end = (
                rounded(float(np.float32(region[i]) * np.float32(self.spatial_scale))) - self.one_based
                for i in (first, first + 2)
            )
            width = np.float32(max(end - start + 1, 1)) / np.float32(bins)
            low, high = floor(np.float32(at) * width) + start, ceil(np.float32(at + 1) * width) + start
            slices.append(slice(min(max(low, 0), limit), min(max(high, 0), limit)))
        return tuple(slices)
