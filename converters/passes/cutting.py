"""Ending a network early: at a value, a layer or an alias; and unit vectors at the end."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from converters.errors import ConversionError, UnsupportedError, did_you_mean
from converters.ir import Graph, Node, unique_name
from converters.ops import (
    BatchNormalization,
    Bias,
    Dropout,
    Elementwise,
    Flatten,
    Identity,
    L2Normalization,
    Op,
    PReLU,
    Reshape,
    Scale,
    Shape,
    Softmax,
)
from converters.passes.rewiring import rebuilt

_DOES_NOTHING: tuple[type[Op], ...] = (Dropout, Identity)
_FOLLOW_UPS: tuple[type[Op], ...] = (BatchNormalization, Bias, Elementwise, PReLU, Scale)
_KEEPS_CLASSES: tuple[type[Op], ...] = (Elementwise, Flatten, Reshape)


def cut(graph: Graph, names: Sequence[str]) -> Graph:
    """Return the network that ends at `names`, its outputs from then on, in this order and under these names.

    A name is a value, a layer or an alias; the name of a layer whose output others change in place means the layer's
    own output. The result's warnings say on which side of an activation the network ends. ConversionError for unknown
    names, layers with several outputs, and inputs.
    """
    chosen: dict[str, str] = {}
    problems: list[str] = []
    for name in dict.fromkeys(names):
        try:
            chosen[name] = value_named(graph, name)
        except ConversionError as error:
            problems += error.problems
    problems += list(_said_twice(chosen))
    if problems or not chosen:
        raise ConversionError(problems or "cannot cut the network: no name was given")
    labels = graph.labels if any(_gives_classes(graph, value) for value in chosen.values()) else ()
    notes = [note for name, value in chosen.items() for note in _notes(graph, name, value)]
    return rebuilt(graph, graph.nodes, outputs=chosen, labels=labels, warnings=(*graph.warnings, *notes))


def value_named(graph: Graph, name: str) -> str:
    """Return the value that a person means by `name`: that value, a layer's output, an alias or an output's name."""
    if any(node.name == name for node in graph.nodes):
        return name
    of_layer = _layer_outputs(graph, name)
    if len(of_layer) > 1:
        raise ConversionError(f"layer '{name}' has {len(of_layer)} outputs, name one of them: {', '.join(of_layer)}")
    value = of_layer[0] if of_layer else graph.aliases.get(name, graph.outputs.get(name, name))
    if value in graph.inputs:
        raise ConversionError(f"'{name}' is an input of the network: nothing would be left")
    if value not in graph.shapes:
        raise ConversionError(_unknown(graph, name))
    return value


def _layer_outputs(graph: Graph, layer: str) -> list[str]:
    """Return the values of a layer that anyone outside it reads, or that nobody reads."""
    inside = [node for node in graph.nodes if node.layer == layer]
    found = []
    for node in inside:
        readers = graph.consumers(node.name)
        if not readers or node.name in graph.outputs.values() or any(reader.layer != layer for reader in readers):
            found.append(node.name)
    return found


def _unknown(graph: Graph, name: str) -> str:
    known = list(dict.fromkeys([*(n for node in graph.nodes for n in (node.name, node.layer)), *graph.aliases]))
    near = get_close_matches(name, known, n=6, cutoff=0.4) or known[-6:]
    return f"there is no value or layer '{name}'{did_you_mean(name, known)} (near it: {', '.join(near)})"


def _said_twice(chosen: Mapping[str, str]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for name, value in chosen.items():
        if value in seen:
            yield f"'{seen[value]}' and '{name}' are the same value: name it once"
        seen[value] = name


def _notes(graph: Graph, name: str, value: str) -> Iterator[str]:
    """Say which side of an activation `value` lies on, and how to get the other."""
    node, following = graph.node(value), _follow_up(graph, value)
    if following is not None:
        kind = type(following.op).__name__
        yield f"'{name}' is the value before {following.name} ({kind}); --cut {following.name} ends after it"
    elif _is_follow_up(node.op) and node.inputs[0] not in graph.inputs:
        before = node.inputs[0]
        yield f"'{name}' is the value after its {type(node.op).__name__}; --cut {before} ends before it"
    layer = [other for other in _layer_outputs(graph, name) if other != value]
    if layer:
        yield f"'{name}' is taken as the value of this name; the layer of this name gives --cut {layer[0]}"


def _is_follow_up(op: Op) -> bool:
    return isinstance(op, _FOLLOW_UPS) and not isinstance(op, _DOES_NOTHING)


def _follow_up(graph: Graph, value: str) -> Node | None:
    """Return the activation or normalization that alone reads `value`, if there is one."""
    readers = graph.consumers(value)
    while len(readers) == 1 and isinstance(readers[0].op, _DOES_NOTHING):
        readers = graph.consumers(readers[0].name)
    return readers[0] if len(readers) == 1 and _is_follow_up(readers[0].op) else None


def _gives_classes(graph: Graph, value: str) -> bool:
    """Return whether each label still belongs to one channel of `value`, through all ops up to an output."""
    if not _has_channels(graph.shapes[value], len(graph.labels)):
        return False
    while value not in graph.outputs.values():
        readers = graph.consumers(value)
        if len(readers) != 1 or not isinstance(readers[0].op, _KEEPS_CLASSES):
            return False
        value = readers[0].name
    return True


def _has_channels(shape: Shape, count: int) -> bool:
    return len(shape) > 1 and shape[1] == count


def l2_normalize(graph: Graph) -> Graph:
    """Return the network with each output divided by its length over all axes but the batch: one unit vector per image.

    An output `x` becomes `x_normalized`; an output of zeros stays zeros.
    Source: torch.nn.functional.normalize, epsilon 1e-12.
    """
    problems = [problem for name, value in graph.outputs.items() for problem in _not_a_vector(graph, name, value)]
    if problems:
        raise UnsupportedError(problems)
    used = set(graph.shapes) | set(graph.outputs)
    nodes, outputs = list(graph.nodes), {}
    for outside, value in graph.outputs.items():
        name = unique_name(f"{outside}_normalized", used)
        used.add(name)
        op = L2Normalization(1e-12, across_spatial=len(graph.shapes[value]) > 2, root="max")
        nodes.append(Node(name, op, (value,)))
        outputs[name] = name
    return rebuilt(graph, nodes, outputs=outputs, labels=(), warnings=(*graph.warnings, *_probabilities(graph)))


def _not_a_vector(graph: Graph, name: str, value: str) -> Iterator[str]:
    shape = graph.shapes[value]
    if len(shape) < 2:
        yield f"output '{name}' has shape {list(shape)}: there is no vector per image to normalize"
    elif any(node.name == value and node.op.data_dependent for node in graph.nodes):
        yield f"output '{name}' holds as many rows as its input decides: there is no vector per image to normalize"


def _probabilities(graph: Graph) -> Iterator[str]:
    for name, value in graph.outputs.items():
        if value not in graph.inputs and isinstance(graph.node(value).op, Softmax):
            yield f"output '{name}' holds probabilities, an unusual embedding; --cut ends the network earlier"
