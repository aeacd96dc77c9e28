"""Which axes of a model stay open, found by inferring all shapes at other input sizes."""

from collections.abc import Sequence

from converters.errors import ShapeError, UnsupportedError
from converters.ir import Graph
from converters.keras_model.layout import OpenShape
from converters.ops import Shape

# Which axis of an input each name means, and two factors that no other axis shares.
_AXES = {"batch": (0, (2, 3)), "height": (2, (5, 7)), "width": (3, (11, 13))}


class OpenAxisError(UnsupportedError):
    """A node has a form in Keras only where an axis has a fixed size, and the axis was to stay open."""


class OpenShapes:
    """The shape of each value, with None for the axes that move with the open axes of the inputs.

    UnsupportedError when the network does not fit together at other sizes of these axes.
    """

    def __init__(self, graph: Graph, axes: Sequence[str]) -> None:
        unknown = [axis for axis in axes if axis not in _AXES]
        if unknown:
            raise UnsupportedError(f"'{unknown[0]}' cannot be left open; choose from {', '.join(_AXES)}")
        problems = [problem for axis in axes for problem in _pinned(graph, axis)]
        if problems:
            raise OpenAxisError(problems)
        self.graph = graph
        self._probes = [_resized(graph, axes, which) for which in range(2)] if axes else []

    def __getitem__(self, value: str) -> OpenShape:
        own = self.graph.shapes[value]
        return tuple(n if all(p.shapes[value][i] == n for p in self._probes) else None for i, n in enumerate(own))

    def same_batch(self, one: str, other: str) -> bool:
        """Return whether the first axes of two values are equal at every size."""
        if not (self.graph.shapes[one] and self.graph.shapes[other]):
            return False
        return all(graph.shapes[one][0] == graph.shapes[other][0] for graph in (self.graph, *self._probes))


def _pinned(graph: Graph, axis: str) -> list[str]:
    try:
        for which in range(2):
            _resized(graph, (axis,), which)
    except ShapeError as error:
        return [f"the {axis} cannot stay open: {problem}" for problem in error.problems]
    return []


def _resized(graph: Graph, axes: Sequence[str], which: int) -> Graph:
    return graph.with_inputs({name: _scaled(shape, axes, which) for name, shape in graph.inputs.items()})


def _scaled(shape: Shape, axes: Sequence[str], which: int) -> Shape:
    sizes = list(shape)
    for axis in axes:
        index, factors = _AXES[axis]
        if sizes and (index == 0 or len(sizes) == 4):
            sizes[index] *= factors[which]
    return tuple(sizes)
