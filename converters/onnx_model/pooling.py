"""Pooling in ONNX: by padding as far as windows reach, never by ceil_mode, whose meaning differs between runtimes."""

from collections.abc import Sequence

from converters.errors import UnsupportedError
from converters.onnx_model.building import FLOAT32, INFERRED, INT64, Dim, Site, Value
from converters.onnx_model.convolution import onnx_pads
from converters.ops import GlobalPooling, MaxUnpooling, Pads, Pooling, PoolingIndices, Shape
from converters.ops.base import size_of
from converters.ops.pooling import LOWEST

Windows = Pooling | PoolingIndices
NOTHING: Pads = ()


def reach(op: Windows, x: Value) -> Pads:
    """Return the padding before each spatial axis, and after it so that windows counted downwards are just ours.

    For a fixed axis as much as the last window needs; for an open one what gives the right number at every size:
    rounding up is rounding down with stride - 1 more cells; and of windows that may not start behind the input there
    are as many as with kernel - 1 cells behind it.
    """
    clip = any(amount for pair in op.pads for amount in pair)
    pads = []
    for size, k, s, (before, after) in zip(x.shape[2:], op.kernel, op.stride, op.pads, strict=True):
        behind = after + (s - 1 if op.ceil_mode else 0)
        behind = min(behind, k - 1) if clip else behind
        if size is not None:
            windows = (size + before + behind - k) // s + 1
            behind = max((windows - 1) * s + k - size - before, 0)
        pads.append((before, behind))
    return tuple(pads)


def pooling(site: Site, op: Pooling, x: Value) -> str:
    """MaxPool or AveragePool."""
    pads = reach(op, x)
    if op.method == "max":
        return _max_pool(site, op, x.name, x.rank, pads, outputs=1)[0]
    if _may_miss(op, pads):
        return _average_by_division(site, op, x, pads)
    if op.divisor == "inside":
        return average_pool(site, x.name, op.kernel, op.stride, NOTHING, pads)
    counted = tuple((before, min(after, behind)) for (before, behind), (_, after) in zip(pads, op.pads, strict=True))
    overhang = tuple((0, behind - after) for (_, behind), (_, after) in zip(pads, counted, strict=True))
    return average_pool(site, x.name, op.kernel, op.stride, counted, overhang)


def average_pool(site: Site, x: str, kernel: Shape, stride: Shape, counted: Pads, overhang: Pads) -> str:
    """Average windows over maps surrounded by zeros that count, and those by cells that do not."""
    settings = {"kernel_shape": kernel, "strides": stride}
    amounts = {amount for pair in counted for amount in pair}
    if amounts <= {0}:
        return site.add("AveragePool", x, pads=onnx_pads(overhang or ((0, 0),) * len(kernel)), **settings)
    # For AveragePool-19 onnxruntime 1.21 and 1.22 count the padding of the wrong axis.
    if not any(max(pair) for pair in overhang) and (len(amounts) == 1 or site.builder.opset < 19):
        return site.add("AveragePool", x, pads=onnx_pads(counted), count_include_pad=1, **settings)
    padded = site.pad_before_pooling(x, len(kernel) + 2, counted)
    return site.add("AveragePool", padded, pads=onnx_pads(overhang), **settings)


def _max_pool(site: Site, op: Windows, x: str, rank: int, pads: Pads, outputs: int) -> list[str]:
    # A window wholly in the padding gives the lowest number; runtimes refuse a padding that makes one.
    if _may_miss(op, pads):
        x, pads = site.pad_before_pooling(x, rank, pads, _lowest(site)), ((0, 0),) * len(pads)
    settings = {"kernel_shape": op.kernel, "strides": op.stride, "pads": onnx_pads(pads)}
    return site.add_many("MaxPool", x, outputs=outputs, **settings)


def _may_miss(op: Windows, pads: Pads) -> bool:
    """Return whether a window may lie wholly outside the input."""
    return any(max(pair) >= k for pair, k in zip(pads, op.kernel, strict=True))


def _lowest(site: Site) -> float:
    if site.dtype != FLOAT32:
        raise UnsupportedError("has windows wholly outside the input, whose -FLT_MAX float16 cannot hold")
    return LOWEST


def _average_by_division(site: Site, op: Pooling, x: Value, pads: Pads) -> str:
    """Sum the windows and divide by stored counts, which for windows outside the input may be 0 or negative."""
    sizes = site.pin(x, range(2, x.rank), "it has windows wholly outside the input, whose counts are stored")
    padded = site.pad_before_pooling(x.name, x.rank, pads)
    means = average_pool(site, padded, op.kernel, op.stride, NOTHING, NOTHING)
    total = site.add("Mul", means, site.constant(size_of(op.kernel), "area"))
    return site.add("Div", total, site.constant(op.divisors((1, 1, *sizes)), "divisors"))


def pooling_indices(site: Site, op: PoolingIndices, x: Value) -> str:
    """MaxPool's second output, which counts through the whole tensor, turned to places within each plane."""
    pads = reach(op, x)
    values, flat = _max_pool(site, op, x.name, x.rank, pads, outputs=2)
    sizes = site.sizes(x)[2:]
    if not _may_miss(op, pads):
        within = site.add("Mod", flat, site.scalar_of(site.product(sizes)))
        return site.cast(within, site.dtype)
    # The plane was padded by hand: from places in the padded plane to places in the plane.
    padded = [site.count("Add", size, sum(pair)) for size, pair in zip(sizes, pads, strict=True)]
    place = _place(site, flat, sizes, padded, [before for before, _ in pads])
    found = site.add("Greater", values, site.constant(_lowest(site), "lowest"))
    return site.add("Where", found, site.cast(place, site.dtype), site.constant(-1.0, "none"))


def _place(site: Site, flat: str, sizes: Sequence[Dim], padded: Sequence[Dim], before: Sequence[int]) -> str:
    """Return the flat place in a plane of `sizes` for a flat place in the padded plane."""
    place = ""
    for axis, size in enumerate(sizes):
        stride = site.scalar_of(site.product(padded[axis + 1 :]))
        along = site.add("Mod", site.add("Div", flat, stride), site.scalar_of(padded[axis]))
        along = site.add("Sub", along, site.ints([before[axis]], "before"))
        place = site.add("Add", site.add("Mul", place, site.scalar_of(size)), along) if place else along
    return place


def global_pooling(site: Site, op: GlobalPooling, x: Value) -> str:
    """GlobalMaxPool or GlobalAveragePool."""
    return site.add("GlobalMaxPool" if op.method == "max" else "GlobalAveragePool", x.name)


def max_unpooling(site: Site, op: MaxUnpooling, x: Value, indices: Value) -> str:
    """Find for each cell the last value that goes there, and take it: MaxUnpool leaves open which of several stays."""
    site.require(18, "ScatterElements with reduction 'max'")
    batch, channels, *spatial = site.sizes(x)
    rows: list[Dim] = [batch, channels, INFERRED]
    values = site.reshape(x.name, rows, x)
    cells = site.reshape(site.cast(indices.name, INT64), rows, indices)
    order = site.range(site.product(spatial))
    nobody = site.add("Expand", site.ints([-1], "nobody"), site.vector([batch, channels, size_of(op.size)]))
    orders = site.add("Expand", order, site.add("Shape", cells))
    last = site.add("ScatterElements", nobody, cells, orders, axis=2, reduction="max")
    taken = site.add("GatherElements", values, site.add("Max", last, site.ints([0], "zero")), axis=2)
    filled = site.add("Where", site.add("Less", last, site.ints([0], "zero")), site.constant(0.0, "empty"), taken)
    return site.reshape(filled, [batch, channels, *op.size], x)
