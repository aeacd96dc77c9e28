"""Which array belongs to which layer: names, shared params, legacy shapes, fillers, as Caffe's Net and Blob settle
them.

Layers are matched by name only. Of several layers of one name, the first gets every copy and the last copy stays.
Params of one name are one array, and the copy loaded last wins for all who share it (BVLC Caffe, net.cpp:
CopyTrainedLayersFrom, AppendParam).
"""

from collections.abc import Iterable, Sequence
from math import ceil, prod

import numpy as np

from converters.caffe.blobs import Blob, Weights
from converters.caffe.net import Layer
from converters.caffe.tree import Message
from converters.ops import Array, Shape

# What a filler that draws random numbers makes cannot be known.
LISTED = 4  # problems that are told one by one; the table holds all
ROWS = 24  # of a table that shows what does not fit
RANDOM_FILLERS = ("gaussian", "uniform", "xavier", "msra", "positive_unitball")


class Learned:
    """All arrays of a weights file, handed out layer by layer; collects what does not fit.

    With `shapes_only`, arrays that are not in the weights are stand-ins, whatever their fillers.
    """

    def __init__(self, layers: Sequence[Layer], weights: Weights | None, *, shapes_only: bool = False) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.wanted: dict[int, list[Shape]] = {}
        self.matched = 0
        self._layers = layers
        self._weights = weights
        self._shapes_only = shapes_only
        self._copies = _last_copies(layers, weights)
        self._sharers = _sharers(layers)
        self._made: dict[tuple[int, int, Shape], Array] = {}

    def of(self, index: int) -> "LayerBlobs":
        """Return the arrays of the layer at this index."""
        return LayerBlobs(self, index)

    def held(self, index: int) -> tuple[Blob, ...]:
        """Return the arrays that the weights hold for the layer at this index."""
        return self._copies[index][1] if index in self._copies else ()

    def array(self, layer: int, index: int, shape: Shape, filler: Message | None) -> Array:
        """Return one array; a stand-in after noting a problem when there is none that fits."""
        self.wanted.setdefault(layer, []).append(shape)
        owner = self._loaded_last(layer, index)
        key = (*(owner or self._group(layer, index)[0]), shape)
        if key not in self._made:
            self._made[key] = (
                self._filled(layer, index, shape, filler) if owner is None else self._loaded(owner, layer, index, shape)
            )
        return self._made[key]

    def _group(self, layer: int, index: int) -> list[tuple[int, int]]:
        return self._sharers.get((layer, index), [(layer, index)])

    def _loaded_last(self, layer: int, index: int) -> tuple[int, int] | None:
        held = [(at, i) for at, i in self._group(layer, index) if i < len(self.held(at))]
        return max(held, key=lambda pair: self._copies[pair[0]][0], default=None)

    def _loaded(self, owner: tuple[int, int], layer: int, index: int, shape: Shape) -> Array:
        blob = self.held(owner[0])[owner[1]]
        self.matched += 1
        if _fits(blob, shape) or (self._permissive(layer, index) and blob.array.size == prod(shape)):
            return blob.array.reshape(shape)
        self._mismatch(
            layer, f"array {index} has shape {list(blob.array.shape)} in the weights, the network wants {list(shape)}"
        )
        return stand_in(shape)

    def _permissive(self, layer: int, index: int) -> bool:
        members = self._group(layer, index)
        return len(members) > 1 and any(
            self._layers[at].params[i].get("share_mode") == "PERMISSIVE" for at, i in members
        )

    def _mismatch(self, layer: int, text: str) -> None:
        at = self._layers[layer]
        self.problems.append(f"{at.where}: {text}")

    def _filled(self, layer: int, index: int, shape: Shape, filler: Message | None) -> Array:
        held = self.held(layer)
        if self._shapes_only and not held:
            return stand_in(shape)
        if held:
            self._mismatch(layer, f"array {index} is missing: the weights hold {len(held)} for this layer")
            return stand_in(shape)
        kind = filler.get("type") if filler is not None else "constant"
        made = _from_filler(kind, filler, shape)
        at = self._layers[layer]
        if made is None:
            self._mismatch(layer, self._no_values(kind))
            return stand_in(shape)
        detail = f"constant {filler.get('value') if filler is not None else 0:g}" if kind == "constant" else kind
        self.warnings.append(
            f"{at.where}: array {index} is not in the weights and keeps its filler ({detail}), as in Caffe"
        )
        return made

    def _no_values(self, kind: str) -> str:
        if kind not in RANDOM_FILLERS:
            return f"filler type '{kind}' is unknown (known: constant, bilinear, {', '.join(RANDOM_FILLERS)})"
        if self._weights is None:
            return "has learned arrays, but no weights are given; name the caffemodel as well"
        return f"is not in the weights, and its filler '{kind}' is random: nobody can know its values"

    def finish(self) -> None:
        """Note what only shows at the end: too many arrays, a weights file for another network, leftovers."""
        for index in range(len(self._layers)):
            held, wanted = self.held(index), self.wanted.get(index, [])
            if len(held) > len(wanted):
                self._mismatch(index, f"the weights hold {len(held)} arrays, the network wants {len(wanted)}")
        if self._weights is None:
            return
        if self.wanted and not self.matched:
            self.problems.append(
                f"{self._weights.path}: no layer of the network is in the weights; they hold {_named(self._weights)}"
            )
        if self.problems and self.wanted:
            if len(self.problems) > LISTED:
                self.problems[LISTED:] = [f"{len(self.problems) - LISTED} more arrays do not fit"]
            self.problems.append(self._side_by_side())
        unused = {copy.name for copy in self._weights.layers if copy.blobs} - {layer.name for layer in self._layers}
        if unused and self.matched:
            self.warnings.append(
                f"{self._weights.path}: ignored layers that the network does not have: {', '.join(sorted(unused))}"
            )

    def _side_by_side(self) -> str:
        rows = [self._compared(index, shapes) for index, shapes in self.wanted.items()]
        odd = [row for row in rows if row[3]]
        shown = rows if len(rows) <= ROWS else odd[:ROWS]
        table = [("layer", "the network wants", "the weights hold", ""), *shown]
        widths = [max(len(row[i]) for row in table) for i in range(4)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
        ]
        rest = [
            f"and {len(rows) - len(shown)} more, {len(odd) - sum(bool(row[3]) for row in shown)} of which do not fit"
        ]
        left = rest if len(shown) < len(rows) else []
        return "\n".join(["layers with weights, side by side:", *(f"  {line}" for line in (*lines, *left))])

    def _compared(self, index: int, shapes: list[Shape]) -> tuple[str, str, str, str]:
        held = self.held(index)
        fits = len(held) == len(shapes) and all(_fits(b, s) for b, s in zip(held, shapes, strict=True))
        # Whoever shares another layer's arrays, or keeps its fillers, holds none.
        held_text = _shapes(blob.shape for blob in held) or "nothing"
        return self._layers[index].name, _shapes(shapes), held_text, "" if fits or not held else "<- differs"


class LayerBlobs:
    """The arrays of one layer."""

    def __init__(self, learned: Learned, index: int) -> None:
        self._learned = learned
        self._index = index

    @property
    def count(self) -> int:
        """How many arrays the weights hold for this layer."""
        return len(self._learned.held(self._index))

    def array(self, index: int, shape: Shape, filler: Message | None) -> Array:
        """Return the array `index`, of that shape."""
        return self._learned.array(self._index, index, shape, filler)


def stand_in(shape: Shape) -> Array:
    """Return zeros that take no memory, to go on looking for problems."""
    return np.broadcast_to(np.zeros((), np.float32), shape)


def _last_copies(layers: Sequence[Layer], weights: Weights | None) -> dict[int, tuple[int, tuple[Blob, ...]]]:
    first: dict[str, int] = {}
    for index, layer in enumerate(layers):
        first.setdefault(layer.name, index)
    copies = {}
    for position, source in enumerate(weights.layers if weights is not None else ()):
        if source.name in first and source.blobs:
            copies[first[source.name]] = (position, tuple(source.blobs))
    return copies


def _sharers(layers: Sequence[Layer]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    by_name: dict[str, list[tuple[int, int]]] = {}
    for at, layer in enumerate(layers):
        for index, spec in enumerate(layer.params):
            if spec.get("name"):
                by_name.setdefault(spec.get("name"), []).append((at, index))
    return {member: group for group in by_name.values() for member in group}


def _fits(blob: Blob, shape: Shape) -> bool:
    if not blob.legacy:
        return blob.array.shape == shape
    # Four legacy numbers are compared with the shape padded with ones on the left (Blob::ShapeEquals).
    return len(shape) <= 4 and blob.array.shape == (1,) * (4 - len(shape)) + shape


def _from_filler(kind: str, filler: Message | None, shape: Shape) -> Array | None:
    if kind == "constant":
        return np.full(shape, filler.get("value") if filler is not None else 0, np.float32)
    if kind == "bilinear" and len(shape) == 4 and shape[2] == shape[3]:
        return np.broadcast_to(_bilinear(shape[2]), shape)
    return None


def _bilinear(size: int) -> Array:
    # Caffe's BilinearFiller, filler.hpp.
    factor = ceil(size / 2)
    centre = (2 * factor - 1 - factor % 2) / (2 * factor)
    line = 1 - np.abs(np.arange(size) / factor - centre)
    return np.outer(line, line).astype(np.float32)


def _shapes(shapes: Iterable[Shape]) -> str:
    return " ".join(str(list(shape)) for shape in shapes)


def _named(weights: Weights) -> str:
    names = [layer.name for layer in weights.layers if layer.blobs]
    return f"{', '.join(names[:8])}{' ...' if len(names) > 8 else ''}" if names else "no layers with arrays"
