"""Why a value differs: known mistakes are made on purpose, and the one that gives the same wrong values is named."""

from collections.abc import Mapping

from converters.ir import Graph
from converters.ops import Array
from converters.parity.comparison import Report


def likely_cause(
    graph: Graph,
    feeds: Mapping[str, Array],
    got: Mapping[str, Array],
    report: Report,
    *,
    reference: Mapping[str, Array] | None = None,
) -> str:
    """Return one line naming the first differing node and the mistake that explains its values; empty when the report is ok."""
    raise NotImplementedError
