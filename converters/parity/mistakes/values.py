"""Mistakes about statistics, scales and elementwise formulas."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from converters.ops import (
    ELU,
    Array,
    BatchNormalization,
    BatchStatisticsNormalization,
    Bias,
    BilinearResize,
    L2Normalization,
    LocalResponseNormalization,
    Maximum,
    MeanVarianceNormalization,
    Power,
    PReLU,
    Product,
    ReLU,
    Scale,
    SpatialResponseNormalization,
    Sum,
    Swish,
)
from converters.ops.base import along_axis, size_of
from converters.parity.mistakes.situation import Attempt, Situation


def batch_norm(s: Situation) -> Iterator[Attempt]:
    """Mistakes about a batch normalization: its factor, its epsilon, its statistics."""
    op, mean, variance = s.node.op, s.node.params["mean"], s.node.params["variance"]
    assert isinstance(op, BatchNormalization)
    yield "its mean is left out", lambda: s.again(mean=np.zeros_like(mean))
    yield "its epsilon is left out", partial(s.again, replace(op, epsilon=0.0))
    yield "its standard deviation is taken for the variance", lambda: s.again(variance=np.sqrt(variance))
    yield "its variance is taken for the standard deviation", lambda: s.again(variance=np.square(variance))
    yield "the statistics of the batch at hand are used", lambda: _with_batch_statistics(s, op)
    if op.affine:
        scale, bias = s.node.params["scale"], s.node.params["bias"]
        yield "its scale and bias are left out", partial(_without_affine, s, op)
        yield "its scale is left out", lambda: s.again(scale=np.ones_like(scale))
        yield "its bias is missing", lambda: s.again(bias=np.zeros_like(bias))
    if s.got is not None and s.got.shape == s.shape and s.got.size:
        yield from _fitted(s, op, s.got)


def _with_batch_statistics(s: Situation, op: BatchNormalization) -> Array:
    y = BatchStatisticsNormalization(op.epsilon).compute(s.arrays[0])
    if not op.affine:
        return y
    scale, bias = (along_axis(s.node.params[name].astype(y.dtype), 1, y.ndim) for name in ("scale", "bias"))
    return np.asarray(y * scale + bias)


def _without_affine(s: Situation, op: BatchNormalization) -> Array:
    mean, variance = (s.node.params[name].astype(s.arrays[0].dtype) for name in ("mean", "variance"))
    return replace(op, affine=False).compute(s.arrays[0], mean=mean, variance=variance)


def _fitted(s: Situation, op: BatchNormalization, got: Array) -> Iterator[Attempt]:
    """Find the one number that explains `got`: a factor on the statistics, or another epsilon."""
    slope, offset = _lines(s.arrays[0], got)
    params = {name: array.astype(np.float64) for name, array in s.node.params.items()}
    mean, variance = params["mean"], params["variance"]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slope = slope / params.get("scale", 1.0)
        spread = 1 / np.square(slope)
        factor = _middle((spread - op.epsilon) / variance)
        mean_factor = _middle(-(offset / params.get("scale", 1.0) - _shift(params)) / (slope * mean))
        epsilon = _middle(spread - variance)
    if factor is not None and factor > 0:
        told = f"{factor:.4g} times too large (the factor of Caffe's BatchNorm is ignored)"
        yield (
            f"its mean and variance are both {told}",
            lambda: s.again(mean=mean * factor, variance=variance * factor),
        )
        yield f"its variance alone is {factor:.4g} times too large", lambda: s.again(variance=variance * factor)
    if mean_factor is not None:
        yield f"its mean alone is {mean_factor:.4g} times too large", lambda: s.again(mean=mean * mean_factor)
    if epsilon is not None and epsilon >= 0:
        what = f"its epsilon is about {epsilon:.3g} instead of {op.epsilon:.3g}"
        yield what, partial(s.again, replace(op, epsilon=epsilon))


def _shift(params: dict[str, Array]) -> Array:
    return np.asarray(params.get("bias", 0.0) / params.get("scale", 1.0))


def _lines(x: Array, y: Array) -> tuple[Array, Array]:
    """Return slope and offset of y = slope * x + offset for each channel, by least squares."""
    rows = [np.moveaxis(a.astype(np.float64), 1, 0).reshape(a.shape[1], -1) for a in (x, y)]
    means = [row.mean(1, keepdims=True) for row in rows]
    spread = [row - mean for row, mean in zip(rows, means, strict=True)]
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (spread[0] * spread[1]).sum(1) / np.square(spread[0]).sum(1)
    return slope, means[1][:, 0] - slope * means[0][:, 0]


def _middle(values: Array) -> float | None:
    """Return the median of the finite values, None without any."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else None


def local_response(s: Situation) -> Iterator[Attempt]:
    """Mistakes about alpha, k and the window of a normalization across channels."""
    op = s.node.op
    assert isinstance(op, LocalResponseNormalization)
    size = op.before + op.after + 1
    yield "its alpha is divided by the window size once more", partial(s.again, replace(op, alpha=op.alpha / size))
    yield "its alpha is not divided by the window size", partial(s.again, replace(op, alpha=op.alpha * size))
    if op.k != 1:
        yield "its k is taken as 1", partial(s.again, replace(op, k=1.0))
    if op.before != op.after:
        turned = replace(op, before=op.after, after=op.before)
        yield "its window leans to the other side", partial(s.again, turned)
    yield "it works within channels instead of across them", lambda: _within_channels(s, op)


def _within_channels(s: Situation, op: LocalResponseNormalization) -> Array:
    size = op.before + op.after + 1
    spatial = len(s.shape) - 2
    pads = ((op.before, op.after),) * spatial
    within = SpatialResponseNormalization((size,) * spatial, pads, op.alpha * size, op.beta)
    return within.compute(s.arrays[0])


def spatial_response(s: Situation) -> Iterator[Attempt]:
    """Mistakes about alpha and the divisor of a normalization within channels."""
    op = s.node.op
    assert isinstance(op, SpatialResponseNormalization)
    area = size_of(op.kernel)
    yield "its alpha is divided by the window's area once more", partial(s.again, replace(op, alpha=op.alpha / area))
    yield "its alpha is not divided by the window's area", partial(s.again, replace(op, alpha=op.alpha * area))
    if op.divisor == "padded":
        yield "its mean leaves the padding out of the divisor", partial(s.again, replace(op, divisor="inside"))
    else:
        yield "its mean counts the padding in the divisor", partial(s.again, replace(op, divisor="padded"))


def unit_length(s: Situation) -> Iterator[Attempt]:
    """Mistakes about what a vector is, and where epsilon stands."""
    op = s.node.op
    assert isinstance(op, L2Normalization)
    over = "each position alone" if op.across_spatial else "all positions together"
    yield f"it normalizes {over}", partial(s.again, replace(op, across_spatial=not op.across_spatial))
    yield "its epsilon is left out", partial(s.again, replace(op, epsilon=0.0))
    other = replace(op, root="max") if op.root == "plus" else replace(op, root="plus")
    yield "its epsilon stands elsewhere in the formula", partial(s.again, other)


def mean_variance(s: Situation) -> Iterator[Attempt]:
    """Mistakes about the axes, the deviation and epsilon of a mean-variance normalization."""
    op = s.node.op
    assert isinstance(op, MeanVarianceNormalization)
    over = "each channel alone" if op.across_channels else "all channels together"
    yield f"it normalizes {over}", partial(s.again, replace(op, across_channels=not op.across_channels))
    turned = replace(op, normalize_variance=not op.normalize_variance)
    yield (
        "its variance is " + ("not normalized" if op.normalize_variance else "normalized too"),
        partial(s.again, turned),
    )
    if op.normalize_variance:
        yield "its epsilon joins the variance instead of the deviation", lambda: _epsilon_in_variance(s, op)
    if op.normalize_variance and size_of(s.shape[1 if op.across_channels else 2 :]) > 1:
        yield "its variance is unbiased (divided by n - 1)", lambda: _unbiased(s, op)


def _epsilon_in_variance(s: Situation, op: MeanVarianceNormalization) -> Array:
    axes = tuple(range(1 if op.across_channels else 2, len(s.shape)))
    x = s.arrays[0]
    return np.asarray((x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + op.epsilon))


def _unbiased(s: Situation, op: MeanVarianceNormalization) -> Array:
    axes = tuple(range(1 if op.across_channels else 2, len(s.shape)))
    x = s.arrays[0]
    return np.asarray((x - x.mean(axes, keepdims=True)) / (x.std(axes, keepdims=True, ddof=1) + op.epsilon))


def affine(s: Situation) -> Iterator[Attempt]:
    """A scale or bias that is missing or runs along another axis."""
    op, rank = s.node.op, len(s.shape)
    assert isinstance(op, (Scale, Bias))
    if isinstance(op, Scale):
        yield "its scale is left out", lambda: s.again(scale=np.ones_like(s.node.params["scale"]))
    if "bias" in s.node.params and isinstance(op, Scale):
        yield "its bias is missing", lambda: s.again(bias=np.zeros_like(s.node.params["bias"]))
    for axis in range(rank):
        if op.num_axes > 0 and axis != op.axis % rank:
            yield f"it runs along axis {axis} instead of {op.axis % rank}", partial(s.again, replace(op, axis=axis))


def combined(s: Situation) -> Iterator[Attempt]:
    """Another way to combine the inputs, and coefficients that are ignored."""
    op = s.node.op
    for other, what in ((Sum(), "added"), (Product(), "multiplied"), (Maximum(), "compared for the largest")):
        if type(other) is not type(op) and len(s.arrays) > 1:
            yield f"its inputs are {what}", partial(s.again, other)
    if isinstance(op, Sum) and op.coefficients:
        yield "its coefficients are ignored", partial(s.again, Sum())
        yield "its coefficients stand in the reverse order", partial(s.again, Sum(op.coefficients[::-1]))


def slopes(s: Situation) -> Iterator[Attempt]:
    """Mistakes about the slopes of rectifiers."""
    op = s.node.op
    if isinstance(op, PReLU):
        yield "its slopes are ignored", lambda: np.maximum(s.arrays[0], 0)
        yield "its slopes run along the last axis", lambda: _last_axis_slopes(s)
    elif isinstance(op, ReLU):
        if op.negative_slope:
            yield "its slope for negative values is ignored", partial(s.again, ReLU())
        yield "it has a slope of 0.01 for negative values", partial(s.again, ReLU(0.01))
    elif isinstance(op, ELU):
        yield "its alpha is taken as 1", partial(s.again, ELU())
    elif isinstance(op, Swish):
        yield "its beta is taken as 1", partial(s.again, Swish())


def _last_axis_slopes(s: Situation) -> Array:
    x, slope = s.arrays[0], s.node.params["slope"]
    return np.asarray(np.maximum(x, 0) + slope * np.minimum(x, 0))


def powers(s: Situation) -> Iterator[Attempt]:
    """Parts of a power that are ignored."""
    op = s.node.op
    assert isinstance(op, Power)
    yield "its power is ignored", partial(s.again, replace(op, power=1.0))
    yield "its scale is ignored", partial(s.again, replace(op, scale=1.0))
    yield "its shift is ignored", partial(s.again, replace(op, shift=0.0))
    yield "its shift is scaled as well", partial(s.again, replace(op, shift=op.shift * op.scale))


def sigmoid(s: Situation) -> Iterator[Attempt]:
    """The straight lines that some call a hard sigmoid."""
    x = s.arrays[0]
    yield "it is the hard sigmoid x / 6 + 1 / 2", lambda: np.clip(x / 6 + 0.5, 0, 1)
    yield "it is the hard sigmoid x / 5 + 1 / 2", lambda: np.clip(x / 5 + 0.5, 0, 1)


def resized(s: Situation) -> Iterator[Attempt]:
    """Resizing with pixel areas, not corners, on top of one another."""
    op = s.node.op
    assert isinstance(op, BilinearResize)
    yield "pixel centres, not corners, are aligned", lambda: _half_pixel(s.arrays[0], s.again().shape[2:])


def _half_pixel(x: Array, size: tuple[int, ...]) -> Array:
    for axis, target in zip((2, 3), size, strict=True):
        n = x.shape[axis]
        position = np.clip((np.arange(target) + 0.5) * n / target - 0.5, 0, n - 1)
        low = position.astype(np.intp)
        weight = (position - low).astype(x.dtype).reshape(-1, *(1,) * (3 - axis))
        x = np.asarray(x.take(low, axis) * (1 - weight) + x.take(np.minimum(low + 1, n - 1), axis) * weight)
    return x
