"""The model between all formats: Node, Graph, Preprocessing, Source. Nothing here reads or writes a foreign format,
and nothing ever will.

Tensors are channels-first, as in Caffe. Graphs and nodes are frozen: passes build new ones.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from converters.errors import ShapeError
from converters.ops import Array, Op, Shape

# Arrays by the names of inputs, and what makes values by their names of them.
Feeds = Mapping[str, Array]
Runner = Callable[[Feeds], dict[str, Array]]


@dataclass(frozen=True, eq=False)
class Node:
    """One op at work: it reads the values named `inputs`, and its output is the value `name`.

    `params` are learned arrays by the op's parameter names; two nodes that share one hold the same array object.
    `layer` is the name of the foreign layer it comes from, where that differs from `name`.
    """

    name: str
    op: Op
    inputs: tuple[str, ...] = ()
    params: Mapping[str, Array] = field(default_factory=dict, repr=False)
    layer: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(self.inputs))
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))
        object.__setattr__(self, "layer", self.layer or self.name)


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """How an image with values 0..255 becomes the network's input: channels in `channel_order`, minus `mean`, times
    `scale`.

    `channel_order` is "RGB", "BGR" or "gray"; `mean` is (channels,) or (channels, height, width), in the order of the
    network's channels; `scale` holds one factor per channel. `size` is (height, width). None means that the source
    does not say.
    """

    channel_order: str | None = None
    mean: Array | None = None
    scale: tuple[float, ...] | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Source:
    """Where a model came from: the format, the files with their sha256, the licence if one is known."""

    format: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""


@dataclass(frozen=True, eq=False)
class Graph:
    """A network: nodes in execution order, every shape known.

    `inputs` maps names to full shapes, batch axis included; `outputs` maps the names that the outputs have outside to
    the values they are (a source may give its last blob one name while several in-place layers wrote to it).
    `input_dtypes` names inputs that are not float32. `aliases` maps further names that a source has for values (a
    Caffe blob after all its in-place layers) to the values. `facts` are further things that a written model says of
    itself, plain JSON values. The constructor infers all shapes and refuses what does not fit, every problem at once.
    """

    name: str
    inputs: Mapping[str, Shape]
    nodes: tuple[Node, ...] = field(repr=False)
    outputs: Mapping[str, str]
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    labels: tuple[str, ...] = ()
    source: Source = field(default_factory=Source)
    input_dtypes: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    shapes: Mapping[str, Shape] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("inputs", "outputs", "input_dtypes", "aliases"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        object.__setattr__(self, "nodes", tuple(self.nodes))
        object.__setattr__(self, "shapes", MappingProxyType(_inferred(self)))

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def node(self, name: str) -> Node:
        """Return the node whose output is the value `name`; KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def input_shapes(self, node: Node) -> tuple[Shape, ...]:
        """Return the shapes of a node's inputs."""
        return tuple(self.shapes[name] for name in node.inputs)

    def consumers(self, name: str) -> list[Node]:
        """Return the nodes that read the value `name`, in order."""
        return [node for node in self.nodes if name in node.inputs]

    def parameter_count(self) -> int:
        """Return the number of learned values; an array shared between nodes counts once."""
        return sum(array.size for array in {id(a): a for node in self.nodes for a in node.params.values()}.values())

    def with_inputs(self, shapes: Mapping[str, Shape]) -> "Graph":
        """Return the same graph at other input shapes; ShapeError where something pins the old ones."""
        return replace(self, inputs={name: tuple(shapes.get(name, shape)) for name, shape in self.inputs.items()})

    def tensor_names(self) -> dict[str, str]:
        """Return for each input and node a name that is unique in an exported model:

        outputs have their outside names, inputs their own.
        """
        taken = {name: name for name in self.inputs}
        used = {*self.inputs, *self.outputs}
        for outside, value in self.outputs.items():
            if value not in taken:
                # In-place layers on an input give the output the input's name.
                taken[value] = unique_name(outside, used) if outside in self.inputs else outside
                used.add(taken[value])
        for node in self.nodes:
            if node.name not in taken:
                taken[node.name] = unique_name(node.name, used)
                used.add(taken[node.name])
        return taken

    def run(self, feeds: Mapping[str, Array], dtype: Any = None) -> dict[str, Array]:
        """Compute every value in NumPy, the reference for all targets: name -> array, inputs included.

        `dtype` (default: that of the feeds) is what is computed in. ShapeError when a feed is missing or does not
        have the graph's shape.
        """
        return dict(self.steps(feeds, dtype))

    def steps(self, feeds: Mapping[str, Array], dtype: Any = None) -> Iterator[tuple[str, Array]]:
        """Yield (name, array) in execution order; an array is forgotten here once nothing needs it any more."""
        last_use = {name: index for index, node in enumerate(self.nodes) for name in node.inputs}
        values = _checked_feeds(self, feeds, dtype)
        yield from list(values.items())
        for index, node in enumerate(self.nodes):
            arrays = [values[name] for name in node.inputs]
            kind = dtype or next((a.dtype for a in arrays if a.dtype.kind == "f"), np.dtype(np.float32))
            params = {name: array.astype(kind, copy=False) for name, array in node.params.items()}
            values[node.name] = node.op.compute(*arrays, **params)
            yield node.name, values[node.name]
            for name in (*node.inputs, node.name):
                if last_use.get(name, index) <= index:
                    values.pop(name, None)

    def output_values(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Pick the outputs, under their outside names and in their order, from what `run` returned."""
        return {outside: values[value] for outside, value in self.outputs.items()}


def unique_name(wanted: str, used: Iterable[str]) -> str:
    """Return `wanted`, or the first of `wanted/2`, `wanted/3` ... that is not used."""
    taken = set(used)
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{wanted}/{count}"
    return name


def _checked_feeds(graph: Graph, feeds: Mapping[str, Array], dtype: Any) -> dict[str, Array]:
    problems = [f"input '{name}' is not fed" for name in graph.inputs if name not in feeds]
    problems += [
        f"there is no input '{name}'; the inputs are {', '.join(graph.inputs)}"
        for name in feeds
        if name not in graph.inputs
    ]
    for name, shape in graph.inputs.items():
        if name in feeds and feeds[name].shape != shape:
            problems.append(f"input '{name}' has shape {list(feeds[name].shape)}, expected {list(shape)}")
    if problems:
        raise ShapeError(problems)
    floating = {name: dtype is not None and name not in graph.input_dtypes for name in graph.inputs}
    return {name: feeds[name].astype(dtype, copy=False) if floating[name] else feeds[name] for name in graph.inputs}


def _inferred(graph: Graph) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {name: tuple(shape) for name, shape in graph.inputs.items()}
    problems: list[str] = []
    failed: set[str] = set()
    for node in graph.nodes:
        if node.name in shapes or node.name in failed:
            problems.append(f"node '{node.name}': another node or input already has this name")
        elif failed.intersection(node.inputs):
            failed.add(node.name)
        else:
            try:
                shapes[node.name] = _node_shape(node, shapes)
            except ShapeError as error:
                problems += [f"layer '{node.layer}': {problem}" for problem in error.problems]
                failed.add(node.name)
    known = shapes.keys() | failed
    problems += [
        f"output '{name}' is the value '{value}', which nothing computes"
        for name, value in graph.outputs.items()
        if value not in known
    ]
    if problems:
        raise ShapeError(problems)
    return shapes


def _node_shape(node: Node, shapes: Mapping[str, Shape]) -> Shape:
    missing = [name for name in node.inputs if name not in shapes]
    if missing:
        raise ShapeError(f"reads '{missing[0]}', which nothing before it computes")
    wanted = node.op.inputs_wanted
    if (len(node.inputs) != wanted) if wanted is not None else not node.inputs:
        raise ShapeError(f"{len(node.inputs)} inputs, expected {'one or more' if wanted is None else wanted}")
    inputs = [shapes[name] for name in node.inputs]
    shape = node.op.output_shape(*inputs)
    expected = node.op.param_shapes(*inputs)
    actual = {name: array.shape for name, array in node.params.items()}
    if actual != expected:
        raise ShapeError(_params_differ(expected, actual))
    return shape


def _params_differ(expected: Mapping[str, Shape], actual: Mapping[str, Shape]) -> list[str]:
    problems = [
        f"parameter '{name}' is missing, expected shape {list(shape)}"
        for name, shape in expected.items()
        if name not in actual
    ]
    problems += [
        f"unexpected parameter '{name}' of shape {list(shape)}"
        for name, shape in actual.items()
        if name not in expected
    ]
    both = [name for name in expected if name in actual and expected[name] != actual[name]]
    return problems + [
        f"parameter '{name}' has shape {list(actual[name])}, expected {list(expected[name])}" for name in both
    ]
