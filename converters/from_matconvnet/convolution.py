"""Convolutions; a fully connected layer is one with a kernel as large as the map."""

import numpy as np

from converters.errors import ShapeError
from converters.from_matconvnet.layer import LayerFunction, LayerReading, Made, bank_text
from converters.ops import Array, Convolution, ConvolutionTranspose, Identity, Pad, Pads, Shape


def convolution(layer: LayerReading) -> list[Made]:
    """Cross-correlation; the groups show only in the depth of the filters. Source: vl_nnconv."""
    fields = layer.fields
    stride, pads, dilation = fields.pair("stride"), fields.pads("pad"), _dilation(layer)
    fields.refuse_options()
    bank, bias = _learned(layer)
    if bank is not None:
        _check_bias(layer, bias, bank.shape[0])
    fields.finish()
    if bank is None:
        return [_subsampling(layer, stride, pads, bias)]
    channels, depth, count = layer.shape[1], bank.shape[1], bank.shape[0]
    if channels % depth:
        raise ShapeError(
            f"the filters are {bank_text(bank)}: their depth {depth} does not divide "
            f"the {channels} channels of the input"
        )
    groups = channels // depth
    if count % groups:
        raise ShapeError(
            f"the filters are {bank_text(bank)} on {channels} channels: {groups} groups do not divide {count} filters"
        )
    op = Convolution(count, bank.shape[2:], stride, pads, dilation, groups, bias is not None)
    return [Made(op, layer.inputs, _params(bank, bias))]


def transposed(layer: LayerReading) -> list[Made]:
    """The adjoint of a convolution: filters height x width x out/groups x in, not flipped. Source: vl_nnconvt."""
    fields = layer.fields
    upsample, crop = fields.pair("upsample"), fields.pads("crop")
    if fields.dagnn and _dilation(layer) != (1, 1):
        fields.refuse("dilate is set, which dagnn.ConvTranspose does not have")
    groups = fields.whole("numGroups", (1,), (1,), 1)[0]
    fields.refuse_options()
    bank, bias = _learned(layer)
    if bank is None:
        raise ShapeError([*fields.problems, "has no filters"])
    count = bank.shape[1] * groups
    _check_bias(layer, bias, count)
    fields.finish()
    channels = layer.shape[1]
    if bank.shape[0] != channels:
        raise ShapeError(
            f"the filters are {bank_text(bank)}: their fourth axis is {bank.shape[0]}, "
            f"but the input has {channels} channels"
        )
    if channels % groups:
        raise ShapeError(f"numGroups is {groups}, which does not divide the {channels} channels of the input")
    op = ConvolutionTranspose(count, bank.shape[2:], upsample, crop, (1, 1), groups, bias is not None)
    return [Made(op, layer.inputs, _params(bank, bias))]


def _dilation(layer: LayerReading) -> Shape:
    value = layer.fields.get("dilate")
    # SimpleNN refuses an empty dilate; in blocks, importers leave it empty where Caffe's file does not say.
    if layer.fields.dagnn and isinstance(value, np.ndarray) and not value.size:
        return (1, 1)
    return layer.fields.pair("dilate")


def _learned(layer: LayerReading) -> tuple[Array | None, Array | None]:
    """Return filters (out, in, height, width) and flat biases; None for what is empty."""
    fields = layer.fields
    filters, biases = layer.array(0, "filters"), layer.array(1, "biases")
    if not layer.learned:
        fields.refuse("has no weights")
    if fields.dagnn and not fields.flag("hasBias", True):
        biases = None
    elif fields.dagnn and len(layer.learned) == 1:
        fields.refuse("hasBias is true, but there is one parameter only")
    if filters is not None and biases is not None and filters.dtype == np.float64 and biases.dtype == np.float32:
        # What is double throughout can be cast; this runs on data of neither class.
        fields.refuse("the filters are of class double, the biases of class single; save both as single")
    return (
        None if filters is None else layer.filters(filters),
        None if biases is None else layer.vector(biases),
    )


def _check_bias(layer: LayerReading, bias: Array | None, count: int) -> None:
    if bias is not None and bias.size != count:
        layer.fields.refuse(f"has {bias.size} biases for {count} output channels")


def _subsampling(layer: LayerReading, stride: Shape, pads: Pads, bias: Array | None) -> Made:
    """Return what empty filters mean: each channel passes, padded and subsampled, with its bias added."""
    channels = layer.shape[1]
    if bias is None and stride == (1, 1):
        padded = any(amount for pair in pads for amount in pair)
        return Made(Pad(pads) if padded else Identity(), layer.inputs)
    if bias is not None and bias.size != channels:
        raise ShapeError(f"has {bias.size} biases for the {channels} channels of the input")
    op = Convolution(channels, (1, 1), stride, pads, (1, 1), channels, bias is not None)
    return Made(op, layer.inputs, _params(np.broadcast_to(np.float32(1), (channels, 1, 1, 1)), bias))


def _params(weight: Array, bias: Array | None) -> dict[str, Array]:
    return {"weight": weight} if bias is None else {"weight": weight, "bias": bias}


LAYERS: dict[str, LayerFunction] = {
    "conv": convolution,
    "convt": transposed,
    "dagnn.Conv": convolution,
    "dagnn.ConvTranspose": transposed,
}
