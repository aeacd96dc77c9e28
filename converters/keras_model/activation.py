"""Ops that act on each value alone, and Softmax."""

from collections.abc import Callable
from math import log

from converters.keras_model.assembly import Builder, Site
from converters.keras_model.layout import Tensor, stored_axis
from converters.keras_model.library import layers, ops
from converters.ops import (
    ELU,
    AbsoluteValue,
    Clip,
    Dropout,
    Exponential,
    Identity,
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
from converters.ops.base import positive_axis


def _identity(site: Site, _op: Identity) -> Tensor:
    return layers.Identity(dtype=site.raw[0].dtype)(site.raw[0])


def _dropout(site: Site, op: Dropout) -> Tensor:
    return layers.Dropout(op.rate, dtype=site.raw[0].dtype)(site.raw[0])


def _relu(site: Site, op: ReLU) -> Tensor:
    if op.negative_slope == 0:
        return layers.ReLU()(site.x)
    if op.negative_slope > 0:
        return layers.LeakyReLU(negative_slope=op.negative_slope)(site.x)
    # The layer refuses negative slopes.
    return ops.add(ops.maximum(site.x, 0.0), ops.multiply(ops.minimum(site.x, 0.0), op.negative_slope))


def _prelu(site: Site, op: PReLU) -> Tensor:
    slope, channels = site.node.params["slope"], stored_axis(1, site.rank)
    axes = [axis for axis in range(1, site.rank) if op.shared or axis != channels]
    return site.learned(layers.PReLU(shared_axes=axes), site.x, slope)


def _elu(site: Site, op: ELU) -> Tensor:
    return layers.ELU(alpha=op.alpha)(site.x)


def _activation(name: str) -> Callable[[Site, Op], Tensor]:
    def build(site: Site, _op: Op) -> Tensor:
        return layers.Activation(name, dtype="float32")(site.wide)

    return build


def _swish(site: Site, op: Swish) -> Tensor:
    return ops.multiply(site.wide, ops.sigmoid(ops.multiply(site.wide, op.beta)))


def _clip(site: Site, op: Clip) -> Tensor:
    if op.low == 0 and op.high >= 0:
        return layers.ReLU(max_value=op.high)(site.x)
    return ops.clip(site.x, op.low, op.high)


def _threshold(site: Site, op: Threshold) -> Tensor:
    return ops.cast(ops.greater(site.wide, op.threshold), site.dtype)


def _absolute(site: Site, _op: AbsoluteValue) -> Tensor:
    return ops.absolute(site.x)


def _linear(x: Tensor, scale: float, shift: float) -> Tensor:
    y = x if scale == 1 else ops.multiply(x, scale)
    return y if shift == 0 else ops.add(y, shift)


def _power(site: Site, op: Power) -> Tensor:
    if op.constant is not None:
        return ops.full_like(site.wide, op.constant)
    base = _linear(site.wide, op.scale, op.shift)
    return base if op.power == 1 else ops.power(base, op.power)


def _exponential(site: Site, op: Exponential) -> Tensor:
    return _linear(ops.exp(_linear(site.wide, op.inner, 0.0)), op.outer, 0.0)


def _logarithm(site: Site, op: Logarithm) -> Tensor:
    y = ops.log(_linear(site.wide, op.scale, op.shift))
    return y if log(op.base) == 1 else ops.divide(y, log(op.base))


def _softmax(site: Site, op: Softmax) -> Tensor:
    axis = stored_axis(positive_axis(op.axis, site.rank), site.rank)
    return layers.Softmax(axis=axis, dtype="float32")(site.wide)


ACTIVATION: dict[type[Op], Builder] = {
    AbsoluteValue: _absolute,
    Clip: _clip,
    Dropout: _dropout,
    ELU: _elu,
    Exponential: _exponential,
    Identity: _identity,
    Logarithm: _logarithm,
    PReLU: _prelu,
    Power: _power,
    ReLU: _relu,
    Sigmoid: _activation("sigmoid"),
    Softmax: _softmax,
    Softplus: _activation("softplus"),
    Swish: _swish,
    TanH: _activation("tanh"),
    Threshold: _threshold,
}
