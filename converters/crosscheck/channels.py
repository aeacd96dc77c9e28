"""Which of two releases takes RGB and which BGR: found by holding their first convolutions against each other.

One file alone never tells: a network trained on BGR and one trained on RGB look alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from converters.crosscheck.arrays import distance
from converters.crosscheck.layers import flipped_channels, takes_colours_itself
from converters.crosscheck.pairing import Pair, Titles, paired
from converters.ir import Graph
from converters.ops import Array

Relation = Literal["same", "flipped", "unknown"]

# The same photograph, its channels in reverse.
OTHER_ORDER = {"RGB": "BGR", "BGR": "RGB"}
CANNOT_BE_TOLD = "cannot be told from the weights alone"


@dataclass(frozen=True)
class Channels:
    """The channel orders of two networks: how they relate by the weights, and which they are as far as one says so.

    `text` is the finding in words, "" where there are no colours to order; `problem` says what contradicts it.
    """

    relation: Relation
    first: str | None = None
    second: str | None = None
    text: str = ""
    problem: str = ""

    @property
    def swapped(self) -> bool:
        """Whether the second network takes the channels in reverse: by the weights, or else as the two state."""
        return self.relation == "flipped" if self.relation != "unknown" else self.said_swapped

    @property
    def said_swapped(self) -> bool:
        """Whether the two state opposite orders; where one is silent, whether the weights say so."""
        if self.first in OTHER_ORDER and self.second in OTHER_ORDER:
            return self.first != self.second
        return self.relation == "flipped"


def takes_colours(graph: Graph) -> bool:
    """Return whether a network reads colour images as they are, so that its channel order is a question."""
    return not graph.input_dtypes and any(takes_colours_itself(graph, node) for node in graph)


def channel_orders(
    first: Graph, second: Graph, titles: Titles, pairs: Iterable[Pair] | None = None, tolerance: float = 1e-5
) -> Channels:
    """Tell the channel orders of two releases of one network; `pairs` are their nodes where those are known already.

    The first convolutions are compared as they are and with the input channels of one in reverse. That says whether
    the orders are equal or opposite; which they are is known where a release states its own.
    """
    stated = (first.preprocessing.channel_order, second.preprocessing.channel_order)
    kernels = _first_kernels(first, second, paired(first, second).pairs if pairs is None else pairs)
    if kernels is None:
        return Channels("unknown", *stated)
    relation = _relation(*kernels, tolerance)
    if relation == "unknown":
        return Channels(relation, *stated, _unrelated(*kernels, tolerance))
    return _told(relation, stated, titles)


def _first_kernels(first: Graph, second: Graph, pairs: Iterable[Pair]) -> tuple[Array, Array] | None:
    """Return the weights of the first pair of convolutions of a colour image, None where there is none."""
    if first.input_dtypes or second.input_dtypes:
        return None
    for ours, theirs in pairs:
        if takes_colours_itself(first, ours) and takes_colours_itself(second, theirs):
            return ours.params["weight"], theirs.params["weight"]
    return None


def _relation(ours: Array, theirs: Array, tolerance: float) -> Relation:
    equal = distance(theirs, ours) <= tolerance
    reverse = distance(flipped_channels(theirs), ours) <= tolerance
    return "unknown" if equal == reverse else "same" if equal else "flipped"


def _unrelated(ours: Array, theirs: Array, tolerance: float) -> str:
    if distance(theirs, ours) <= tolerance:
        return f"first convolution the same for red and blue: the channel order {CANNOT_BE_TOLD}"
    return f"first convolutions differ: the channel order {CANNOT_BE_TOLD}"


def _told(relation: Relation, stated: tuple[str | None, str | None], titles: Titles) -> Channels:
    first, second = (order if order in OTHER_ORDER else None for order in stated)
    found = "first convolution flipped" if relation == "flipped" else "first convolution equal"
    if first is None and second is None:
        orders = "one takes RGB and the other BGR" if relation == "flipped" else "both take the same channel order"
        return Channels(relation, text=f"{found}: {orders}; which {CANNOT_BE_TOLD}")
    inferred = (first or _implied(relation, second), second or _implied(relation, first))
    text = f"{found}: {titles[0]} takes {inferred[0]}, {titles[1]} takes {inferred[1]}"
    if inferred[1] == _implied(relation, inferred[0]):
        return Channels(relation, *inferred, text)
    orders = "opposite orders" if relation == "flipped" else "one order"
    said = f"{titles[0]} is said to take {inferred[0]}, {titles[1]} to take {inferred[1]}"
    problem = f"{found}, so they take {orders}, but {said}: one of the two statements is wrong"
    return Channels(relation, *inferred, f"{found}: they take {orders}", problem)


def _implied(relation: Relation, order: str | None) -> str | None:
    return OTHER_ORDER.get(order or "") if relation == "flipped" else order
