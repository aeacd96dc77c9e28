"""Eltwise, Scale, Bias, Axpy, Reduction, ArgMax, and layers that hold constants."""

from typing import Literal

import numpy as np

from converters.errors import ShapeError, UnsupportedError
from converters.from_caffe.layer import LayerFunction, LayerReading, Made
from converters.from_caffe.learned import RANDOM_FILLERS
from converters.ops import ArgMax, Bias, BiasBy, Constant, Maximum, Product, Reduction, Scale, ScaleBy, Shape, Sum
from converters.ops.arithmetic import axes_from


def eltwise(layer: LayerReading) -> list[Made]:
    """Weighted sum, product or maximum of equal shapes."""
    settings = layer.settings("eltwise_param")
    operation, coefficients = settings.get("operation"), tuple(settings.all("coeff"))
    if len(layer.bottoms) < 2:
        raise ShapeError(f"has {len(layer.bottoms)} bottoms, but Eltwise needs at least 2")
    if coefficients and operation == "PROD":
        raise ShapeError("coeff is for operation: SUM only")
    if coefficients and len(coefficients) != len(layer.bottoms):
        raise ShapeError(f"{len(coefficients)} coeff for {len(layer.bottoms)} bottoms")
    plain = {"SUM": Sum(), "PROD": Product(), "MAX": Maximum()}[operation]
    plain.output_shape(*(layer.shape_of(value) for value in layer.bottoms))
    if operation == "PROD" or not layer.inplace:
        return [Made(Sum(coefficients) if coefficients and operation == "SUM" else plain, layer.bottoms)]
    # Caffe clears the top before it adds or compares, and with it the first bottom, which is the same memory.
    # The bottom stays in the graph with a factor of 0, so that the network keeps its inputs.
    first, *kept = layer.bottoms
    if operation == "SUM":
        return [Made(Sum((0.0, *(coefficients[1:] or (1.0,) * len(kept)))), layer.bottoms)]
    largest = layer.node("largest", Maximum(), tuple(kept))
    return [Made(Sum((1.0, 0.0)), (largest, first))]


def scale(layer: LayerReading) -> list[Made]:
    """Times a learned array or a second bottom, then maybe plus a learned array."""
    settings = layer.settings("scale_param")
    axis, biased = settings.get("axis"), settings.get("bias_term")
    layer.expect_bottoms(1, 2)
    fillers = {"scale": settings.message("filler"), "bias": settings.message("bias_filler")}
    if len(layer.bottoms) == 1:
        op = Scale(axis, settings.get("num_axes"), biased)
        op.output_shape(layer.shape)
        if not settings.has("filler"):
            # Without a filler Caffe's Scale starts at 1 (scale_layer.cpp), unlike all other layers.
            fillers["scale"].add("value", 1.0, fillers["scale"].line)
        return [Made(op, layer.bottoms, layer.learned(op, layer.bottoms, fillers))]
    by = ScaleBy(axis)
    by.output_shape(*(_equal_axes(layer, axis)))
    if not biased:
        return [Made(by, layer.bottoms)]
    scaled = layer.node("scaled", by, layer.bottoms)
    bias = Bias(axis, len(layer.shape_of(layer.bottoms[1])))
    return [Made(bias, (scaled,), layer.learned(bias, (scaled,), fillers))]


def _equal_axes(layer: LayerReading, axis: int) -> tuple[Shape, Shape]:
    x, other = (layer.shape_of(value) for value in layer.bottoms)
    if other and axes_from(x, axis, len(other)) != other:
        raise ShapeError(f"second bottom {list(other)} does not equal the axes of {list(x)} from axis {axis} on")
    return x, other


def bias(layer: LayerReading) -> list[Made]:
    """Plus a learned array or a second bottom."""
    settings = layer.settings("bias_param")
    axis = settings.get("axis")
    layer.expect_bottoms(1, 2)
    if len(layer.bottoms) == 2:
        _equal_axes(layer, axis)
        return [Made(BiasBy(axis), layer.bottoms)]
    op = Bias(axis, settings.get("num_axes"))
    op.output_shape(layer.shape)
    return [Made(op, layer.bottoms, layer.learned(op, layer.bottoms, {"bias": settings.message("filler")}))]


def axpy(layer: LayerReading) -> list[Made]:
    """a * x + y with one factor per image and channel, bottoms in the order a, x, y.

    Source: SENet's Caffe, axpy_layer.cpp.
    """
    layer.expect_bottoms(3)
    factor, x, y = layer.bottoms
    if layer.shape_of(factor)[:2] != layer.shape_of(x)[:2]:
        raise ShapeError(
            f"factors {list(layer.shape_of(factor))} are not one per image and channel of {list(layer.shape_of(x))}"
        )
    scaled = layer.node("scaled", ScaleBy(0), (x, factor))
    return [Made(Sum(), (scaled, y))]


REDUCTIONS: dict[str, Literal["sum", "mean", "sum_absolute", "sum_squares"]] = {
    "SUM": "sum",
    "MEAN": "mean",
    "ASUM": "sum_absolute",
    "SUMSQ": "sum_squares",
}


def reduction(layer: LayerReading) -> list[Made]:
    """Fold all axes from `axis` on."""
    settings = layer.settings("reduction_param")
    return [
        Made(
            Reduction(REDUCTIONS[settings.get("operation")], settings.get("axis"), settings.get("coeff")),
            (layer.bottom,),
        )
    ]


def argmax(layer: LayerReading) -> list[Made]:
    """Indices, values, or both where no axis is given."""
    settings = layer.settings("argmax_param")
    values = settings.get("out_max_val")
    axis = settings.get("axis") if settings.has("axis") else None
    output: Literal["indices", "values", "both"] = "indices" if not values else "both" if axis is None else "values"
    return [Made(ArgMax(axis, settings.get("top_k"), output), (layer.bottom,))]


def parameter(layer: LayerReading) -> list[Made]:
    """A learned array as a top."""
    shape = dims(layer.settings("parameter_param").message("shape").all("dim"))
    return [Made(Constant(shape), (), {"value": layer.blob(0, shape, None)})]


def dummy_data(layer: LayerReading) -> list[Made]:
    """Tops filled with a constant; random ones mean nothing at inference."""
    settings = layer.settings("dummy_data_param")
    shapes = [dims(shape.all("dim")) for shape in settings.all("shape")]
    if not shapes:
        shapes = [
            dims(four)
            for four in zip(*(settings.all(name) for name in ("num", "channels", "height", "width")), strict=False)
        ]
    fillers = settings.all("data_filler")
    for what, given in (("shape", shapes), ("data_filler", fillers)):
        if len(given) not in ({0, 1, layer.tops} if what == "data_filler" else {1, layer.tops}):
            raise ShapeError(f"{len(given)} times {what} for {layer.tops} tops")
    made = []
    for top in range(layer.tops):
        filler = fillers[top if len(fillers) > 1 else 0] if fillers else None
        if filler is not None and filler.get("type") != "constant":
            what = "random" if filler.get("type") in RANDOM_FILLERS else "unknown"
            raise UnsupportedError(
                f"data_filler '{filler.get('type')}' is {what}; only constants mean something at inference"
            )
        shape = shapes[top if len(shapes) > 1 else 0]
        value = np.full(shape, filler.get("value") if filler is not None else 0, np.float32)
        made.append(Made(Constant(shape), (), {"value": value}))
    return made


def dims(values: list[int] | tuple[int, ...]) -> Shape:
    """Return a BlobShape's dims as a shape; ShapeError unless all are positive."""
    if any(value < 1 for value in values):
        raise ShapeError(f"shape {list(values)} must hold positive numbers only")
    return tuple(values)


LAYERS: dict[str, LayerFunction] = {
    "Eltwise": eltwise,
    "Scale": scale,
    "Bias": bias,
    "Axpy": axpy,
    "Reduction": reduction,
    "ArgMax": argmax,
    "Parameter": parameter,
    "DummyData": dummy_data,
}
