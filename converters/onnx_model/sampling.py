"""Resizing and spatial transformers in ONNX."""

import numpy as np

from converters.errors import UnsupportedError
from converters.onnx_model.building import Dim, Site, Value
from converters.onnx_model.sizes import UNNAMED
from converters.ops import AffineGrid, BilinearResize, BilinearSampler, NearestUpsampling

ROWS, COLUMNS = 2, 3


def bilinear_resize(site: Site, op: BilinearResize, x: Value) -> str:
    """Resize, linear with aligned corners, after Slice where it crops."""
    cropped = x.name
    for axis, (before, after) in zip((ROWS, COLUMNS), op.pads, strict=True):
        cropped = site.slice(cropped, axis, -before, after or None) if before or after else cropped
    sizes = list(op.size) if op.size is not None else _resized(site, op, x)
    settings = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    return site.add("Resize", cropped, "", "", site.vector([*site.sizes(x)[:ROWS], *sizes]), **settings)


def _resized(site: Site, op: BilinearResize, x: Value) -> list[Dim]:
    """Return (m - 1) * zoom + 1 for the shrunk size m = (n - 1) / shrink + 1, n the size after cropping."""
    sizes: list[Dim] = []
    for axis, pair in zip((ROWS, COLUMNS), op.pads, strict=True):
        last = site.count("Div", site.count("Add", site.size(x, axis), sum(pair) - 1), op.shrink)
        sizes.append(site.count("Add", site.count("Mul", last, op.zoom), 1))
    return sizes


def nearest_upsampling(site: Site, op: NearestUpsampling, x: Value) -> str:
    """Resize, nearest, by whole factors."""
    scales = site.constant([1.0, 1.0, *op.factors], "scales", np.float32)
    settings = {"coordinate_transformation_mode": "asymmetric", "mode": "nearest", "nearest_mode": "floor"}
    return site.add("Resize", x.name, "", scales, **settings)


def affine_grid(site: Site, op: AffineGrid, theta: Value) -> str:
    """The two coordinates side by side on axis 2: factors times stored rows and columns, plus the shift."""
    rows, columns = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in op.size)
    pairs = [
        site.add("Transpose", site.gather(theta.name, which, 1), perm=[0, 2, 1, 3])
        for which in ([0, 2], [1, 3], [4, 5])
    ]
    down = site.add("Mul", pairs[0], site.constant(rows[None, None, None, :], "rows"))
    across = site.add("Mul", pairs[1], site.constant(columns[None, :, None, None], "columns"))
    return site.add("Add", site.add("Add", down, across), pairs[2])


def bilinear_sampler(site: Site, _op: BilinearSampler, x: Value, grid: Value) -> str:
    """GridSample, for which the points become (..., height, width, (x, y)) and each image is repeated for its grids."""
    site.require(16, "GridSample")
    images = _repeated(site, x, grid)
    points = site.gather(site.add("Transpose", grid.name, perm=[0, 3, 1, 2]), [1, 0], 3)
    mode = "linear" if site.builder.opset >= 20 else "bilinear"
    return site.add("GridSample", images, points, mode=mode, padding_mode="zeros", align_corners=1)


def _repeated(site: Site, x: Value, grid: Value) -> str:
    batch, grids = x.shape[0], grid.shape[0]
    if batch is not None and grids is not None:
        return x.name if batch == grids else site.gather(x.name, np.arange(batch).repeat(grids // batch).tolist(), 0)
    if x.symbols[0] == grid.symbols[0] != UNNAMED:
        return x.name
    raise UnsupportedError("pins the batch: how often each image is repeated is stored")
