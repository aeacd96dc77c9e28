"""What an audit found: a verdict for each array and each layer, and the facts that the conclusion is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from converters.audit.rearrangements import Step
from converters.ops import Shape

Verdict = Literal["identical", "rearranged", "different", "missing"]
# From the best to the worst: a layer is what its worst array is.
VERDICTS: tuple[Verdict, ...] = ("identical", "rearranged", "different", "missing")


@dataclass(frozen=True)
class ArrayFinding:
    """One array of the reference: `name` and `shape` are those in the file, `how` says how it was found there.

    `steps` are the rearrangement under which both agree, or agree best; `difference` is then max |a - b| / max |b|,
    infinite where the shapes do not fit.
    """

    param: str
    verdict: Verdict
    wanted_shape: Shape
    name: str = ""
    shape: Shape = ()
    how: str = ""
    steps: tuple[Step, ...] = ()
    difference: float = 0.0
    cosine: float = 1.0
    note: str = ""


@dataclass(frozen=True)
class LayerFinding:
    """One layer of the reference with its arrays."""

    layer: str
    op: str
    arrays: tuple[ArrayFinding, ...]

    @property
    def verdict(self) -> Verdict:
        """Return the verdict of its worst array; a layer without any of its arrays is missing, else it differs."""
        worst = max((array.verdict for array in self.arrays), key=VERDICTS.index)
        if worst == "missing" and any(array.verdict != "missing" for array in self.arrays):
            return "different"
        return worst

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return the steps of all arrays, each once."""
        return tuple(dict.fromkeys(step for array in self.arrays for step in array.steps))


@dataclass(frozen=True)
class Extra:
    """A trained array of the file that answers to nothing in the reference."""

    name: str
    shape: Shape
    dtype: str


@dataclass(frozen=True)
class Audit:
    """What an audit came to.

    `against` names the reference. `left_out` says which arrays of the file were not looked at, `notes` how the two were
    compared, `inconsistent` where rearrangements that are harmless alone contradict each other. `conclusion` is one
    line that a person can act on.
    """

    path: Path
    format: str
    against: str
    layers: tuple[LayerFinding, ...]
    extras: tuple[Extra, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    inconsistent: tuple[str, ...]
    conclusion: str = ""

    @property
    def same(self) -> bool:
        """Return whether the file holds the same network, up to the rearrangements stated."""
        return not self.of("different", "missing") and not self.extras and not self.inconsistent

    def of(self, *verdicts: Verdict) -> list[LayerFinding]:
        """Return the layers with one of these verdicts."""
        return [layer for layer in self.layers if layer.verdict in verdicts]


def as_json(found: Audit) -> dict[str, Any]:
    """Return an audit as plain values; a difference that is no number is null."""
    return {
        "file": str(found.path),
        "format": found.format,
        "against": found.against,
        "same": found.same,
        "conclusion": found.conclusion,
        "counts": {verdict: len(found.of(verdict)) for verdict in VERDICTS},
        "layers": [_layer_json(layer) for layer in found.layers],
        "extra": [{"name": extra.name, "shape": list(extra.shape), "dtype": extra.dtype} for extra in found.extras],
        "inconsistent": list(found.inconsistent),
        "left_out": list(found.left_out),
        "notes": list(found.notes),
    }


def _layer_json(layer: LayerFinding) -> dict[str, Any]:
    return {
        "layer": layer.layer,
        "op": layer.op,
        "verdict": layer.verdict,
        "arrays": {array.param: _array_json(array) for array in layer.arrays},
    }


def _array_json(array: ArrayFinding) -> Mapping[str, Any]:
    return {
        "verdict": array.verdict,
        "wanted_shape": list(array.wanted_shape),
        "name": array.name or None,
        "shape": list(array.shape) if array.name else None,
        "found_by": array.how or None,
        "rearrangement": [_step_json(step) for step in array.steps],
        "difference": array.difference if isfinite(array.difference) else None,
        "cosine": array.cosine,
        "note": array.note or None,
    }


def _step_json(step: Step) -> Mapping[str, Any]:
    return {"kind": step.kind, "text": step.text, **({"value": step.value} if step.value != 1.0 else {})}


def listed(names: Sequence[str], most: int = 4) -> str:
    """Return names in a row, the later ones of many as their number."""
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"
