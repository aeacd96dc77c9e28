"""Ops that summarise windows, as source code."""

from converters import ops
from converters.torch_model.layer import Code, Layer, Site, call, code, given, layered, one

NATIVE_AXES = (1, 2, 3)


def pooling(op: ops.Pooling, site: Site) -> Layer:
    """Write a pooling layer of torch.nn where it does the same, else one of ours."""
    return layered(pooling_module(op, site))


def pooling_module(op: ops.Pooling, site: Site) -> str:
    """Return what builds the pooling layer."""
    if not _native(op, site):
        name = "MaxPool" if op.method == "max" else "AveragePool"
        inside = given(inside=(op.method == "average" and op.divisor == "inside", False))
        return call(name, op.kernel, op.stride, op.pads, **given(ceil_mode=(op.ceil_mode, False)), **inside)
    settings = given(padding=(one(tuple(before for before, _ in op.pads)), 0), ceil_mode=(op.ceil_mode, False))
    if op.method == "average" and op.divisor == "inside" and "padding" in settings:
        settings["count_include_pad"] = False
    name = f"nn.{'Max' if op.method == 'max' else 'Avg'}Pool{len(op.kernel)}d"
    return call(name, one(op.kernel), stride=one(op.stride), **settings)


def _native(op: ops.Pooling, site: Site) -> bool:
    """Whether PyTorch's windows and divisors are Caffe's for these settings, at every size.

    PyTorch pads both sides alike and by at most half a window, and always drops a last window behind the image: Caffe
    does only if anything is padded, and only with a stride beyond the window can there be one without padding.
    """
    axes = len(op.kernel)
    if axes not in NATIVE_AXES or (site.half and op.method == "average" and axes == max(NATIVE_AXES)):
        return False  # CPUs have no 16-bit AvgPool3d
    if any(before != after or 2 * before > k for k, (before, after) in zip(op.kernel, op.pads, strict=True)):
        return False
    gaps = any(s > k for s, k in zip(op.stride, op.kernel, strict=True))
    return any(map(any, op.pads)) or not (op.ceil_mode and gaps)


def pooling_indices(op: ops.PoolingIndices, _site: Site) -> Layer:
    """Write a PoolingIndices layer."""
    settings = given(ceil_mode=(op.ceil_mode, False))
    return layered(call("PoolingIndices", op.kernel, op.stride, op.pads, **settings))


def global_pooling(op: ops.GlobalPooling, site: Site) -> Layer:
    """Write a mean or maximum over the spatial axes."""
    axes = tuple(range(2, site.rank))
    method = "amax" if op.method == "max" else "mean"
    return Layer(f"{{0}}.{method}({code(axes)}, keepdim=True)")


def max_unpooling(op: ops.MaxUnpooling, _site: Site) -> Layer:
    """Write a MaxUnpooling layer."""
    return Layer("{layer}({0}, {1})", call("MaxUnpooling", *op.size))


def region_pooling(op: ops.RegionPooling, _site: Site) -> Layer:
    """Write a RegionPooling layer."""
    settings = given(one_based=(op.one_based, False))
    method = () if op.method == "max" else (op.method,)
    scale = Code(repr(op.spatial_scale))  # to the last bit: half a cell is rounded up
    return Layer("{layer}({0}, {1})", call("RegionPooling", *op.size, scale, *method, **settings))
