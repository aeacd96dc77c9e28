"""Layers that act on each value alone, and Softmax."""

from converters.from_matconvnet.layer import LayerFunction, LayerReading, Made
from converters.ops import Dropout, ReLU, Sigmoid, Softmax


def relu(layer: LayerReading) -> list[Made]:
    """x where x > 0, leak * x elsewhere; a SimpleNN has no leak below 0. Source: vl_simplenn, vl_nnrelu."""
    leak = layer.fields.number("leak", 0.0)
    layer.fields.finish()
    return [Made(ReLU(leak if layer.fields.dagnn else max(leak, 0.0)), layer.inputs)]


def sigmoid(layer: LayerReading) -> list[Made]:
    """1 / (1 + exp(-x))."""
    return [Made(Sigmoid(), layer.inputs)]


def softmax(layer: LayerReading) -> list[Made]:
    """Softmax over the channels, at each position."""
    return [Made(Softmax(1), layer.inputs)]


def softmax_along(layer: LayerReading) -> list[Made]:
    """Softmax along an axis, rows by default. Source: mcnExtraLayers, vl_nnsoftmaxt."""
    axis = layer.axis("dim", 1)
    layer.fields.finish()
    return [Made(Softmax(axis), layer.inputs)]


def dropout(layer: LayerReading) -> list[Made]:
    """The identity; what was kept in training was scaled there."""
    rate = layer.fields.number("rate", 0.5)
    layer.fields.finish()
    return [Made(Dropout(rate), layer.inputs)]


LAYERS: dict[str, LayerFunction] = {
    "relu": relu,
    "sigmoid": sigmoid,
    "softmax": softmax,
    "dropout": dropout,
    "dagnn.ReLU": relu,
    "dagnn.Sigmoid": sigmoid,
    "dagnn.SoftMax": softmax,
    "dagnn.SoftMaxTranspose": softmax_along,
    "dagnn.DropOut": dropout,
}
