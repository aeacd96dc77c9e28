"""Seeded inputs that a network can make sense of."""

from converters.ir import Graph
from converters.ops import Array


def sample_feeds(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Return one plausible array per input: pixels for images, whole numbers for indices, 0 and 1 for flags, and so on."""
    raise NotImplementedError
