"""DagNN blocks of spatial transformers, and resizing."""

from math import floor

import numpy as np

from converters.errors import ShapeError, UnsupportedError
from converters.from_matconvnet.layer import LayerFunction, LayerReading, Made
from converters.ops import AffineGrid, Array, BilinearResize, BilinearSampler, Convolution


def affine_grid(layer: LayerReading) -> list[Made]:
    """Sampling points of an affine map of six numbers. Source: dagnn.AffineGridGenerator."""
    return [_grid(layer, np.eye(6))]


def uniform_grid(layer: LayerReading) -> list[Made]:
    """Sampling points of a map (s, ty, tx): y' = s*y + ty, x' = s*x + tx. Source: dagnn.UniformScalingGridGenerator."""
    # The six numbers of an affine map are s 0 0 s ty tx.
    return [_grid(layer, np.eye(3)[[0, 0, 0, 0, 1, 2]] * [[1], [0], [0], [1], [1], [1]])]


def _grid(layer: LayerReading, to_affine: Array) -> Made:
    """Return the grid of an affine map whose six numbers are `to_affine` times those of the input."""
    height, width = (layer.fields.whole(name, (0,), (1,), 1)[0] for name in ("Ho", "Wo"))
    layer.fields.finish()
    count = to_affine.shape[1]
    if layer.shape[1:] != (count, 1, 1):
        raise ShapeError(f"transformation has shape {list(layer.shape)}, expected [batch, {count}, 1, 1]")
    # MATLAB's linspace puts a single point at 1, AffineGrid in the middle.
    for size, factors in ((height, [0, 2]), (width, [1, 3])):
        if size == 1:
            to_affine[[4, 5]] += to_affine[factors]
    inputs = layer.inputs
    if not np.array_equal(to_affine, np.eye(6)):
        op = Convolution(6, (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), bias=False)
        inputs = (layer.node("affine", op, inputs, {"weight": layer.constant(to_affine).reshape(6, count, 1, 1)}),)
    return Made(AffineGrid((height, width)), inputs)


def bilinear_sampler(layer: LayerReading) -> list[Made]:
    """Read maps at the points of a grid. Source: vl_nnbilinearsampler."""
    layer.expect_inputs(2)
    return [Made(BilinearSampler(), layer.inputs)]


def interp(layer: LayerReading) -> list[Made]:
    """Bilinear resizing by integer factors, corners on corners. Source: mcnExtraLayers, vl_nninterp.

    Its paddings only add to the size that is counted from; nothing is padded.
    """
    fields = layer.fields
    zoom, shrink = (fields.whole(name, (1,), (1,), 1)[0] for name in ("zoomFactor", "shrinkFactor"))
    added = sum(fields.whole(name, (0,), (1,), -(2**31))[0] for name in ("padBeg", "padEnd"))
    fields.finish()
    if shrink == 1 and not added:
        return [Made(BilinearResize(zoom=zoom), layer.inputs)]
    # MATLAB rounds halves up.
    sizes = [floor((n + added - 1) / shrink + 0.5) + 1 for n in layer.shape[2:]]
    sizes = [n + (n - 1) * (zoom - 1) for n in sizes]
    if any(n < 1 or (n == 1 and m > 1) for n, m in zip(sizes, layer.shape[2:], strict=True)):
        raise UnsupportedError(f"resizes {list(layer.shape[2:])} to {sizes}, where corners have no place")
    return [Made(BilinearResize((sizes[0], sizes[1])), layer.inputs)]


LAYERS: dict[str, LayerFunction] = {
    "dagnn.AffineGridGenerator": affine_grid,
    "dagnn.UniformScalingGridGenerator": uniform_grid,
    "dagnn.BilinearSampler": bilinear_sampler,
    "dagnn.Interp": interp,
}
