"""Layers that act on each value alone, and Softmax."""

from converters.from_matconvnet.fields import Fields
from converters.from_matconvnet.layer import LayerFunction, LayerReading, Made
from converters.ops import Dropout, ReLU, Sigmoid, Softmax


def relu(layer: LayerReading) -> list[Made]:
    """x where x > 0, leak * x elsewhere; a SimpleNN has no leak below 0. Source: vl_simplenn, vl_nnrelu."""
    leak = max(layer.fields.number("leak", 0.0), 0.0)
    layer.fields.finish()
    return [Made(ReLU(leak), layer.inputs)]


def relu_block(layer: LayerReading) -> list[Made]:
    """The same with any leak, which the first DagNNs keep in `opts`; there it wins. Source: dagnn.ReLU."""
    layer.fields.refuse_options("leak")
    options = Fields(layer.fields.options(), dagnn=True)
    leak = options.number("leak", layer.fields.number("leak", 0.0))
    layer.fields.finish()
    options.finish()
    return [Made(ReLU(leak), layer.inputs)]


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
    "dagnn.ReLU": relu_block,
    "dagnn.Sigmoid": sigmoid,
    "dagnn.SoftMax": softmax,
    "dagnn.SoftMaxTranspose": softmax_along,
    "dagnn.DropOut": dropout,
}
