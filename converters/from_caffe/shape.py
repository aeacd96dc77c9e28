"""Layers that move values about: Concat, Slice, Reshape, Flatten, Permute, Crop, Tile, Filter and others."""

from itertools import pairwise

from converters.errors import ShapeError, UnsupportedError
from converters.from_caffe.layer import LayerFunction, LayerReading, Made
from converters.ops import (
    BatchReindex,
    BilinearResize,
    Concat,
    Crop,
    Filter,
    Flatten,
    Permute,
    Reshape,
    ShuffleChannels,
    Slice,
    Tile,
)
from converters.ops.base import positive_axis


def concat(layer: LayerReading) -> list[Made]:
    """Join along `axis`, or along the old `concat_dim`."""
    settings = layer.settings("concat_param")
    if settings.has("axis") and settings.has("concat_dim"):
        raise ShapeError("either axis or concat_dim may be given, not both")
    axis = settings.get("concat_dim") if settings.has("concat_dim") else settings.get("axis")
    layer.expect_bottoms(1, len(layer.bottoms) or 1)
    return [Made(Concat(axis), layer.bottoms)]


def slice_(layer: LayerReading) -> list[Made]:
    """Cut into one part per top, at the slice points or evenly."""
    settings = layer.settings("slice_param")
    if settings.has("axis") and settings.has("slice_dim"):
        raise ShapeError("either axis or slice_dim may be given, not both")
    axis = settings.get("slice_dim") if settings.has("slice_dim") else settings.get("axis")
    size = layer.shape_of(layer.bottom)[positive_axis(axis, len(layer.shape))]
    points = settings.all("slice_point")
    if points and len(points) != layer.tops - 1:
        raise ShapeError(f"{len(points)} slice points for {layer.tops} tops, expected {layer.tops - 1}")
    if not points and size % layer.tops:
        raise ShapeError(f"{layer.tops} tops do not divide axis {axis} of size {size} evenly; give slice points")
    edges = [0, *points, size] if points else [i * size // layer.tops for i in range(layer.tops + 1)]
    return [Made(Slice(axis, start, stop), layer.bottoms) for start, stop in pairwise(edges)]


def reshape(layer: LayerReading) -> list[Made]:
    """New dims for a range of axes."""
    settings = layer.settings("reshape_param")
    dims = tuple(settings.message("shape").all("dim"))
    return [Made(Reshape(dims, settings.get("axis"), settings.get("num_axes")), (layer.bottom,))]


def flatten(layer: LayerReading) -> list[Made]:
    """A range of axes becomes one."""
    settings = layer.settings("flatten_param")
    return [Made(Flatten(settings.get("axis"), settings.get("end_axis")), (layer.bottom,))]


def permute(layer: LayerReading) -> list[Made]:
    """New order of the axes; those left out follow in their old order. Source: SSD's Caffe, permute_layer.cpp."""
    given = layer.settings("permute_param").all("order")
    rest = [axis for axis in range(len(layer.shape_of(layer.bottom))) if axis not in given]
    return [Made(Permute((*given, *rest)), layer.bottoms)]


def crop(layer: LayerReading) -> list[Made]:
    """Cut the first bottom to the size of the second; one offset serves all axes."""
    settings = layer.settings("crop_param")
    layer.expect_bottoms(2)
    rank = len(layer.shape)
    axis, offsets = positive_axis(settings.get("axis"), rank), tuple(settings.all("offset"))
    if len(offsets) not in (0, 1, rank - axis):
        raise ShapeError(
            f"{len(offsets)} offsets for {rank - axis} axes from axis {axis} on; give one, or one per axis"
        )
    full = offsets if len(offsets) == rank - axis else (offsets[0] if offsets else 0,) * (rank - axis)
    return [Made(Crop(axis, full), layer.bottoms)]


def tile(layer: LayerReading) -> list[Made]:
    """Repeat along an axis."""
    settings = layer.settings("tile_param")
    return [Made(Tile(settings.get("axis"), settings.get("tiles") or 0), (layer.bottom,))]


def batch_reindex(layer: LayerReading) -> list[Made]:
    """Pick items of the batch by index."""
    layer.expect_bottoms(2)
    return [Made(BatchReindex(), layer.bottoms)]


def filter_(layer: LayerReading) -> list[Made]:
    """Keep the items that the last bottom selects, of each other bottom."""
    layer.expect_bottoms(2, len(layer.bottoms))
    *items, selector = layer.bottoms
    return [Made(Filter(), (value, selector)) for value in items]


def shuffle_channel(layer: LayerReading) -> list[Made]:
    """Mix the channels of groups."""
    return [Made(ShuffleChannels(layer.settings("shuffle_channel_param").get("group")), (layer.bottom,))]


def interp(layer: LayerReading) -> list[Made]:
    """Bilinear resizing with corners on corners: to a size, by factors, or to the size of a second bottom."""
    settings = layer.settings("interp_param")
    layer.expect_bottoms(1, 2)
    if settings.get("interp_type") != "bilinear":
        raise UnsupportedError(f"interp_type '{settings.get('interp_type')}' is not supported, only bilinear")
    zoom, shrink = settings.get("zoom_factor"), settings.get("shrink_factor")
    size = (settings.get("height"), settings.get("width"))
    if min(zoom, shrink) < 1:
        raise ShapeError(f"zoom_factor {zoom} and shrink_factor {shrink} must be positive")
    pads = ((settings.get("pad_beg"), settings.get("pad_end")),) * 2
    factors = settings.has("zoom_factor") or settings.has("shrink_factor")
    if len(layer.bottoms) == 2:
        return [Made(BilinearResize(layer.shape_of(layer.bottoms[1])[2:], pads=pads), layer.bottoms[:1])]
    if not factors and min(size) > 0:
        return [Made(BilinearResize(size, pads=pads), layer.bottoms)]
    if not factors:
        raise ShapeError("needs a zoom_factor, a shrink_factor, or both height and width")
    return [Made(BilinearResize(None, zoom, shrink, pads), layer.bottoms)]


LAYERS: dict[str, LayerFunction] = {
    "Concat": concat,
    "Slice": slice_,
    "Reshape": reshape,
    "Flatten": flatten,
    "Permute": permute,
    "Crop": crop,
    "Tile": tile,
    "BatchReindex": batch_reindex,
    "Filter": filter_,
    "ShuffleChannel": shuffle_channel,
    "Interp": interp,
}
