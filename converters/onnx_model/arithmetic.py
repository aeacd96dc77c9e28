"""Sums, products, scales, reductions, largest values and preprocessing in ONNX."""

from math import prod

from converters.onnx_model.activation import scaled
from converters.onnx_model.building import Site, Value
from converters.ops import (
    ArgMax,
    Bias,
    BiasBy,
    Constant,
    Maximum,
    Preprocess,
    Product,
    Reduction,
    Scale,
    ScaleBy,
    Sum,
)

REDUCTIONS = {"sum": "ReduceSum", "mean": "ReduceMean", "sum_absolute": "ReduceL1", "sum_squares": "ReduceSumSquare"}


def total(site: Site, op: Sum, *inputs: Value) -> str:
    """Add for two inputs, Sum for more; coefficients first."""
    coefficients = op.coefficients or (1.0,) * len(inputs)
    terms = [scaled(site, x.name, c) for x, c in zip(inputs, coefficients, strict=True)]
    if len(terms) == 1:
        return terms[0]
    return site.add("Add" if len(terms) == 2 else "Sum", *terms)


def product(site: Site, _op: Product, *inputs: Value) -> str:
    """Mul, input by input."""
    result = inputs[0].name
    for x in inputs[1:]:
        result = site.add("Mul", result, x.name)
    return result


def maximum(site: Site, _op: Maximum, *inputs: Value) -> str:
    """Max."""
    return site.add("Max", *(x.name for x in inputs)) if len(inputs) > 1 else inputs[0].name


def scale(site: Site, op: Scale, x: Value) -> str:
    """Mul, and Add where there is a bias."""
    y = site.add("Mul", x.name, _aligned_param(site, op, x, "scale"))
    return site.add("Add", y, _aligned_param(site, op, x, "bias")) if op.bias else y


def bias(site: Site, op: Bias, x: Value) -> str:
    """Add."""
    return site.add("Add", x.name, _aligned_param(site, op, x, "bias"))


def _aligned_param(site: Site, op: Scale | Bias, x: Value, name: str) -> str:
    shape = site.node.params[name].shape
    behind = x.rank - op.axis % x.rank - len(shape) if shape else 0
    return site.param(name, (*shape, *(1,) * behind))


def scale_by(site: Site, op: ScaleBy, x: Value, other: Value) -> str:
    """Mul by the second input, with axes of size 1 behind it."""
    return site.add("Mul", x.name, _aligned(site, op, x, other))


def bias_by(site: Site, op: BiasBy, x: Value, other: Value) -> str:
    """Add the second input, with axes of size 1 behind it."""
    return site.add("Add", x.name, _aligned(site, op, x, other))


def _aligned(site: Site, op: ScaleBy | BiasBy, x: Value, other: Value) -> str:
    if not other.rank:
        return other.name
    return site.unsqueeze(other.name, *range(other.rank, x.rank - op.axis % x.rank))


def reduction(site: Site, op: Reduction, x: Value) -> str:
    """One of ONNX's reductions, times the coefficient."""
    axes = range(op.axis % x.rank, x.rank) if x.rank else ()
    return scaled(site, site.reduce(REDUCTIONS[op.operation], x.name, axes, keepdims=False), op.coefficient)


def arg_max(site: Site, op: ArgMax, x: Value) -> str:
    """ArgMax, ReduceMax or TopK; on equal values the highest index comes first, so TopK gets its input backwards."""
    if op.axis is not None:
        indices, values = _top(site, op, x, op.axis % x.rank)
        return values if op.output == "values" else indices
    candidates = [size for size in x.shape[1:] if size is not None]
    count = prod(candidates) if len(candidates) == x.rank - 1 else None
    rows = Value(site.add("Flatten", x.name, axis=1), (x.shape[0], count))
    chosen = [part for part in _top(site, op, rows, 1) if part]
    stacked = [site.unsqueeze(part, 1, *range(3, x.rank)) for part in chosen]
    return stacked[0] if len(stacked) == 1 else site.add("Concat", *stacked, axis=1)


def _top(site: Site, op: ArgMax, x: Value, axis: int) -> tuple[str, str]:
    """Return the indices, as numbers, and the values; "" for what is not wanted."""
    with_indices, with_values = op.output != "values", op.output != "indices"
    if op.top_k == 1:
        values = site.reduce("ReduceMax", x.name, [axis]) if with_values else ""
        found = site.add("ArgMax", x.name, axis=axis, keepdims=1, select_last_index=1) if with_indices else ""
        return site.cast(found, site.dtype) if found else "", values
    backwards = site.slice(x.name, axis, -1, step=-1)
    values, found = site.add_many("TopK", backwards, site.ints([op.top_k], "k"), outputs=2, axis=axis)
    if not with_indices:
        return "", values
    last = site.count("Sub", site.size(x, axis), 1)
    indices = site.cast(site.add("Sub", site.scalar_of(last), found), site.dtype)
    return indices, values if with_values else ""


def constant(site: Site, _op: Constant) -> str:
    """The stored array."""
    return site.param("value")


def preprocess(site: Site, op: Preprocess, x: Value) -> str:
    """Cast, channels backwards where wanted, Sub and Mul."""
    ordered = site.slice(x.name, 1, -1, step=-1) if op.reverse_channels else x.name
    number = ordered if x.dtype == site.dtype else site.cast(ordered, site.dtype)
    mean, factor = (site.node.params[name].shape for name in ("mean", "scale"))
    centred = site.add("Sub", number, site.param("mean", mean if op.mean_image else (*mean, 1, 1)))
    return site.add("Mul", centred, site.param("scale", (*factor, 1, 1)))
