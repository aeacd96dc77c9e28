"""Ops that act on each value alone (Softmax on each row)."""

from dataclasses import dataclass
from math import e, log

import numpy as np

from converters.ops.base import Array, Op, Shape, along_axis, check_rank, positive_axis


@dataclass(frozen=True)
class Elementwise(Op):
    """An op whose output has the shape of its only input."""

    def output_shape(self, x: Shape) -> Shape:
        return x


@dataclass(frozen=True)
class Identity(Elementwise):
    """y = x: a layer that means nothing at inference, kept for its name."""

    def compute(self, x: Array) -> Array:
        return x


@dataclass(frozen=True)
class Dropout(Elementwise):
    """y = x at inference; `rate` is the fraction dropped in training."""

    rate: float = 0.5

    def compute(self, x: Array) -> Array:
        return x


@dataclass(frozen=True)
class ReLU(Elementwise):
    """y = max(x, 0) + negative_slope * min(x, 0), for any slope."""

    negative_slope: float = 0.0

    def compute(self, x: Array) -> Array:
        y: Array = np.maximum(x, 0)
        return y + x.dtype.type(self.negative_slope) * np.minimum(x, 0) if self.negative_slope else y


@dataclass(frozen=True)
class PReLU(Elementwise):
    """y = max(x, 0) + slope * min(x, 0); param slope (channels,), or () when `shared`. Source: He 2015, equation 1."""

    shared: bool = False

    def output_shape(self, x: Shape) -> Shape:
        check_rank(x, 2)
        return x

    def param_shapes(self, x: Shape) -> dict[str, Shape]:
        return {"slope": () if self.shared else (x[1],)}

    def compute(self, x: Array, *, slope: Array) -> Array:
        return np.asarray(np.maximum(x, 0) + along_axis(slope, x.ndim if self.shared else 1, x.ndim) * np.minimum(x, 0))


@dataclass(frozen=True)
class ELU(Elementwise):
    """y = x for x > 0, alpha * (exp(x) - 1) otherwise."""

    alpha: float = 1.0

    def compute(self, x: Array) -> Array:
        return np.where(x > 0, x, x.dtype.type(self.alpha) * np.expm1(np.minimum(x, 0)))


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    """y = 1 / (1 + exp(-x)), computed as 0.5 * tanh(0.5 * x) + 0.5, which cannot overflow."""

    def compute(self, x: Array) -> Array:
        half = x.dtype.type(0.5)
        return np.asarray(half * np.tanh(half * x) + half)


@dataclass(frozen=True)
class TanH(Elementwise):
    """y = tanh(x)."""

    def compute(self, x: Array) -> Array:
        return np.asarray(np.tanh(x))


@dataclass(frozen=True)
class Softplus(Elementwise):
    """y = log(1 + exp(x)), computed without overflow. Caffe calls it BNLL."""

    def compute(self, x: Array) -> Array:
        return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


@dataclass(frozen=True)
class Swish(Elementwise):
    """y = x * sigmoid(beta * x)."""

    beta: float = 1.0

    def compute(self, x: Array) -> Array:
        return np.asarray(x * Sigmoid().compute(x.dtype.type(self.beta) * x))


@dataclass(frozen=True)
class Clip(Elementwise):
    """y = min(max(x, low), high)."""

    low: float
    high: float

    def compute(self, x: Array) -> Array:
        return np.asarray(np.clip(x, x.dtype.type(self.low), x.dtype.type(self.high)))


@dataclass(frozen=True)
class Threshold(Elementwise):
    """y = 1 where x > threshold, 0 elsewhere."""

    threshold: float = 0.0

    def compute(self, x: Array) -> Array:
        return np.asarray(x > x.dtype.type(self.threshold), x.dtype)


@dataclass(frozen=True)
class AbsoluteValue(Elementwise):
    """y = |x|."""

    def compute(self, x: Array) -> Array:
        return np.asarray(np.abs(x))


@dataclass(frozen=True)
class Power(Elementwise):
    """y = (shift + scale * x)^power; when power * scale is 0 the input is never read: y = shift^power, and 0^0 is 1."""

    power: float = 1.0
    scale: float = 1.0
    shift: float = 0.0

    @property
    def constant(self) -> float | None:
        """Return the value that every element has, or None when the input counts."""
        if self.power * self.scale:
            return None
        return 1.0 if self.power == 0 else float(np.float64(self.shift) ** self.power)

    def compute(self, x: Array) -> Array:
        if self.constant is not None:
            return np.full_like(x, self.constant)
        base = x.dtype.type(self.scale) * x + x.dtype.type(self.shift)
        # As in C's pow, a negative base with a fractional power is not a number, and 0 to a negative power is infinite.
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(base if self.power == 1 else base ** x.dtype.type(self.power))


@dataclass(frozen=True)
class Exponential(Elementwise):
    """y = base^(shift + scale * x)."""

    base: float = e
    scale: float = 1.0
    shift: float = 0.0

    @property
    def inner(self) -> float:
        """Return the factor on x inside exp."""
        return self.scale * log(self.base)

    @property
    def outer(self) -> float:
        """Return the factor before exp."""
        return float(self.base**self.shift)

    def compute(self, x: Array) -> Array:
        return np.asarray(x.dtype.type(self.outer) * np.exp(x.dtype.type(self.inner) * x))


@dataclass(frozen=True)
class Logarithm(Elementwise):
    """y = log(shift + scale * x) in base `base`."""

    base: float = e
    scale: float = 1.0
    shift: float = 0.0

    def compute(self, x: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(
                np.log(x.dtype.type(self.scale) * x + x.dtype.type(self.shift)) / x.dtype.type(log(self.base))
            )


@dataclass(frozen=True)
class Softmax(Elementwise):
    """y = exp(x - m) / sum of exp(x - m) along `axis`, m the maximum there."""

    axis: int = 1

    def output_shape(self, x: Shape) -> Shape:
        positive_axis(self.axis, len(x))
        return x

    def compute(self, x: Array) -> Array:
        powers = np.exp(x - x.max(self.axis, keepdims=True))
        return np.asarray(powers / powers.sum(self.axis, keepdims=True))
