"""Ops that read maps between their pixels: resizing, upsampling, spatial transformers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from converters.errors import ShapeError
from converters.ops.base import Array, Op, Pads, Shape, check_rank
from converters.ops.windows import padded


@dataclass(frozen=True)
class BilinearResize(Op):
    """Resize the last two axes bilinearly, corner pixels staying on corners, after cropping by negative `pads`.

    Exactly one of: `size` (height, width); `zoom` and `shrink`, integer factors with size = (n - 1) / shrink + 1,
    then n + (n - 1) * (zoom - 1). Source: DeepLab's Caffe, interp_layer.cpp.
    """

    size: Shape | None = None
    zoom: int = 1
    shrink: int = 1
    pads: Pads = ((0, 0), (0, 0))

    def _resized(self, cropped: Shape) -> Shape:
        if self.size is not None:
            return self.size
        shrunk = tuple((n - 1) // self.shrink + 1 for n in cropped)
        return tuple(n + (n - 1) * (self.zoom - 1) for n in shrunk)

    def output_shape(self, x: Shape) -> Shape:
        check_rank(x, 4)
        if any(amount > 0 for pair in self.pads for amount in pair):
            raise ShapeError(f"pads {self.pads} must crop, that is be 0 or negative")
        cropped = tuple(n + b + a for n, (b, a) in zip(x[-2:], self.pads, strict=True))
        out = self._resized(cropped) if min(cropped) > 0 else (0,)
        if min(out) < 1:
            raise ShapeError(f"{list(x)} is too small to resize with pads {self.pads}")
        return (*x[:-2], *out)

    def compute(self, x: Array) -> Array:
        y = padded(x, self.pads)
        for axis, target in zip((-2, -1), self.output_shape(x.shape)[-2:], strict=True):
            y = _resize_axis(y, axis, target)
        return y


def _resize_axis(x: Array, axis: int, target: int) -> Array:
    size = x.shape[axis]
    # As in the original, a target of one cell reads the first pixel.
    position = np.arange(target) * ((size - 1) / (target - 1) if target > 1 else 0.0)
    low = np.minimum(position.astype(np.intp), size - 1)
    high = np.minimum(low + 1, size - 1)
    weight = (position - low).astype(x.dtype).reshape(-1, *(1,) * (-1 - axis))
    return np.asarray(x.take(low, axis) * (1 - weight) + x.take(high, axis) * weight)


@dataclass(frozen=True)
class NearestUpsampling(Op):
    """Repeat each pixel of the last two axes `factors` (rows, columns) times."""

    factors: Shape

    def output_shape(self, x: Shape) -> Shape:
        check_rank(x, 4)
        return (*x[:-2], *(n * f for n, f in zip(x[-2:], self.factors, strict=True)))

    def compute(self, x: Array) -> Array:
        rows, columns = self.factors
        return x.repeat(rows, -2).repeat(columns, -1)


@dataclass(frozen=True)
class AffineGrid(Op):
    """Sampling points of an affine map: y' = c1*y + c2*x + c5, x' = c3*y + c4*x + c6 over the corners-aligned square
    [-1, 1].

    Input theta (batch, 6, 1, 1); output (batch, width, 2, height), the channels-first image of MatConvNet's 2 x
    height x width array; index 0 of the axis of two is y. Source: MatConvNet, dagnn.AffineGridGenerator.
    """

    size: Shape

    def output_shape(self, theta: Shape) -> Shape:
        if len(theta) != 4 or theta[1:] != (6, 1, 1):
            raise ShapeError(f"transformation has shape {list(theta)}, expected [batch, 6, 1, 1]")
        return (theta[0], self.size[1], 2, self.size[0])

    def compute(self, theta: Array) -> Array:
        rows, columns = (
            np.linspace(-1, 1, n, dtype=theta.dtype) if n > 1 else np.zeros(1, theta.dtype) for n in self.size
        )
        c = theta.reshape(-1, 6, 1, 1)
        y, x = rows[None, None, :], columns[None, :, None]
        points = [c[:, 2 * i] * y + c[:, 2 * i + 1] * x + c[:, 4 + i] for i in range(2)]
        return np.stack(points, 2)


@dataclass(frozen=True)
class BilinearSampler(Op):
    """Read maps at sampling points by bilinear interpolation, corners aligned, zeros outside.

    Inputs: x (batch, channels, height, width), grid (batch * k, out width, 2, out height) as AffineGrid gives it, k
    grids for each image in turn. Output (batch * k, channels, out height, out width). Source: MatConvNet,
    vl_nnbilinearsampler (its GPU kernel; the CPU kernel gives 0 left of the first pixel's centre).
    """

    inputs_wanted: ClassVar[int | None] = 2

    def output_shape(self, x: Shape, grid: Shape) -> Shape:
        check_rank(x, 4)
        if len(grid) != 4 or grid[2] != 2 or grid[0] % x[0]:
            raise ShapeError(
                f"grid {list(grid)} does not fit maps {list(x)}: expected [a multiple of {x[0]}, width, 2, height]"
            )
        return (grid[0], x[1], grid[3], grid[1])

    def compute(self, x: Array, grid: Array) -> Array:
        images = x.repeat(grid.shape[0] // x.shape[0], 0)
        rows, columns = ((grid[:, :, i].swapaxes(1, 2) + 1) * ((n - 1) / 2) for i, n in enumerate(x.shape[2:]))
        low_row, low_column = np.floor(rows), np.floor(columns)
        y = np.zeros(self.output_shape(x.shape, grid.shape), x.dtype)
        for row in (low_row, low_row + 1):
            for column in (low_column, low_column + 1):
                weight = (1 - np.abs(rows - row)) * (1 - np.abs(columns - column))
                y += (weight[:, None] * _pixels(images, row, column)).astype(x.dtype)
        return y


def _pixels(images: Array, row: Array, column: Array) -> Array:
    inside = (row >= 0) & (row < images.shape[2]) & (column >= 0) & (column < images.shape[3])
    at_row, at_column = (np.where(inside, index, 0).astype(np.intp) for index in (row, column))
    batch = np.arange(images.shape[0])[:, None, None]
    values = images.transpose(0, 2, 3, 1)[batch, at_row, at_column]
    return np.asarray(values * inside[..., None]).transpose(0, 3, 1, 2)
