"""What the function for one layer type gets to see, and what it gives back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from converters.errors import ShapeError
from converters.from_matconvnet.fields import Fields, described, size_text
from converters.ir import Node, unique_name
from converters.matlab.files import Value
from converters.ops import Array, Op, Shape

# MATLAB's axes H W C N are these of ours: an axis (1-based in MATLAB) -> its place in (batch, channels, height, width).
OUR_AXIS = {1: 2, 2: 3, 3: 1, 4: 0}


@dataclass(frozen=True, eq=False)
class Made:
    """The op that computes one output of a layer; `inputs` are value names."""

    op: Op
    inputs: tuple[str, ...]
    params: Mapping[str, Array] = field(default_factory=dict)


LayerFunction = Callable[["LayerReading"], list[Made]]


@dataclass
class Values:
    """All values so far: shapes by name, names in use, and the arrays already turned to our layout.

    Arrays that layers share stay one array.
    """

    shapes: dict[str, Shape] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    turned: dict[tuple[int, str], Array] = field(default_factory=dict)


@dataclass(eq=False)
class LayerReading:
    """One MatConvNet layer with its fields, its inputs and its learned arrays as they lie in the file.

    A layer function reads all fields first and calls `fields.finish()`, then asks for shapes; it returns one `Made` per
    output, and raises ShapeError or UnsupportedError with what is wrong (the caller adds the place).
    """

    name: str
    fields: Fields
    inputs: tuple[str, ...]
    learned: Sequence[Value]
    values: Values
    outputs: int = 1
    output: str = ""
    extras: list[Node] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def input(self) -> str:
        """The value name of the only input; ShapeError when there are more or none."""
        self.expect_inputs(1)
        return self.inputs[0]

    @property
    def shape(self) -> Shape:
        """The shape (batch, channels, height, width) of the only input."""
        return self.shape_of(self.input)

    def shape_of(self, value: str) -> Shape:
        """Return the shape of a value."""
        if value not in self.values.shapes:
            raise ShapeError([])  # a layer before it was refused, and that is reported already
        return self.values.shapes[value]

    def expect_inputs(self, count: int) -> None:
        """Refuse any other number of inputs."""
        if len(self.inputs) != count:
            raise ShapeError(f"has {len(self.inputs)} inputs, expected {count}")

    def output_shape(self, op: Op, inputs: tuple[str, ...]) -> Shape:
        """Return the shape of what an op computes from these values."""
        if len(inputs) != op.inputs_wanted if op.inputs_wanted is not None else not inputs:
            wanted = "one or more" if op.inputs_wanted is None else op.inputs_wanted
            raise ShapeError(f"has {len(inputs)} inputs, expected {wanted}")
        return op.output_shape(*(self.shape_of(value) for value in inputs))

    def node(self, suffix: str, op: Op, inputs: tuple[str, ...], params: Mapping[str, Array] | None = None) -> str:
        """Add a node of this layer that is none of its outputs, and return its value name."""
        shape = self.output_shape(op, inputs)
        name = unique_name(f"{self.output}/{suffix}", self.values.used)
        self.values.used.add(name)
        self.values.shapes[name] = shape
        self.extras.append(Node(name, op, inputs, params or {}, self.name))
        return name

    def array(self, index: int, what: str) -> Array | None:
        """Return a learned array as it lies in the file; None where it is empty or missing."""
        if index >= len(self.learned):
            return None
        value = self.learned[index]
        if isinstance(value, list) and not value:
            return None
        if not isinstance(value, np.ndarray):
            hint = (
                "; bring the network to the CPU (vl_simplenn_move, move) and save it again"
                if "gpu" in described(value)
                else ""
            )
            raise ShapeError(f"the {what} are {described(value)}, expected an array{hint}")
        return value if value.size else None

    def four_axes(self, array: Array, what: str) -> Array:
        """Return height x width x channels x count, with the singleton axes that MATLAB drops at the end put back."""
        if array.ndim > 4:
            raise ShapeError(f"the {what} are {described(array)}, expected four axes at most")
        return array.reshape(array.shape + (1,) * (4 - array.ndim), order="F")

    def filters(self, array: Array) -> Array:
        """Turn height x width x in x out to (out, in, height, width), float32; the same array for the same array."""
        return self.turned(array, "filters", lambda a: self.four_axes(a, "filters").transpose(3, 2, 0, 1))

    def vector(self, array: Array) -> Array:
        """Turn an array of any shape to a flat one, float32; the same array for the same array."""
        return self.turned(array, "vector", lambda a: a.ravel(order="F"))

    def turned(self, array: Array, layout: str, turn: Callable[[Array], Array]) -> Array:
        """Return `turn(array)` as float32, once for each array and layout."""
        key = (id(array), layout)
        if key not in self.values.turned:
            with np.errstate(over="ignore"):
                self.values.turned[key] = turn(array).astype(np.float32, copy=False)
        return self.values.turned[key]

    def constant(self, numbers: Array | Sequence[object]) -> Array:
        """Return fixed numbers as an array of parameters."""
        return np.asarray(numbers, np.float32)

    def axis(self, name: str, default: int, *allowed: int) -> int:
        """Return a field that names an axis (1-based, of H W C N) as our axis."""
        number = self.fields.whole(name, (default,), (1,), 1)[0]
        if number not in (allowed or OUR_AXIS):
            self.fields.refuse(f"{name} is {number}, expected one of {', '.join(map(str, allowed or OUR_AXIS))}")
            return OUR_AXIS[default]
        return OUR_AXIS[number]


def bank_text(bank: Array) -> str:
    """Return the size of a filter bank (out, in, height, width) as MATLAB shows it."""
    count, depth, *window = bank.shape
    return size_text((*window, depth, count))
