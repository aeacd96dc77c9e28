"""Why a value differs: known mistakes are made on purpose, and the one that gives the same wrong values is named."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from converters.errors import ShapeError
from converters.ir import Graph, Node
from converters.ops import Array
from converters.parity.comparison import NodeDifference, Report
from converters.parity.measure import measured
from converters.parity.mistakes import Mistake, Situation, attempts, attempts_anywhere, likely_attempts
from converters.parity.reference import computed

# How many multiply-accumulates all tries together may cost: a minute or so in NumPy.
BUDGET_MACS = 200_000_000_000


def likely_cause(
    graph: Graph,
    feeds: Mapping[str, Array],
    got: Mapping[str, Array],
    report: Report,
    *,
    reference: Mapping[str, Array] | None = None,
) -> str:
    """Return one line naming the first differing node and what explains its values; empty when nothing differs.

    Mistakes are tried on that node alone where the values it reads were compared and are right, otherwise on the nodes
    between it and the last right values: on all of a kind at once, then one by one. `reference` spares computing those.
    """
    first = report.first_different
    if first is None:
        return ""
    right = {node.node for node in report.nodes if node.ok}
    known = {**feeds, **{name: np.asarray(array) for name, array in got.items() if name in right}}
    suspects = _suspects(graph, first.node, known)
    search = _Search(graph, suspects, known, np.asarray(got[first.node]), report.tolerance, first.difference)
    search.start(reference or {})
    found = search.alone() if len(suspects) == 1 else search.of_a_kind() or search.one_by_one()
    return found or _observed(first, np.asarray(got[first.node]), search)


def _suspects(graph: Graph, name: str, known: Mapping[str, Array]) -> list[Node]:
    """Return the node and those before it, in execution order, back to values that are known to be right."""
    wanted, found = {name}, []
    for node in reversed(graph.nodes):
        if node.name in wanted:
            found.append(node)
            wanted.update(value for value in node.inputs if value not in known)
    return found[::-1]


@dataclass
class _Search:
    """Tries to explain `got`, the wrong value of the last of `suspects`; `known` holds what is right before them."""

    graph: Graph
    suspects: Sequence[Node]
    known: Mapping[str, Array]
    got: Array
    tolerance: float
    difference: float
    values: dict[str, Array] = field(default_factory=dict)
    spent: int = 0

    def start(self, reference: Mapping[str, Array]) -> None:
        """Compute what is right for each suspect, or take it from `reference`."""
        self.values.update(self.known)
        for node in self.suspects:
            given = reference.get(node.name)
            self.values[node.name] = computed(node, self._arrays(node, {})) if given is None else given

    def alone(self) -> str:
        """Explain the only suspect."""
        node = self.suspects[0]
        situation = Situation(self.graph, node, tuple(self._arrays(node, {})), self.got)
        for what, attempt in attempts(situation):
            if self._explains(self._tried(node, attempt)):
                return f"'{node.name}' (layer '{node.layer}'): the values match when {what}"
        return ""

    def of_a_kind(self) -> str:
        """Explain the last suspect by one mistake in all nodes it can happen to."""
        for what, nodes in self._mistakes(likely_attempts).items():
            if len(nodes) > 1 and self._explains(self._followed(dict.fromkeys(nodes, what))):
                names = f"'{nodes[0]}' and {len(nodes) - 1} more like it"
                return f"'{self.suspects[-1].name}': the values match when, in {names}, {what}"
        return ""

    def one_by_one(self) -> str:
        """Explain the last suspect by a mistake in one node."""
        for kinds in (likely_attempts, attempts_anywhere):
            for what, nodes in self._mistakes(kinds).items():
                for name in nodes:
                    if self._explains(self._followed({name: what})):
                        return f"'{self.suspects[-1].name}': the values match when, in '{name}', {what}"
        return ""

    def _mistakes(self, kinds: Mistake) -> dict[str, list[str]]:
        """Return for each mistake of these kinds the nodes that it can happen to."""
        found: dict[str, list[str]] = {}
        for node in self.suspects:
            for what, _ in kinds(Situation(self.graph, node, tuple(self._arrays(node, {})))):
                found.setdefault(what, []).append(node.name)
        return found

    def _arrays(self, node: Node, changed: Mapping[str, Array]) -> list[Array]:
        return [changed[name] if name in changed else self.values[name] for name in node.inputs]

    def _followed(self, mistakes: Mapping[str, str]) -> Array | None:
        """Return the last suspect's value when these nodes make these mistakes."""
        changed: dict[str, Array] = {}
        for node in self.suspects:
            if node.name not in mistakes and not any(name in changed for name in node.inputs):
                continue
            arrays = self._arrays(node, changed)
            attempt = _attempt(Situation(self.graph, node, tuple(arrays)), mistakes.get(node.name))
            value = self._tried(node, attempt)
            if value is None:
                return None
            changed[node.name] = value
        return changed.get(self.suspects[-1].name)

    def _tried(self, node: Node, attempt: Callable[[], Array]) -> Array | None:
        """Return what an attempt gives; None when it does not fit or the budget is used up."""
        self.spent += node.op.macs(*self.graph.input_shapes(node))
        if self.spent > BUDGET_MACS:
            return None
        try:
            with np.errstate(all="ignore"):
                return attempt()
        except (ShapeError, ValueError, IndexError):  # the mistake is impossible with these shapes
            return None

    def _explains(self, value: Array | None) -> bool:
        """Return whether a value is the wrong one; a number that was fitted may be a little off."""
        if value is None or value.shape != self.got.shape:
            return False
        left = measured(self.got, value).difference
        return left <= 10 * self.tolerance and left <= self.difference / 10


def _attempt(situation: Situation, mistake: str | None) -> Callable[[], Array]:
    if mistake is None:
        return situation.again
    return dict(attempts(situation)).get(mistake, situation.again)


def _observed(first: NodeDifference, got: Array, search: _Search) -> str:
    """Say what can be seen when no mistake explains a value."""
    expected = search.values[first.node]
    if got.shape == expected.shape:
        for what in _patterns(got.astype(np.float64), expected.astype(np.float64), search.tolerance):
            return f"'{first.node}': {what}"
    others = len(search.suspects) - 1
    where = f"; the fault may lie in the {others} nodes before it that were not compared" if others else ""
    tried = "; not all were tried, that would take too long" if search.spent > BUDGET_MACS else ""
    return f"'{first.node}' ({first.op}): no known mistake explains its values{where}{tried}"


def _patterns(got: Array, expected: Array, tolerance: float) -> Iterator[str]:
    if not (np.isfinite(got).all() and np.isfinite(expected).all()) or not expected.any():
        return
    factor = float((got * expected).sum() / np.square(expected).sum())
    if measured(got, factor * expected).difference <= 10 * tolerance and factor:
        yield f"its values are {factor:.6g} times the right ones throughout"
    if got.ndim > 1:
        axes = (0, *range(2, got.ndim))
        offset = (got - expected).mean(axes, keepdims=True)
        if got.size > got.shape[1] and measured(got, expected + offset).difference <= 10 * tolerance:
            yield "its values differ by one number per channel, as with another bias"
    if measured(got, expected).difference < 1e-2:
        yield "its values differ little and everywhere, as with float16, TF32 or another reduced precision"
