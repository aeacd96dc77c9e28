"""Putting a changed list of nodes back into a graph: names follow, what nothing needs any more goes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from converters.ir import Graph, Node
from converters.ops import Shape


def rebuilt(graph: Graph, nodes: Iterable[Node], **changes: Any) -> Graph:
    """Return `graph` with these nodes and `changes` of its other fields; nodes, inputs and aliases without use go.

    ShapeError where the new nodes do not fit together.
    """
    nodes = list(nodes)
    outputs: Mapping[str, str] = changes.pop("outputs", graph.outputs)
    kept = needed(nodes, outputs.values())
    nodes = [node for node in nodes if node.name in kept]
    inputs: dict[str, Shape] = {name: shape for name, shape in graph.inputs.items() if name in kept}
    values = inputs.keys() | {node.name for node in nodes}
    changes["input_dtypes"] = _only(changes.get("input_dtypes", graph.input_dtypes), inputs)
    aliases: Mapping[str, str] = changes.get("aliases", graph.aliases)
    changes["aliases"] = {alias: value for alias, value in aliases.items() if value in values}
    return replace(graph, inputs=inputs, nodes=tuple(nodes), outputs=outputs, **changes)


def _only(values: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    return {name: values[name] for name in names if name in values}


def needed(nodes: Iterable[Node], outputs: Iterable[str]) -> set[str]:
    """Return the names of all values that the values `outputs` depend on, themselves included."""
    found = set(outputs)
    for node in reversed(list(nodes)):
        if node.name in found:
            found.update(node.inputs)
    return found


def only_reader(graph: Graph, value: str) -> Node | None:
    """Return the one node that reads `value`; None if several or none do, or if it is an output as well."""
    found = graph.consumers(value)
    return found[0] if len(found) == 1 and value not in graph.outputs.values() else None
