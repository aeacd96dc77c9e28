"""The reference values of a network, one node after another, while a target is held against them."""

from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np

from converters.ir import Graph, Node
from converters.ops import (
    ArgMax,
    Array,
    BatchReindex,
    DetectionOutput,
    Embedding,
    Filter,
    MaxUnpooling,
    Op,
    PoolingIndices,
    RegionPooling,
    Threshold,
)

# A rounding error in their input can turn their output into something else.
JUMPING: tuple[type[Op], ...] = (
    ArgMax,
    BatchReindex,
    DetectionOutput,
    Embedding,
    Filter,
    MaxUnpooling,
    PoolingIndices,
    RegionPooling,
    Threshold,
)


class Reference:
    """Computes the values of a network in order, or takes them from `given`, and forgets what nobody needs any more.

    A value may be replaced: what is computed from it then follows the replacement. `fed` holds the inputs, `values`
    what is known at the moment.
    """

    def __init__(self, graph: Graph, feeds: Mapping[str, Array], given: Mapping[str, Array] | None = None) -> None:
        # The interpreter checks the feeds and hands them on first.
        self.fed = dict(islice(graph.steps(feeds), len(graph.inputs)))
        self.values = dict(self.fed)
        self._given = given or {}
        self._replaced: set[str] = set()
        self._last_use = {name: node.name for node in graph.nodes for name in node.inputs}

    def value(self, node: Node) -> Array:
        """Return a node's value; nodes are asked for in execution order."""
        if self._replaced.intersection(node.inputs):
            self._replaced.add(node.name)
        elif node.name in self._given:
            self.values[node.name] = np.asarray(self._given[node.name])
            return self.values[node.name]
        self.values[node.name] = computed(node, [self.values[name] for name in node.inputs])
        return self.values[node.name]

    def replace(self, node: Node, value: Array) -> None:
        """Put `value` in place of a node's reference value, for all that follows."""
        self.values[node.name] = value
        self._replaced.add(node.name)

    def forget(self, node: Node) -> None:
        """Drop the values that only `node` still needed."""
        for name in (*node.inputs, node.name):
            if self._last_use.get(name, node.name) == node.name:
                self.values.pop(name, None)


def computed(
    node: Node, arrays: Sequence[Array], op: Op | None = None, params: Mapping[str, Array] | None = None
) -> Array:
    """Return what a node computes from `arrays`, with another op or other params where they are given."""
    kind = next((array.dtype for array in arrays if array.dtype.kind == "f"), np.dtype(np.float32))
    known = {name: array.astype(kind, copy=False) for name, array in {**node.params, **(params or {})}.items()}
    return (op or node.op).compute(*arrays, **known)
