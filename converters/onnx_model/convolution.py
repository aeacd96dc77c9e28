"""Convolutions, dense layers, embeddings and Im2col in ONNX."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from converters.onnx_model.building import INFERRED, INT64, Dim, Site, Value
from converters.ops import Convolution, ConvolutionTranspose, Dense, Embedding, Im2col, Pads
from converters.ops.base import size_of


def convolution(site: Site, op: Convolution, x: Value) -> str:
    """Conv; channels elsewhere than on axis 1 take a Reshape before and after."""
    weights = [site.param(name) for name in ("weight", "bias") if name in site.node.params]
    if op.axis == 1:
        return _conv(site, op, x.name, x.rank, weights, op.groups)
    tail = site.sizes(x)[op.axis :]
    images = site.reshape(x.name, [INFERRED if op.axis else 1, *tail])
    y = _conv(site, op, images, 1 + len(tail), weights, op.groups)
    spatial = _convolved(site, op, tail[1:])
    return site.reshape(y, [*site.sizes(x)[: op.axis], op.out_channels, *spatial])


def _convolved(site: Site, op: Convolution, spatial: Sequence[Dim]) -> list[Dim]:
    sizes: list[Dim] = []
    for n, k, s, pads, d in zip(spatial, op.kernel, op.stride, op.pads, op.dilation, strict=True):
        room = site.count("Add", n, sum(pads) - d * (k - 1) - 1)
        sizes.append(site.count("Add", site.count("Div", room, s), 1))
    return sizes


def _conv(site: Site, op: Convolution | Im2col, x: str, rank: int, weights: Sequence[str], groups: int) -> str:
    pads = op.pads
    if any(amount < 0 for pair in pads for amount in pair):
        x, pads = site.pad(x, rank, pads), ((0, 0),) * len(pads)
    return site.add("Conv", x, *weights, group=groups, **_window(op, pads))


def _window(op: Convolution | ConvolutionTranspose | Im2col, pads: Pads) -> dict[str, Any]:
    return {"kernel_shape": op.kernel, "strides": op.stride, "pads": onnx_pads(pads), "dilations": op.dilation}


def onnx_pads(pads: Pads) -> list[int]:
    """Return all paddings before, then all after."""
    return [before for before, _ in pads] + [after for _, after in pads]


def convolution_transpose(site: Site, op: ConvolutionTranspose, x: Value) -> str:
    """ConvTranspose, whose weights lie as ours."""
    weights = [site.param(name) for name in ("weight", "bias") if name in site.node.params]
    return site.add("ConvTranspose", x.name, *weights, group=op.groups, **_window(op, op.pads))


def dense(site: Site, op: Dense, x: Value) -> str:
    """Gemm with the weight transposed inside, on a flattened input; a Reshape behind unless the output has two axes."""
    axis = op.axis % x.rank
    rows = x.name if axis == 1 and x.rank == 2 else site.add("Flatten", x.name, axis=axis)
    y = site.add("Gemm", rows, *(site.param(name) for name in ("weight", "bias")[: 1 + op.bias]), transB=1)
    return y if axis == 1 else site.reshape(y, [*site.sizes(x)[:axis], op.out_features])


def embedding(site: Site, op: Embedding, x: Value) -> str:
    """Gather from the weight, and Add where there is a bias."""
    rows = site.add("Gather", site.param("weight"), site.cast(x.name, INT64), axis=0)
    return site.add("Add", rows, site.param("bias")) if op.bias else rows


def im2col(site: Site, op: Im2col, x: Value) -> str:
    """Conv of each channel with kernels that hold a single one, which copies each place of the window."""
    (channels,) = site.pin(x, [1], "one kernel is stored for each place of each channel's window")
    area = size_of(op.kernel)
    places = np.tile(np.eye(area).reshape(area, 1, *op.kernel), (channels, *(1,) * (1 + len(op.kernel))))
    return _conv(site, op, x.name, x.rank, [site.constant(places, "places")], channels)
