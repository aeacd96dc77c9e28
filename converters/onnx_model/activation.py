"""Activations in ONNX."""

from math import log

from converters.onnx_model.building import Site, Value, onnx_type
from converters.ops import (
    ELU,
    Clip,
    Elementwise,
    Exponential,
    Logarithm,
    Power,
    PReLU,
    ReLU,
    Softmax,
    Swish,
    Threshold,
)


def unchanged(_site: Site, _op: Elementwise, x: Value) -> str:
    """Identity and Dropout: the value itself."""
    return x.name


def relu(site: Site, op: ReLU, x: Value) -> str:
    """Relu, or LeakyRelu, whose formula is ours for any slope."""
    return site.add("LeakyRelu", x.name, alpha=op.negative_slope) if op.negative_slope else site.add("Relu", x.name)


def prelu(site: Site, op: PReLU, x: Value) -> str:
    """PRelu; the slope gets axes of size 1 behind the channels to line up."""
    shape = () if op.shared else (*site.node.params["slope"].shape, *(1,) * (x.rank - 2))
    return site.add("PRelu", x.name, site.param("slope", shape))


def elu(site: Site, op: ELU, x: Value) -> str:
    """Elu."""
    return site.add("Elu", x.name, alpha=op.alpha)


def sigmoid(site: Site, _op: Elementwise, x: Value) -> str:
    """Sigmoid."""
    return site.add("Sigmoid", x.name)


def tanh(site: Site, _op: Elementwise, x: Value) -> str:
    """Tanh."""
    return site.add("Tanh", x.name)


def softplus(site: Site, _op: Elementwise, x: Value) -> str:
    """Softplus."""
    return site.add("Softplus", x.name)


def absolute(site: Site, _op: Elementwise, x: Value) -> str:
    """Abs."""
    return site.add("Abs", x.name)


def swish(site: Site, op: Swish, x: Value) -> str:
    """The value times the Sigmoid of beta times the value."""
    return site.add("Mul", x.name, site.add("Sigmoid", scaled(site, x.name, op.beta)))


def clip(site: Site, op: Clip, x: Value) -> str:
    """Clip."""
    return site.add("Clip", x.name, site.constant(op.low, "low"), site.constant(op.high, "high"))


def threshold(site: Site, op: Threshold, x: Value) -> str:
    """Greater, as a number."""
    above = site.add("Greater", x.name, site.constant(op.threshold, "threshold"))
    return site.add("Cast", above, to=onnx_type(site.dtype))


def power(site: Site, op: Power, x: Value) -> str:
    """Pow of the scaled and shifted value; where the input does not count, not even as NaN, a filled tensor."""
    if op.constant is not None:
        return site.add("Expand", site.constant(op.constant, "value"), site.add("Shape", x.name))
    base = shifted(site, scaled(site, x.name, op.scale), op.shift)
    return base if op.power == 1 else site.add("Pow", base, site.constant(op.power, "power"))


def exponential(site: Site, op: Exponential, x: Value) -> str:
    """Exp of the scaled value, times the factor outside."""
    return scaled(site, site.add("Exp", scaled(site, x.name, op.inner)), op.outer)


def logarithm(site: Site, op: Logarithm, x: Value) -> str:
    """Log of the scaled and shifted value, divided by the logarithm of the base."""
    natural = site.add("Log", shifted(site, scaled(site, x.name, op.scale), op.shift))
    base = log(op.base)
    return natural if base == 1 else site.add("Div", natural, site.constant(base, "log_base"))


def softmax(site: Site, op: Softmax, x: Value) -> str:
    """Softmax."""
    return site.add("Softmax", x.name, axis=op.axis % x.rank)


def scaled(site: Site, x: str, factor: float) -> str:
    """Return x * factor, x itself for factor 1."""
    return x if factor == 1 else site.add("Mul", x, site.constant(factor, "scale"))


def shifted(site: Site, x: str, amount: float) -> str:
    """Return x + amount, x itself for 0."""
    return site.add("Add", x, site.constant(amount, "shift")) if amount else x
