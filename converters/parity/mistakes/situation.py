"""What a mistake is tried on: one node, what it reads, and what came out instead of the right value."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from converters.ir import Graph, Node
from converters.ops import Array, Op, Shape
from converters.parity.reference import computed

# A mistake in words that go on "values match when ...", and how to compute the value that it gives.
Attempt = tuple[str, Callable[[], Array]]


class Situation(NamedTuple):
    """A node of a graph with what it reads; `got` is the value to explain, None where only a later one is known."""

    graph: Graph
    node: Node
    arrays: tuple[Array, ...]
    got: Array | None = None

    def again(self, op: Op | None = None, arrays: Sequence[Array] | None = None, **params: Array) -> Array:
        """Return what the node computes, with something changed."""
        return computed(self.node, self.arrays if arrays is None else arrays, op, params)

    @property
    def shape(self) -> Shape:
        """Return the shape of the first input."""
        return self.arrays[0].shape


Mistake = Callable[[Situation], Iterator[Attempt]]
