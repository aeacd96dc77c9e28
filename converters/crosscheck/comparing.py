"""Holding two releases of one network against each other: structure, learned values, statements, computed values."""

from collections.abc import Iterator, Sequence
from dataclasses import fields

from converters.crosscheck.channels import channel_orders
from converters.crosscheck.layers import DENSE_AS_CONVOLUTION, Layer, compared_layers
from converters.crosscheck.pairing import Pair, Pairing, Titles, paired, with_like_ends
from converters.crosscheck.result import Crosscheck
from converters.crosscheck.statements import compared_labels, compared_preprocessing
from converters.crosscheck.values import Computed, Progress, computed
from converters.errors import ShapeError
from converters.ir import Graph, Node
from converters.ops.base import size_of
from converters.parity.agreement import SILENT
from converters.passes import fold_batch_norm, resize
from converters.roles import image_inputs

SHOWN_NAMES = 6


def silent(_title: str, _fraction: float) -> None:
    """Report progress to nobody."""


def crosscheck(
    first: Graph,
    second: Graph,
    titles: Titles = ("the first", "the second"),
    *,
    tolerance: float = 1e-5,
    progress: Progress = silent,
) -> Crosscheck:
    """Compare two releases of one network, which may differ in names and in the form that two formats give them.

    Nodes are paired by what they read. Equal are also: a first convolution with its input channels flipped, a dense
    layer and the convolution that it is, a batch normalization folded on one side, dropout and a final softmax that
    only one has. `tolerance` holds for learned values and, from one seeded image, for all values that both compute.
    """
    labels = compared_labels(first, second, titles)
    first, second, ends = with_like_ends(_for_one_image(first), _for_one_image(second), titles)
    first, second, pairing, folded = _comparable(first, second)
    progress("comparing the learned values", 0.0)
    layers = compared_layers(first, pairing.pairs, tolerance)
    channels = channel_orders(first, second, titles, pairing.pairs, tolerance)
    structure = list(_unpaired(pairing, titles))
    fitted = _fitted(first, second, titles, structure)
    statements = compared_preprocessing(first, fitted or second, channels, titles)
    found = None
    if fitted is not None and pairing.whole:
        structure += _shapes_apart(first, fitted, pairing)
        contradicting = bool(channels.problem or statements.problems)
        found = computed(first, fitted, pairing, channels, contradicting, tolerance, progress)
        if not structure:
            structure += _telling_settings(pairing.pairs, found)
    lines = (*ends, *folded, *_form(first, second, pairing, layers, titles), *_settings(pairing.pairs, found))
    pairs = tuple((ours.name, theirs.name, type(ours.op).__name__) for ours, theirs in pairing.pairs)
    warnings = tuple(dict.fromkeys((*first.warnings, *(fitted or second).warnings)))
    return Crosscheck(titles, pairs, lines, tuple(structure), layers, channels, statements + labels, found, warnings)


def _for_one_image(graph: Graph) -> Graph:
    """Return the network for a batch of one where its prototxt states a larger one and nothing else needs that."""
    shapes = {name: (1, *graph.inputs[name][1:]) for name in image_inputs(graph)}
    if len(shapes) != len(graph.inputs) or shapes == dict(graph.inputs):
        return graph
    try:
        return resize(graph, shapes)
    except ShapeError:  # a Reshape that names the batch: it is compared as it is
        return graph


def _comparable(first: Graph, second: Graph) -> tuple[Graph, Graph, Pairing, tuple[str, ...]]:
    """Return both networks and their pairs, batch normalization folded on both sides where it stands between."""
    as_they_are = paired(first, second)
    if as_they_are.whole:
        return first, second, as_they_are, ()
    folded = fold_batch_norm(first), fold_batch_norm(second)
    after = paired(*folded)
    if _left(after) >= _left(as_they_are):
        return first, second, as_they_are, ()
    return *folded, after, ("batch normalization was folded on both sides to compare them",)


def _left(pairing: Pairing) -> int:
    return len(pairing.only_first) + len(pairing.only_second)


def _unpaired(pairing: Pairing, titles: Titles) -> Iterator[str]:
    for title, nodes in zip(titles, (pairing.only_first, pairing.only_second), strict=True):
        if nodes:
            described = [f"'{node.name}' ({type(node.op).__name__})" for node in nodes]
            yield f"only {title} has {_listed(described)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more


def _fitted(first: Graph, second: Graph, titles: Titles, problems: list[str]) -> Graph | None:
    """Return the second network at the first one's input sizes; None, and a problem more, where it cannot have them."""
    if len(first.inputs) != len(second.inputs):
        problems.append(f"{titles[0]} has {len(first.inputs)} inputs, {titles[1]} {len(second.inputs)}")
        return None
    shapes = dict(zip(second.inputs, first.inputs.values(), strict=True))
    if shapes == dict(second.inputs):
        return second
    try:
        return resize(second, shapes)
    except ShapeError as error:
        problems += [f"{titles[1]} cannot take the input of {titles[0]}: {problem}" for problem in error.problems]
        return None


def _shapes_apart(first: Graph, second: Graph, pairing: Pairing) -> Iterator[str]:
    """Name the first pair whose outputs have other sizes; those after it follow from it."""
    for ours, theirs in pairing.pairs:
        shapes = (first.shapes[ours.name], second.shapes[theirs.name])
        if shapes[0][:1] != shapes[1][:1] or size_of(shapes[0]) != size_of(shapes[1]):
            reason = "; ".join(_settings_apart(ours, theirs))
            why = f" ({reason})" if reason else ""
            yield f"{_names(ours, theirs)} give {list(shapes[0])} and {list(shapes[1])}{why}"
            return


def _form(first: Graph, second: Graph, pairing: Pairing, layers: Sequence[Layer], titles: Titles) -> Iterator[str]:
    """Say in which form, without consequence, the two differ."""
    sizes = [", ".join(_sizes(shape) for shape in graph.inputs.values()) for graph in (first, second)]
    if sizes[0] != sizes[1]:
        yield f"{titles[0]} takes {sizes[0]}, {titles[1]} {sizes[1]}; compared at the first one's size"
    renamed = sum(ours.name != theirs.name for ours, theirs in pairing.pairs)
    if renamed:
        yield f"{renamed} of {len(pairing.pairs)} nodes have other names"
    for title, graph, other in ((titles[0], first, second), (titles[1], second, first)):
        kinds = {type(node.op) for node in graph if isinstance(node.op, SILENT)}
        for kind in sorted(kinds - {type(node.op) for node in other}, key=lambda kind: kind.__name__):
            names = [node.name for node in graph if type(node.op) is kind]
            yield f"only {title} has {kind.__name__} ({_listed(names)}), which changes no value"
    dense = [layer.name for layer in layers if DENSE_AS_CONVOLUTION in layer.rearranged]
    if dense:
        yield f"dense on one side, a convolution on the other: {_listed(dense)}"


def _telling_settings(pairs: Sequence[Pair], found: Computed) -> Iterator[str]:
    """Name the settings of the first pair that computes something else."""
    wrong = found.report.first_different
    for ours, theirs in pairs:
        if wrong is not None and ours.name == wrong.node:
            yield from (f"{_names(ours, theirs)}: {apart}" for apart in _settings_apart(ours, theirs))


def _settings(pairs: Sequence[Pair], found: Computed | None) -> Iterator[str]:
    """Say which settings differ where the values agree all the same, one line for all nodes that differ alike."""
    agreeing = set() if found is None else {node.node for node in found.report.nodes if node.ok}
    alike: dict[str, list[str]] = {}
    for ours, theirs in pairs:
        apart = "; ".join(_settings_apart(ours, theirs))
        if apart and ours.name in agreeing:
            alike.setdefault(apart, []).append(_names(ours, theirs))
    for apart, names in alike.items():
        yield f"{_listed(names)}: {apart}, which changes nothing at this size"


def _settings_apart(ours: Node, theirs: Node) -> Iterator[str]:
    """Name the settings of two nodes that differ; a bias shows in the learned values."""
    if type(ours.op) is type(theirs.op):
        for setting in fields(ours.op):
            one, other = getattr(ours.op, setting.name), getattr(theirs.op, setting.name)
            if one != other and setting.name != "bias":
                yield f"{setting.name} {one} against {other}"


def _sizes(shape: Sequence[int]) -> str:
    """Write a shape as 1x3x224x224."""
    return "x".join(map(str, shape))


def _names(ours: Node, theirs: Node) -> str:
    return f"'{ours.name}'" if ours.name == theirs.name else f"'{ours.name}' and '{theirs.name}'"
