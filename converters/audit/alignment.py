"""Which array of a file is which of the reference: by name, else by content, by its layer, by shape, by order.

Content is what no rearrangement changes: the count, sum, sum of squares, least and largest of the values. Order decides
only where nothing else does.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from converters.audit.comparing import Fingerprint, apart, fingerprint
from converters.audit.names import accepts, key, last_key, says
from converters.audit.rearrangements import fits
from converters.audit.tensors import Tensor
from converters.audit.wanted import Wanted
from converters.ops import Bias, Scale

How = Literal["name", "content", "layer", "shape", "order"]
# Half precision moves the values by less than this, other weights lie further apart.
SAME = 1e-3


@dataclass(frozen=True, eq=False)
class Pair:
    """An array of the reference with the one of the file that answers to it, and how that was found out."""

    wanted: Wanted
    tensor: Tensor
    how: How


class Fingerprints:
    """The fingerprints of arrays, each computed once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, Fingerprint]] = {}

    def apart(self, one: Wanted | Tensor, other: Wanted | Tensor) -> float:
        """Return how far two arrays are apart, whatever their arrangement; infinite for other counts of values."""
        return apart(self._of(one), self._of(other)) if one.size == other.size else inf

    def _of(self, item: Wanted | Tensor) -> Fingerprint:
        # What is kept alive cannot give its id to another.
        if id(item) not in self._known:
            self._known[id(item)] = (item, fingerprint(item.array))
        return self._known[id(item)][1]


@dataclass
class Alignment:
    """The work of pairing; `pairs` are by the order of the reference's arrays, `notes` for a person to read."""

    wanted: Sequence[Wanted]
    tensors: Sequence[Tensor]
    prints: Fingerprints
    pairs: dict[int, Pair] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _taken: set[int] = field(default_factory=set)

    def run(self) -> "Alignment":
        """Pair what can be paired."""
        self._by_name()
        self._drop_misleading_names()
        self._by_content([each for each in self._open() if each.matrix])
        self._by_layer()
        self._by_content(self._open())
        self._by_shape()
        self._by_order()
        return self

    def free(self) -> list[Tensor]:
        """Return the arrays of the file that answer to nothing."""
        return [tensor for tensor in self.tensors if tensor.order not in self._taken]

    def _open(self) -> list[Wanted]:
        return [each for each in self.wanted if each.order not in self.pairs]

    def _take(self, wanted: Wanted, tensor: Tensor, how: How) -> None:
        self.pairs[wanted.order] = Pair(wanted, tensor, how)
        self._taken.add(tensor.order)

    def _by_name(self) -> None:
        for node, tensors in self._named_layers().items():
            for each in (each for each in self._open() if each.node.name == node):
                candidates = [tensor for tensor in tensors if tensor.order not in self._taken]
                chosen = self._slot(each, candidates)
                if chosen is not None:
                    self._take(each, chosen, "name")

    def _named_layers(self) -> dict[str, list[Tensor]]:
        """Return by the reference's nodes the arrays of the layers that are called so in the file."""
        layers: dict[str, list[Tensor]] = {}
        for tensor in self.tensors:
            if tensor.layer:
                layers.setdefault(tensor.layer, []).append(tensor)
        nodes = {each.node.name: each.node.layer for each in self.wanted}
        found: dict[str, list[Tensor]] = {}
        for spelling in (key, last_key):
            ours = _unique((spelling(text), node) for node, layer in nodes.items() for text in {layer, node})
            theirs = _unique((spelling(layer), layer) for layer in layers)
            for spelt, node in ours.items():
                if spelt in theirs and node not in found:
                    found[node] = layers[theirs[spelt]]
        return found

    def _slot(self, wanted: Wanted, tensors: Sequence[Tensor]) -> Tensor | None:
        """Return the array of a layer that is this one: the one called so, else the only one that may be."""
        named = [tensor for tensor in tensors if tensor.slot and says(wanted.param, tensor.slot)]
        fitting = [tensor for tensor in named if fits(wanted, tensor)]
        if named:
            return (fitting or named)[0]
        possible = [tensor for tensor in tensors if accepts(wanted.param, tensor.slot) and fits(wanted, tensor)]
        return possible[0] if len(possible) == 1 else None

    def _drop_misleading_names(self) -> None:
        """Forget the names where most of what they pair differs and is found elsewhere in the file."""
        named = [pair for pair in self.pairs.values() if pair.wanted.matrix]
        wrong = [pair for pair in named if self.prints.apart(pair.wanted, pair.tensor) > SAME]
        if len(wrong) * 2 <= len(named):
            return
        elsewhere = [pair for pair in wrong if any(self._alike(pair.wanted, tensor) for tensor in self.tensors)]
        if len(elsewhere) * 2 > len(wrong):
            self.pairs.clear()
            self._taken.clear()
            self.notes.append("layers are called otherwise in the file than in the network: paired by what they hold")

    def _alike(self, wanted: Wanted, tensor: Tensor) -> bool:
        return self.prints.apart(wanted, tensor) <= SAME

    def _by_content(self, wanted: Iterable[Wanted]) -> None:
        """Pair arrays of the same values, the nearest first; among equals those of the same part and place."""
        found = []
        free = self.free()
        for each in wanted:
            for tensor in free:
                distance = self.prints.apart(each, tensor)
                if distance <= SAME and fits(each, tensor):
                    other_slot = not accepts(each.param, tensor.slot)
                    nearness = 0.0 if distance < SAME * SAME else distance
                    found.append((nearness, other_slot, each.order, tensor.order, each, tensor))
        for *_, each, tensor in sorted(found, key=lambda entry: entry[:4]):
            if each.order not in self.pairs and tensor.order not in self._taken:
                self._take(each, tensor, "content")

    def _by_layer(self) -> None:
        """Pair what is left of a layer, or of the one it reads, with what stands beside that in the file."""
        for each in self._open():
            layers = self._layers_of(each)
            beside = [tensor for tensor in self.free() if tensor.layer in layers]
            chosen = self._slot(each, [tensor for tensor in beside if fits(each, tensor)])
            if chosen is not None:
                self._take(each, chosen, "layer")

    def _layers_of(self, wanted: Wanted) -> set[str]:
        # What Caffe says in two layers, a normalization and its Scale, others say in one.
        near = {wanted.node.name, *(wanted.node.inputs if isinstance(wanted.node.op, (Scale, Bias)) else ())}
        pairs = [pair for pair in self.pairs.values() if pair.wanted.node.name in near]
        return {pair.tensor.layer for pair in pairs if pair.tensor.layer}

    def _possible(self, wanted: Wanted, tensor: Tensor) -> bool:
        return fits(wanted, tensor) and accepts(wanted.param, tensor.slot)

    def _by_shape(self) -> None:
        """Pair those that only one array of the other side can be."""
        wanted, free = self._open(), self.free()
        partners = {each.order: [tensor for tensor in free if self._possible(each, tensor)] for each in wanted}
        asked = Counter(tensor.order for tensors in partners.values() for tensor in tensors)
        for each in wanted:
            only = partners[each.order]
            if len(only) == 1 and asked[only[0].order] == 1:
                self._take(each, only[0], "shape")

    def _by_order(self) -> None:
        """Pair what is left so that the order is kept and as many as possible have a partner."""
        paired = _in_order(self._open(), self.free(), self._possible)
        for each, tensor in paired:
            self._take(each, tensor, "order")
        if paired:
            self.notes.append(f"{len(paired)} arrays are paired by their order alone: neither names nor values tell")


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return those keys that stand for one thing only."""
    found: dict[str, set[str]] = {}
    for spelt, name in pairs:
        found.setdefault(spelt, set()).add(name)
    return {spelt: next(iter(names)) for spelt, names in found.items() if spelt and len(names) == 1}


def _in_order(
    wanted: Sequence[Wanted], tensors: Sequence[Tensor], possible: Callable[[Wanted, Tensor], bool]
) -> list[tuple[Wanted, Tensor]]:
    """Return the longest list of pairs in which both sides keep their order (a longest common subsequence)."""
    lengths = [[0] * (len(tensors) + 1) for _ in range(len(wanted) + 1)]
    fit = [[possible(each, tensor) for tensor in tensors] for each in wanted]
    for i in range(len(wanted) - 1, -1, -1):
        for j in range(len(tensors) - 1, -1, -1):
            skipped = max(lengths[i + 1][j], lengths[i][j + 1])
            lengths[i][j] = max(skipped, 1 + lengths[i + 1][j + 1] if fit[i][j] else 0)
    found = []
    i = j = 0
    while i < len(wanted) and j < len(tensors):
        if fit[i][j] and lengths[i][j] == 1 + lengths[i + 1][j + 1]:
            found.append((wanted[i], tensors[j]))
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return found
