"""Ops that combine values: sums, products, scales and biases, reductions, constants, input preprocessing."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from converters.keras_model.assembly import Builder, Site
from converters.keras_model.layout import (
    FORMAT,
    Tensor,
    lined_up,
    stored,
    stored_axis,
    stored_shape,
    to_first,
    to_stored,
)
from converters.keras_model.library import layers, ops, plus
from converters.keras_model.shape import reordered
from converters.ops import (
    ArgMax,
    Array,
    Bias,
    BiasBy,
    Constant,
    Maximum,
    Op,
    Preprocess,
    PriorBox,
    Product,
    Reduction,
    Scale,
    ScaleBy,
    Sum,
)
from converters.ops.base import positive_axis, size_of


def _sum(site: Site, op: Sum) -> Tensor:
    if not op.coefficients:
        return _merged(layers.Add, ops.add)(site, op)
    terms = [x if c == 1 else ops.multiply(x, c) for x, c in zip(site.xs, op.coefficients, strict=True)]
    return reduce(ops.add, terms)


def _merged(layer: Callable[[], Any], operation: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Site, Op], Tensor]:
    def build(site: Site, _op: Op) -> Tensor:
        # The layers want a batch axis, and two inputs.
        return layer()(site.xs) if site.rank and len(site.xs) > 1 else reduce(operation, site.xs)

    return build


def _scale(site: Site, op: Scale) -> Tensor:
    return _scaled(site, op, site.node.params["scale"], site.node.params.get("bias"))


def _bias(site: Site, op: Bias) -> Tensor:
    bias = site.node.params["bias"]
    return _scaled(site, op, np.ones_like(bias), bias)


def _scaled(site: Site, op: Scale | Bias, scale: Array, bias: Array | None) -> Tensor:
    if scale.ndim == 0:
        return layers.Rescaling(float(scale), 0.0 if bias is None else float(bias))(site.x)
    axis = positive_axis(op.axis, site.rank)
    if site.rank == 4 and axis == scale.ndim == 1:
        layer = layers.DepthwiseConv2D(1, use_bias=bias is not None, data_format=FORMAT)
        return site.learned(layer, site.x, scale[:, None], *(() if bias is None else (bias,)))
    return _scaled_along(site, axis, scale, bias)


def _scaled_along(site: Site, axis: int, scale: Array, bias: Array | None) -> Tensor:
    ours = "abcdefghijklmnopqrstuvwxyz"[: site.rank]
    letters = {stored_axis(i, site.rank): letter for i, letter in enumerate(ours)}
    whole = "".join(letters[i] for i in range(site.rank))
    # Where the axes of the param stand in another order in Keras, so does the kernel.
    covered = sorted(range(axis, axis + scale.ndim), key=lambda i: stored_axis(i, site.rank))
    turn = [i - axis for i in covered]
    part = "".join(ours[i] for i in covered)
    # The layer's own bias goes through `ops.add`, which errs for any but the last axis: see `plus`.
    own_bias = bias is not None and [stored_axis(i, site.rank) for i in covered] == [site.rank - 1]
    layer = layers.EinsumDense(
        f"{whole},{part}->{whole}", stored_shape(site.shape)[1:], bias_axes=part if own_bias else None
    )
    kernel = scale.transpose(turn)
    if bias is None or own_bias:
        return site.learned(layer, site.x, kernel, *(() if bias is None else (bias,)))
    return plus(
        site.learned(layer, site.x, kernel), site.cast(site.constant(lined_up(bias, axis, site.rank), trainable=True))
    )


def _aligned(combine: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Site, Any], Tensor]:
    def build(site: Site, op: ScaleBy | BiasBy) -> Tensor:
        x, other = site.xs
        shape = site.shapes[1]
        axis = positive_axis(op.axis, site.rank) if shape else site.rank
        target = (*(1,) * axis, *shape, *(1,) * (site.rank - axis - len(shape)))
        return combine(x, reordered(site, other, shape, target))

    return build


def _reduction(site: Site, op: Reduction) -> Tensor:
    axis = positive_axis(op.axis, site.rank)
    # With two axes or fewer left their order is the same in Keras.
    x = site.wide if axis <= 2 else to_first(site.wide)
    axes = tuple(stored_axis(i, site.rank) if axis <= 2 else i for i in range(axis, site.rank))
    x = {"sum_absolute": ops.absolute, "sum_squares": ops.square}.get(op.operation, lambda values: values)(x)
    y = ops.mean(x, axes) if op.operation == "mean" else ops.sum(x, axes)
    return to_stored(y if op.coefficient == 1 else ops.multiply(y, op.coefficient))


def _arg_max(site: Site, op: ArgMax) -> Tensor:
    x = to_first(site.x)
    if op.axis is None:
        count = size_of(site.fixed(site.shape[1:]))
        indices, values = _largest(ops.reshape(x, (-1, count)), count, op.top_k)
        chosen = {"indices": [indices], "values": [values], "both": [indices, site.cast(values, "float32")]}[op.output]
        joined = chosen[0] if len(chosen) == 1 else ops.stack(chosen, axis=1)
        return reordered(site, joined, (*site.out[:1], len(chosen), op.top_k)[: len(joined.shape)], site.out)
    axis = positive_axis(op.axis, site.rank)
    count = site.fixed(site.shape[axis : axis + 1])[0]
    indices, values = _largest(ops.moveaxis(x, axis, -1), count, op.top_k)
    return to_stored(ops.moveaxis(values if op.output == "values" else indices, -1, axis))


def _largest(rows: Tensor, count: int, top_k: int) -> tuple[Tensor, Tensor]:
    """Return indices (float32) and values of the largest in the last axis, of equal ones the last first."""
    # Not by ops.argmax, nor by ops.top_k: what they make of equal values, or of 0 and -0, differs between backends.
    if top_k == 1:
        values = ops.max(rows, axis=-1, keepdims=True)
        places = np.arange(count, dtype=np.float32)
        return ops.max(ops.where(ops.equal(rows, values), places, -1.0), axis=-1, keepdims=True), values
    order = ops.argsort(ops.negative(ops.flip(rows, axis=-1)), axis=-1)[..., :top_k]
    places = ops.subtract(count - 1, ops.cast(order, "int32"))
    return ops.cast(places, "float32"), ops.take_along_axis(rows, places, axis=-1)


def _constant(site: Site, _op: Constant) -> Tensor:
    return site.constant(stored(site.node.params["value"]), trainable=True)


def _prior_box(site: Site, op: PriorBox) -> Tensor:
    shapes = [site.fixed((1, *shape[1:])) for shape in site.shapes]
    return site.constant(op.boxes(*shapes).astype(np.float32))


def _preprocess(site: Site, op: Preprocess) -> Tensor:
    mean, scale = site.node.params["mean"], site.node.params["scale"]
    x = ops.flip(site.wide, axis=-1) if op.reverse_channels else site.wide
    shift = site.constant(lined_up(mean, 1, 4)) if op.mean_image else mean.astype(np.float32)
    return ops.multiply(ops.subtract(x, shift), scale.astype(np.float32))


ARITHMETIC: dict[type[Op], Builder] = {
    ArgMax: _arg_max,
    Bias: _bias,
    BiasBy: _aligned(plus),
    Constant: _constant,
    Maximum: _merged(layers.Maximum, ops.maximum),
    Preprocess: _preprocess,
    PriorBox: _prior_box,
    Product: _merged(layers.Multiply, ops.multiply),
    Reduction: _reduction,
    Scale: _scale,
    ScaleBy: _aligned(ops.multiply),
    Sum: _sum,
}
