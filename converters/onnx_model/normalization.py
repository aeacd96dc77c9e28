"""Normalizations in ONNX."""

import numpy as np

from converters.onnx_model.activation import scaled, shifted
from converters.onnx_model.building import INFERRED, Site, Value
from converters.onnx_model.pooling import average_pool, pooling
from converters.ops import (
    BatchNormalization,
    BatchStatisticsNormalization,
    L2Normalization,
    LocalResponseNormalization,
    MeanVarianceNormalization,
    NormOffset,
    SpatialResponseNormalization,
)


def batch_normalization(site: Site, op: BatchNormalization, x: Value) -> str:
    """BatchNormalization, with ones and zeros where there is no scale and bias."""
    mean, variance = (site.param(name) for name in ("mean", "variance"))
    channels = site.node.params["mean"].shape
    scale = site.param("scale") if op.affine else site.constant(np.ones(channels), "ones")
    bias = site.param("bias") if op.affine else site.constant(np.zeros(channels), "zeros")
    return site.add("BatchNormalization", x.name, scale, bias, mean, variance, epsilon=op.epsilon)


def batch_statistics(site: Site, op: BatchStatisticsNormalization, x: Value) -> str:
    """Mean and variance by ReduceMean over all axes but the channels."""
    axes = (0, *range(2, x.rank))
    centred = _centred(site, x, axes)
    return site.add("Div", centred, site.add("Sqrt", shifted(site, _mean_square(site, centred, axes), op.epsilon)))


def mean_variance(site: Site, op: MeanVarianceNormalization, x: Value) -> str:
    """Mean and deviation by ReduceMean; ONNX's own operator fixes epsilon and where it is added."""
    axes = tuple(range(1 if op.across_channels else 2, x.rank))
    centred = _centred(site, x, axes)
    if not op.normalize_variance:
        return centred
    deviation = site.add("Sqrt", _mean_square(site, centred, axes))
    return site.add("Div", centred, shifted(site, deviation, op.epsilon))


def _centred(site: Site, x: Value, axes: tuple[int, ...]) -> str:
    return site.add("Sub", x.name, site.reduce("ReduceMean", x.name, axes))


def _mean_square(site: Site, centred: str, axes: tuple[int, ...]) -> str:
    return site.reduce("ReduceMean", site.add("Mul", centred, centred), axes)


def local_response(site: Site, op: LocalResponseNormalization, x: Value) -> str:
    """Squares, averaged along the channels, then the formula.

    ONNX's own LRN is not used: onnxruntime sums its squares in a running sum, and where pixels of several hundred come
    in, what cancels out there costs up to 4e-5 of the largest value.
    """
    window = op.before + op.after + 1
    squares = site.add("Mul", x.name, x.name)
    if window > 1:
        squares = _summed_along_channels(site, op, x, squares)
    base = site.add("Add", scaled(site, squares, op.alpha * window), site.constant(op.k, "k"))
    return site.add("Mul", x.name, site.add("Pow", base, site.constant(-op.beta, "power")))


def _summed_along_channels(site: Site, op: LocalResponseNormalization, x: Value, squares: str) -> str:
    """Return the average over the window, padding counted: the sum divided by the window."""
    batch, channels, *_ = site.sizes(x)
    planes = site.add("Reshape", squares, site.vector([0, 1, channels, INFERRED]))
    window = op.before + op.after + 1
    averages = average_pool(site, planes, (window, 1), (1, 1), ((op.before, op.after), (0, 0)), ((0, 0), (0, 0)))
    return site.reshape(averages, [batch, channels, *site.sizes(x)[2:]])


def spatial_response(site: Site, op: SpatialResponseNormalization, x: Value) -> str:
    """Average pooling of the squares, then the formula."""
    squares = Value(site.add("Mul", x.name, x.name), x.shape, x.dtype)
    base = site.add("Add", scaled(site, pooling(site, op.pooling(), squares), op.alpha), site.constant(1.0, "one"))
    return site.add("Mul", x.name, site.add("Pow", base, site.constant(-op.beta, "power")))


def l2_normalization(site: Site, op: L2Normalization, x: Value) -> str:
    """The norm by ReduceSumSquare or ReduceL2, then Div."""
    axes = tuple(range(1, x.rank)) if op.across_spatial else (1,)
    if op.root == "max":
        norm = site.add("Max", site.reduce("ReduceL2", x.name, axes), site.constant(op.epsilon, "epsilon"))
    else:
        norm = site.add("Sqrt", shifted(site, site.reduce("ReduceSumSquare", x.name, axes), op.epsilon))
    return site.add("Div", x.name, norm)


def norm_offset(site: Site, op: NormOffset, x: Value) -> str:
    """The sum of squares by ReduceSumSquare, then the formula."""
    total = site.add("Max", site.reduce("ReduceSumSquare", x.name, (1,)), site.constant(1e-8, "least"))
    offset = scaled(site, site.add("Pow", total, site.constant(op.beta, "power")), op.alpha)
    return site.add("Sub", x.name, offset)
