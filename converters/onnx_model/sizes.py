"""Which axes stay open in a written model: found out by inferring all shapes at other sizes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice

from converters.errors import ShapeError, UnsupportedError
from converters.ir import Graph
from converters.ops import DetectionOutput, Shape
from converters.roles import image_inputs, map_inputs

AXES = {"batch": 0, "height": 2, "width": 3}
UNNAMED = "?"
# Which inputs move together is found by trying; no network has so many inputs that this would not do.
MOST_TRIALS = 256
# Sizes to try: whether the graph must take it, and what becomes of the size, times and plus. The last one keeps apart
# what is as large as another input by chance.
BATCHES = ((True, 1, 1), (True, 2, 0), (True, 3, 4))
HEIGHTS = ((True, 2, 0), (True, 3, 0), (False, 1, 32), (False, 1, 64), (False, 1, 1), (False, 2, 1))

Symbols = tuple[str | None, ...]
_Axis = tuple[str, int]


@dataclass(frozen=True)
class OpenSizes:
    """For each input and value one entry per axis: None where its size is fixed, otherwise what the size is called.

    An open size that equals no input's is called "?".
    """

    symbols: Mapping[str, Symbols]

    def shape(self, graph: Graph, value: str) -> tuple[int | None, ...]:
        """Return the shape of a value with None for each open axis."""
        known = zip(graph.shapes[value], self.symbols[value], strict=True)
        return tuple(size if symbol is None else None for size, symbol in known)


def open_sizes(graph: Graph, dynamic: Sequence[str]) -> OpenSizes:
    """Find out which sizes move with the `dynamic` axes ("batch", "height", "width") of the inputs, or with the values.

    UnsupportedError naming the layer that pins an axis.
    """
    names: dict[_Axis, str] = {}
    probes: list[Graph] = []
    for axis in dynamic:
        for moving in _movements(graph, axis):
            probes += _probes(graph, moving)
            names |= _named(graph, axis, moving, names)
    probes += _data_probes(graph)
    history = {
        value: list(zip(*(probe.shapes[value] for probe in (graph, *probes)), strict=True)) for value in graph.shapes
    }
    owners = {symbol: history[value][axis] for (value, axis), symbol in names.items()}
    return OpenSizes({value: tuple(_symbol(sizes, owners) for sizes in axes) for value, axes in history.items()})


def _symbol(sizes: tuple[int, ...], owners: Mapping[str, tuple[int, ...]]) -> str | None:
    if len(set(sizes)) == 1:
        return None
    return next((symbol for symbol, owner in owners.items() if owner == sizes), UNNAMED)


def _movements(graph: Graph, name: str) -> list[list[_Axis]]:
    """Return the input axes that can open as `name`, in one list those that move together; images come first."""
    axis = AXES[name]
    inputs = [value for value, shape in graph.inputs.items() if shape] if name == "batch" else map_inputs(graph)
    images = image_inputs(graph)
    candidates = [(value, axis) for value in sorted(inputs, key=lambda value: value not in images)]
    if not candidates:
        raise UnsupportedError(f"the {name} cannot stay open: no input has one")
    together = _moving_together(graph, name, candidates)
    own = [c for c in candidates[1:] if _probes(graph, [c], strict=False)]
    tied = [c for c in together if c not in own or not _probes(graph, [t for t in together if t != c], strict=False)]
    return [tied, *([c] for c in own if c not in tied)]


def _named(graph: Graph, name: str, moving: Sequence[_Axis], taken: Mapping[_Axis, str]) -> dict[_Axis, str]:
    """Name open axes: as many as have the first one's size are called `name`, the others after their inputs."""
    value, axis = moving[0]
    first = None if name in taken.values() else graph.inputs[value][axis]
    return {(v, i): name if graph.inputs[v][i] == first else f"{v}_{name}" for v, i in moving}


def _moving_together(graph: Graph, name: str, candidates: Sequence[_Axis]) -> list[_Axis]:
    """Return the first of the candidates with as many as possible of the others that can move with it."""
    leader, *others = candidates
    choices = (chosen for count in range(len(others), -1, -1) for chosen in combinations(others, count))
    for chosen in islice(choices, MOST_TRIALS):
        if _probes(graph, [leader, *chosen], strict=False):
            return [leader, *chosen]
    try:
        _probes(graph, candidates)
    except ShapeError as error:
        raise UnsupportedError(f"the {name} cannot stay open: {error.problems[0]}") from error
    raise AssertionError("what did not move just now moved")


def _probes(graph: Graph, axes: Sequence[_Axis], strict: bool = True) -> list[Graph]:
    """Return the graph at other sizes of these axes; where it refuses one that must do, ShapeError, or unless `strict`
    none.

    A batch may have any size. A height may be bound to the multiples of a stride, so only its own multiples must do:
    what fits a few rows more only by rounding is no open height.
    """
    found: list[Graph] = []
    for must, factor, more in BATCHES if axes[0][1] == 0 else HEIGHTS:
        try:
            found.append(graph.with_inputs(_moved(graph, axes, factor, more)))
        except ShapeError:
            if must and strict:
                raise
            if must:
                return []
    return found


def _moved(graph: Graph, axes: Iterable[_Axis], factor: int, more: int) -> dict[str, Shape]:
    shapes = {name: list(graph.inputs[name]) for name, _ in axes}
    for name, axis in axes:
        shapes[name][axis] = shapes[name][axis] * factor + more
    return {name: tuple(shape) for name, shape in shapes.items()}


def _data_probes(graph: Graph) -> list[Graph]:
    """Return the graph as if the ops whose output size depends on the values had kept more."""
    loose = {
        node.name: (2 if isinstance(node.op, DetectionOutput) else 0) for node in graph.nodes if node.op.data_dependent
    }
    if not loose:
        return []
    moved = {name: tuple(n + (i == axis) for i, n in enumerate(graph.shapes[name])) for name, axis in loose.items()}
    nodes = tuple(node for node in graph.nodes if node.name not in loose)
    try:
        return [replace(graph, inputs={**graph.inputs, **moved}, nodes=nodes)]
    except ShapeError as error:
        sources = ", ".join(f"'{name}'" for name in loose)
        raise UnsupportedError(f"how much {sources} keeps depends on the values, but {error.problems[0]}") from error
