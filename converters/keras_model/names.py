"""Names as Keras takes them: the source's own, with the characters replaced that Keras or TensorFlow forbid."""

import re
from collections import Counter

from converters.ir import Graph

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.-]")


def keras_name(text: str, fallback: str = "layer") -> str:
    """Return `text` with each forbidden character as an underscore: inception_3a/1x1 becomes inception_3a_1x1."""
    name = _FORBIDDEN.sub("_", text)
    if not name.strip("_"):
        return fallback
    return name if name[0].isalnum() or name[0] == "." else f"{fallback}{name}"


class Names:
    """Hands out names that are unique within a model."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, wanted: str) -> str:
        """Return `wanted`, or the first of `wanted_2`, `wanted_3` ... that is free, and take it."""
        name, count = wanted, 1
        # Keras tells names apart by case, file systems may not; SavedModel keeps each in a file of variables.
        while name.lower() in self._taken:
            count += 1
            name = f"{wanted}_{count}"
        self._taken.add(name.lower())
        return name


def value_names(graph: Graph, names: Names) -> dict[str, str]:
    """Return the operation's name for each value: that of its layer, or its own where the layer has several nodes."""
    found = {name: names.unique(keras_name(name, "input")) for name in graph.inputs}
    nodes_of = Counter(node.layer for node in graph.nodes)
    for alone in (True, False):
        for node in graph.nodes:
            if (nodes_of[node.layer] == 1) is alone:
                found[node.name] = names.unique(keras_name(node.layer if alone else node.name))
    return found
