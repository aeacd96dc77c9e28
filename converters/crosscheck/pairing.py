"""Which node of one network is which node of another: by what they read, or else by their order."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import inf

from converters.crosscheck.arrays import distance
from converters.ir import Graph, Node
from converters.ops import Maximum, Op, Product, Softmax, Sum
from converters.parity.agreement import SAME_KIND, SILENT, same_kind
from converters.passes.rewiring import rebuilt

Pair = tuple[Node, Node]
Titles = tuple[str, str]

# The order of what these read is one of writing down.
_SYMMETRIC: tuple[type[Op], ...] = (Maximum, Product, Sum)


@dataclass(frozen=True, eq=False)
class Pairing:
    """The pairs of nodes in the first network's order, and the nodes that only one of the two has.

    Layers that change no value (dropout, flattening) stand in neither.
    """

    pairs: tuple[Pair, ...]
    only_first: tuple[Node, ...] = ()
    only_second: tuple[Node, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether every node of each network is one of the other."""
        return not (self.only_first or self.only_second)


class Flow:
    """What the nodes of a graph read once layers that change no value are looked through."""

    def __init__(self, graph: Graph) -> None:
        self._behind = {name: name for name in graph.inputs}
        self.speaking: list[Node] = []
        for node in graph:
            if isinstance(node.op, SILENT):
                self._behind[node.name] = self._behind[node.inputs[0]]
            else:
                self._behind[node.name] = node.name
                self.speaking.append(node)

    def behind(self, value: str) -> str:
        """Return the value that `value` is, layers that change nothing looked through."""
        return self._behind[value]

    def sources(self, node: Node) -> list[str]:
        """Return the values that a node reads."""
        return [self._behind[name] for name in node.inputs]


def paired(first: Graph, second: Graph) -> Pairing:
    """Pair the nodes of two networks."""
    flows = (Flow(first), Flow(second))
    by_reading = _by_what_they_read(first, second, flows)
    return by_reading if by_reading.whole else _by_order(flows)


def _by_what_they_read(first: Graph, second: Graph, flows: tuple[Flow, Flow]) -> Pairing:
    stands_for = dict(zip(first.inputs, second.inputs, strict=False))
    left: defaultdict[tuple[str, ...], list[Node]] = defaultdict(list)
    for node in flows[1].speaking:
        left[_key(node, flows[1].sources(node))].append(node)
    pairs: list[Pair] = []
    for node in flows[0].speaking:
        sources = [stands_for.get(name, "") for name in flows[0].sources(node)]
        readers = left[_key(node, sources)]
        fitting = [other for other in readers if same_kind(node, other)]
        if fitting:
            chosen = _likeliest(node, fitting)
            readers.remove(chosen)
            stands_for[node.name] = chosen.name
            pairs.append((node, chosen))
    return _pairing(pairs, flows)


def _key(node: Node, sources: list[str]) -> tuple[str, ...]:
    return tuple(sorted(sources) if isinstance(node.op, _SYMMETRIC) else sources)


def _likeliest(node: Node, fitting: Sequence[Node]) -> Node:
    """Return which of several readers of one value is the node: by sizes, then name, then content, then order."""
    alike = [other for other in fitting if _sizes(other) == _sizes(node)] or list(fitting)
    named = [other for other in alike if other.name == node.name]
    return named[0] if named else min(alike, key=lambda other: _apart(node, other)) if len(alike) > 1 else alike[0]


def _apart(node: Node, other: Node) -> float:
    if _sizes(node) != _sizes(other):
        return inf
    pairs = zip(node.params.values(), other.params.values(), strict=True)
    return max((distance(theirs, ours.reshape(theirs.shape)) for ours, theirs in pairs), default=0.0)


def _sizes(node: Node) -> list[int]:
    return [array.size for array in node.params.values()]


def _by_order(flows: tuple[Flow, Flow]) -> Pairing:
    """Pair the nodes between which nothing lies that only one of the networks has."""
    ours, theirs = flows[0].speaking, flows[1].speaking
    matcher = SequenceMatcher(None, [_mark(n) for n in ours], [_mark(n) for n in theirs], autojunk=False)
    pairs: list[Pair] = []
    for _, begin, end, start, stop in matcher.get_opcodes():
        run = list(zip(ours[begin:end], theirs[start:stop], strict=False))
        if end - begin == stop - start and all(same_kind(*pair) for pair in run):
            pairs += run
    return _pairing(pairs, flows)


def _mark(node: Node) -> tuple[str, tuple[int, ...]]:
    group = next((kinds[0] for kinds in SAME_KIND if type(node.op) in kinds), type(node.op))
    return group.__name__, tuple(_sizes(node))


def _pairing(pairs: Sequence[Pair], flows: tuple[Flow, Flow]) -> Pairing:
    taken = {id(node) for pair in pairs for node in pair}
    left = [tuple(node for node in flow.speaking if id(node) not in taken) for flow in flows]
    return Pairing(tuple(pairs), *left)


def with_like_ends(first: Graph, second: Graph, titles: Titles) -> tuple[Graph, Graph, tuple[str, ...]]:
    """Return both networks, without a softmax at the end that only one of them has, and the line that says so."""
    ends = [list(_final_softmaxes(graph)) for graph in (first, second)]
    if bool(ends[0]) == bool(ends[1]):
        return first, second, ()
    at = 0 if ends[0] else 1
    graphs = [first, second]
    values = [node.inputs[0] for node in ends[at]]
    graphs[at] = _ended_before(graphs[at], ends[at])
    names = ", ".join(f"'{node.name}'" for node in ends[at])
    line = f"only {titles[at]} ends in a softmax, {names}; compared is what comes before it ({', '.join(values)})"
    return graphs[0], graphs[1], (line,)


def _final_softmaxes(graph: Graph) -> Iterator[Node]:
    flow = Flow(graph)
    final = {flow.behind(value) for value in graph.outputs.values()}
    return (node for node in flow.speaking if isinstance(node.op, Softmax) and node.name in final)


def _ended_before(graph: Graph, softmaxes: Sequence[Node]) -> Graph:
    flow, before = Flow(graph), {node.name: node.inputs[0] for node in softmaxes}
    outputs: dict[str, str] = {}
    for outside, value in graph.outputs.items():
        earlier = before.get(flow.behind(value))
        outputs[earlier or outside] = earlier or value
    return rebuilt(graph, graph.nodes, outputs=outputs)
