"""Holding a model that others wrote against a graph: its inputs and outputs are matched by name, or else by order."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from converters import formats, passes
from converters.errors import ParityError, UnsupportedError
from converters.ir import Graph
from converters.ops import Array, Shape

OpenShape = tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Foreign:
    """A model of others at a graph's side; `inputs` maps the graph's inputs to the model's names.

    `last` names the graph's inputs that the model takes with the channels last; `notes` says how things were matched.
    """

    graph: Graph
    path: Path
    module: ModuleType
    inputs: Mapping[str, str]
    last: frozenset[str]
    notes: tuple[str, ...]

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model and return its outputs as the graph's values; ParityError where they cannot be matched."""
        fed = {
            self.inputs[name]: _channels_last(array) if name in self.last else array for name, array in feeds.items()
        }
        found: dict[str, Array] = self.module.run(self.path, fed)
        sized = passes.resize(self.graph, {name: array.shape for name, array in feeds.items()})
        return _as_values(sized, found, self.path)


def open_foreign(graph: Graph, target: formats.Target, path: Path) -> Foreign:
    """Match a model's inputs with a graph's, and set the graph to the model's sizes where those are fixed."""
    if target.name not in MODULES:
        raise UnsupportedError(f"{path}: only a {target.title} model that this tool wrote can be compared")
    module = formats.load(MODULES[target.name])
    theirs: dict[str, OpenShape] = module.inputs(path)
    if len(theirs) != len(graph.inputs):
        raise ParityError(
            f"{path}: has {len(theirs)} inputs, the network {len(graph.inputs)}: {', '.join(graph.inputs)}"
        )
    by_name = set(theirs) == set(graph.inputs)
    names = {name: name for name in graph.inputs} if by_name else dict(zip(graph.inputs, theirs, strict=True))
    last = frozenset(name for name in graph.inputs if _is_channels_last(graph.inputs[name], theirs[names[name]]))
    shapes = {name: _fixed(shape, theirs[names[name]], last=name in last) for name, shape in graph.inputs.items()}
    sized = graph if shapes == dict(graph.inputs) else passes.resize(graph, shapes)
    matched = "by name" if by_name else ", ".join(f"{ours} = {other}" for ours, other in names.items())
    notes = (f"inputs matched {matched}", *(f"'{name}' is fed with its channels last" for name in sorted(last)))
    return Foreign(sized, path, module, names, last, notes)


def _is_channels_last(ours: Shape, theirs: OpenShape) -> bool:
    """Return whether an input takes (batch, height, width, channels): where its sizes fit that way round alone."""
    return len(ours) == 4 and len(theirs) == 4 and theirs[1] != ours[1] and theirs[3] in (ours[1], None)


def _fixed(ours: Shape, theirs: OpenShape, *, last: bool) -> Shape:
    """Return our shape with the sizes that are fixed in theirs."""
    if len(ours) != len(theirs):
        raise ParityError(f"an input has shape {list(theirs)}, the network's {list(ours)}")
    turned = (theirs[0], theirs[3], theirs[1], theirs[2]) if last else theirs
    return tuple(size if fixed is None else fixed for size, fixed in zip(ours, turned, strict=True))


def _channels_last(array: Array) -> Array:
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


def _as_values(graph: Graph, found: Mapping[str, Array], path: Path) -> dict[str, Array]:
    """Return a model's outputs under the names of the graph's values: by name, or else by order."""
    if set(found) != set(graph.outputs) and len(found) != len(graph.outputs):
        outputs = f"{', '.join(found)} instead of {', '.join(graph.outputs)}"
        raise ParityError(f"{path}: its outputs cannot be matched: {outputs}; end the network there with --cut")
    named = found if set(found) == set(graph.outputs) else dict(zip(graph.outputs, found.values(), strict=True))
    return {value: _shaped(named[name], graph.shapes[value]) for name, value in graph.outputs.items()}


def _shaped(array: Array, shape: Shape) -> Array:
    """Return an output in our shape where it differs in layout or in axes of size 1 alone; as it is otherwise."""
    turned = array.transpose(0, 3, 1, 2) if array.ndim == 4 else array
    if array.shape != shape and turned.shape == shape:
        return turned
    if [size for size in array.shape if size > 1] == [size for size in shape if size > 1]:
        return array.reshape(shape)
    return array


MODULES = {"onnx": "converters.foreign.onnx_models", "keras": "converters.foreign.keras_models"}
