"""Whether two networks, read from two sources, are one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from converters.errors import ShapeError
from converters.ir import Graph, Node
from converters.ops import (
    Array,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalPooling,
    Identity,
    Op,
    Pooling,
    Preprocess,
    Reshape,
)
from converters.parity.feeds import sample_feeds
from converters.parity.measure import measured
from converters.roles import image_inputs

# Layers that only some formats have; they change no value, at most its shape.
SILENT: tuple[type[Op], ...] = (Dropout, Flatten, Identity, Preprocess, Reshape)
# Ops that may stand for one another.
SAME_KIND: tuple[tuple[type[Op], ...], ...] = ((Convolution, Dense), (GlobalPooling, Pooling))
# Weights that went through float32 once more than the others.
_ROUNDING = 1e-6

_Pair = tuple[Node, Node]


@dataclass(frozen=True)
class Agreement:
    """Whether two networks are one, and what was found layer by layer.

    `channels_swapped` says that they agree when the channels of the images are swapped; `difference` is the largest of
    all values that were compared, divided by the value's maximum.
    """

    same: bool
    channels_swapped: bool
    difference: float
    lines: tuple[str, ...]


def same_network(first: Graph, second: Graph, *, seed: int = 0, tolerance: float = 1e-5) -> Agreement:
    """Compare two networks: their weights in order, what they state about images, and what they compute from one.

    A dense layer equals the convolution that it is, and a first convolution one with its input channels flipped, which
    is then fed flipped images. Networks with batch normalization are best folded first.
    """
    pairs = _paired([node for node in first if node.params], [node for node in second if node.params])
    if not pairs:
        return Agreement(False, False, inf, tuple(_unpaired(first, second)))
    findings = [_compared(first, *pair) for pair in pairs]
    swapped = any(finding.flipped for finding in findings)
    lines = [*_summary(findings), *_means(first, second, swapped=swapped)]
    try:
        values = _values(first, second, seed=seed, swapped=swapped)
    except ShapeError as error:
        return Agreement(False, swapped, inf, (*lines, *error.problems))
    difference = max(value for _, value in values)
    same = difference <= tolerance and all(finding.equal for finding in findings)
    return Agreement(same, swapped, difference, (*lines, *_conclusion(values, tolerance, swapped=swapped)))


def _paired(first: Sequence[Node], second: Sequence[Node]) -> list[_Pair]:
    """Pair nodes in order; an empty list when they are not of the same kinds."""
    alike = len(first) == len(second) and all(map(same_kind, first, second))
    return list(zip(first, second, strict=True)) if alike else []


def same_kind(a: Node, b: Node) -> bool:
    """Return whether two nodes may be the same layer: of one op, or of two that may stand for one another."""
    kinds = (type(a.op), type(b.op))
    return kinds[0] is kinds[1] or any(kinds[0] in group and kinds[1] in group for group in SAME_KIND)


def _unpaired(first: Graph, second: Graph) -> Iterator[str]:
    lists = [[node for node in graph if node.params] for graph in (first, second)]
    if len(lists[0]) != len(lists[1]):
        yield f"the networks have {len(lists[0])} and {len(lists[1])} layers with weights"
    for a, b in zip(*lists, strict=False):
        if not same_kind(a, b):
            yield f"'{a.name}' is {type(a.op).__name__}, '{b.name}' is {type(b.op).__name__}: from here on they differ"
            break
    yield "folding batch normalization on both sides (--fold-batch-norm) may make them comparable"


@dataclass(frozen=True)
class _Finding:
    """What the weights of two layers have in common; `difference` names the first array that is not equal."""

    names: tuple[str, str]
    flipped: bool = False
    other_layout: bool = False
    difference: str = ""

    @property
    def equal(self) -> bool:
        return not self.difference


def _compared(graph: Graph, a: Node, b: Node) -> _Finding:
    names = (a.name, b.name)
    problem = _difference(a, b)
    other_layout = type(a.op) is not type(b.op)
    if problem and reads_image(graph, a) and not _difference(a, b, flipped=True):
        return _Finding(names, flipped=True, other_layout=other_layout)
    return _Finding(names, other_layout=other_layout, difference=problem)


def reads_image(graph: Graph, node: Node) -> bool:
    """Return whether a node is a convolution of the image itself."""
    source = node.inputs[0]
    before = None if source in graph.inputs else graph.node(source)
    at_input = before is None or isinstance(before.op, Preprocess)
    return at_input and isinstance(node.op, Convolution) and node.op.groups == 1


def _difference(a: Node, b: Node, *, flipped: bool = False) -> str:
    for name in dict.fromkeys([*a.params, *b.params]):
        ours, theirs = (_array(node, name) for node in (a, b))
        if ours is None or theirs is None:
            left = ours if theirs is None else theirs
            if left is not None and name == "bias" and not left.any():
                continue
            return f"only one of them has a {name}"
        if flipped and name == "weight":
            theirs = theirs[:, ::-1]
        if ours.size != theirs.size or len(ours) != len(theirs):
            return f"{name} has shapes {list(ours.shape)} and {list(theirs.shape)}"
        # Rows of a dense layer run over channels, height and width, as a kernel does.
        difference = measured(theirs.reshape(ours.shape), ours).difference
        if difference > _ROUNDING:
            return f"{name} differs by {difference:.3g} of its largest value"
    return ""


def _array(node: Node, name: str) -> Array | None:
    array = node.params.get(name)
    return array.reshape(1) if array is not None and not array.ndim else array


def _summary(findings: Sequence[_Finding]) -> Iterator[str]:
    equal = [finding for finding in findings if finding.equal and not finding.flipped]
    yield f"{len(equal)} of {len(findings)} layers with weights are equal"
    for finding in findings:
        if finding.flipped:
            yield f"{_names(finding)} is equal with its input channels flipped (BGR for RGB)"
        elif not finding.equal:
            yield f"{_names(finding)}: {finding.difference}"
    dense = [_names(finding) for finding in findings if finding.other_layout and finding.equal]
    if dense:
        yield f"dense on one side, the same as a convolution on the other: {', '.join(dense)}"


def _names(finding: _Finding) -> str:
    a, b = finding.names
    return f"'{a}'" if a == b else f"'{a}' and '{b}'"


def _means(first: Graph, second: Graph, *, swapped: bool) -> Iterator[str]:
    ours, theirs = first.preprocessing.mean, second.preprocessing.mean
    if ours is None or theirs is None:
        return
    turned = theirs[::-1] if swapped else theirs
    if ours.shape == turned.shape and measured(turned, ours).difference <= _ROUNDING:
        yield "their means agree" + (" with the channels flipped" if swapped else "")
    else:
        yield "their means differ" + (" even with the channels flipped" if swapped else "")


def _values(first: Graph, second: Graph, *, seed: int, swapped: bool) -> list[tuple[str, float]]:
    """Compute both networks from the same images; return pairs of values and their differences, outputs last."""
    feeds = sample_feeds(first, seed)
    if len(first.inputs) != len(second.inputs):
        raise ShapeError(f"the networks have {len(first.inputs)} and {len(second.inputs)} inputs")
    names = dict(zip(first.inputs, second.inputs, strict=True))
    second = second.with_inputs({names[name]: shape for name, shape in first.inputs.items()})
    flipped = image_inputs(first) if swapped else []
    fed = {names[name]: array[:, ::-1] if name in flipped else array for name, array in feeds.items()}
    # In double precision nothing but the weights and the wiring can differ.
    ours, theirs = first.run(feeds, np.float64), second.run(fed, np.float64)
    outputs = zip(first.outputs.values(), second.outputs.values(), strict=False)
    pairs = [*((a.name, b.name) for a, b in _comparable(first, second)), *outputs]
    return [(f"'{a}' and '{b}'", _distance(theirs[b], ours[a])) for a, b in dict.fromkeys(pairs)]


def _comparable(first: Graph, second: Graph) -> list[_Pair]:
    """Pair all nodes that compute something, or those with weights where the others do not correspond."""
    speaking = [[node for node in graph if not isinstance(node.op, SILENT)] for graph in (first, second)]
    weighty = [[node for node in graph if node.params] for graph in (first, second)]
    return _paired(*speaking) or _paired(*weighty)


def _distance(got: Array, expected: Array) -> float:
    same = got.size == expected.size and got.shape[:1] == expected.shape[:1]
    return measured(got.reshape(expected.shape) if same else got, expected).difference


def _conclusion(values: Sequence[tuple[str, float]], tolerance: float, *, swapped: bool) -> Iterator[str]:
    fed = "from images with flipped channels on one side" if swapped else "from the same images"
    wrong = [(names, difference) for names, difference in values if difference > tolerance]
    if wrong:
        names, difference = wrong[0]
        yield f"{names} differ by {difference:.3g} of the largest value, computed {fed}; {len(wrong)} values differ"
    else:
        yield f"all {len(values)} values agree within {max(d for _, d in values):.1e}, computed {fed}"
