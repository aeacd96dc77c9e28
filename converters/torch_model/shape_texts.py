"""Shapes as they stand in the comments of a module."""

from converters import ops
from converters.errors import ShapeError
from converters.ir import Graph
from converters.ops import Shape
from converters.roles import image_inputs, lists_rows, readers


class ShapeTexts:
    """The shape of each value as a text: N is a batch that nothing pins, "at most" stands before what values decide."""

    def __init__(self, graph: Graph) -> None:
        self._shapes = graph.shapes
        self._batch = next((graph.inputs[name][0] for name in batch_inputs(graph)), 0)
        self._larger = _with_larger_batch(graph, self._batch)
        self._bounds: set[str] = set()
        for node in graph.nodes:
            if node.op.data_dependent or self._bounds.intersection(node.inputs):
                self._bounds.add(node.name)

    def __getitem__(self, value: str) -> str:
        sizes = [self._size(n, m) for n, m in zip(self._shapes[value], self._larger[value], strict=True)]
        text = f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"
        return f"at most {text}" if value in self._bounds else text

    def _size(self, size: int, larger: int) -> str:
        if size == larger or size % self._batch or larger * self._batch != size * (self._batch + 1):
            return str(size)
        return "N" if size == self._batch else f"{size // self._batch}N"


def _with_larger_batch(graph: Graph, batch: int) -> dict[str, Shape]:
    """Return the shapes for a batch of one more, or the known ones where a node pins it or the first axis is time."""
    if any(isinstance(node.op, ops.LSTM | ops.RNN) for node in graph.nodes):
        return dict(graph.shapes)
    larger = {name: (batch + 1, *graph.inputs[name][1:]) for name in batch_inputs(graph)}
    try:
        return dict(graph.with_inputs(larger).shapes)
    except ShapeError:
        return dict(graph.shapes)


def batch_inputs(graph: Graph) -> list[str]:
    """Return the inputs whose first axis counts images: all of one size there, regions and other lists left out."""
    plain = [name for name, shape in graph.inputs.items() if shape and not any(map(lists_rows, readers(graph, name)))]
    leading = (image_inputs(graph) or plain)[:1]
    return [name for name in plain if graph.inputs[name][0] == graph.inputs[leading[0]][0]]
