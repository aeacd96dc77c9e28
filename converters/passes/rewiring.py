"""Putting a changed list of nodes back into a graph: names follow, what nothing needs any more goes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from converters.ir import Graph, Node
from converters.ops import Shape


def rebuilt(graph: Graph, nodes: Iterable[Node], *, renamed: Mapping[str, str] | None = None, **changes: Any) -> Graph:
    """Return `graph` with these nodes and `changes` of its other fields, without nodes, inputs and aliases that lead nowhere.

    `renamed` says which value stands for one that went away: node inputs, outputs and aliases follow it. ShapeError where the
    new nodes do not fit together.
    """
    new = renamed or {}
    nodes = [_reading(node, new) for node in nodes]
    outputs = {outside: _followed(value, new) for outside, value in changes.pop("outputs", graph.outputs).items()}
    kept = needed(nodes, outputs.values())
    inputs: dict[str, Shape] = {n: s for n, s in changes.pop("inputs", graph.inputs).items() if n in kept}
    nodes = [node for node in nodes if node.name in kept]
    values = inputs.keys() | {node.name for node in nodes}
    dtypes = {name: kind for name, kind in changes.pop("input_dtypes", graph.input_dtypes).items() if name in inputs}
    followed = {alias: _followed(value, new) for alias, value in changes.pop("aliases", graph.aliases).items()}
    aliases = {alias: value for alias, value in followed.items() if value in values}
    return replace(
        graph, inputs=inputs, nodes=tuple(nodes), outputs=outputs, input_dtypes=dtypes, aliases=aliases, **changes
    )


def needed(nodes: Iterable[Node], outputs: Iterable[str]) -> set[str]:
    """Return the names of all values that the values `outputs` depend on, themselves included."""
    found = set(outputs)
    for node in reversed(list(nodes)):
        if node.name in found:
            found.update(node.inputs)
    return found


def only_reader(graph: Graph, value: str) -> Node | None:
    """Return the one node that reads `value`; None if several or none do, or if it is an output of the network as well."""
    found = graph.consumers(value)
    return found[0] if len(found) == 1 and value not in graph.outputs.values() else None


def _reading(node: Node, renamed: Mapping[str, str]) -> Node:
    if not any(name in renamed for name in node.inputs):
        return node
    return replace(node, inputs=tuple(_followed(name, renamed) for name in node.inputs))


def _followed(name: str, renamed: Mapping[str, str]) -> str:
    while name in renamed:
        name = renamed[name]
    return name
