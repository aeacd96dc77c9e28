"""What a comparison of two releases came to, with a verdict that a person can act on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from converters.crosscheck.channels import Channels
from converters.crosscheck.layers import Layer
from converters.crosscheck.pairing import Titles
from converters.crosscheck.statements import Statements
from converters.crosscheck.values import Computed


@dataclass(frozen=True, eq=False)
class Crosscheck:
    """Two releases held against each other.

    `lines` tells of the structure what makes no difference, `structure` what does; `pairs` are the names and ops of
    nodes that are one; `computed` is None where the networks are too different to be run side by side. `warnings` are
    those of reading.
    """

    titles: Titles
    pairs: tuple[tuple[str, str, str], ...]
    lines: tuple[str, ...]
    structure: tuple[str, ...]
    layers: tuple[Layer, ...]
    channels: Channels
    statements: Statements
    computed: Computed | None
    warnings: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether both are one network, whatever they say about images and classes."""
        return not any(self._differences())

    @property
    def ok(self) -> bool:
        """Whether both are one network, and agree on images and classes as far as both speak of them."""
        return not self.problems()

    def problems(self) -> list[str]:
        """Return what differs, one line each; empty when nothing does."""
        return [*self._differences(), *self._contradictions()]

    def _differences(self) -> Iterator[str]:
        yield from self.structure
        yield from (f"{layer.name}: {layer.problem}" for layer in self.layers if layer.problem)
        if self.computed is not None:
            yield from (f"computed values: {line}" for line in self.computed.report.problems())

    def _contradictions(self) -> Iterator[str]:
        if self.channels.problem:
            yield self.channels.problem
        yield from self.statements.problems

    @property
    def verdict(self) -> str:
        """Return what it came to in one line."""
        if not self.same:
            return f"not the same network: {self._what_differs()}"
        contradictions = list(self._contradictions())
        if contradictions:
            return f"the same network, but {'; '.join(contradictions)}{self._consequence()}"
        found = ["the same network", self.channels.text, *self._agreement()]
        return "; ".join(filter(None, found))

    def _what_differs(self) -> str:
        wrong = [layer for layer in self.layers if layer.problem]
        if self.structure or not wrong:
            return next(self._differences())
        first = f"{wrong[0].name}: {wrong[0].problem}"
        return first if len(self.layers) == 1 else f"{len(wrong)} of {len(self.layers)} layers differ, first {first}"

    def _agreement(self) -> Iterator[str]:
        if self.computed is not None:
            yield f"outputs agree within {self.computed.outputs_within:.1e}"

    def _consequence(self) -> str:
        if self.computed is None or self.computed.as_stated is None:
            return ""
        return f"; fed as each states, their outputs are {self.computed.as_stated:.2g} of the largest value apart"

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values; a difference that is no number is null."""
        return {
            "models": list(self.titles),
            "ok": self.ok,
            "same": self.same,
            "verdict": self.verdict,
            "channel_order": {
                "relation": self.channels.relation,
                "first": self.channels.first,
                "second": self.channels.second,
                "found": self.channels.text,
            },
            "nodes": [{"first": ours, "second": theirs, "op": op} for ours, theirs, op in self.pairs],
            "layers": [_layer_json(layer) for layer in self.layers],
            "values": None if self.computed is None else _values_json(self.computed),
            "notes": [*self.lines, *self.statements.lines],
            "warnings": list(self.warnings),
            "problems": self.problems(),
        }


def _layer_json(layer: Layer) -> dict[str, Any]:
    return {
        "first": layer.names[0],
        "second": layer.names[1],
        "ok": not layer.problem,
        "difference": _number(layer.difference),
        "rearranged": list(layer.rearranged),
        "problem": layer.problem,
    }


def _values_json(computed: Computed) -> dict[str, Any]:
    return {
        "fed": computed.fed,
        "tolerance": computed.report.tolerance,
        "outputs_within": _number(computed.outputs_within),
        "outputs_as_stated": None if computed.as_stated is None else _number(computed.as_stated),
        "nodes": {node.node: _number(node.difference) for node in computed.report.nodes},
    }


def _number(value: float) -> float | None:
    return value if value < float("inf") else None
