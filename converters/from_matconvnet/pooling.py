"""Pooling in windows, over the whole map, and in regions of interest."""

from converters.errors import ShapeError
from converters.from_matconvnet.fields import Pair
from converters.from_matconvnet.layer import LayerFunction, LayerReading, Made
from converters.ops import Dense, GlobalPooling, Pad, Pads, Permute, Pooling, RegionPooling, Reshape
from converters.ops.pooling import Method

METHODS: dict[str, Method] = {"max": "max", "avg": "average"}
NO_PADS: Pads = ((0, 0), (0, 0))


def pool(layer: LayerReading) -> list[Made]:
    """A SimpleNN's pooling, which must state its method and its window. Source: vl_nnpool."""
    if "method" not in layer.fields:
        layer.fields.refuse("method is missing, expected 'max' or 'avg'")
    return _pool(layer, layer.fields.pair("pool", None))


def pooling_block(layer: LayerReading) -> list[Made]:
    """A DagNN's pooling; by default the maximum of single pixels."""
    return _pool(layer, layer.fields.pair("poolSize"))


def _pool(layer: LayerReading, window: Pair) -> list[Made]:
    # An average divides by the pixels of the window that lie inside the image.
    fields = layer.fields
    method, stride, pads = _method(layer), fields.pair("stride"), fields.pads("pad")
    fields.refuse_options()
    if any(max(pair) >= size for pair, size in zip(pads, window, strict=True)):
        fields.refuse(f"pad {[*pads[0], *pads[1]]} must be smaller than the pooling window {list(window)}")
    fields.finish()
    return [Made(Pooling(window, stride, pads, False, method, "inside"), layer.inputs)]


def caffe_pooling(layer: LayerReading) -> list[Made]:
    """Pooling over an image padded with zeros, which count. Source: mcnExtraLayers, vl_nncaffepool."""
    fields = layer.fields
    method, window, stride, pads = _method(layer), fields.pair("poolSize"), fields.pair("stride"), fields.pads("pad")
    fields.refuse_options()
    fields.finish()
    inputs = layer.inputs
    if any(amount for pair in pads for amount in pair):
        inputs = (layer.node("padded", Pad(pads), inputs),)
    return [Made(Pooling(window, stride, NO_PADS, False, method, "inside"), inputs)]


def global_pooling(layer: LayerReading) -> list[Made]:
    """Maximum or mean of each channel. Source: mcnExtraLayers, vl_nnglobalpool."""
    method = _method(layer, "avg")
    layer.fields.finish()
    return [Made(GlobalPooling(method), layer.inputs)]


def _method(layer: LayerReading, default: str = "max") -> Method:
    name = layer.fields.text("method", default)
    if name.lower() not in METHODS:
        layer.fields.refuse(f"method is '{name}', expected 'max' or 'avg'")
    return METHODS.get(name.lower(), "max")


def region_pooling(layer: LayerReading) -> list[Made]:
    """Pooling of regions [image x1 y1 x2 y2], all counted from 1. Source: vl_nnroipool.

    `transform` maps the corners of the regions first; a number T means T * (x - 1) + 1.
    """
    fields = layer.fields
    method, flat = _method(layer), fields.flag("flatten", False)
    size = fields.whole("subdivisions", (6, 6), (1, 2), 1, "[rows columns]")
    transform = fields.numbers("transform", (1,), (1, 2, 6), "a scale, [x y] scales, or a 2 x 3 matrix")
    fields.finish()
    layer.expect_inputs(2)
    maps, regions = layer.inputs[0], _regions_in_rows(layer, layer.inputs[1])
    if set(transform) != {1.0} or len(transform) == 6:
        regions = _transformed(layer, regions, transform)
    made = Made(RegionPooling((size[0], size[-1]), 1.0, True, method), (maps, regions))
    if not flat:
        return [made]
    pooled = layer.node("pooled", made.op, made.inputs)
    turned = layer.node("permuted", Permute((0, 1, 3, 2)), (pooled,))
    return [Made(Reshape((-1, 1, 1), axis=1), (turned,))]


def _regions_in_rows(layer: LayerReading, regions: str) -> str:
    """Return the regions as (count, 5, 1, 1); a 5 x count matrix is an image of that size to us."""
    shape = layer.shape_of(regions)
    if shape[:3] == (1, 1, 5):
        return layer.node("regions", Permute((3, 2, 0, 1)), (regions,))
    if shape[1:] != (5, 1, 1):
        raise ShapeError(f"the regions have shape {list(shape)}, expected [count, 5, 1, 1] or [1, 1, 5, count]")
    return regions


def _transformed(layer: LayerReading, regions: str, transform: tuple[float, ...]) -> str:
    if len(transform) == 6:
        xx, yx, xy, yy, x1, y1 = transform  # a 2 x 3 matrix, column by column
    else:
        xx, yy = transform[0], transform[-1]
        yx, xy, x1, y1 = 0.0, 0.0, 1 - xx, 1 - yy
    corner = ((xx, xy), (yx, yy))
    weight = layer.constant(
        [[1, 0, 0, 0, 0], *([0] * at + list(row) + [0] * (4 - at - 1) for at in (1, 3) for row in corner)]
    )
    bias = layer.constant([0, x1, y1, x1, y1])
    return layer.node("transformed", Dense(5), (regions,), {"weight": weight, "bias": bias})


LAYERS: dict[str, LayerFunction] = {
    "pool": pool,
    "dagnn.Pooling": pooling_block,
    "dagnn.CaffePooling": caffe_pooling,
    "dagnn.GlobalPooling": global_pooling,
    "dagnn.ROIPooling": region_pooling,
}
