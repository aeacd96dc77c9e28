"""The walk from a prototxt and its weights to a Graph."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from converters.caffe.net import Layer, NetState, resolve
from converters.caffe.text import read_prototxt
from converters.caffe.weights import read_weights
from converters.errors import ConversionError, ShapeError, UnsupportedError, did_you_mean
from converters.from_caffe import (
    activation,
    arithmetic,
    convolution,
    detection,
    normalization,
    pooling,
    recurrent,
    shape,
    training,
)
from converters.from_caffe.arithmetic import dims
from converters.from_caffe.layer import LayerFunction, LayerReading
from converters.from_caffe.learned import Learned
from converters.from_caffe.wiring import Wiring
from converters.ir import Graph, Node, Preprocessing, Source, unique_name
from converters.ops import Product, Shape, Softmax

FAMILIES = (convolution, pooling, normalization, activation, arithmetic, shape, recurrent, detection)
LAYERS: dict[str, LayerFunction] = {kind: function for family in FAMILIES for kind, function in family.LAYERS.items()}
WITHOUT_OP = frozenset({"Input", "Split", *training.DATA_LAYERS, *training.LOSS_LAYERS, *training.SILENT_LAYERS})


def read_caffe(
    prototxt: str | Path,
    weights: str | Path | None = None,
    *,
    state: NetState | None = None,
    input_shapes: Mapping[str, Shape] | None = None,
    shapes_only: bool = False,
) -> Graph:
    """Read a Caffe network and its weights as a Graph.

    `weights` is a caffemodel of any format, or HDF5; without it only networks whose learned arrays have fillers that
    are no random numbers can be read, or, with `shapes_only`, any: its learned arrays are then zeros that take no
    memory, good to look at a network and for nothing else. `state` chooses layers by phase, stage and level;
    `input_shapes` replaces or adds input sizes by blob name. Training networks become their deploy form. Raises
    ConversionError with all problems found, each with file and line.
    """
    net = resolve(read_prototxt(prototxt), state)
    learned_from = read_weights(weights) if weights is not None else None
    learned = Learned(net.layers, learned_from, shapes_only=shapes_only)
    walk = _Walk(net.layers, learned, dict(input_shapes or {}))
    walk.problems += unknown_types(net.layers)
    walk.all_layers()
    files = {str(path): "" for path in (prototxt, weights) if path is not None}
    return walk.graph(net.name or Path(prototxt).stem, files, [*net.warnings])


def unknown_types(layers: list[Layer]) -> list[str]:
    """Return a problem for each layer of a type that cannot be read."""
    known = LAYERS.keys() | WITHOUT_OP
    return [
        f"{layer.message.where('type')}: layer '{layer.name}': type '{layer.type}' cannot be converted"
        f"{did_you_mean(layer.type, known)}"
        for layer in layers
        if layer.type and layer.type not in known
    ]


def _check_phase(layer: Layer) -> None:
    """Refuse a layer that says of itself that it trains, and would compute something else in Caffe at any time."""
    if layer.message.has("phase") and layer.message.get("phase") == "TRAIN" and layer.type in {"BatchNorm", "Dropout"}:
        raise UnsupportedError(f"says phase: TRAIN of itself, so in Caffe this {layer.type} always trains; remove that")


def _without_effect(layer: Layer) -> list[str]:
    """Return a warning for each setting that the layer's type, or its other settings, make idle, as in Caffe."""
    return [
        f"{layer.message.path}:{line}: layer '{layer.name}': {name} has no effect here, as in Caffe"
        for name, line in layer.message.unread()
        if "filler" not in name
    ]


@dataclass
class _Walk:
    """The state of one walk over the layers."""

    layers: list[Layer]
    learned: Learned
    asked: dict[str, Shape]
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    inputs: dict[str, Shape] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    # Blobs after a problem, whose shape nobody knows, and blobs that come from labels and losses only.
    unknown: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    softmaxes: list[tuple[Layer, str, int]] = field(default_factory=list)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)

    def __post_init__(self) -> None:
        self.wiring = Wiring.of(self.layers)

    def all_layers(self) -> None:
        """Walk over all layers, collecting problems."""
        for index, layer in enumerate(self.layers):
            try:
                self._layer(index, layer)
            except ConversionError as error:
                self.problems += [f"{layer.where}: {problem}" for problem in error.problems]
                self._forget(layer)

    def _forget(self, layer: Layer) -> None:
        for blob in layer.tops:
            self.unknown.add(blob)
            self.wiring.values.pop(blob, None)

    def _layer(self, index: int, layer: Layer) -> None:
        if self.unknown.intersection(layer.bottoms) or (layer.type not in LAYERS and layer.type not in WITHOUT_OP):
            self._forget(layer)
        elif layer.type in training.LOSS_LAYERS | training.SILENT_LAYERS or self.dropped.intersection(layer.bottoms):
            self._drop(layer)
        elif layer.type == "Input":
            self._input(layer)
        elif layer.type in training.DATA_LAYERS:
            self._data(layer)
        elif layer.type == "Split":
            self._split(layer)
        else:
            self._convert(index, layer)

    def _drop(self, layer: Layer) -> None:
        values = [self.wiring.values.get(blob) for blob in layer.bottoms]
        if layer.type == "SoftmaxWithLoss" and values and values[0]:
            if len(layer.tops) > 1:
                raise ShapeError(
                    "has two tops, which no released Caffe loads: loss_weight must be unspecified or "
                    "specified once per top"
                )
            self.softmaxes.append((layer, values[0], layer.param("softmax_param").get("axis")))
        elif layer.type not in training.LOSS_LAYERS | training.SILENT_LAYERS and not self.dropped.issuperset(
            layer.bottoms
        ):
            raise ShapeError(
                f"reads labels or losses ({', '.join(sorted(self.dropped.intersection(layer.bottoms)))}), "
                "which a deployed network does not have"
            )
        for blob in layer.bottoms:
            if blob not in self.wiring.values and blob not in self.dropped:
                raise ShapeError(f"reads the blob '{blob}', which no layer before it writes")
        self.dropped.update(layer.tops)

    def _input(self, layer: Layer) -> None:
        stated = layer.param("input_param").all("shape")
        if len(stated) not in (0, 1, len(layer.tops)):
            raise ShapeError(f"states {len(stated)} shapes for {len(layer.tops)} tops")
        for index, blob in enumerate(layer.tops):
            if blob in self.asked:
                size = self.asked[blob]
            elif stated:
                size = dims(stated[index if len(stated) > 1 else 0].all("dim"))
            else:
                raise ShapeError(f"does not state its size; give it, as in --input-shape {blob}=1x3x224x224")
            self._add_input(layer, index, size)

    def _data(self, layer: Layer) -> None:
        self.dropped.update(layer.tops[1:])
        size = training.data_shape(layer, self.asked, self.layers, self.learned)
        self._add_input(layer, 0, size)
        self.preprocessing, warnings = training.data_preprocessing(layer, size)
        self.warnings += warnings

    def _add_input(self, layer: Layer, index: int, size: Shape) -> None:
        value = self.wiring.write(layer, index)
        self.inputs[value] = self.shapes[value] = size

    def _split(self, layer: Layer) -> None:
        self.wiring.read(layer)
        for index in range(len(layer.tops)):
            self.wiring.alias(layer, index)

    def _convert(self, index: int, layer: Layer) -> None:
        values = self.wiring.read(layer)
        _check_phase(layer)
        reading = LayerReading(
            layer, values, self.shapes, self.learned.of(index), self.wiring.used | self.wiring.reserved
        )
        made = LAYERS[layer.type](reading)
        if len(made) != len(layer.tops):
            raise ShapeError(f"has {len(layer.tops)} tops, expected {len(made)}")
        if reading.inplace and layer.type == "Eltwise" and not isinstance(made[0].op, Product):
            self.warnings.append(
                f"{layer.where}: works in place, so Caffe clears its first bottom '{layer.bottoms[0]}' before "
                "reading it; the result leaves that bottom out, as in Caffe. "
                "Give the layer a top of its own if the sum is meant"
            )
        self.warnings += _without_effect(layer)
        self.wiring.used.update(node.name for node in reading.extras)
        self.nodes += reading.extras
        for top, step in enumerate(made):
            shape = step.op.output_shape(*(self.shapes[value] for value in step.inputs))
            name = self.wiring.write(layer, top)
            self.shapes[name] = shape
            self.nodes.append(Node(name, step.op, step.inputs, step.params, layer.name))

    def graph(self, name: str, files: dict[str, str], warnings: list[str]) -> Graph:
        """Return the network, or raise all problems."""
        outputs = self._outputs()
        self._check_asked()
        self.learned.finish()
        problems = [*self.problems, *self.learned.problems]
        if not problems and not outputs:
            problems.append("the network has no outputs left")
        if problems:
            raise ConversionError(problems)
        inputs = self._inputs_in_use(outputs)
        aliases = {blob: value for blob, value in self.wiring.values.items() if blob != value and value in self.shapes}
        files_note = Source("Caffe", files)
        notes = (*warnings, *self.warnings, *self.learned.warnings)
        return Graph(name, inputs, tuple(self.nodes), outputs, self.preprocessing, (), files_note, {}, aliases, notes)

    def _outputs(self) -> dict[str, str]:
        kept = [layer for layer in self.layers if layer.type not in training.LOSS_LAYERS]
        found = [blob for blob in self.wiring.unread(kept) if blob not in self.dropped]
        for blob in found:
            try:
                self.wiring.check_fresh(blob)
            except ConversionError as error:
                self.problems += error.problems
        outputs = {blob: self.wiring.values[blob] for blob in found if self.wiring.values[blob] not in self.inputs}
        for blob, value in self._add_softmaxes().items():
            outputs = {old: at for old, at in outputs.items() if at != self.nodes_input(value)} | {blob: value}
        taken = {blob: self._outside_name(blob, value) for blob, value in outputs.items()}
        return {taken[blob]: outputs[blob] for blob in sorted(outputs)}

    def nodes_input(self, value: str) -> str:
        """Return the first input of the node with this value."""
        return next(node.inputs[0] for node in self.nodes if node.name == value)

    def _outside_name(self, blob: str, value: str) -> str:
        # An in-place layer on an input leaves one blob name for two values; the exported model needs two names.
        return value if blob in self.inputs else blob

    def _add_softmaxes(self) -> dict[str, str]:
        """Add a Softmax for each SoftmaxWithLoss that has no equal one already; return their names as outputs."""
        added: dict[str, str] = {}
        wanted = {(value, axis % max(len(self.shapes[value]), 1)): layer for layer, value, axis in self.softmaxes}
        for (value, axis), layer in wanted.items():
            if not any(
                isinstance(n.op, Softmax) and n.inputs == (value,) and n.op.axis % len(self.shapes[value]) == axis
                for n in self.nodes
            ):
                name = unique_name(
                    "prob" if len(wanted) == 1 else f"{value}_prob", self.wiring.used | self.wiring.reserved
                )
                self.wiring.used.add(name)
                self.shapes[name] = self.shapes[value]
                self.nodes.append(Node(name, Softmax(axis), (value,), {}, layer.name))
                added[name] = name
        return added

    def _inputs_in_use(self, outputs: dict[str, str]) -> dict[str, Shape]:
        read = {value for node in self.nodes for value in node.inputs} | set(outputs.values())
        unused = [name for name in self.inputs if name not in read]
        if unused:
            self.warnings.append(f"left out inputs that nothing but losses reads: {', '.join(unused)}")
        return {name: size for name, size in self.inputs.items() if name in read}

    def _check_asked(self) -> None:
        for name in self.asked.keys() - self.inputs.keys() - self.unknown:
            self.problems.append(
                f"there is no input '{name}' to give a shape to; the inputs are {', '.join(self.inputs) or 'none'}"
            )
