"""Ops that multiply by a learned matrix: convolutions, dense layers, embeddings, and Im2col.

They reshape to sizes, not to -1: behind Filter there may be no items at all, and nothing divides by 0.
"""

from dataclasses import dataclass

import numpy as np

from converters.errors import ShapeError
from converters.ops.base import Array, Op, Pads, Shape, as_index, check_rank, last_axes, positive_axis, size_of
from converters.ops.windows import check_window, convolved_shape, extent, padded, taps


@dataclass(frozen=True)
class Convolution(Op):
    """y[o] = bias[o] + sum over c, k of weight[o, c, k] * x[c, stride * i + dilation * k - pad], a cross-correlation.

    Input (..., channels, *spatial) with the channels at `axis`; weight (out, channels / groups, *kernel); bias
    (out,). Output sizes round down. Source: BVLC Caffe, base_conv_layer.cpp.
    """

    out_channels: int
    kernel: Shape
    stride: Shape
    pads: Pads
    dilation: Shape
    groups: int = 1
    bias: bool = True
    axis: int = 1

    def output_shape(self, x: Shape) -> Shape:
        check_rank(x, self.axis + 2)
        spatial = x[self.axis + 1 :]
        check_window(len(spatial), kernel=self.kernel, stride=self.stride, pads=self.pads, dilation=self.dilation)
        check_groups(x[self.axis], self.out_channels, self.groups)
        return (
            *x[: self.axis],
            self.out_channels,
            *convolved_shape(spatial, self.kernel, self.stride, self.pads, self.dilation),
        )

    def param_shapes(self, x: Shape) -> dict[str, Shape]:
        weight = (self.out_channels, x[self.axis] // self.groups, *self.kernel)
        return {"weight": weight, "bias": (self.out_channels,)} if self.bias else {"weight": weight}

    def compute(self, x: Array, *, weight: Array, bias: Array | None = None) -> Array:
        out_shape = self.output_shape(x.shape)
        spatial, channels = out_shape[self.axis + 1 :], x.shape[self.axis]
        images, tail = size_of(x.shape[: self.axis]), x.shape[self.axis + 1 :]
        grouped = x.reshape(images, self.groups, channels // self.groups, *tail)
        kernels = weight.reshape(self.groups, self.out_channels // self.groups, channels // self.groups, *self.kernel)
        y = np.zeros((grouped.shape[0], self.groups, kernels.shape[1], size_of(spatial)), x.dtype)
        for offset, view in taps(padded(grouped, self.pads), self.kernel, self.stride, self.dilation, spatial):
            y += last_axes(kernels, offset) @ view.reshape(*view.shape[:3], size_of(spatial))
        rows = y.reshape(y.shape[0], self.out_channels, size_of(spatial))
        if bias is not None:
            rows += bias[:, None]
        return rows.reshape(out_shape)

    def macs(self, x: Shape) -> int:
        return size_of(self.output_shape(x)) * size_of(self.param_shapes(x)["weight"][1:])


def check_groups(channels: int, out_channels: int, groups: int) -> None:
    """Refuse a number of groups that does not divide the channels."""
    if groups < 1 or channels % groups or out_channels % groups:
        raise ShapeError(f"{groups} groups do not divide {channels} input channels and {out_channels} output channels")


@dataclass(frozen=True)
class ConvolutionTranspose(Op):
    """The adjoint of Convolution: y[o, stride * i + dilation * k - pad] += weight[c, o, k] * x[c, i]; then + bias[o].

    Input (batch, channels, *spatial); weight (channels, out / groups, *kernel); bias (out,). Positive `pads` crop the
    output. Output size: stride * (n - 1) + dilation * (kernel - 1) + 1 - pads. Source: BVLC Caffe, deconv_layer.cpp.
    """

    out_channels: int
    kernel: Shape
    stride: Shape
    pads: Pads
    dilation: Shape
    groups: int = 1
    bias: bool = True

    def output_shape(self, x: Shape) -> Shape:
        check_rank(x, 3)
        check_window(len(x) - 2, kernel=self.kernel, stride=self.stride, pads=self.pads, dilation=self.dilation)
        check_groups(x[1], self.out_channels, self.groups)
        sizes = tuple(full - b - a for full, (b, a) in zip(self._full(x[2:]), self.pads, strict=True))
        if min(sizes) < 1:
            raise ShapeError(f"padding {self.pads} crops the whole output of {list(self._full(x[2:]))}")
        return (x[0], self.out_channels, *sizes)

    def _full(self, spatial: Shape) -> Shape:
        windows = zip(spatial, self.kernel, self.stride, self.dilation, strict=True)
        return tuple(s * (n - 1) + extent(k, d) for n, k, s, d in windows)

    def param_shapes(self, x: Shape) -> dict[str, Shape]:
        weight = (x[1], self.out_channels // self.groups, *self.kernel)
        return {"weight": weight, "bias": (self.out_channels,)} if self.bias else {"weight": weight}

    def compute(self, x: Array, *, weight: Array, bias: Array | None = None) -> Array:
        batch, channels, *spatial = x.shape
        per_group = self.out_channels // self.groups
        columns = x.reshape(batch, self.groups, channels // self.groups, size_of(tuple(spatial)))
        kernels = weight.reshape(self.groups, channels // self.groups, per_group, *self.kernel)
        full = np.zeros((batch, self.groups, per_group, *self._full(tuple(spatial))), x.dtype)
        for offset, view in taps(full, self.kernel, self.stride, self.dilation, tuple(spatial)):
            view[...] = view + (last_axes(kernels, offset).swapaxes(1, 2) @ columns).reshape(view.shape)
        y = padded(full.reshape(batch, self.out_channels, *full.shape[3:]), tuple((-b, -a) for b, a in self.pads))
        return y if bias is None else y + bias.reshape(-1, *(1,) * len(spatial))

    def macs(self, x: Shape) -> int:
        return size_of(x) * size_of(self.param_shapes(x)["weight"][1:])


@dataclass(frozen=True)
class Dense(Op):
    """y = x @ weight.T + bias, where all axes of x from `axis` on are one row, the last axis running fastest.

    Input (*kept, ...) of at least `axis` axes; weight (out, in); bias (out,); output (*kept, out).
    Source: BVLC Caffe, inner_product_layer.cpp.
    """

    out_features: int
    axis: int = 1
    bias: bool = True

    def output_shape(self, x: Shape) -> Shape:
        return (*x[: positive_axis(self.axis, len(x))], self.out_features)

    def param_shapes(self, x: Shape) -> dict[str, Shape]:
        weight = (self.out_features, size_of(x[positive_axis(self.axis, len(x)) :]))
        return {"weight": weight, "bias": (self.out_features,)} if self.bias else {"weight": weight}

    def compute(self, x: Array, *, weight: Array, bias: Array | None = None) -> Array:
        rows = x.reshape(*x.shape[: positive_axis(self.axis, x.ndim)], weight.shape[1])
        # Mapped weights begin at any byte, and NumPy copies such a matrix seven times as fast before it is turned.
        y: Array = rows @ np.require(weight, requirements=["ALIGNED"]).T
        return y if bias is None else y + bias

    def macs(self, x: Shape) -> int:
        return size_of(self.output_shape(x)) * self.param_shapes(x)["weight"][1]


@dataclass(frozen=True)
class Embedding(Op):
    """y = weight[x] + bias; x holds whole numbers as floats in 0 .. entries - 1.

    Input any shape; weight (entries, features); bias (features,); output (*x.shape, features). Source: BVLC Caffe,
    embed_layer.cpp.
    """

    entries: int
    features: int
    bias: bool = True

    def output_shape(self, x: Shape) -> Shape:
        return (*x, self.features)

    def param_shapes(self, _x: Shape) -> dict[str, Shape]:
        weight = (self.entries, self.features)
        return {"weight": weight, "bias": (self.features,)} if self.bias else {"weight": weight}

    def compute(self, x: Array, *, weight: Array, bias: Array | None = None) -> Array:
        y: Array = weight[as_index(x)]
        return y if bias is None else y + bias


@dataclass(frozen=True)
class Im2col(Op):
    """Lay out every window as a column:

    output (batch, channels * kernel area, *out), channel slowest. Source: BVLC Caffe, im2col_layer.cpp.
    """

    kernel: Shape
    stride: Shape
    pads: Pads
    dilation: Shape

    def output_shape(self, x: Shape) -> Shape:
        check_rank(x, 3)
        check_window(len(x) - 2, kernel=self.kernel, stride=self.stride, pads=self.pads, dilation=self.dilation)
        spatial = convolved_shape(x[2:], self.kernel, self.stride, self.pads, self.dilation)
        return (x[0], x[1] * size_of(self.kernel), *spatial)

    def compute(self, x: Array) -> Array:
        out = self.output_shape(x.shape)
        views = taps(padded(x, self.pads), self.kernel, self.stride, self.dilation, out[2:])
        return np.stack([view for _, view in views], axis=2).reshape(out)
