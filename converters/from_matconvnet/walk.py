"""The state of one walk over a network's layers: what SimpleNN and DagNN have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from converters.errors import ConversionError, ShapeError, did_you_mean
from converters.from_matconvnet import activation, arithmetic, convolution, normalization, pooling, sampling, shape
from converters.from_matconvnet.fields import Fields
from converters.from_matconvnet.layer import LayerFunction, LayerReading, Values
from converters.ir import Node
from converters.matlab.files import Value

FAMILIES = (convolution, pooling, normalization, activation, arithmetic, shape, sampling)
LAYERS: dict[str, LayerFunction] = {kind: function for family in FAMILIES for kind, function in family.LAYERS.items()}

BLOCK_PREFIX = "dagnn."

# Types that are known, and known to lack something in the file.
WITHOUT_MEANING = {
    "custom": "a custom layer's code is not in the file",
    "pdist": "pdist compares with a reference that is not in the file",
    "dagnn.PDist": "PDist compares with a reference that a deployed network does not have",
}


@dataclass(frozen=True, eq=False)
class LayerEntry:
    """One layer as the file states it, with value names for what it reads and writes; `number` counts from 1."""

    number: int
    name: str
    type: str
    fields: Mapping[str, Value]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    learned: Sequence[Value] = ()

    @property
    def where(self) -> str:
        """The layer's place, for messages."""
        return f"layer {self.number} '{self.name}' ({self.type})"


@dataclass
class Walk:
    """What has been read so far; `path` stands before every problem."""

    path: str
    values: Values = field(default_factory=Values)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    def refuse(self, where: str, problem: str) -> None:
        """Note a problem of one place in the file."""
        self.problems.append(f"{self.path}: {where}: {problem}")

    def warn(self, where: str, warning: str) -> None:
        """Note something that a person should know of a network that is converted all the same."""
        self.warnings.append(f"{self.path}: {where}: {warning}")

    def unsupported(self, entry: LayerEntry, *, dagnn: bool) -> None:
        """Note a layer of a type that cannot be converted."""
        known = [kind for kind in LAYERS if kind.startswith(BLOCK_PREFIX) == dagnn]
        kinds = "blocks that can be converted" if dagnn else f"layers of a SimpleNN ({', '.join(known)})"
        why = (
            WITHOUT_MEANING.get(entry.type) or f"'{entry.type}' is none of the {kinds}{did_you_mean(entry.type, known)}"
        )
        self.refuse(entry.where, why)

    def convert(self, entry: LayerEntry, function: LayerFunction, *, dagnn: bool) -> None:
        """Add the nodes of a layer, or note what is wrong with it."""
        reading = LayerReading(
            entry.name, Fields(entry.fields, dagnn=dagnn), entry.inputs, entry.learned, self.values,
            len(entry.outputs), entry.outputs[0],
        )  # fmt: skip
        try:
            self._add(entry, function, reading)
        except ConversionError as error:
            for problem in error.problems:
                self.refuse(entry.where, problem)
        for warning in reading.warnings:
            self.warn(entry.where, warning)

    def _add(self, entry: LayerEntry, function: LayerFunction, reading: LayerReading) -> None:
        made = function(reading)
        if len(made) != len(entry.outputs):
            raise ShapeError(f"has {len(entry.outputs)} outputs, expected {len(made)}")
        shapes = [reading.output_shape(step.op, step.inputs) for step in made]
        self.nodes += reading.extras
        for step, name, size in zip(made, entry.outputs, shapes, strict=True):
            self.values.shapes[name] = size
            self.nodes.append(Node(name, step.op, step.inputs, step.params, entry.name))


def how_to_state(inputs: Sequence[str]) -> str:
    """Tell how a person gives the sizes of these inputs."""
    options = " ".join(f"--input-shape {name}=1x3x224x224" for name in inputs)
    return f"give it, as in {options} (batch x channels x height x width)"
