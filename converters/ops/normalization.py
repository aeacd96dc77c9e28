"""Ops that divide by a statistic: stored, of the batch, of the neighbourhood, or of the vector itself."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from converters.ops.base import Array, Op, Pads, Shape, along_axis, check_rank
from converters.ops.pooling import Divisor, Pooling


@dataclass(frozen=True)
class _SameShape(Op):
    """An op whose output has the shape of its input of two axes or more."""

    def output_shape(self, x: Shape) -> Shape:
        check_rank(x, 2)
        return x


@dataclass(frozen=True)
class BatchNormalization(_SameShape):
    """y = (x - mean) / sqrt(variance + epsilon), with `affine` then * scale + bias; one value per channel (axis 1).

    Params mean, variance[, scale, bias]: (channels,). Source: Ioffe and Szegedy 2015, algorithm 2; BVLC Caffe,
    batch_norm_layer.cpp.
    """

    epsilon: float = 1e-5
    affine: bool = False

    def param_shapes(self, x: Shape) -> dict[str, Shape]:
        names = ("mean", "variance", "scale", "bias") if self.affine else ("mean", "variance")
        return dict.fromkeys(names, (x[1],))

    def compute(
        self, x: Array, *, mean: Array, variance: Array, scale: Array | None = None, bias: Array | None = None
    ) -> Array:
        def channel(values: Array) -> Array:
            return along_axis(values, 1, x.ndim)

        y: Array = (x - channel(mean)) / np.sqrt(channel(variance) + x.dtype.type(self.epsilon))
        return y if scale is None or bias is None else y * channel(scale) + channel(bias)


@dataclass(frozen=True)
class BatchStatisticsNormalization(_SameShape):
    """y = (x - m) / sqrt(v + epsilon), with m and v (biased) taken per channel over the batch at hand.

    Source: BVLC Caffe, batch_norm_layer.cpp with use_global_stats: false, which Caffe honours at TEST too.
    """

    epsilon: float = 1e-5

    def compute(self, x: Array) -> Array:
        axes = (0, *range(2, x.ndim))
        centred = x - x.mean(axes, keepdims=True)
        variance = np.square(centred).mean(axes, keepdims=True)
        return np.asarray(centred / np.sqrt(variance + x.dtype.type(self.epsilon)))


@dataclass(frozen=True)
class MeanVarianceNormalization(_SameShape):
    """y = (x - m) / (s + epsilon) per image and channel, or per image with `across_channels`; s is the biased
    standard deviation.

    Without `normalize_variance` only the mean is taken off. Source: BVLC Caffe, mvn_layer.cpp (epsilon joins the
    deviation, not the variance).
    """

    normalize_variance: bool = True
    across_channels: bool = False
    epsilon: float = 1e-9

    def compute(self, x: Array) -> Array:
        axes = tuple(range(1 if self.across_channels else 2, x.ndim))
        centred = x - x.mean(axes, keepdims=True)
        if not self.normalize_variance:
            return np.asarray(centred)
        deviation = np.sqrt(np.square(centred).mean(axes, keepdims=True))
        return np.asarray(centred / (deviation + x.dtype.type(self.epsilon)))


@dataclass(frozen=True)
class LocalResponseNormalization(_SameShape):
    """y = x * (k + alpha * S)^-beta, S the sum of squares over `before` channels before to `after` channels behind.

    `alpha` multiplies the plain sum: Caffe's, ONNX's and PyTorch's alpha is this one times the window size.
    Source: Krizhevsky 2012, section 3.3; BVLC Caffe, lrn_layer.cpp; MatConvNet, vl_nnnormalize.
    """

    before: int
    after: int
    alpha: float
    beta: float
    k: float = 1.0

    def compute(self, x: Array) -> Array:
        channels = x.shape[1]
        squares = np.zeros((x.shape[0], channels + self.before + self.after, *x.shape[2:]), x.dtype)
        squares[:, self.before : self.before + channels] = np.square(x)
        total = np.zeros_like(x)
        for shift in range(self.before + self.after + 1):
            total += squares[:, shift : shift + channels]
        return np.asarray(x * (x.dtype.type(self.k) + x.dtype.type(self.alpha) * total) ** x.dtype.type(-self.beta))


@dataclass(frozen=True)
class SpatialResponseNormalization(Op):
    """y = x * (1 + alpha * A)^-beta, A the average of squares in the window around each pixel of the same channel.

    `divisor` says what an average at the border divides by. Source: BVLC Caffe, lrn_layer.cpp (WITHIN_CHANNEL, k
    unused); MatConvNet, vl_nnspnorm.
    """

    kernel: Shape
    pads: Pads
    alpha: float
    beta: float
    divisor: Divisor = "padded"

    def pooling(self) -> Pooling:
        """Return the average pooling inside, of stride 1."""
        return Pooling(self.kernel, (1,) * len(self.kernel), self.pads, method="average", divisor=self.divisor)

    def output_shape(self, x: Shape) -> Shape:
        return self.pooling().output_shape(x)

    def compute(self, x: Array) -> Array:
        average = self.pooling().compute(np.square(x))
        return np.asarray(x * (1 + x.dtype.type(self.alpha) * average) ** x.dtype.type(-self.beta))


@dataclass(frozen=True)
class L2Normalization(_SameShape):
    """y = x / n: `root` "plus" n = sqrt(sum of x^2 + epsilon), "max" n = max(sqrt(sum of x^2), epsilon).

    The sum runs over channels (axis 1) at each position, or with `across_spatial` over all axes but the batch.
    Source: SSD's Caffe, normalize_layer.cpp ("plus"); torch.nn.functional.normalize ("max").
    """

    epsilon: float = 1e-10
    across_spatial: bool = False
    root: Literal["plus", "max"] = "plus"

    def compute(self, x: Array) -> Array:
        axes = tuple(range(1, x.ndim)) if self.across_spatial else (1,)
        total = np.square(x).sum(axes, keepdims=True)
        epsilon = x.dtype.type(self.epsilon)
        if self.root == "plus":
            return np.asarray(x / np.sqrt(total + epsilon))
        return np.asarray(x / np.maximum(np.sqrt(total), epsilon))


@dataclass(frozen=True)
class NormOffset(_SameShape):
    """y = x - alpha * max(sum over channels of x^2, 1e-8)^beta. Source: MatConvNet, vl_nnnoffset."""

    alpha: float
    beta: float

    def compute(self, x: Array) -> Array:
        total = np.maximum(np.square(x).sum(1, keepdims=True), x.dtype.type(1e-8))
        return np.asarray(x - x.dtype.type(self.alpha) * total ** x.dtype.type(self.beta))
