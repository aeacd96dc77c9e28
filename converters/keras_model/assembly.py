"""A Keras model in the making: the tensors, names and arrays of a graph, node by node.

Nothing is allocated: the variables of layers stay without values, and the arrays that belong to them are kept aside.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from converters.errors import UnsupportedError
from converters.ir import Graph, Node
from converters.keras_model.layout import OpenShape, Tensor, stored_shape
from converters.keras_model.library import keras, layers, ops
from converters.keras_model.names import Names, keras_name, value_names
from converters.keras_model.sizes import OpenAxisError, OpenShapes
from converters.ops import (
    ArgMax,
    Array,
    BatchReindex,
    Concat,
    Constant,
    Crop,
    Dropout,
    Flatten,
    Identity,
    Op,
    Permute,
    PoolingIndices,
    PriorBox,
    Reshape,
    ShuffleChannels,
    Slice,
    Tile,
)

Layer = Any  # a keras.layers.Layer
Builder = Callable[["Site", Any], Tensor]
Call = tuple[Any, int]  # an operation, and which of its calls
Tables = tuple[Mapping[type[Op], Builder], Mapping[type[Op], str]]  # how ops are built, and why others cannot be

# Keras walks its graph recursively when it builds a model and when it loads one, and Python stops at a depth of 1000.
DEEPEST = 900
_HALF_LIMIT = 65520.0  # the smallest number that half precision rounds to infinity
# These hand values on as they are, or give indices: in half precision too their output keeps the dtype it has.
_KEEPS_DTYPE = (
    ArgMax, BatchReindex, Concat, Constant, Crop, Dropout, Flatten, Identity, Permute, PoolingIndices, PriorBox,
    Reshape, ShuffleChannels, Slice, Tile,
)  # fmt: skip


@dataclass
class Assembly:
    """The Keras model of a graph.

    `operations` maps values to the names of their operations, `outputs` the outside names of the outputs likewise, in
    order. `held` says what the variables of each layer hold, in the order of `layer.weights`; an array may have the
    first axis of its variable split into several.
    """

    model: Any
    operations: dict[str, str]
    outputs: dict[str, str]
    held: dict[Layer, list[Array]]


@dataclass
class Workbench:
    """What is known so far of a model; `named` has the operations that have got their names, `depths` their calls."""

    graph: Graph
    dtype: str
    shapes: OpenShapes
    names: Names = field(default_factory=Names)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    held: dict[Layer, list[Array]] = field(default_factory=dict)
    named: set[Any] = field(default_factory=set)
    depths: dict[Call, int] = field(default_factory=dict)
    shared: dict[Any, Layer] = field(default_factory=dict)
    index: Tensor = None


@dataclass
class Site:
    """One node being built: its inputs as stored tensors, their shapes in our order with None for open axes."""

    bench: Workbench
    node: Node
    raw: list[Tensor]
    shapes: list[OpenShape]
    out: OpenShape

    @property
    def x(self) -> Tensor:
        """The first input, in the dtype that is computed in."""
        return self.cast(self.raw[0])

    @property
    def xs(self) -> list[Tensor]:
        """All inputs, in the dtype that is computed in."""
        return [self.cast(x) for x in self.raw]

    @property
    def wide(self) -> Tensor:
        """The first input as float32: for sums and powers, which half precision cannot hold."""
        return self.cast(self.raw[0], "float32")

    @property
    def shape(self) -> OpenShape:
        """The shape of the first input."""
        return self.shapes[0]

    @property
    def rank(self) -> int:
        """The number of axes of the first input."""
        return len(self.shapes[0])

    @property
    def dtype(self) -> str:
        """The dtype that is computed in."""
        return self.bench.dtype

    def cast(self, x: Tensor, dtype: str | None = None) -> Tensor:
        """Return `x` in `dtype` (default: that which is computed in)."""
        wanted = dtype or self.bench.dtype
        return x if x.dtype == wanted else ops.cast(x, wanted)

    def fixed(self, shape: OpenShape, what: str = "the size of its input") -> tuple[int, ...]:
        """Return `shape` where no axis in it is open; OpenAxisError otherwise."""
        sizes = tuple(n for n in shape if n is not None)
        if len(sizes) < len(shape):
            raise OpenAxisError(f"has a form in Keras only where {what} is fixed, here {_shown(shape)}")
        return sizes

    def same_batch(self) -> bool:
        """Return whether the first axis of the output is that of the first input, at every size."""
        return self.bench.shapes.same_batch(self.node.inputs[0], self.node.name)

    def reshape(self, x: Tensor, target: OpenShape) -> Tensor:
        """Reshape `x` to `target`, whose first axis is the output's; OpenAxisError where too many axes are open."""
        sizes = [-1 if n is None else n for n in target]
        if sizes.count(-1) < 2:
            return ops.reshape(x, sizes)
        if sizes[0] == -1 and sizes.count(-1) == 2 and self.same_batch():
            return layers.Reshape(sizes[1:], dtype=x.dtype)(x)
        raise OpenAxisError(f"cannot be reshaped with several axes open, here to {_shown(target)}")

    def learned(self, layer: Layer, x: Tensor, *arrays: Array, role: str = "") -> Tensor:
        """Apply a layer to `x` and note what its variables hold.

        Nodes that share their params share their layers; `role` tells the layers of one node apart.
        """
        key = (role, self.node.op, tuple(self.shapes), *map(id, self.node.params.values()))
        known = self.bench.shared.get(key) if self.node.params else None
        if known is not None:
            return known(x)
        y = layer(x)
        sizes = [(tuple(v.shape), a.size) for v, a in zip(layer.weights, arrays, strict=True)]
        assert all(np.prod(shape, dtype=int) == size for shape, size in sizes), f"{self.node.name}: {sizes}"
        self._check_range(layer, arrays)
        self.bench.held[layer] = list(arrays)
        self.bench.shared[key] = layer
        return y

    def _check_range(self, layer: Layer, arrays: Sequence[Array]) -> None:
        for variable, array in zip(layer.weights, arrays, strict=True):
            largest = float(np.abs(array[np.isfinite(array)]).max(initial=0.0)) if variable.dtype == "float16" else 0.0
            if largest >= _HALF_LIMIT:
                raise UnsupportedError(f"a weight of {largest:.6g} is beyond float16, which ends at 65504; use float32")

    def constant(self, array: Array, *, trainable: bool = False) -> Tensor:
        """Return a float32 tensor that holds `array` and is kept among the weights: the only row of an Embedding."""
        bench = self.bench
        if bench.index is None:
            anchor = bench.tensors[next(iter(bench.graph.inputs))]
            bench.index = ops.zeros_like(ops.reshape(anchor, (-1,))[(slice(0, 1),)], dtype="int32")
        layer = layers.Embedding(1, array.size, dtype="float32", trainable=trainable)
        row = layer(bench.index)
        bench.held[layer] = [array.reshape(1, -1)]
        return ops.reshape(row, array.shape)


def assemble(graph: Graph, tables: Tables, dtype: str, dynamic: Sequence[str] | None) -> Assembly:
    """Build the Keras model of a graph; `dynamic` names the axes that stay open, None means the batch if possible.

    UnsupportedError listing every node that has no form in Keras, or that does not work with these axes open.
    """
    if not graph.inputs:
        raise UnsupportedError(f"network '{graph.name}' has no input, and a Keras model needs one")
    # A thread of its own has Keras' global state of its own: names counted from 1, no policy or scope of the caller.
    with ThreadPoolExecutor(1, "keras-assembly") as pool:
        if dynamic is not None:
            return pool.submit(_assembled, graph, tables, dtype, tuple(dynamic)).result()
        try:
            return pool.submit(_assembled, graph, tables, dtype, ("batch",)).result()
        except OpenAxisError:
            return pool.submit(_assembled, graph, tables, dtype, ()).result()


def _shown(shape: OpenShape) -> str:
    return f"[{', '.join('?' if n is None else str(n) for n in shape)}]"


def operation_of(x: Tensor) -> Any:
    """Return the operation that gives a tensor."""
    return _call_of(x)[0]


def _call_of(x: Tensor) -> Call:
    history = x._keras_history  # noqa: SLF001 - the only way from a tensor to its operation, and as old as Keras
    return history.operation, history.node_index


def _inputs_of(call: Call) -> list[Tensor]:
    operation, index = call
    return list(operation._inbound_nodes[index].input_tensors)  # noqa: SLF001 - `input` tells of a shared layer's first call only


def _assembled(graph: Graph, tables: Tables, dtype: str, axes: tuple[str, ...]) -> Assembly:
    bench = Workbench(graph, dtype, OpenShapes(graph, axes))
    operations = value_names(graph, bench.names)
    keras.config.set_dtype_policy(dtype)
    # Variables are declared and get no values: a network of any size is put together in no memory.
    with keras.StatelessScope(initialize_variables=False):
        _add_inputs(bench, operations)
        _add_nodes(bench, tables, operations)
        outputs = _outputs(bench)
        _check_depth(bench)
        inputs = [bench.tensors[name] for name in graph.inputs]
        name = keras_name(graph.name, "network")
        model = keras.Model(_one_or_list(inputs), _one_or_list(list(outputs.values())), name=name)
    present = {operation.name for operation in model.operations}
    kept = {value: name for value, name in operations.items() if name in present}
    return Assembly(model, kept, {name: operation_of(y).name for name, y in outputs.items()}, bench.held)


def _one_or_list(tensors: list[Tensor]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors


def _add_inputs(bench: Workbench, operations: Mapping[str, str]) -> None:
    for name in bench.graph.inputs:
        dtype = bench.graph.input_dtypes.get(name, "float32")
        x = keras.Input(batch_shape=stored_shape(bench.shapes[name]), dtype=dtype, name=operations[name])
        bench.tensors[name] = x
        bench.named.add(operation_of(x))
        bench.depths[_call_of(x)] = 0


def _add_nodes(bench: Workbench, tables: Tables, operations: Mapping[str, str]) -> None:
    problems: list[str] = []
    open_problems: list[str] = []
    for node in _needed(bench.graph):
        site = Site(
            bench,
            node,
            [bench.tensors[n] for n in node.inputs],
            [bench.shapes[n] for n in node.inputs],
            bench.shapes[node.name],
        )
        try:
            bench.tensors[node.name] = _finished(site, _built(site, tables), operations[node.name])
        except UnsupportedError as error:
            found = open_problems if isinstance(error, OpenAxisError) else problems
            found += [f"layer '{node.layer}': {problem}" for problem in error.problems]
            bench.tensors[node.name] = keras.Input(batch_shape=stored_shape(site.out))
    if problems:
        raise UnsupportedError(problems)
    if open_problems:
        raise OpenAxisError(open_problems)


def _needed(graph: Graph) -> list[Node]:
    wanted = set(graph.outputs.values())
    for node in reversed(graph.nodes):
        if node.name in wanted:
            wanted.update(node.inputs)
    return [node for node in graph.nodes if node.name in wanted]


def _built(site: Site, tables: Tables) -> Tensor:
    op, (builders, refused) = site.node.op, tables
    builder = builders.get(type(op))
    if builder is None:
        reason = refused.get(type(op), "there is no layer or operation that computes it")
        raise UnsupportedError(f"{type(op).__name__} has no faithful form in Keras: {reason}")
    return builder(site, op)


def _finished(site: Site, y: Tensor, name: str) -> Tensor:
    """Give a node's output its dtype, an operation of its own, and every new operation its name."""
    if y.dtype == "float32" and not isinstance(site.node.op, _KEEPS_DTYPE):
        y = site.cast(y)
    if y.dtype == "float16" and site.node.name in site.bench.graph.outputs.values():
        y = site.cast(y, "float32")
    if operation_of(y) in site.bench.named:
        y = layers.Identity(dtype=y.dtype)(y)
    expected = stored_shape(site.out)
    fits = len(y.shape) == len(expected) and all(
        None in pair or pair[0] == pair[1] for pair in zip(y.shape, expected, strict=True)
    )
    assert fits, f"{name}: Keras infers {y.shape}, expected {expected}"
    _name_operations(site.bench, y, name)
    return y


def _name_operations(bench: Workbench, y: Tensor, name: str) -> None:
    for call in _new_calls(y, bench.depths):
        operation = call[0]
        bench.depths[call] = 1 + max((bench.depths[_call_of(x)] for x in _inputs_of(call)), default=0)
        if operation not in bench.named:
            bench.named.add(operation)
            kind = operation.name.rstrip("0123456789").rstrip("_")
            operation.name = name if operation is operation_of(y) else bench.names.unique(f"{name}_{kind}")


def _new_calls(y: Tensor, known: Mapping[Call, int]) -> list[Call]:
    """Return the calls behind `y` that are not known yet, in execution order."""
    found: dict[Call, None] = {}
    stack = [_call_of(y)]
    while stack:
        call = stack[-1]
        inputs = [_call_of(x) for x in _inputs_of(call)]
        waiting = [one for one in inputs if one not in known and one not in found]
        if waiting:
            stack += reversed(waiting)
            continue
        stack.pop()
        if call not in known:
            found[call] = None
    return list(found)


def _outputs(bench: Workbench) -> dict[str, Tensor]:
    """Return the outputs by their outside names, each a tensor of its own."""
    outputs: dict[str, Tensor] = {}
    for outside, value in bench.graph.outputs.items():
        y = bench.tensors[value]
        if value in bench.graph.inputs or any(y is other for other in outputs.values()):
            y = layers.Identity(dtype=y.dtype)(y)
            _name_operations(bench, y, bench.names.unique(keras_name(outside, "output")))
        outputs[outside] = y
    return outputs


def _check_depth(bench: Workbench) -> None:
    deepest = max(bench.depths.values())
    if deepest > DEEPEST:
        raise UnsupportedError(
            f"network '{bench.graph.name}' is a chain of {deepest} operations, but Keras, which walks them "
            f"recursively, loads at most {DEEPEST}"
        )
