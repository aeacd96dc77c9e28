"""DagNN: a struct array of layers that read and write named variables, in any order.

Source: dagnn.DagNN, loadobj, eval and Layer.forwardAdvanced.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from converters.errors import FormatError, did_you_mean
from converters.from_matconvnet.fields import described
from converters.from_matconvnet.walk import BLOCK_PREFIX, LAYERS, LayerEntry, Walk, how_to_state
from converters.matlab.files import StructArray, Value
from converters.ops import Shape

# Properties of any block that say nothing about what it computes.
IDLE_FIELDS = frozenset({
    "opts", "size", "numInputs", "numOutputs", "numChannels", "epsilon", "useShortCircuit", "frozen", "firstAxis",
    "exBackprop", "initMethod", "precious", "verbose", "learningRate", "weightDecay", "net", "layerIndex", "mask",
    "moments", "inputSizes",
})  # fmt: skip
FILTER = ("pad", "stride", "dilate")
# MatConvNet refuses a block with a property that its class does not have, and so do we: a class of the same name in
# somebody's fork may compute something else. Those derived from Filter have its properties, though not all heed them.
BLOCK_FIELDS: dict[str, tuple[str, ...]] = {
    "dagnn.Conv": (*FILTER, "hasBias"),
    "dagnn.ConvTranspose": ("upsample", "crop", "numGroups", "hasBias", "dilate"),
    "dagnn.Pooling": (*FILTER, "method", "poolSize"),
    "dagnn.CaffePooling": (*FILTER, "method", "poolSize"),
    "dagnn.GlobalPooling": (*FILTER, "method"),
    "dagnn.Axpy": FILTER,
    "dagnn.ROIPooling": ("method", "subdivisions", "transform", "flatten"),
    "dagnn.LRN": ("param",),
    "dagnn.NormOffset": ("param",),
    "dagnn.SpatialNorm": ("param",),
    "dagnn.L2Norm": ("param",),
    "dagnn.Normalize": ("channelShared", "acrossSpatial"),
    "dagnn.ReLU": ("leak",),
    "dagnn.SoftMaxTranspose": ("dim",),
    "dagnn.DropOut": ("rate",),
    "dagnn.Scale": ("hasBias",),
    "dagnn.Concat": ("dim",),
    "dagnn.Crop": ("crop",),
    "dagnn.Flatten": ("axis",),
    "dagnn.Permute": ("order",),
    "dagnn.Reshape": ("shape",),
    "dagnn.Slice": ("dim", "slicePoint"),
    "dagnn.AffineGridGenerator": ("Ho", "Wo"),
    "dagnn.UniformScalingGridGenerator": ("Ho", "Wo"),
    "dagnn.Interp": ("zoomFactor", "shrinkFactor", "padBeg", "padEnd"),
}
# Besides every class whose name says Loss.
MEASURES = frozenset({"dagnn.SegmentationAccuracy", "dagnn.ErrorStats"})


@dataclass
class Wiring:
    """The layers of a DagNN that compute something without labels."""

    entries: list[LayerEntry]

    @property
    def produced(self) -> dict[str, LayerEntry]:
        """The layer that writes each variable."""
        return {name: entry for entry in self.entries for name in entry.outputs}

    @property
    def inputs(self) -> list[str]:
        """The variables that layers read and none writes, in the file's order."""
        produced = self.produced
        return list(dict.fromkeys(name for entry in self.entries for name in entry.inputs if name not in produced))

    @property
    def outputs(self) -> list[str]:
        """The variables that no layer reads, in the file's order."""
        read = {name for entry in self.entries for name in entry.inputs}
        return [name for entry in self.entries for name in entry.outputs if name not in read]

    @property
    def readers(self) -> dict[str, list[LayerEntry]]:
        """The layers that read each variable."""
        found: dict[str, list[LayerEntry]] = {}
        for entry in self.entries:
            for name in dict.fromkeys(entry.inputs):
                found.setdefault(name, []).append(entry)
        return found

    def without(self, entries: Iterable[LayerEntry], variables: Iterable[str] = ()) -> "Wiring":
        """Return the layers without these, those that read these variables, and all that depend on them."""
        readers = self.readers
        gone: set[int] = set()
        left = [*entries, *(entry for name in variables for entry in readers.get(name, ()))]
        while left:
            entry = left.pop()
            if entry.number not in gone:
                gone.add(entry.number)
                left += (reader for name in entry.outputs for reader in readers.get(name, ()))
        return Wiring([entry for entry in self.entries if entry.number not in gone])

    def in_order(self) -> tuple[list[LayerEntry], list[LayerEntry]]:
        """Return the layers, each after all it reads, and those in a circle; otherwise in the file's order."""
        readers, produced = self.readers, self.produced
        waiting = {entry.number: len(produced.keys() & set(entry.inputs)) for entry in self.entries}
        ready = [(entry.number, entry) for entry in self.entries if not waiting[entry.number]]
        ordered: list[LayerEntry] = []
        while ready:
            entry = heappop(ready)[1]
            ordered.append(entry)
            for reader in (reader for name in entry.outputs for reader in readers.get(name, ())):
                waiting[reader.number] -= 1
                if not waiting[reader.number]:
                    heappush(ready, (reader.number, reader))
        return ordered, [entry for entry in self.entries if waiting[entry.number]]


def read_wiring(net: Mapping[str, Value], walk: Walk) -> Wiring:
    """Return the layers that a deployed network keeps, losses and what depends on them left out."""
    whole = Wiring(_entries(net, walk))
    _check_writers(whole, walk)
    losses = [entry for entry in whole.entries if is_loss(entry.type)]
    kept = whole.without(losses)
    numbers = {entry.number for entry in kept.entries}
    for entry in whole.entries:
        if entry.number not in numbers:
            walk.warn(
                entry.where, "left out: " + ("a loss needs labels" if is_loss(entry.type) else "it depends on a loss")
            )
    if not kept.entries:
        raise FormatError(
            [*walk.problems, f"{walk.path}: the network has no layers" + (" but losses" if whole.entries else "")]
        )
    return kept


def read_dagnn(wiring: Wiring, sizes: Mapping[str, Shape], walk: Walk) -> tuple[dict[str, str], dict[str, str]]:
    """Add all layers that can be reached from inputs of known sizes to the walk.

    As in eval, a layer whose input is not given is skipped. Returns the outputs, and the layers' names for the values.
    """
    live = _fed(wiring, sizes, walk)
    walk.values.shapes.update({name: sizes[name] for name in live.inputs if name in sizes})
    walk.values.used.update((*live.inputs, *live.produced))
    ordered, circle = live.in_order()
    if circle:
        names = ", ".join(f"'{entry.name}'" for entry in circle)
        walk.problems.append(
            f"{walk.path}: the layers {names} stand in a circle, or behind one: each waits for another's output"
        )
    for entry in (entry for entry in (*ordered, *circle) if entry.type):
        if entry.type not in LAYERS or not entry.type.startswith(BLOCK_PREFIX):
            walk.unsupported(entry, dagnn=True)
        else:
            _check_block(entry, walk)
            walk.convert(entry, LAYERS[entry.type], dagnn=True)
    values = {*live.produced, *live.inputs}
    single = {e.name: e.outputs[0] for e in ordered if len(e.outputs) == 1}
    return {name: name for name in live.outputs}, {name: value for name, value in single.items() if name not in values}


def is_loss(kind: str) -> bool:
    """Tell whether a block measures something against labels."""
    return (kind.startswith(BLOCK_PREFIX) and "Loss" in kind) or kind in MEASURES


def _fed(wiring: Wiring, sizes: Mapping[str, Shape], walk: Walk) -> Wiring:
    missing = [name for name in wiring.inputs if name not in sizes]
    if not missing:
        return wiring
    live = wiring.without((), missing)
    if not set(live.outputs) & set(wiring.outputs):
        names = ", ".join(f"'{name}'" for name in missing)
        walk.problems.append(
            f"{walk.path}: the network does not state the size of {names}, and all outputs depend on it; "
            f"{how_to_state(missing)}"
        )
        return wiring
    numbers = {entry.number for entry in live.entries}
    for entry in wiring.entries:
        if entry.number not in numbers:
            walk.warn(
                entry.where, f"left out: it depends on {', '.join(missing)}, whose size is not given (--input-shape)"
            )
    return live


def _check_writers(wiring: Wiring, walk: Walk) -> None:
    writers: dict[str, LayerEntry] = {}
    for entry in wiring.entries:
        for name in entry.outputs:
            if name in writers:
                walk.refuse(entry.where, f"writes the variable '{name}', which {writers[name].where} writes already")
            writers[name] = entry


def _check_block(entry: LayerEntry, walk: Walk) -> None:
    read = BLOCK_FIELDS.get(entry.type, ())
    for name, value in entry.fields.items():
        empty = (isinstance(value, list | str) and not value) or (isinstance(value, np.ndarray) and not value.size)
        if name not in read and name not in IDLE_FIELDS and not empty:
            walk.refuse(
                entry.where,
                f"the block has the property '{name}', which {entry.type} does not have{did_you_mean(name, read)}",
            )


def _entries(net: Mapping[str, Value], walk: Walk) -> list[LayerEntry]:
    layers = net["layers"]
    rows = [layers] if isinstance(layers, dict) else layers
    assert isinstance(rows, list)
    params = _params(net.get("params"), walk)
    return [_entry(row, number, params, walk) for number, row in enumerate(rows, 1)]


def _params(value: Value | None, walk: Walk) -> dict[str, Value]:
    rows = [value] if isinstance(value, dict) else value if isinstance(value, StructArray) else []
    found: dict[str, Value] = {}
    for number, row in enumerate(rows, 1):
        name = row.get("name")
        if isinstance(name, str):
            found[name] = row.get("value", [])
        else:
            walk.refuse(f"parameter {number}", f"name is {described(name)}, expected text")
    return found


def _entry(row: Mapping[str, Value], number: int, params: Mapping[str, Value], walk: Walk) -> LayerEntry:
    """Return a layer; one with a problem is of type "", and keeps its place in the graph."""
    name, kind = row.get("name"), row.get("type")
    label = name if isinstance(name, str) and name else f"layer{number}"
    where = f"layer {number} '{label}'"
    before = len(walk.problems)
    if not isinstance(kind, str) or not kind:
        walk.refuse(where, f"type is {described(kind)}, expected a class such as 'dagnn.Conv'")
    inputs, outputs, learned = (_names(row.get(field), field, where, walk) for field in ("inputs", "outputs", "params"))
    if not outputs:
        walk.refuse(where, "has no outputs")
    for param in learned:
        if param not in params:
            walk.refuse(where, f"its parameter '{param}' is not among the file's params{did_you_mean(param, params)}")
    block = row.get("block", [])
    if not isinstance(block, dict) and not (isinstance(block, np.ndarray | list) and not len(block)):
        walk.refuse(where, f"block is {described(block)}, expected a struct")
    kind = kind if isinstance(kind, str) and len(walk.problems) == before else ""
    fields = block if isinstance(block, dict) else {}
    return LayerEntry(
        number, label, kind, fields, inputs, outputs, [params[param] for param in learned if param in params]
    )


def _names(value: Value | None, what: str, where: str, walk: Walk) -> tuple[str, ...]:
    """Return a cell of names; a char alone is one name."""
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, np.ndarray) and not value.size:
        return ()
    names = tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
    if not isinstance(value, list) or len(names) != len(value):
        walk.refuse(where, f"{what} is {described(value)}, expected a cell of names")
    return names
