"""Ops that multiply by a learned matrix: convolutions, dense layers, embeddings, and Im2col."""

from itertools import product
from typing import Any

import numpy as np

from converters.errors import UnsupportedError
from converters.keras_model.assembly import Builder, Site
from converters.keras_model.layout import FORMAT, Tensor, from_channels_last, to_channels_last, to_first, to_stored
from converters.keras_model.library import layers, ops
from converters.keras_model.windows import taps, zero_padded
from converters.ops import Array, Convolution, ConvolutionTranspose, Dense, Embedding, Im2col, Op, Pads, Shape
from converters.ops.base import positive_axis, size_of
from converters.ops.windows import extent, padded

_CONVOLUTIONS = {1: layers.Conv1D, 2: layers.Conv2D, 3: layers.Conv3D}
_TRANSPOSED = {1: layers.Conv1DTranspose, 2: layers.Conv2DTranspose, 3: layers.Conv3DTranspose}


def _convolution(site: Site, op: Convolution) -> Tensor:
    _check_spatial(op.kernel)
    x = to_channels_last(site.x if op.axis == 1 else _batches_merged(site, op.axis))
    same = _is_same(op)
    x = x if same else zero_padded(x, op.pads)
    build = _depthwise if _is_depthwise(op, site.shape[op.axis]) else _grouped
    y = from_channels_last(build(site, op, x, "same" if same else "valid"))
    if op.axis == 1:
        return y
    return to_stored(site.reshape(to_first(y), site.out))


def _check_spatial(kernel: Shape) -> None:
    if not 1 <= len(kernel) <= 3:
        raise UnsupportedError(f"convolves over {len(kernel)} axes, but Keras has layers for one, two and three")


def _batches_merged(site: Site, axis: int) -> Tensor:
    """Return the input with all axes before the channels merged into one."""
    merged = ops.reshape(to_first(site.x), (-1, *site.fixed(site.shape[axis:])))
    return to_stored(merged)


def _is_same(op: Convolution) -> bool:
    """Return whether the pads are those of Keras' "same", which with a stride of 1 do not depend on the size."""
    spans = [extent(k, d) - 1 for k, d in zip(op.kernel, op.dilation, strict=True)]
    return max(op.stride) == 1 and op.pads == tuple((span // 2, span - span // 2) for span in spans)


def _is_depthwise(op: Convolution, channels: int | None) -> bool:
    # TensorFlow's kernel takes equal strides only, and no stride together with a dilation.
    simple = len(set(op.stride)) == 1 and (max(op.stride) == 1 or max(op.dilation) == 1)
    return len(op.kernel) == 2 and op.groups == channels != 1 and simple


def _depthwise(site: Site, op: Convolution, x: Tensor, padding: str) -> Tensor:
    multiplier = op.out_channels // op.groups
    layer = layers.DepthwiseConv2D(
        op.kernel,
        strides=op.stride,
        padding=padding,
        depth_multiplier=multiplier,
        dilation_rate=op.dilation,
        use_bias=op.bias,
        data_format=FORMAT,
    )
    weight = site.node.params["weight"].reshape(op.groups, multiplier, *op.kernel).transpose(2, 3, 0, 1)
    return site.learned(layer, x, weight, *_bias(site))


def _grouped(site: Site, op: Convolution, x: Tensor, padding: str) -> Tensor:
    weight, kernel, dilation = site.node.params["weight"], op.kernel, op.dilation
    if max(op.stride) > 1 and max(dilation) > 1:
        # Keras refuses both together: the holes of the dilated kernel are filled with zeros.
        weight = inflated(weight, dilation)
        kernel, dilation = weight.shape[2:], (1,) * len(kernel)
    layer = _CONVOLUTIONS[len(kernel)](
        op.out_channels,
        kernel,
        strides=op.stride,
        padding=padding,
        dilation_rate=dilation,
        groups=op.groups,
        use_bias=op.bias,
        data_format=FORMAT,
    )
    return site.learned(layer, x, _turned(weight), *_bias(site))


def _turned(weight: Array) -> Array:
    """Turn (out, in, *kernel) to Keras' (*kernel, in, out)."""
    return weight.transpose(*range(2, weight.ndim), 1, 0)


def _bias(site: Site) -> tuple[Array, ...]:
    return (site.node.params["bias"],) if "bias" in site.node.params else ()


def inflated(weight: Array, dilation: Shape) -> Array:
    """Return a kernel that computes without dilation what `weight` computes with it."""
    kernel = weight.shape[2:]
    full = np.zeros((*weight.shape[:2], *(extent(k, d) for k, d in zip(kernel, dilation, strict=True))), weight.dtype)
    holes: tuple[Any, ...] = tuple(slice(None, None, d) for d in dilation)
    full[(..., *holes)] = weight
    return full


def _convolution_transpose(site: Site, op: ConvolutionTranspose) -> Tensor:
    _check_spatial(op.kernel)
    weight = site.node.params["weight"]
    if op.groups > 1:
        weight = block_diagonal(weight, op.groups)
    if max(op.dilation) > 1:
        weight = inflated(weight, op.dilation)
    # Keras fills its output up to the stride anyway, and a shorter kernel is beyond tf2onnx.
    weight = padded(weight, tuple((0, max(s - k, 0)) for k, s in zip(weight.shape[2:], op.stride, strict=True)))
    kernel = weight.shape[2:]
    layer = _TRANSPOSED[len(kernel)](
        op.out_channels, kernel, strides=op.stride, padding="valid", use_bias=op.bias, data_format=FORMAT
    )
    y = site.learned(layer, to_channels_last(site.x), _turned(weight), *_bias(site))
    return from_channels_last(zero_padded(y, _crops(op)))


def _crops(op: ConvolutionTranspose) -> Pads:
    """Return what to add around Keras' output, all negative: where strides outgrow the kernel, Keras adds a rest."""
    windows = zip(op.pads, op.kernel, op.stride, op.dilation, strict=True)
    crops = tuple((-before, -after - max(s - extent(k, d), 0)) for (before, after), k, s, d in windows)
    if any(amount > 0 for pair in crops for amount in pair):
        raise UnsupportedError(f"pads {op.pads} enlarge the output of a transposed convolution; Keras can only crop it")
    return crops


def block_diagonal(weight: Array, groups: int) -> Array:
    """Return a kernel (in, out, *kernel) that needs no groups from one of (in, out / groups, *kernel)."""
    channels, per_group = weight.shape[0] // groups, weight.shape[1]
    full = np.zeros((weight.shape[0], per_group * groups, *weight.shape[2:]), weight.dtype)
    for group in range(groups):
        rows = slice(group * channels, (group + 1) * channels)
        full[rows, group * per_group : (group + 1) * per_group] = weight[rows]
    return full


def _dense(site: Site, op: Dense) -> Tensor:
    axis = positive_axis(op.axis, site.rank)
    weight, layer = site.node.params["weight"], layers.Dense(op.out_features, use_bias=op.bias)
    if axis == 1 and site.rank > 2:
        return site.learned(layer, *_flattened(site, weight), *_bias(site))
    row = size_of(site.fixed(site.shape[axis:]))
    lead = site.shape[:axis]
    x = to_first(site.x)
    if site.rank == 1 or axis < site.rank - 1:
        x = site.reshape(x, (*lead, row) if lead else (1, row))
    y = site.learned(layer, x, weight.T, *_bias(site))
    return to_stored(y if lead else ops.reshape(y, (op.out_features,)))


def _flattened(site: Site, weight: Array) -> tuple[Tensor, Array]:
    """Return the input as rows, with the channels fastest as Keras flattens maps, and the kernel that reads them so."""
    shape = site.fixed(site.shape[1:])
    rows = layers.Flatten(data_format=FORMAT)(site.x)
    if len(shape) != 3:
        return rows, weight.T
    return rows, weight.reshape(-1, *shape).transpose(2, 3, 1, 0)


def _embedding(site: Site, op: Embedding) -> Tensor:
    table = site.node.params["weight"]
    if op.bias:
        table = table + site.node.params["bias"]
    index = ops.cast(to_first(site.raw[0]), "int32")
    return to_stored(site.learned(layers.Embedding(op.entries, op.features), index, table))


def _im2col(site: Site, op: Im2col) -> Tensor:
    x = zero_padded(to_channels_last(site.x), op.pads)
    views = list(taps(x, op.kernel, op.stride, op.dilation))
    if len(views) == 1:
        return from_channels_last(views[0])
    channels = site.fixed(site.shape[1:2])[0]
    # Joined, the kernel position runs slowest; here the channel has to.
    order = [position * channels + channel for channel, position in product(range(channels), range(len(views)))]
    return from_channels_last(ops.take(ops.concatenate(views, axis=-1), order, axis=-1))


CONVOLUTION: dict[type[Op], Builder] = {
    Convolution: _convolution,
    ConvolutionTranspose: _convolution_transpose,
    Dense: _dense,
    Embedding: _embedding,
    Im2col: _im2col,
}
