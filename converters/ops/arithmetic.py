"""Ops that combine values: sums, products, scales and biases, reductions, constants, input preprocessing."""

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar, Literal

import numpy as np

from converters.errors import ShapeError
from converters.ops.base import Array, Op, Shape, along_axis, check_rank, positive_axis, size_of


@dataclass(frozen=True)
class _SameShapes(Op):
    """An op of one or more inputs of one shape."""

    inputs_wanted: ClassVar[int | None] = None

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(set(inputs)) > 1:
            raise ShapeError(f"inputs have shapes {', '.join(str(list(s)) for s in inputs)}, but all must be equal")
        return inputs[0]


@dataclass(frozen=True)
class Sum(_SameShapes):
    """y = sum of coefficient * input; an empty `coefficients` means all ones."""

    coefficients: tuple[float, ...] = ()

    def output_shape(self, *inputs: Shape) -> Shape:
        if self.coefficients and len(self.coefficients) != len(inputs):
            raise ShapeError(f"{len(self.coefficients)} coefficients for {len(inputs)} inputs")
        return super().output_shape(*inputs)

    def compute(self, *arrays: Array) -> Array:
        dtype = arrays[0].dtype
        terms = (
            (x * dtype.type(c) for x, c in zip(arrays, self.coefficients, strict=True)) if self.coefficients else arrays
        )
        return np.asarray(reduce(np.add, terms))


@dataclass(frozen=True)
class Product(_SameShapes):
    """y = product of all inputs."""

    def compute(self, *arrays: Array) -> Array:
        return np.asarray(reduce(np.multiply, arrays))


@dataclass(frozen=True)
class Maximum(_SameShapes):
    """y = largest of all inputs."""

    def compute(self, *arrays: Array) -> Array:
        return np.asarray(reduce(np.maximum, arrays))


def axes_from(x: Shape, axis: int, num_axes: int) -> Shape:
    """Return the sizes of `num_axes` axes of `x` from `axis` on (-1: all the rest)."""
    start = positive_axis(axis, len(x)) if num_axes else 0
    stop = len(x) if num_axes == -1 else start + num_axes
    if stop > len(x):
        raise ShapeError(f"{num_axes} axes from axis {axis} on do not exist in {list(x)}")
    return x[start:stop]


@dataclass(frozen=True)
class Scale(Op):
    """y = x * scale (+ bias); the params cover `num_axes` axes from `axis` on (-1: the rest, 0: a single value) and
    repeat along the others.

    Source: BVLC Caffe, scale_layer.cpp with one bottom.
    """

    axis: int = 1
    num_axes: int = 1
    bias: bool = False

    def output_shape(self, x: Shape) -> Shape:
        axes_from(x, self.axis, self.num_axes)
        return x

    def param_shapes(self, x: Shape) -> dict[str, Shape]:
        return dict.fromkeys(("scale", "bias") if self.bias else ("scale",), axes_from(x, self.axis, self.num_axes))

    def compute(self, x: Array, *, scale: Array, bias: Array | None = None) -> Array:
        axis = positive_axis(self.axis, x.ndim) if self.num_axes else x.ndim
        y: Array = x * along_axis(scale, axis, x.ndim)
        return y if bias is None else y + along_axis(bias, axis, x.ndim)


@dataclass(frozen=True)
class Bias(Op):
    """y = x + bias, the param laid out as in Scale. Source: BVLC Caffe, bias_layer.cpp with one bottom."""

    axis: int = 1
    num_axes: int = 1

    def output_shape(self, x: Shape) -> Shape:
        axes_from(x, self.axis, self.num_axes)
        return x

    def param_shapes(self, x: Shape) -> dict[str, Shape]:
        return {"bias": axes_from(x, self.axis, self.num_axes)}

    def compute(self, x: Array, *, bias: Array) -> Array:
        axis = positive_axis(self.axis, x.ndim) if self.num_axes else x.ndim
        return np.asarray(x + along_axis(bias, axis, x.ndim))


@dataclass(frozen=True)
class _Aligned(Op):
    """An op of x and a second input whose axes line up with those of x from `axis` on;

    sizes are equal, or 1 in the second input.
    """

    axis: int = 0
    inputs_wanted: ClassVar[int | None] = 2

    def output_shape(self, x: Shape, other: Shape) -> Shape:
        axis = positive_axis(self.axis, len(x)) if other else 0
        facing = x[axis : axis + len(other)]
        if len(facing) != len(other) or any(o not in (n, 1) for n, o in zip(facing, other, strict=True)):
            raise ShapeError(f"second input {list(other)} does not line up with {list(x)} from axis {self.axis} on")
        return x

    def aligned_shape(self, x: Shape, other: Shape) -> Shape:
        """Return the shape that makes the second input broadcast against the first."""
        axis = positive_axis(self.axis, len(x)) if other else len(x)
        return (*(1,) * axis, *other, *(1,) * (len(x) - axis - len(other)))


@dataclass(frozen=True)
class ScaleBy(_Aligned):
    """y = x * other. Source: BVLC Caffe, scale_layer.cpp with two bottoms."""

    def compute(self, x: Array, other: Array) -> Array:
        return np.asarray(x * other.reshape(self.aligned_shape(x.shape, other.shape)))


@dataclass(frozen=True)
class BiasBy(_Aligned):
    """y = x + other. Source: BVLC Caffe, bias_layer.cpp with two bottoms."""

    def compute(self, x: Array, other: Array) -> Array:
        return np.asarray(x + other.reshape(self.aligned_shape(x.shape, other.shape)))


@dataclass(frozen=True)
class Reduction(Op):
    """y = coefficient * reduction over all axes from `axis` on; axis 0 gives a single value of shape ().

    Operations: "sum", "mean", "sum_absolute", "sum_squares". Source: BVLC Caffe, reduction_layer.cpp.
    """

    operation: Literal["sum", "mean", "sum_absolute", "sum_squares"] = "sum"
    axis: int = 0
    coefficient: float = 1.0

    def output_shape(self, x: Shape) -> Shape:
        return x[: positive_axis(self.axis, len(x))]

    def compute(self, x: Array) -> Array:
        axes = tuple(range(positive_axis(self.axis, x.ndim), x.ndim))
        before = {"sum_absolute": np.abs, "sum_squares": np.square}.get(self.operation, np.asarray)(x)
        y = before.mean(axes) if self.operation == "mean" else before.sum(axes)
        return np.asarray(y * x.dtype.type(self.coefficient), x.dtype)


@dataclass(frozen=True)
class ArgMax(Op):
    """The `top_k` largest values or their indices as floats, largest first; of equal values the highest index comes
    first.

    With an `axis`: along it, `output` "indices" or "values". With axis None: over all axes but the batch, output
    shape (batch, rows, top_k, 1 ...) of at least three axes, rows 1, or 2 for `output="both"` (indices, then values).
    Source: BVLC Caffe, argmax_layer.cpp.
    """

    axis: int | None = None
    top_k: int = 1
    output: Literal["indices", "values", "both"] = "indices"

    def output_shape(self, x: Shape) -> Shape:
        candidates = size_of(x[1:]) if self.axis is None else x[positive_axis(self.axis, len(x))]
        if not 1 <= self.top_k <= candidates:
            raise ShapeError(f"top_k is {self.top_k}, but there are {candidates} values to choose from")
        if self.axis is None:
            return (x[0], 2 if self.output == "both" else 1, self.top_k, *(1,) * (len(x) - 3))
        axis = positive_axis(self.axis, len(x))
        return (*x[:axis], self.top_k, *x[axis + 1 :])

    def compute(self, x: Array) -> Array:
        rows = x.reshape(x.shape[0], size_of(x.shape[1:])) if self.axis is None else np.moveaxis(x, self.axis, -1)
        # Backwards, a stable ascending sort puts the highest index first among equals.
        order = rows.shape[-1] - 1 - np.argsort(-rows[..., ::-1], axis=-1, kind="stable")[..., : self.top_k]
        values = np.take_along_axis(rows, order, -1)
        indices = order.astype(x.dtype)
        if self.axis is None:
            chosen = {"indices": [indices], "values": [values], "both": [indices, values]}[self.output]
            return np.stack(chosen, 1).reshape(self.output_shape(x.shape))
        return np.moveaxis(values if self.output == "values" else indices, -1, self.axis)


@dataclass(frozen=True)
class Constant(Op):
    """A stored array: no inputs, param value of shape `shape`."""

    shape: Shape
    inputs_wanted: ClassVar[int | None] = 0

    def output_shape(self) -> Shape:
        return self.shape

    def param_shapes(self) -> dict[str, Shape]:
        return {"value": self.shape}

    def compute(self, *, value: Array) -> Array:
        return value


@dataclass(frozen=True)
class Preprocess(Op):
    """y = (x with its channels reversed if `reverse_channels` - mean) * scale, from integers 0..255 to what a network
    was trained on.

    Input (batch, channels, height, width), any number type; params mean (channels,) or (channels, height, width) in
    the output's channel order, scale (channels,). The output has the dtype of the params.
    """

    reverse_channels: bool = False
    mean_image: bool = False

    def output_shape(self, x: Shape) -> Shape:
        check_rank(x, 4)
        return x

    def param_shapes(self, x: Shape) -> dict[str, Shape]:
        return {"mean": x[1:] if self.mean_image else x[1:2], "scale": x[1:2]}

    def compute(self, x: Array, *, mean: Array, scale: Array) -> Array:
        ordered = (x[:, ::-1] if self.reverse_channels else x).astype(mean.dtype)
        return np.asarray((ordered - along_axis(mean, 1, x.ndim)) * along_axis(scale, 1, x.ndim))
