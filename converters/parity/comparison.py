"""Holding what a target computed against the reference, value by value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite

import numpy as np

from converters.errors import ParityError
from converters.ir import Graph, Node
from converters.ops import Array, Exponential, Op, Shape, Sigmoid, Softmax
from converters.parity.measure import HUGE, Measured, measured
from converters.parity.reference import JUMPING, Reference, computed

# A row of probabilities whose largest is nearer to 1 than this hides what was computed before it.
SATURATED = 1e-6


# Roundings differ between libraries and add up from layer to layer: a value that is right for its inputs, as the target
# computed them, may be off by this many tolerances.
ROUNDING_ROOM = 10.0
# exp turns the relative difference of its input into an absolute one; beyond this, probabilities prove nothing.
AMPLIFIED_ROOM = 100.0
AMPLIFYING: tuple[type[Op], ...] = (Exponential, Softmax)
# Libraries compute a sigmoid to a few roundings of 1, its largest value, however small the value is that comes out.
LEAST_SCALES: dict[type[Op], float] = {Sigmoid: 0.05}


@dataclass(frozen=True)
class NodeDifference:
    """One value: its largest difference divided by the reference's largest value, and the verdict.

    The difference is infinite where the two cannot be compared: other shapes, or NaN and infinities elsewhere; `note`
    says so.
    """

    node: str
    op: str
    shape: Shape
    difference: float
    ok: bool
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What came out of one comparison: one entry per value that the target gave, in execution order.

    `outputs` maps the network's outputs to their values, `not_compared` names the values that the target did not give,
    `warnings` says what weakens the proof.
    """

    network: str
    tolerance: float
    nodes: tuple[NodeDifference, ...]
    outputs: Mapping[str, str]
    not_compared: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Return whether every compared value is equal within the tolerance, and every output was compared."""
        return not self.problems()

    @property
    def first_different(self) -> NodeDifference | None:
        """Return the first value that differs, in execution order."""
        return next((node for node in self.nodes if not node.ok), None)

    @property
    def largest(self) -> float:
        """Return the largest difference of all values; 0 when nothing was compared."""
        return max((node.difference for node in self.nodes), default=0.0)

    def problems(self) -> list[str]:
        """Return why the verdict is not ok, one line per reason; empty when it is."""
        first, found = self.first_different, []
        if first is not None:
            others = sum(not node.ok for node in self.nodes) - 1
            more = f"; {others} values after it differ too" if others else ""
            found.append(f"'{first.node}' ({first.op}) differs: {described(first, self.tolerance)}{more}")
        missing = [name for name, value in self.outputs.items() if value in self.not_compared]
        return found + [f"output '{name}' was not returned, so nothing is proved about it" for name in missing]

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Return the table for people: node, op, shape, difference, verdict."""
        return [
            (
                node.node,
                node.op,
                "x".join(map(str, node.shape)) or "single value",
                f"{node.difference:.1e}" if isfinite(node.difference) else "-",
                (f"ok ({node.note})" if node.note else "ok") if node.ok else node.note or "differs",
            )
            for node in self.nodes
        ]


def described(node: NodeDifference, tolerance: float) -> str:
    """Return a difference in words."""
    return node.note or f"by {node.difference:.3g} of its largest value, more than {tolerance:g}"


def compare(
    graph: Graph,
    feeds: Mapping[str, Array],
    got: Mapping[str, Array],
    *,
    tolerance: float = 1e-5,
    reference: Mapping[str, Array] | None = None,
) -> Report:
    """Compare `got` (value name -> array) with what `graph` computes from `feeds`, or with `reference` if given.

    A value that jumps when its input moves by a rounding error (an index, a kept row) may differ if it is right for
    what the target itself computed before it; the comparison then goes on from the target's value. Any value that is
    right in this sense may be off by ten tolerances: that is what roundings add up to in a deep network.
    """
    unknown = [name for name in got if name not in graph.shapes]
    if unknown:
        raise ParityError(f"the target returned '{unknown[0]}', which is no value of the network '{graph.name}'")
    comparison = _Comparison(graph, got, tolerance, Reference(graph, feeds, reference))
    for node in graph.nodes:
        comparison.take(node)
    return comparison.report()


@dataclass
class _Comparison:
    """The state of one walk over a network."""

    graph: Graph
    got: Mapping[str, Array]
    tolerance: float
    reference: Reference
    found: list[NodeDifference] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def take(self, node: Node) -> None:
        """Compare one value."""
        expected = self.reference.value(node)
        if isinstance(node.op, Softmax):
            self.warnings += _saturated(node, node.op.axis, expected, self.got)
        got = self.got.get(node.name)
        if got is None:
            self.missing.append(node.name)
        else:
            self._compare(node, np.asarray(got), expected)
        self.reference.forget(node)

    def _compare(self, node: Node, got: Array, expected: Array) -> None:
        before = 0.0 if expected.any() else self._largest_read(node)
        result = measured(got, expected, before, LEAST_SCALES.get(type(node.op), 0.0))
        ok, note = self._within(result), result.note
        if not ok:
            own = self._for_its_own_inputs(node, got, before)
            right = own is not None and self._within(own)
            if own is not None and right and isinstance(node.op, JUMPING):
                self.reference.replace(node, got)
                result, ok, note = own, True, "right for what the target computed before it"
            elif result.difference <= self.tolerance * self._room(node, right=right if own is not None else None):
                ok, note = True, "rounding before it adds up"
        kind = type(node.op).__name__
        self.found.append(NodeDifference(node.name, kind, expected.shape, result.difference, ok, note))

    def _room(self, node: Node, *, right: bool | None) -> float:
        """Return how many tolerances a value may be off.

        `right` says whether it is right for what the target computed before it, None that this is not known.
        """
        if right is False:
            return 1.0
        amplified = min(self._largest_read(node), AMPLIFIED_ROOM) if isinstance(node.op, AMPLIFYING) else 1.0
        return max(ROUNDING_ROOM if right else 1.0, amplified)

    def _largest_read(self, node: Node) -> float:
        """Return the largest value that a node reads: what the rounding around a zero is to be compared with."""
        read = [self.reference.values[name] for name in node.inputs]
        sizes = [float(np.abs(array[np.isfinite(array)]).max(initial=0)) for array in read]
        return max((size for size in sizes if size < HUGE), default=0.0)

    def _within(self, result: Measured) -> bool:
        return result.difference <= self.tolerance

    def _for_its_own_inputs(self, node: Node, got: Array, scale_before: float) -> Measured | None:
        """Hold a value against what the op makes of the inputs that the target itself computed; None without them."""
        own = {**self.reference.fed, **self.got}
        if any(name not in own for name in node.inputs):
            return None
        expected = [self.reference.values[name] for name in node.inputs]
        arrays = [np.asarray(own[name]).astype(e.dtype) for name, e in zip(node.inputs, expected, strict=True)]
        if any(array.shape != e.shape for array, e in zip(arrays, expected, strict=True)):
            return None
        return measured(got, computed(node, arrays), scale_before, LEAST_SCALES.get(type(node.op), 0.0))

    def report(self) -> Report:
        """Return what was found."""
        graph = self.graph
        return Report(
            graph.name,
            self.tolerance,
            tuple(self.found),
            dict(graph.outputs),
            tuple(self.missing),
            tuple(self.warnings),
        )


def _saturated(node: Node, axis: int, expected: Array, got: Mapping[str, Array]) -> Iterator[str]:
    """Say where probabilities are all 0 or 1: they would be so after many a mistake before them."""
    if not expected.size or not (expected.max(axis) > 1 - SATURATED).all():
        return
    before = node.inputs[0]
    judged = f"judge by '{before}' before it" if before in got else f"and '{before}' before it could not be compared"
    yield f"'{node.name}' is one-hot for this input, so it hides differences: {judged}"
