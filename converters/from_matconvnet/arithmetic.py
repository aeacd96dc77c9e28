"""DagNN blocks that combine values: sums, products, maxima. MATLAB repeats an axis of size 1 to meet a longer one."""

import numpy as np

from converters.errors import ShapeError
from converters.from_matconvnet.layer import LayerFunction, LayerReading, Made
from converters.ops import Array, Bias, BiasBy, Constant, Maximum, Op, Scale, ScaleBy, Shape, Sum


def total(layer: LayerReading) -> list[Made]:
    """The sum of any number of inputs. Source: dagnn.Sum."""
    if not layer.inputs:
        raise ShapeError("has no inputs")
    return [_sum(layer, layer.inputs)]


def maximum(layer: LayerReading) -> list[Made]:
    """The largest of two inputs or more. Source: mcnExtraLayers, vl_nnmax."""
    if len(layer.inputs) < 2:
        raise ShapeError(f"has {len(layer.inputs)} inputs, expected two or more")
    return [Made(Maximum(), layer.inputs)]


def axpy(layer: LayerReading) -> list[Made]:
    """a .* x + y, inputs in this order; a holds one number per channel. Source: mcnExtraLayers, vl_nnaxpy."""
    layer.expect_inputs(3)
    weight, x, y = layer.inputs
    made = _broadcast(layer, ScaleBy, x, weight)
    return [_sum(layer, (layer.node("scaled", made.op, made.inputs), y))]


def scale(layer: LayerReading) -> list[Made]:
    """a1 .* a2, then + a3 if hasBias; inputs come first among the three, parameters after them. Source: dagnn.Scale."""
    bias = layer.fields.flag("hasBias", True)
    layer.fields.finish()
    wanted = 3 if bias else 2
    if not layer.inputs or not wanted <= len(layer.inputs) + len(layer.learned):
        raise ShapeError(
            f"has {len(layer.inputs)} inputs and {len(layer.learned)} parameters, expected {wanted} in all "
            f"with hasBias {str(bias).lower()}"
        )
    factors = [_factor(layer, index) for index in range(1, wanted)]
    shape = layer.shape_of(layer.inputs[0])
    if bias and all(isinstance(f, np.ndarray) and _per_channel(f, shape) for f in factors):
        params = dict(
            zip(("scale", "bias"), (f.reshape(-1) for f in factors if isinstance(f, np.ndarray)), strict=True)
        )
        return [Made(Scale(bias=True), layer.inputs[:1], params)]
    made = _with(layer, layer.inputs[0], factors[0], "scale")
    if bias:
        made = _with(layer, layer.node("scaled", made.op, made.inputs, made.params), factors[1], "bias")
    return [made]


def _factor(layer: LayerReading, index: int) -> str | Array:
    """Return argument `index` of a Scale: a value's name, or a parameter (batch, channels, height, width)."""
    if index < len(layer.inputs):
        return layer.inputs[index]
    array = layer.array(index - len(layer.inputs), "parameters")
    if array is None:
        raise ShapeError(f"parameter {index - len(layer.inputs) + 1} is empty")
    return layer.turned(array, "map", lambda a: layer.four_axes(a, "parameters").transpose(3, 2, 0, 1))


def _per_channel(factor: Array, shape: Shape) -> bool:
    return factor.shape == (1, shape[1], 1, 1)


def _with(layer: LayerReading, x: str, factor: str | Array, name: str) -> Made:
    """Return x * factor ("scale") or x + factor ("bias")."""
    by: type[ScaleBy | BiasBy] = ScaleBy if name == "scale" else BiasBy
    if isinstance(factor, str):
        return _broadcast(layer, by, x, factor)
    shape = layer.shape_of(x)
    axes = [axis for axis, size in enumerate(factor.shape) if size > 1] or ([1] if shape[1] == 1 else [])
    first, last = (axes[0], axes[-1] + 1) if axes else (0, 0)
    if factor.shape[first:last] == shape[first:last] and 0 not in axes:
        op: Op = Scale(first, last - first) if name == "scale" else Bias(first, last - first)
        return Made(op, (x,), {name: factor.reshape(factor.shape[first:last])})
    stored = layer.node(name, Constant(factor.shape), (), {"value": np.ascontiguousarray(factor)})
    return _broadcast(layer, by, x, stored)


def _broadcast(layer: LayerReading, by: type[ScaleBy | BiasBy], x: str, other: str) -> Made:
    """Return an op on both; the one that the other fits into comes first."""
    shapes = layer.shape_of(x), layer.shape_of(other)
    for pair, (large, small) in (((x, other), shapes), ((other, x), shapes[::-1])):
        if _fits(small, large):
            return Made(by(0), pair)
    raise ShapeError(
        f"shapes {list(shapes[0])} and {list(shapes[1])} do not fit together: neither is the other with axes of size 1"
    )


def _fits(small: Shape, large: Shape) -> bool:
    return len(small) == len(large) and all(s in (n, 1) for s, n in zip(small, large, strict=True))


def _sum(layer: LayerReading, inputs: tuple[str, ...]) -> Made:
    shapes = {layer.shape_of(value) for value in inputs}
    if len(shapes) == 1:
        return Made(Sum(), inputs)
    made = _broadcast(layer, BiasBy, inputs[0], inputs[1])
    for value in inputs[2:]:
        made = _broadcast(layer, BiasBy, layer.node("sum", made.op, made.inputs), value)
    return made


LAYERS: dict[str, LayerFunction] = {
    "dagnn.Sum": total,
    "dagnn.Max": maximum,
    "dagnn.Axpy": axpy,
    "dagnn.Scale": scale,
}
