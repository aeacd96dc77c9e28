"""Normalizations as source code."""

import numpy as np

from converters import ops
from converters.torch_model.layer import Code, Layer, Site, call, given, layered
from converters.torch_model.pooling import pooling_module

MOST_SPATIAL_AXES = 3
_NO_BATCHES = np.zeros((), np.int64)


def batch_normalization(op: ops.BatchNormalization, site: Site) -> Layer:
    """Write nn.BatchNorm1d, 2d or 3d."""
    axes = max(site.rank - 2, 1)
    settings = given(eps=(float(op.epsilon), 1e-5), affine=(op.affine, True))
    tensors = {"running_mean": site.params["mean"], "running_var": site.params["variance"]}
    tensors["num_batches_tracked"] = _NO_BATCHES
    if op.affine:
        tensors |= {"weight": site.params["scale"], "bias": site.params["bias"]}
    if axes <= MOST_SPATIAL_AXES:
        return layered(call(f"nn.BatchNorm{axes}d", site.shapes[0][1], **settings), tensors)
    module = call("nn.BatchNorm1d", site.shapes[0][1], **settings)
    return Layer("{layer}({0}.flatten(2)).reshape({0}.shape)", module, tensors)


def batch_statistics(op: ops.BatchStatisticsNormalization, _site: Site) -> Layer:
    """Write a BatchStatisticsNorm layer."""
    return layered(call("BatchStatisticsNorm", op.epsilon))


def mean_variance(op: ops.MeanVarianceNormalization, _site: Site) -> Layer:
    """Write a MeanVarianceNorm layer."""
    settings = given(across_channels=(op.across_channels, False), normalize_variance=(op.normalize_variance, True))
    return layered(call("MeanVarianceNorm", op.epsilon, **settings))


def local_response(op: ops.LocalResponseNormalization, site: Site) -> Layer:
    """Write nn.LocalResponseNorm, whose alpha is ours times the window, or a ChannelWindowNorm layer for other windows.

    PyTorch's puts the longer half of an even window in front, wants three axes or more, and has no 16-bit form on a
    CPU.
    """
    size = op.before + op.after + 1
    if op.before == size // 2 and site.rank > 2 and not site.half:
        settings = given(alpha=(op.alpha * size, 1e-4), beta=(op.beta, 0.75), k=(op.k, 1.0))
        return layered(call("nn.LocalResponseNorm", size, **settings))
    return layered(call("ChannelWindowNorm", op.before, op.after, alpha=op.alpha, beta=op.beta, k=op.k))


def spatial_response(op: ops.SpatialResponseNormalization, site: Site) -> Layer:
    """Write a SpatialWindowNorm layer around an average pooling."""
    pool = Code(pooling_module(op.pooling(), site))
    return layered(call("SpatialWindowNorm", pool, alpha=op.alpha, beta=op.beta))


def l2(op: ops.L2Normalization, _site: Site) -> Layer:
    """Write F.normalize or an L2Norm layer."""
    if op.root == "max" and not op.across_spatial:
        return Layer(call("F.normalize", Code("{0}"), dim=1, eps=op.epsilon))
    return layered(call("L2Norm", op.epsilon, op.root, **given(across_spatial=(op.across_spatial, False))))


def norm_offset(op: ops.NormOffset, _site: Site) -> Layer:
    """Write a NormOffset layer."""
    return layered(call("NormOffset", op.alpha, op.beta))
