"""Holding what a target computed against the reference, value by value."""

from collections.abc import Mapping
from dataclasses import dataclass

from converters.ir import Graph
from converters.ops import Array, Shape


@dataclass(frozen=True)
class NodeDifference:
    """One value: largest difference divided by the reference's largest value (NaN where they cannot be compared), and the verdict."""

    node: str
    op: str
    shape: Shape
    difference: float
    ok: bool
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What came out of one comparison: one entry per value that the target gave, in execution order.

    `not_compared` names the values that it did not give, `warnings` says what weakens the proof.
    """

    network: str
    tolerance: float
    nodes: tuple[NodeDifference, ...]
    outputs: Mapping[str, str]
    not_compared: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Return whether every value that was compared is equal within the tolerance, and every output was compared."""
        raise NotImplementedError

    @property
    def first_different(self) -> NodeDifference | None:
        """Return the first value that differs, in execution order."""
        return next((node for node in self.nodes if not node.ok), None)

    @property
    def largest(self) -> float:
        """Return the largest difference of all values; 0 when nothing was compared."""
        raise NotImplementedError

    def problems(self) -> list[str]:
        """Return why the verdict is not ok, one line per reason; empty when it is."""
        raise NotImplementedError

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Return the table for people: node, op, shape, difference, verdict."""
        raise NotImplementedError


def compare(
    graph: Graph,
    feeds: Mapping[str, Array],
    got: Mapping[str, Array],
    *,
    tolerance: float = 1e-5,
    reference: Mapping[str, Array] | None = None,
) -> Report:
    """Compare `got` (value name -> array) with what `graph` computes from `feeds`, or with `reference` where that is given."""
    raise NotImplementedError
