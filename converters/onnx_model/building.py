"""Building an ONNX graph: tensors, constants, open sizes, and the site where one node of ours is said in ONNX."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from onnx import NodeProto, helper

from converters.errors import UnsupportedError
from converters.ir import Node, unique_name
from converters.ops import Array

FLOAT32, FLOAT16, INT64 = np.dtype(np.float32), np.dtype(np.float16), np.dtype(np.int64)
AXIS_NAMES = {0: "batch", 2: "height", 3: "width"}
INFERRED = -1
# The first opset whose Pad names axes.
PAD_WITH_AXES = 18
_TO_THE_END = 2**63 - 1


@dataclass(frozen=True)
class Value:
    """A tensor of the file that is a value of the graph; its shape has None for open axes, `symbols` their names."""

    name: str
    shape: tuple[int | None, ...]
    dtype: Any = FLOAT32
    symbols: tuple[str | None, ...] = ()

    @property
    def rank(self) -> int:
        """Return the number of axes."""
        return len(self.shape)


@dataclass(frozen=True)
class Size:
    """The size of an open axis of a tensor: a number that is known only when the model runs."""

    tensor: str
    axis: int


# A size: a number, an open axis, or the name of an int64 tensor of shape (1,) that holds it.
Dim = int | Size | str


@dataclass(frozen=True)
class Initializer:
    """An array to be stored: its values are those of `array` in C order, in `dtype`, under another shape maybe."""

    name: str
    shape: tuple[int, ...]
    array: Array
    dtype: Any


@dataclass
class Builder:
    """What is shared by all sites of a file."""

    opset: int
    half: bool = False
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: dict[Any, Initializer] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    casts: dict[tuple[str, Any], Value] = field(default_factory=dict)

    def fresh(self, wanted: str) -> str:
        """Return a name that nothing in the file has, and take it."""
        name = unique_name(wanted, self.used)
        self.used.add(name)
        return name

    def store(self, name: str, array: Array, shape: tuple[int, ...], dtype: Any) -> str:
        """Store an array once and return its name; the same array again, in the same form, is not stored again."""
        key = (id(array), shape, dtype)
        if key not in self.initializers:
            self.initializers[key] = Initializer(self.fresh(name), shape, array, dtype)
        return self.initializers[key].name

    def cast(self, value: Value, dtype: Any) -> Value:
        """Return the value in another number type."""
        if value.dtype == dtype:
            return value
        if (value.name, dtype) not in self.casts:
            name = self.fresh(f"{value.name}/{np.dtype(dtype).name}")
            self.nodes.append(helper.make_node("Cast", [value.name], [name], name, to=onnx_type(dtype)))
            self.casts[value.name, dtype] = replace(value, name=name, dtype=dtype)
        return self.casts[value.name, dtype]


def onnx_type(dtype: Any) -> int:
    """Return ONNX's number for a NumPy type."""
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


@dataclass
class Site:
    """One node of ours while it is said in ONNX.

    `label` is the name of its output tensor, `dtype` what it computes in, `nodes` takes the ONNX nodes.
    """

    builder: Builder
    node: Node
    label: str
    dtype: Any
    nodes: list[NodeProto]

    def add(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Append an ONNX node of one output and return that output's name."""
        return self.add_many(op_type, *inputs, outputs=1, **attributes)[0]

    def add_many(self, op_type: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Append an ONNX node and return the names of its outputs; an input "" is left out."""
        names = [self.builder.fresh(f"{self.label}/{op_type}") for _ in range(outputs)]
        self.nodes.append(helper.make_node(op_type, list(inputs), names, names[0], **attributes))
        return names

    def require(self, opset: int, operator: str) -> None:
        """Refuse an opset below the first in which `operator` is what is needed here."""
        if self.builder.opset < opset:
            raise UnsupportedError(f"needs {operator} of opset {opset} or later, not {self.builder.opset}")

    def constant(self, values: Any, role: str, dtype: Any = None) -> str:
        """Store a small array under the site's name and return its name; numbers become the site's number type."""
        array = np.asarray(values, dtype or self.dtype)
        return self.builder.store(f"{self.label}/{role}", array, array.shape, array.dtype)

    def ints(self, values: Sequence[int], role: str) -> str:
        """Store a vector of whole numbers and return its name."""
        return self.constant(values, role, INT64)

    def param(self, name: str, shape: tuple[int, ...] | None = None) -> str:
        """Store a learned array of the node, maybe under another shape of as many values, and return its name."""
        array = self.node.params[name]
        return self.builder.store(
            f"{self.node.name}.{name}", array, array.shape if shape is None else shape, self.dtype
        )

    def size(self, value: Value, axis: int) -> int | Size:
        """Return the size of an axis, a number if it is fixed."""
        fixed = value.shape[axis]
        return Size(value.name, axis % value.rank) if fixed is None else fixed

    def sizes(self, value: Value) -> list[int | Size]:
        """Return the sizes of all axes."""
        return [self.size(value, axis) for axis in range(value.rank)]

    def pin(self, value: Value, axes: Sequence[int], why: str) -> tuple[int, ...]:
        """Return the sizes of axes that have to be fixed; UnsupportedError if one is open."""
        pinned = [AXIS_NAMES.get(axis, f"axis {axis}") for axis in axes if value.shape[axis] is None]
        if pinned:
            raise UnsupportedError(f"pins the {' and '.join(pinned)}: {why}")
        return tuple(size for axis in axes if (size := value.shape[axis]) is not None)

    def scalar_of(self, dim: Dim) -> str:
        """Return the name of an int64 tensor of shape (1,) that holds a size."""
        if isinstance(dim, int):
            return self.ints([dim], "size")
        if isinstance(dim, str):
            return dim
        if self.builder.opset >= 15:
            return self.add("Shape", dim.tensor, start=dim.axis, end=dim.axis + 1)
        return self.add("Gather", self.add("Shape", dim.tensor), self.ints([dim.axis], "axis"))

    def vector(self, dims: Sequence[Dim]) -> str:
        """Return the name of an int64 vector of sizes, a constant if all are fixed."""
        fixed = [dim for dim in dims if isinstance(dim, int)]
        if len(fixed) == len(dims):
            return self.ints(fixed, "sizes")
        return self.add("Concat", *(self.scalar_of(dim) for dim in dims), axis=0)

    def count(self, op_type: str, left: Dim, right: Dim) -> Dim:
        """Return left + - * // right ("Add", "Sub", "Mul", "Div"), computed now if both are fixed."""
        if isinstance(left, int) and isinstance(right, int):
            return {"Add": left + right, "Sub": left - right, "Mul": left * right, "Div": left // max(right, 1)}[
                op_type
            ]
        return self.add(op_type, self.scalar_of(left), self.scalar_of(right))

    def product(self, dims: Sequence[Dim]) -> Dim:
        """Return the product of sizes."""
        whole: Dim = 1
        for dim in dims:
            whole = self.count("Mul", whole, dim) if whole != 1 else dim
        return whole

    def range(self, dim: Dim) -> str:
        """Return the int64 tensor 0, 1 ... size - 1."""
        if isinstance(dim, int):
            return self.ints(range(dim), "order")
        ends = (
            self.constant(0, "first", INT64),
            self.add("Squeeze", self.scalar_of(dim)),
            self.constant(1, "step", INT64),
        )
        return self.add("Range", *ends)

    def reshape(self, x: str, dims: Sequence[Dim], source: Value | None = None) -> str:
        """Reshape a tensor; open axes of `source` are copied, which has to have them where `x` has them."""
        target: list[Dim] = [0 if source and d == Size(source.name, i) else d for i, d in enumerate(dims)]
        unknown = [i for i, dim in enumerate(target) if not isinstance(dim, int)]
        if len(unknown) == 1 and INFERRED not in target:
            target[unknown[0]] = INFERRED
        return self.add("Reshape", x, self.vector(target))

    def unsqueeze(self, x: str, *axes: int) -> str:
        """Insert axes of size 1, counted in the output."""
        return self.add("Unsqueeze", x, self.ints(axes, "axes")) if axes else x

    def slice(self, x: str, axis: int, start: int, stop: int | None = None, step: int = 1) -> str:
        """Take start:stop:step along one axis; `stop` None goes to the end (to the front for a negative step)."""
        end = stop if stop is not None else _TO_THE_END if step > 0 else -_TO_THE_END
        bounds = (([start], "start"), ([end], "stop"), ([axis], "axis"), ([step], "step"))
        return self.add("Slice", x, *(self.ints(values, role) for values, role in bounds))

    def gather(self, x: str, indices: Sequence[int], axis: int) -> str:
        """Take these positions along an axis."""
        return self.add("Gather", x, self.ints(indices, "indices"), axis=axis)

    def reduce(self, op_type: str, x: str, axes: Sequence[int], keepdims: bool = True) -> str:
        """Reduce over axes; over none, the input itself."""
        if not axes:
            return x
        if self.builder.opset >= 18 or op_type == "ReduceSum":
            return self.add(op_type, x, self.ints(axes, "axes"), keepdims=int(keepdims))
        return self.add(op_type, x, axes=list(axes), keepdims=int(keepdims))

    def pad(self, x: str, rank: int, pads: Sequence[tuple[int, int]], value: float = 0.0) -> str:
        """Surround the last axes with `value`; negative amounts crop."""
        lead = [0] * (rank - len(pads))
        before, after = [pair[0] for pair in pads], [pair[1] for pair in pads]
        filler = self.constant(value, "value")
        if self.builder.opset < PAD_WITH_AXES:
            return self.add("Pad", x, self.ints([*lead, *before, *lead, *after], "pads"), filler, mode="constant")
        axes = self.ints(range(len(lead), rank), "axes")
        return self.add("Pad", x, self.ints([*before, *after], "pads"), filler, axes, mode="constant")

    def pad_before_pooling(self, x: str, rank: int, pads: Sequence[tuple[int, int]], value: float = 0.0) -> str:
        """Surround the last axes with `value`, in a form that no onnxruntime merges into a pooling behind it.

        Merged, zeros would become what pooling pads with (onnxruntime's PadFusion, which leaves a Pad with axes alone).
        """
        self.require(PAD_WITH_AXES, "Pad with axes")
        return self.pad(x, rank, pads, value)

    def cast(self, x: str, dtype: Any) -> str:
        """Convert to another number type."""
        return self.add("Cast", x, to=onnx_type(dtype))

    def nested(self) -> "Site":
        """Return a site for the nodes of a loop's body, which may use every tensor made before it."""
        return Site(self.builder, self.node, f"{self.label}/step", self.dtype, [])


def finish(site: Site, result: str) -> None:
    """Give the tensor `result` the site's name, and the ONNX node that makes it the name of our node."""
    maker = next((node for node in site.nodes if result in node.output), None)
    if maker is None:
        site.nodes.append(helper.make_node("Identity", [result], [site.label], site.node.name))
        return
    for node in site.nodes:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == result:
                    names[i] = site.label
    maker.name = site.node.name
