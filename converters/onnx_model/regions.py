"""Pooling of regions of interest in ONNX."""

import numpy as np

from converters.onnx_model.building import INT64, Dim, Site, Value
from converters.ops import RegionPooling

DOUBLE = np.dtype(np.float64)
# Of a region [image, x1, y1, x2, y2]: where the first and the last row stand, then the first and the last column.
ENDS = ((2, 4), (1, 3))


def region_pooling(site: Site, op: RegionPooling, x: Value, regions: Value) -> str:
    """MaxRoiPool, whose rounding is Caffe's; means by products with masks that hold 1 inside each bin."""
    rows = regions.name if regions.rank == 2 else site.add("Flatten", regions.name, axis=1)
    if op.method == "max" and not op.one_based:
        return site.add("MaxRoiPool", x.name, rows, pooled_shape=op.size, spatial_scale=op.spatial_scale)
    images = site.slice(rows, 1, 0, 1)
    if op.one_based:
        images = site.add("Sub", images, site.constant(1.0, "one"))
    cells = _cells(site, op, rows)
    if op.method == "max":
        return site.add("MaxRoiPool", x.name, site.add("Concat", images, cells, axis=1), pooled_shape=op.size)
    return _means(site, op, x, images, cells)


def _cells(site: Site, op: RegionPooling, rows: str) -> str:
    """Return x1, y1, x2, y2 in cells, counted from 0: rounded half away from zero, as C's round does."""
    scaled = site.add("Mul", site.slice(rows, 1, 1, 5), site.constant(op.spatial_scale, "scale"))
    # In single precision 0.49999997 + 0.5 is 1.
    exact = site.cast(scaled, DOUBLE)
    size = site.add("Floor", site.add("Add", site.add("Abs", exact), site.constant(0.5, "half", DOUBLE)))
    cells = site.cast(site.add("Mul", size, site.add("Sign", exact)), site.dtype)
    return site.add("Sub", cells, site.constant(1.0, "one")) if op.one_based else cells


def _means(site: Site, op: RegionPooling, x: Value, images: str, cells: str) -> str:
    sizes = site.sizes(x)
    (rows, row_counts), (columns, column_counts) = (
        _masks(site, cells, first, last, bins, size)
        for (first, last), bins, size in zip(ENDS, op.size, sizes[2:], strict=True)
    )
    image = site.add("Squeeze", site.cast(images, INT64), site.ints([1], "axis"))
    maps = site.add("Gather", x.name, image, axis=0)
    across = site.add("MatMul", maps, site.add("Transpose", columns, perm=[0, 1, 3, 2]))
    total = site.add("MatMul", rows, across)
    counts = site.add("Mul", row_counts, site.add("Transpose", column_counts, perm=[0, 1, 3, 2]))
    return site.add("Div", total, site.add("Max", counts, site.constant(1.0, "one")))


def _masks(site: Site, cells: str, first: int, last: int, bins: int, size: Dim) -> tuple[str, str]:
    """Return masks (regions, 1, bins, size) of the cells in each bin of an axis, and how many (regions, 1, bins, 1)."""
    start, end = (site.unsqueeze(site.slice(cells, 1, at - 1, at), 2, 3) for at in (first, last))
    length = site.add("Add", site.add("Sub", end, start), site.constant(1.0, "one"))
    width = site.add("Div", site.add("Max", length, site.constant(1.0, "one")), site.constant(bins, "bins"))
    order = np.arange(bins + 1).reshape(1, 1, -1, 1)
    low = site.add("Add", site.add("Floor", site.add("Mul", site.constant(order[:, :, :-1], "bin"), width)), start)
    high = site.add("Add", site.add("Ceil", site.add("Mul", site.constant(order[:, :, 1:], "next"), width)), start)
    cell = site.cast(site.range(size), site.dtype)
    before_end = site.add("Less", cell, high)
    from_start = site.add("Not", site.add("Less", cell, low))
    mask = site.cast(site.add("And", from_start, before_end), site.dtype)
    return mask, site.reduce("ReduceSum", mask, [3])
