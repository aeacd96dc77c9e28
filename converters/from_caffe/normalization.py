"""BatchNorm and the forks' BN, LRN, MVN and SSD's Normalize."""

import numpy as np

from converters.errors import ShapeError, UnsupportedError
from converters.from_caffe.layer import LayerFunction, LayerReading, Made
from converters.ops import (
    Array,
    BatchNormalization,
    BatchStatisticsNormalization,
    L2Normalization,
    LocalResponseNormalization,
    MeanVarianceNormalization,
    Scale,
    SpatialResponseNormalization,
)


def batch_norm(layer: LayerReading) -> list[Made]:
    """Mean and variance are stored multiplied by a third array, the moving-average factor;

    factor 0 means mean and variance 0.
    """
    settings = layer.settings("batch_norm_param")
    if len(layer.shape_of(layer.bottom)) < 2:
        raise ShapeError(f"input has shape {list(layer.shape)}, but at least 2 axes are needed")
    channels = layer.shape[1:2]
    mean, variance = (layer.blob(i, channels, None) for i in range(2))
    factor = float(layer.blob(2, (1,), None)[0])
    affine = [layer.blob(i, channels, None) for i in (3, 4)] if settings.get("scale_bias") else []
    if settings.has("use_global_stats") and not settings.get("use_global_stats"):
        if affine:
            raise UnsupportedError("scale_bias: true together with use_global_stats: false is not supported")
        return [Made(BatchStatisticsNormalization(settings.get("eps")), layer.bottoms)]
    # The product with the reciprocal, in float32, is what Caffe computes.
    correction = np.float32(0 if factor == 0 else 1 / np.float32(factor))
    params: dict[str, Array] = {"mean": _times(mean, correction), "variance": _times(variance, correction)}
    params |= dict(zip(("scale", "bias"), affine, strict=False))
    return [Made(BatchNormalization(settings.get("eps"), bool(affine)), layer.bottoms, params)]


def _times(values: Array, factor: np.float32) -> Array:
    return values if factor == 1 else values * factor


def fork_bn(layer: LayerReading) -> list[Made]:
    """The forks' BN: slope, bias, mean, variance (PSPNet, DeepLab), or scale and shift only (SegNet's inference)."""
    settings = layer.settings("bn_param")
    for name in ("var_eps", "moving_average"):
        if settings.has(name):
            raise UnsupportedError(f"{name} belongs to a BN that no published file documents, and is not supported")
    if settings.get("axis") != 1:
        raise ShapeError(f"axis is {settings.get('axis')}, but BN is read with its channels at axis 1 only")
    if len(layer.shape_of(layer.bottom)) < 2:
        raise ShapeError(f"input has shape {list(layer.shape)}, but at least 2 axes are needed")
    if layer.blob_count == 2:
        if settings.get("bn_mode") != "INFERENCE":
            raise UnsupportedError(
                "the weights hold only scale and shift, so mean and variance of the training set are missing; "
                "SegNet's compute_bn_statistics.py writes weights for bn_mode: INFERENCE that hold them"
            )
        return [
            Made(
                Scale(bias=True), layer.bottoms, {name: _channels(layer, i) for i, name in enumerate(("scale", "bias"))}
            )
        ]
    names = ("scale", "bias", "mean", "variance")
    params = {name: _channels(layer, i) for i, name in enumerate(names)}
    return [Made(BatchNormalization(settings.get("eps"), True), layer.bottoms, params)]


def _channels(layer: LayerReading, index: int) -> Array:
    # Forks store their statistics as 1 x channels x 1 x 1.
    channels = layer.shape[1]
    return layer.blob(index, (1, channels, 1, 1), None).reshape(channels)


def lrn(layer: LayerReading) -> list[Made]:
    """alpha counts per window: divided by its size across channels, by its area within one, where k is not used."""
    settings = layer.settings("lrn_param")
    size, alpha, beta = (settings.get(name) for name in ("local_size", "alpha", "beta"))
    if size % 2 != 1:
        raise ShapeError(f"local_size is {size}, but must be odd")
    if len(layer.shape_of(layer.bottom)) != 4:
        raise ShapeError(f"input has shape {list(layer.shape)}, but LRN needs 4 axes")
    half = size // 2
    if settings.get("norm_region") == "WITHIN_CHANNEL":
        return [Made(SpatialResponseNormalization((size, size), ((half, half),) * 2, alpha, beta), layer.bottoms)]
    return [Made(LocalResponseNormalization(half, half, alpha / size, beta, settings.get("k")), layer.bottoms)]


def mvn(layer: LayerReading) -> list[Made]:
    """Zero mean and unit variance, of each map or of each image."""
    settings = layer.settings("mvn_param")
    if not 2 <= len(layer.shape_of(layer.bottom)) <= 4:
        raise ShapeError(f"input has shape {list(layer.shape)}, but MVN needs 2 to 4 axes")
    op = MeanVarianceNormalization(
        settings.get("normalize_variance"), settings.get("across_channels"), settings.get("eps")
    )
    return [Made(op, layer.bottoms)]


def normalize(layer: LayerReading) -> list[Made]:
    """SSD's Normalize: unit length, then a learned factor, one or one per channel."""
    settings = layer.settings("norm_param")
    unit = L2Normalization(settings.get("eps"), settings.get("across_spatial"))
    if len(layer.shape_of(layer.bottom)) < 2:
        raise ShapeError(f"input has shape {list(layer.shape)}, but at least 2 axes are needed")
    normalized = layer.node("unit", unit, layer.bottoms)
    scale = Scale(num_axes=0 if settings.get("channel_shared") else 1)
    params = layer.learned(scale, (normalized,), {"scale": settings.message("scale_filler")})
    return [Made(scale, (normalized,), params)]


LAYERS: dict[str, LayerFunction] = {
    "BatchNorm": batch_norm,
    "BN": fork_bn,
    "LRN": lrn,
    "MVN": mvn,
    "Normalize": normalize,
}
