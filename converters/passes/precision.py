"""Weights: rounded to half precision, and checked for values that are no numbers."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from converters.errors import UnsupportedError
from converters.ir import Graph, Node
from converters.ops import Array

HALF_LARGEST = float(np.finfo(np.float16).max)


def rounded_to_half(graph: Graph) -> Graph:
    """Return the network with every weight rounded to half precision and stored as float32 again: what float16 loses.

    UnsupportedError naming each layer with a weight beyond half precision's range (65504).
    """
    problems = [problem for node in graph.nodes for problem in _too_large(node)]
    if problems:
        raise UnsupportedError(problems)
    rounded: dict[int, Array] = {}
    for node in graph.nodes:
        for array in node.params.values():
            if id(array) not in rounded:
                rounded[id(array)] = array.astype(np.float16).astype(array.dtype)
    nodes = [replace(n, params={key: rounded[id(a)] for key, a in n.params.items()}) for n in graph.nodes]
    return replace(graph, nodes=tuple(nodes))


def _too_large(node: Node) -> Iterator[str]:
    for name, array in node.params.items():
        finite = np.abs(array[np.isfinite(array)])
        # 65520 and more round to infinity, what is between rounds down to the largest half.
        if finite.size and finite.max() >= HALF_LARGEST + 16:
            yield (
                f"layer '{node.layer}': {name} reaches {float(finite.max()):.6g}, beyond half precision's "
                f"{HALF_LARGEST:.0f}; keep --dtype float32"
            )


def non_finite_weights(graph: Graph) -> list[str]:
    """Return one line for each layer whose weights hold NaN or infinity."""
    return [line for node in graph.nodes for line in _non_finite(node)]


def _non_finite(node: Node) -> Iterator[str]:
    for name, array in node.params.items():
        # A sum is not finite if any term is not (or if it overflows), and needs no second array.
        with np.errstate(over="ignore", invalid="ignore"):
            total = array.sum()
        if not np.isfinite(total):
            nan, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
            if nan or infinite:
                counts = f"{nan} NaN and {infinite} infinite values of {array.size}"
                yield f"layer '{node.layer}': {name} holds {counts}"
