"""What the function for one layer type gets to see, and what it gives back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from converters.caffe.net import Layer
from converters.caffe.tree import Message
from converters.errors import ShapeError
from converters.from_caffe.learned import LayerBlobs
from converters.ir import Node, unique_name
from converters.ops import Array, Op, Shape


@dataclass(frozen=True, eq=False)
class Made:
    """The op that computes one top of a layer; `inputs` are value names."""

    op: Op
    inputs: tuple[str, ...]
    params: Mapping[str, Array] = field(default_factory=dict)


LayerFunction = Callable[["LayerReading"], list[Made]]


class LayerReading:
    """One Caffe layer with its settings, its inputs and its weights.

    A layer function returns one `Made` per top, in order; it raises ShapeError or UnsupportedError with what is wrong
    (the place is added by the caller).
    """

    def __init__(
        self, layer: Layer, bottoms: Sequence[str], shapes: dict[str, Shape], blobs: LayerBlobs, used: set[str]
    ) -> None:
        self.name = layer.name
        self.type = layer.type
        self.tops = len(layer.tops)
        self.bottoms = tuple(bottoms)
        self.extras: list[Node] = []
        self._layer = layer
        self._shapes = shapes
        self._blobs = blobs
        self._used = used

    @property
    def bottom(self) -> str:
        """The value name of the only bottom; ShapeError when there are more or none."""
        self.expect_bottoms(1)
        return self.bottoms[0]

    @property
    def shape(self) -> Shape:
        """The shape of the first bottom."""
        return self.shape_of(self.bottoms[0])

    @property
    def inplace(self) -> bool:
        """Whether the first top overwrites the first bottom."""
        return bool(self._layer.tops and self._layer.bottoms and self._layer.tops[0] == self._layer.bottoms[0])

    @property
    def blob_count(self) -> int:
        """How many arrays the weights hold for this layer."""
        return self._blobs.count

    def shape_of(self, value: str) -> Shape:
        """Return the shape of a value."""
        return self._shapes[value]

    def expect_bottoms(self, least: int, most: int | None = None) -> None:
        """Refuse a number of bottoms outside `least` .. `most` (default: exactly `least`)."""
        if not least <= len(self.bottoms) <= (least if most is None else most):
            raise ShapeError(
                f"has {len(self.bottoms)} bottoms, expected {least if most in (None, least) else f'{least} to {most}'}"
            )

    def settings(self, name: str) -> Message:
        """Return a message with settings, such as "convolution_param"; all defaults when it is not there."""
        return self._layer.message.message(name)

    def has_settings(self, name: str) -> bool:
        """Tell whether the file has this message with settings."""
        return self._layer.message.has(name)

    def node(self, suffix: str, op: Op, inputs: tuple[str, ...], params: Mapping[str, Array] | None = None) -> str:
        """Add a node of this layer that is none of its tops, and return its value name."""
        name = unique_name(f"{self.name}/{suffix}", self._used)
        self._used.add(name)
        self._shapes[name] = op.output_shape(*(self._shapes[value] for value in inputs))
        self.extras.append(Node(name, op, inputs, params or {}, self.name))
        return name

    def learned(
        self, op: Op, inputs: tuple[str, ...], fillers: Mapping[str, Message], first: int = 0
    ) -> dict[str, Array]:
        """Return the op's params in the order of its `param_shapes`, from the weights or else from the prototxt's
        fillers.

        `fillers` maps param names to the filler messages; `first` is the index of the layer's first array.
        """
        shapes = op.param_shapes(*(self._shapes[value] for value in inputs))
        return {name: self.blob(first + i, shape, fillers.get(name)) for i, (name, shape) in enumerate(shapes.items())}

    def blob(self, index: int, shape: Shape, filler: Message | None) -> Array:
        """Return the learned array `index` of this layer, of that shape."""
        return self._blobs.array(index, shape, filler)
