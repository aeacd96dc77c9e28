"""Source files as graphs, for the runtimes that read them themselves."""

from collections.abc import Sequence

from benchmarks.errors import RunnerError
from converters import passes
from converters.errors import ConversionError
from converters.ir import Graph


def ended(graph: Graph, nodes: Sequence[str]) -> Graph:
    """Return the graph with these outputs; RunnerError where there are none such.

    The names of its own outputs mean these: a value that layers change in place afterwards may have the same name.
    """
    if tuple(nodes) == tuple(graph.outputs):
        return graph
    try:
        return passes.cut(graph, nodes)
    except ConversionError as error:
        raise RunnerError(error.problems) from error
