"""Which axes of a model stay open, found by inferring all shapes at other input sizes."""

from collections.abc import Iterable, Mapping, Sequence

from converters.errors import ShapeError, UnsupportedError
from converters.ir import Graph
from converters.keras_model.layout import OpenShape
from converters.ops import Shape
from converters.roles import image_inputs, lists_rows, map_inputs, readers

# Which axis of an input each name means, and two factors that no other axis shares.
_AXES = {"batch": (0, (2, 3)), "height": (2, (5, 7)), "width": (3, (11, 13))}

Moving = Mapping[str, Sequence[str]]  # axis -> the inputs that move along it


class OpenAxisError(UnsupportedError):
    """A node has a form in Keras only where an axis has a fixed size, and the axis was to stay open."""


class OpenShapes:
    """The shape of each value, with None for the axes that move with the open axes of the inputs.

    OpenAxisError when the network does not fit together at other sizes of these axes.
    """

    def __init__(self, graph: Graph, axes: Sequence[str]) -> None:
        unknown = [axis for axis in axes if axis not in _AXES]
        if unknown:
            raise UnsupportedError(f"'{unknown[0]}' cannot be left open; choose from {', '.join(_AXES)}")
        self.graph = graph
        moving, problems = _moving(graph, axes)
        if problems:
            raise OpenAxisError(problems)
        self._probes = _probes(graph, moving) if moving else []

    def __getitem__(self, value: str) -> OpenShape:
        own = self.graph.shapes[value]
        return tuple(n if all(p.shapes[value][i] == n for p in self._probes) else None for i, n in enumerate(own))

    def same_batch(self, one: str, other: str) -> bool:
        """Return whether the first axes of two values are equal at every size."""
        if not (self.graph.shapes[one] and self.graph.shapes[other]):
            return False
        return all(graph.shapes[one][0] == graph.shapes[other][0] for graph in (self.graph, *self._probes))


def _moving(graph: Graph, axes: Iterable[str]) -> tuple[dict[str, Sequence[str]], list[str]]:
    """Return the inputs that move along each axis, and why others of the axes cannot stay open."""
    moving: dict[str, Sequence[str]] = {}
    problems: list[str] = []
    for axis in axes:
        reasons = ["no input has one"]
        for inputs in filter(None, _candidates(graph, axis)):
            try:
                _probes(graph, {axis: inputs})
            except ShapeError as error:
                reasons = error.problems
            else:
                moving[axis] = inputs
                break
        if axis not in moving:
            problems += [f"the {axis} cannot stay open: {reason}" for reason in reasons]
    return moving, problems


def _candidates(graph: Graph, axis: str) -> list[list[str]]:
    """Return sets of inputs that may move together, the largest first."""
    if axis != "batch":
        return [map_inputs(graph)]
    every = [name for name, shape in graph.inputs.items() if shape]
    plain = [name for name in every if not any(map(lists_rows, readers(graph, name)))]
    leading = next(iter(image_inputs(graph) or plain), None)
    return [every, [name for name in plain if leading and graph.inputs[name][0] == graph.inputs[leading][0]]]


def _probes(graph: Graph, moving: Moving) -> list[Graph]:
    return [graph.with_inputs({name: _scaled(graph, name, moving, which) for name in graph.inputs}) for which in (0, 1)]


def _scaled(graph: Graph, name: str, moving: Moving, which: int) -> Shape:
    sizes = list(graph.inputs[name])
    for axis, inputs in moving.items():
        index, factors = _AXES[axis]
        if name in inputs:
            sizes[index] *= factors[which]
    return tuple(sizes)
