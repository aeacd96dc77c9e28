"""Layers that divide by a statistic: stored, of neighbours, or of the vector itself."""

import numpy as np

from converters.errors import ShapeError, UnsupportedError
from converters.from_matconvnet.fields import described, shown
from converters.from_matconvnet.layer import LayerFunction, LayerReading, Made
from converters.ops import (
    Array,
    BatchNormalization,
    L2Normalization,
    LocalResponseNormalization,
    NormOffset,
    Op,
    Scale,
    SpatialResponseNormalization,
)

LRN_DEFAULT = (5, 1, 0.0001 / 5, 0.75)


def local_response(layer: LayerReading) -> list[Made]:
    """param [N kappa alpha beta]; alpha multiplies the plain sum of squares. Source: vl_nnnormalize."""
    size, kappa, alpha, beta = layer.fields.numbers("param", LRN_DEFAULT, (4,), "[N kappa alpha beta]")
    if size < 1 or not size.is_integer():
        layer.fields.refuse(
            f"param is {shown((size, kappa, alpha, beta))}, but its first number must be a count of channels"
        )
    layer.fields.finish()
    return [Made(_window(int(size), kappa, alpha, beta, layer.shape[1]), layer.inputs)]


def _window(size: int, kappa: float, alpha: float, beta: float, channels: int) -> Op:
    before = (size - 1) // 2
    if before >= channels - 1 and (alpha, beta) == (1.0, 0.5):
        return L2Normalization(kappa)  # each window holds all channels
    reach = channels - 1
    return LocalResponseNormalization(min(before, reach), min(size - 1 - before, reach), alpha, beta, kappa)


def batch(layer: LayerReading) -> list[Made]:
    """y = g * (x - mean) / sigma + b, moments [mean sigma]; epsilon was used up in training. Source: vl_nnbnorm."""
    gain, bias, moments = (layer.array(i, what) for i, what in enumerate(("multipliers", "biases", "moments")))
    problems = [
        f"has no {what}"
        + (", and without them a trained network computes nothing but Inf and NaN" if what == "moments" else "")
        for what, array in (("multipliers", gain), ("biases", bias), ("moments", moments))
        if array is None
    ]
    if gain is None or bias is None or moments is None:
        raise ShapeError(problems)
    channels = layer.shape[1]
    for what, array, size in (("multipliers", gain, 1), ("biases", bias, 1), ("moments", moments, 2)):
        if array.size != channels * size:
            problems.append(f"the {what} are {described(array)}, expected {channels * size} for {channels} channels")
    if problems:
        raise ShapeError(problems)
    return [Made(BatchNormalization(0.0, True), layer.inputs, _moments(layer, gain, bias, moments))]


def _moments(layer: LayerReading, gain: Array, bias: Array, moments: Array) -> dict[str, Array]:
    # [mean sigma], a column each. The sign of a sigma, which no training leaves below 0, goes to the scale.
    mean = layer.turned(moments, "mean", lambda a: a.ravel(order="F")[: a.size // 2])
    sigma = layer.turned(moments, "sigma", lambda a: a.ravel(order="F")[a.size // 2 :])
    with np.errstate(over="ignore", under="ignore"):
        variance = layer.turned(moments, "variance", lambda _: np.square(sigma))
    usable = np.isfinite(variance) & (variance > np.finfo(np.float32).tiny)
    if not usable.all():
        worst = int(np.argmin(usable))
        raise ShapeError(f"sigma of channel {worst + 1} is {sigma[worst]:g}, which leaves Inf, NaN or 0 in the output")
    scale = layer.vector(gain)
    if sigma.min() < 0:
        scale = scale * np.where(sigma < 0, np.float32(-1), np.float32(1))
    return {"mean": mean, "variance": variance, "scale": scale, "bias": layer.vector(bias)}


def offset(layer: LayerReading) -> list[Made]:
    """x - alpha * max(sum of squares, 1e-8)^beta, param [alpha beta]. Source: vl_nnnoffset."""
    default = (1.0, 0.5) if layer.fields.dagnn else None
    alpha, beta = _required(layer, default, "[alpha beta]")
    return [Made(NormOffset(alpha, beta), layer.inputs)]


def spatial(layer: LayerReading) -> list[Made]:
    """x * (1 + alpha * mean of squares)^-beta, param [rows columns alpha beta]. Source: vl_nnspnorm."""
    default = (2.0, 2.0, 10.0, 2.0) if layer.fields.dagnn else None
    *window, alpha, beta = _required(layer, default, "[rows columns alpha beta]")
    if not all(n >= 1 and n.is_integer() for n in window):
        raise ShapeError(f"param begins with {shown(window)}, expected the rows and columns of a window")
    kernel = tuple(int(n) for n in window)
    pads = tuple(((n - 1) // 2, n - 1 - (n - 1) // 2) for n in kernel)
    return [Made(SpatialResponseNormalization(kernel, pads, alpha, beta, "inside"), layer.inputs)]


def _required(layer: LayerReading, default: tuple[float, ...] | None, meaning: str) -> tuple[float, ...]:
    """Return `param`; a SimpleNN has no default for it."""
    count = len(meaning.split())
    if default is None and "param" not in layer.fields:
        layer.fields.refuse(f"param is missing, expected {meaning}")
    numbers = layer.fields.numbers("param", default or (1.0,) * count, (count,), meaning)
    layer.fields.finish()
    return numbers


def unit_length(layer: LayerReading) -> list[Made]:
    """x / sqrt(sum over channels of x^2 + param). Source: mcnExtraLayers, vl_nnl2norm."""
    epsilon = layer.fields.number("param", 1e-10)
    layer.fields.finish()
    return [Made(L2Normalization(epsilon), layer.inputs)]


def scaled_unit_length(layer: LayerReading) -> list[Made]:
    """w * x / sqrt(sum over channels of x^2), w one number or one per channel. Source: vl_nnscalenorm."""
    if isinstance(layer.fields.get("acrossSpatial"), np.ndarray) and _set(layer, "acrossSpatial"):
        raise UnsupportedError("acrossSpatial is true, which vl_nnscalenorm leaves aside and Caffe's layer does not")
    layer.fields.finish()
    weight = layer.array(0, "weights")
    if weight is None:
        raise ShapeError("has no weights")
    channels = layer.shape[1]
    if weight.size not in (1, channels):
        raise ShapeError(
            f"the weights are {described(weight)}, expected one for each of {channels} channels, or a single one"
        )
    unit = layer.node("normalized", L2Normalization(0.0), layer.inputs)
    scale = layer.vector(weight)
    if weight.size == 1:
        return [Made(Scale(num_axes=0), (unit,), {"scale": scale.reshape(())})]
    return [Made(Scale(), (unit,), {"scale": scale})]


def _set(layer: LayerReading, name: str) -> bool:
    """Tell whether a flag is there and true; the blocks begin with [] in them."""
    value = layer.fields.get(name)
    return isinstance(value, np.ndarray) and bool(value.any())


LAYERS: dict[str, LayerFunction] = {
    "lrn": local_response,
    "normalize": local_response,
    "bnorm": batch,
    "noffset": offset,
    "spnorm": spatial,
    "dagnn.LRN": local_response,
    "dagnn.BatchNorm": batch,
    "dagnn.NormOffset": offset,
    "dagnn.SpatialNorm": spatial,
    "dagnn.L2Norm": unit_length,
    "dagnn.Normalize": scaled_unit_length,
}
