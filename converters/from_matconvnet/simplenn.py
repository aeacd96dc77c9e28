"""SimpleNN: a cell of layers, each reading the one before it. Source: vl_simplenn, vl_simplenn_tidy."""

from dataclasses import replace

import numpy as np

from converters.errors import FormatError
from converters.from_matconvnet.fields import described
from converters.from_matconvnet.walk import BLOCK_PREFIX, LAYERS, LayerEntry, Walk, how_to_state
from converters.ir import unique_name
from converters.matlab.files import Value
from converters.ops import Shape

INPUT = "data"
LOSSES = ("softmaxloss", "loss")
WITH_WEIGHTS = ("conv", "convt", "bnorm")


def read_simplenn(cells: list[Value], size: Shape | None, walk: Walk) -> tuple[dict[str, str], dict[str, str]]:
    """Add all layers to the walk; return the outputs, and MatConvNet's own names x0, x1 ... for the values."""
    entries = _entries(cells, walk)
    kept = _without_losses(entries, walk)
    walk.values.used.update((INPUT, *(entry.outputs[0] for entry in entries)))
    if size is None:
        walk.problems.append(f"{walk.path}: the network does not state its input size; {how_to_state([INPUT])}")
    else:
        walk.values.shapes[INPUT] = size
    for entry in kept:
        if entry.type in LOSSES:
            walk.refuse(entry.where, "a loss can stand at the end only")
        elif entry.type in LAYERS and not entry.type.startswith(BLOCK_PREFIX):
            walk.convert(entry, LAYERS[entry.type], dagnn=False)
        elif entry.type:
            walk.unsupported(entry, dagnn=False)
    return _names(entries, kept, walk)


def _names(entries: list[LayerEntry], kept: list[LayerEntry], walk: Walk) -> tuple[dict[str, str], dict[str, str]]:
    if not kept:
        raise FormatError(
            [*walk.problems, f"{walk.path}: the network has no layers" + (" but losses" if entries else "")]
        )
    last = kept[-1].outputs[0]
    became_softmax = entries[len(kept) - 1].type == "softmaxloss"
    exact = kept[:-1] if became_softmax else kept
    aliases = {"x0": INPUT} | {f"x{entry.number}": entry.outputs[0] for entry in exact}
    if became_softmax:
        aliases["softmax"] = last
    nodes = {entry.outputs[0] for entry in kept}
    return {last: last}, {alias: value for alias, value in aliases.items() if alias not in nodes}


def _entries(cells: list[Value], walk: Walk) -> list[LayerEntry]:
    entries: list[LayerEntry] = []
    used = {INPUT}
    before = INPUT
    for number, cell in enumerate(cells, 1):
        fields = cell if isinstance(cell, dict) else {}
        name = _name(fields.get("name"), number)
        value = unique_name(name, used)
        used.add(value)
        kind = fields.get("type")
        if not isinstance(kind, str) or not kind:
            what = f"type is {described(kind)}" if isinstance(cell, dict) else f"is {described(cell)}"
            walk.refuse(f"layer {number} '{name}'", f"{what}, expected a struct with a type such as 'conv'")
        entry = LayerEntry(number, name, kind if isinstance(kind, str) else "", fields, (before,), (value,))
        entries.append(replace(entry, learned=_weights(entry, walk)))
        before = value
    return entries


def _name(value: Value | None, number: int) -> str:
    """Return the name that vl_simplenn_tidy gives, without what no terminal shows."""
    shown = "".join(c for c in value if c.isprintable()).strip() if isinstance(value, str) else ""
    return shown or f"layer{number}"


def _weights(entry: LayerEntry, walk: Walk) -> list[Value]:
    """Return the learned arrays: the cell `weights`, or the fields of the first betas."""
    if entry.type not in WITH_WEIGHTS:
        return []
    if "weights" not in entry.fields:
        old = [entry.fields.get(name) for name in ("filters", "biases")]
        return [] if old[0] is None else [[] if value is None else value for value in old]
    weights = entry.fields["weights"]
    if isinstance(weights, list):
        return weights
    if not (isinstance(weights, np.ndarray) and not weights.size):
        walk.refuse(entry.where, f"weights is {described(weights)}, expected a cell of arrays")
    return []


def _without_losses(entries: list[LayerEntry], walk: Walk) -> list[LayerEntry]:
    """Return the layers without losses at the end; softmaxloss leaves a softmax."""
    kept = list(entries)
    while kept and kept[-1].type == "loss":
        walk.warn(kept.pop().where, "left out: a loss needs labels")
    if len(kept) > 1 and kept[-1].type == "softmaxloss":
        walk.warn(kept[-1].where, "became a softmax: a loss needs labels")
        kept[-1] = replace(kept[-1], type="softmax", learned=[])
    return kept
