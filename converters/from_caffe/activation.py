"""Layers that act on each value alone, and Softmax."""

from math import e

from converters.caffe.tree import Message
from converters.errors import ShapeError
from converters.from_caffe.layer import LayerFunction, LayerReading, Made
from converters.ops import (
    ELU,
    AbsoluteValue,
    Clip,
    Dropout,
    Exponential,
    Logarithm,
    Op,
    Power,
    PReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Swish,
    TanH,
    Threshold,
)


def relu(layer: LayerReading) -> list[Made]:
    """ReLU, leaky when negative_slope is not 0."""
    return _plain(layer, ReLU(layer.settings("relu_param").get("negative_slope")))


def relu6(layer: LayerReading) -> list[Made]:
    """The forks' ReLU with a ceiling of 6."""
    settings = layer.settings("relu6_param")
    if settings.get("negative_slope"):
        raise ShapeError(f"negative_slope is {settings.get('negative_slope')}, but only 0 is supported in ReLU6")
    return _plain(layer, Clip(0.0, 6.0))


def prelu(layer: LayerReading) -> list[Made]:
    """A learned slope per channel, or one for all."""
    settings = layer.settings("prelu_param")
    op = PReLU(settings.get("channel_shared"))
    op.output_shape(layer.shape_of(layer.bottom))
    return [Made(op, layer.bottoms, layer.learned(op, layer.bottoms, {"slope": _prelu_filler(settings)}))]


def _prelu_filler(settings: Message) -> Message:
    if settings.has("filler"):
        return settings.message("filler")
    # Without a filler Caffe's PReLU starts at a slope of 0.25 (prelu_layer.cpp), unlike all other layers.
    quarter = Message("FillerParameter", settings.path, settings.line)
    quarter.add("value", 0.25, settings.line)
    return quarter


def elu(layer: LayerReading) -> list[Made]:
    """ELU."""
    return _plain(layer, ELU(layer.settings("elu_param").get("alpha")))


def swish(layer: LayerReading) -> list[Made]:
    """Swish with its factor beta."""
    return _plain(layer, Swish(layer.settings("swish_param").get("beta")))


def clip(layer: LayerReading) -> list[Made]:
    """Clip between two bounds, both of which must be given."""
    settings = layer.settings("clip_param")
    low, high = settings.get("min"), settings.get("max")
    if low is None or high is None:
        raise ShapeError("clip_param needs both min and max")
    return _plain(layer, Clip(low, high))


def threshold(layer: LayerReading) -> list[Made]:
    """1 above the threshold, 0 elsewhere."""
    return _plain(layer, Threshold(layer.settings("threshold_param").get("threshold")))


def power(layer: LayerReading) -> list[Made]:
    """(shift + scale * x) ^ power."""
    settings = layer.settings("power_param")
    op = Power(settings.get("power"), settings.get("scale"), settings.get("shift"))
    if op.power < 0 and op.scale == 0 and op.shift == 0:
        raise ShapeError("scale 0 and shift 0 with a negative power is infinite everywhere")
    return _plain(layer, op)


def exp(layer: LayerReading) -> list[Made]:
    """base ^ (shift + scale * x)."""
    settings = layer.settings("exp_param")
    return _plain(layer, Exponential(_base(settings), settings.get("scale"), settings.get("shift")))


def log(layer: LayerReading) -> list[Made]:
    """log(shift + scale * x) in some base."""
    settings = layer.settings("log_param")
    base = _base(settings)
    if base == 1:
        raise ShapeError("base is 1, but there is no logarithm in base 1")
    return _plain(layer, Logarithm(base, settings.get("scale"), settings.get("shift")))


def _base(settings: Message) -> float:
    base: float = settings.get("base")
    if base == -1:
        return e
    if base <= 0:
        raise ShapeError(f"base is {base:g}, but must be positive, or -1 for e")
    return base


def dropout(layer: LayerReading) -> list[Made]:
    """Identity at inference, unless a fork's `scale_train: false` moves the scaling to inference."""
    settings = layer.settings("dropout_param")
    if settings.has("scale_train") and not settings.get("scale_train"):
        return _plain(layer, Power(scale=1 - settings.get("dropout_ratio")))
    return _plain(layer, Dropout(settings.get("dropout_ratio")))


def softmax(layer: LayerReading) -> list[Made]:
    """Softmax along one axis."""
    return _plain(layer, Softmax(layer.settings("softmax_param").get("axis")))


def absolute(layer: LayerReading) -> list[Made]:
    """|x|."""
    return _plain(layer, AbsoluteValue())


def sigmoid(layer: LayerReading) -> list[Made]:
    """Sigmoid."""
    return _plain(layer, Sigmoid())


def tanh(layer: LayerReading) -> list[Made]:
    """Hyperbolic tangent."""
    return _plain(layer, TanH())


def bnll(layer: LayerReading) -> list[Made]:
    """log(1 + exp(x))."""
    return _plain(layer, Softplus())


def _plain(layer: LayerReading, op: Op) -> list[Made]:
    return [Made(op, (layer.bottom,))]


LAYERS: dict[str, LayerFunction] = {
    "ReLU": relu,
    "ReLU6": relu6,
    "PReLU": prelu,
    "ELU": elu,
    "Sigmoid": sigmoid,
    "TanH": tanh,
    "AbsVal": absolute,
    "BNLL": bnll,
    "Swish": swish,
    "Clip": clip,
    "Threshold": threshold,
    "Power": power,
    "Exp": exp,
    "Log": log,
    "Dropout": dropout,
    "Softmax": softmax,
}
