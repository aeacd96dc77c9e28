"""Other input sizes: setting them, and finding out which axes may stay open when a model is written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from converters.errors import ConversionError, ShapeError, did_you_mean
from converters.ir import Graph, Node, Preprocessing
from converters.ops import (
    LSTM,
    RNN,
    BatchReindex,
    Dense,
    DetectionOutput,
    MaxUnpooling,
    Op,
    Pooling,
    PoolingIndices,
    PriorBox,
    RegionPooling,
    Shape,
    Slice,
)
from converters.passes.preprocessing import fitted_mean
from converters.roles import image_inputs, lists_rows, map_inputs, readers

# The names of the axes that may stay open, and where they stand in an input.
AXES = {"batch": 0, "height": 2, "width": 3}


@dataclass(frozen=True)
class OpenAxes:
    """Which of the wanted axes ("batch", "height", "width") may stay open, and for the others the reason why not."""

    axes: tuple[str, ...]
    reasons: Mapping[str, str]


def resize(graph: Graph, shapes: Mapping[str, Shape]) -> Graph:
    """Return the network at other input shapes, by input name; ConversionError where something pins the old ones.

    A mean image is cut to the new size; one that is too small stays as it is, and a warning says so.
    """
    problems = list(_shape_problems(graph, shapes))
    if problems:
        raise ShapeError(problems)
    try:
        resized = graph.with_inputs(shapes)
    except ShapeError as error:
        asked = ", ".join(f"'{name}' {list(shape)}" for name, shape in shapes.items())
        raise ShapeError([f"at input {asked}: {problem}" for problem in error.problems]) from error
    return _with_fitting_preprocessing(resized)


def _shape_problems(graph: Graph, shapes: Mapping[str, Shape]) -> Iterator[str]:
    for name, shape in shapes.items():
        if name not in graph.inputs:
            yield f"there is no input '{name}'{did_you_mean(name, graph.inputs)} (inputs: {', '.join(graph.inputs)})"
        elif len(shape) != len(graph.inputs[name]):
            old = list(graph.inputs[name])
            yield f"input '{name}' has {len(old)} axes, {old}, but {list(shape)} has {len(shape)}"
        elif min(shape, default=1) < 1:
            yield f"input '{name}' cannot have the shape {list(shape)}: every size must be 1 or more"


def _with_fitting_preprocessing(graph: Graph) -> Graph:
    sizes = {graph.inputs[name][1:] for name in image_inputs(graph)}
    if len(sizes) != 1:
        return graph
    image, old = sizes.pop(), graph.preprocessing
    new = old if old.size is None else replace(old, size=(image[1], image[2]))
    if old.mean is None or old.mean.ndim == 1:
        return replace(graph, preprocessing=new)
    return _with_fitting_mean(graph, new, image)


def _with_fitting_mean(graph: Graph, new: Preprocessing, image: Shape) -> Graph:
    assert new.mean is not None
    try:
        return replace(graph, preprocessing=replace(new, mean=fitted_mean(new.mean, image)))
    except ConversionError as error:
        return replace(graph, preprocessing=new, warnings=(*graph.warnings, *error.problems))


def open_axes(graph: Graph, wanted: Sequence[str] = tuple(AXES)) -> OpenAxes:
    """Find out which axes of the inputs may stay open, by inferring all shapes at other sizes.

    The batch may if each value that moves with it does so on its first axis alone; height and width if everything
    fits at twice and three times their size. Axes that only fit one without the other are closed from the last on.
    """
    unknown = [axis for axis in wanted if axis not in AXES]
    if unknown:
        raise ConversionError([f"no axis '{a}'; known are {', '.join(AXES)}{did_you_mean(a, AXES)}" for a in unknown])
    found: list[str] = []
    reasons: dict[str, str] = {}
    for axis in dict.fromkeys(wanted):
        try:
            _check_open(graph, axis, found)
            found.append(axis)
        except _PinnedError as pinned:
            reasons[axis] = str(pinned)
    return OpenAxes(tuple(found), reasons)


def at_another_size(graph: Graph, axes: Sequence[str]) -> Graph:
    """Return the network at a second, larger size of these open axes.

    What was written with open axes holds only if it is right there too. ShapeError when no larger size fits.
    """
    problems: list[str] = []
    for grown in (_plus_32, _twice, _thrice):
        try:
            return resize(graph, _moved(graph, dict.fromkeys(axes, grown)))
        except ShapeError as error:
            problems = error.problems
    raise ShapeError(problems)


def _plus_one(size: int) -> int:
    return size + 1


def _plus_32(size: int) -> int:
    return size + (32 if size > 32 else 1)


def _twice(size: int) -> int:
    return 2 * size


def _thrice(size: int) -> int:
    return 3 * size


# At which sizes an axis is tried. Height and width grow to multiples: what is divided by strides stays divisible.
_TRIED: Mapping[str, tuple[Callable[[int], int], ...]] = {
    "batch": (_plus_one, _thrice),
    "height": (_twice, _thrice),
    "width": (_twice, _thrice),
}


class _PinnedError(Exception):
    """An axis cannot stay open; the message names the node."""


def _check_open(graph: Graph, axis: str, others: Sequence[str]) -> None:
    """Raise _PinnedError if `axis` cannot stay open, alone or together with `others`."""
    for grown in _TRIED[axis]:
        inputs = _moved(graph, {axis: grown})
        if inputs == dict(graph.inputs):
            found = ", ".join(f"'{name}' {list(shape)}" for name, shape in inputs.items())
            lacking = "counts images on its first axis" if axis == "batch" else "is a map of four axes"
            raise _PinnedError(f"there is no {axis} to open: no input {lacking}: {found}")
        shapes = _shapes_at(graph, inputs, axis)
        for node in graph.nodes:
            if any(shapes[name] != graph.shapes[name] for name in node.inputs):
                _check_node(graph, node, shapes, axis)
        _shapes_at(graph, _moved(graph, dict.fromkeys((*others, axis), grown)), axis)


def _moved(graph: Graph, growth: Mapping[str, Callable[[int], int]]) -> dict[str, Shape]:
    """Return the input shapes with each named axis grown."""
    shapes = {name: list(shape) for name, shape in graph.inputs.items()}
    for axis, grown in growth.items():
        for name in _batch_inputs(graph) if axis == "batch" else map_inputs(graph):
            shapes[name][AXES[axis]] = grown(shapes[name][AXES[axis]])
    return {name: tuple(shape) for name, shape in shapes.items()}


def _batch_inputs(graph: Graph) -> list[str]:
    """Return the inputs whose first axis counts images: all of one size there, regions and other lists left out."""
    first_axes = [name for name, shape in graph.inputs.items() if shape]
    plain = [name for name in first_axes if not any(map(lists_rows, readers(graph, name)))]
    leading = (image_inputs(graph) or plain)[:1]
    return [name for name in plain if graph.inputs[name][0] == graph.inputs[leading[0]][0]]


def _shapes_at(graph: Graph, inputs: Mapping[str, Shape], axis: str) -> dict[str, Shape]:
    """Infer all shapes for these inputs; _PinnedError naming the first node that does not fit."""
    shapes = dict(inputs)
    for node in graph.nodes:
        read = [shapes[name] for name in node.inputs]
        try:
            shapes[node.name] = node.op.output_shape(*read)
            expected = node.op.param_shapes(*read)
        except ShapeError as error:
            raise _PinnedError(_pinned_by(node, axis, error.problems[0])) from error
        for name, array in node.params.items():
            if array.shape != expected.get(name):
                wanted = f"an input of {list(read[0])} needs {list(expected[name])}"
                why = f"its {name} has shape {list(array.shape)}, but {wanted}{_hint(node, axis)}"
                raise _PinnedError(_pinned_by(node, axis, why))
    return shapes


def _hint(node: Node, axis: str) -> str:
    helps = axis != "batch" and isinstance(node.op, Dense)
    return " (--dense-to-conv turns dense layers into convolutions)" if helps else ""


def _pinned_by(node: Node, axis: str, why: str) -> str:
    return f"{axis} is pinned by '{node.name}' ({type(node.op).__name__}): {why}"


def _check_node(graph: Graph, node: Node, shapes: Mapping[str, Shape], axis: str) -> None:
    """Refuse a node that reads something moving but would not follow it in every target."""
    fixed = _FIXED_BATCH if axis == "batch" else _FIXED_SIZE
    if type(node.op) in fixed:
        raise _PinnedError(_pinned_by(node, axis, fixed[type(node.op)]))
    if axis != "batch":
        _check_settings(graph, node, shapes, axis)
    elif not isinstance(node.op, (PriorBox, BatchReindex, RegionPooling)):
        _check_batch(graph, node, shapes)


def _check_batch(graph: Graph, node: Node, shapes: Mapping[str, Shape]) -> None:
    """Refuse a node that does not keep the images apart on its first axis."""
    before, after = graph.shapes[node.name], shapes[node.name]
    batch = next(shapes[name][0] for name in node.inputs if shapes[name] != graph.shapes[name])
    if after != (batch, *before[1:]):
        why = f"it gives {list(after)} for a batch of {batch}, but images would stay apart in {[batch, *before[1:]]}"
        raise _PinnedError(_pinned_by(node, "batch", why))


def _check_settings(graph: Graph, node: Node, shapes: Mapping[str, Shape], axis: str) -> None:
    """Refuse a node whose settings may have been worked out from the size of what it reads."""
    op, before, after = node.op, graph.shapes[node.inputs[0]], shapes[node.inputs[0]]
    moved = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    if isinstance(op, Slice) and op.axis % len(before) in moved:
        raise _PinnedError(_pinned_by(node, axis, f"it cuts at fixed places of an axis of {before[op.axis]}"))
    if isinstance(op, (Pooling, PoolingIndices)):
        whole = [at for at in moved if at > 1 and op.kernel[at - 2] == before[at]]
        # Pyramid levels step by a whole window, global indices take one; other poolings say their kernel themselves.
        if any(isinstance(op, PoolingIndices) or op.stride[at - 2] == op.kernel[at - 2] for at in whole):
            raise _PinnedError(_pinned_by(node, axis, f"its window is the whole map of {list(before[2:])}"))


# Ops that would compute something else at another size once they are written, or whose first axis is no batch.
_FIXED_BATCH: Mapping[type[Op], str] = {
    DetectionOutput: "it lists the detections of all images in one table",
    LSTM: "its first axis is time, and the batch its second",
    RNN: "its first axis is time, and the batch its second",
}
_FIXED_SIZE: Mapping[type[Op], str] = {
    MaxUnpooling: "the size of its output is fixed",
    PriorBox: "its boxes are worked out for one size when a model is written",
}
