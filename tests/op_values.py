"""What an op example is, what its arrays hold, and how close a target must come."""

from collections.abc import Callable
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from converters import ops
from converters.ir import Graph, Node
from converters.ops import Array, Op, Shape

Maker = Callable[[np.random.Generator, Shape], Array]


def normal(rng: np.random.Generator, shape: Shape) -> Array:
    """Normal values of both signs."""
    return rng.normal(0.2, 1.0, shape)


def large(rng: np.random.Generator, shape: Shape) -> Array:
    """Values that overflow a careless exponential."""
    return rng.normal(0.0, 120.0, shape)


def negative(rng: np.random.Generator, shape: Shape) -> Array:
    """Negative values only: padding with zeros would show in a maximum."""
    return -1 - np.abs(rng.normal(0, 1.0, shape))


def positive(rng: np.random.Generator, shape: Shape) -> Array:
    """Values in 0.2 .. 3."""
    return rng.uniform(0.2, 3.0, shape)


def tied(rng: np.random.Generator, shape: Shape) -> Array:
    """A few whole numbers, so that equal values are common."""
    return rng.integers(-2, 3, shape).astype(float)


def all_equal(_rng: np.random.Generator, shape: Shape) -> Array:
    """One value everywhere."""
    return np.full(shape, -1.5)


def bits(rng: np.random.Generator, shape: Shape) -> Array:
    """Zeros and ones, both present where there is room."""
    values = rng.integers(0, 2, shape).astype(float).reshape(-1)
    values[:2] = (0, 1)[: values.size]
    return values.reshape(shape)


def zeros(_rng: np.random.Generator, shape: Shape) -> Array:
    """Zeros only."""
    return np.zeros(shape)


def pixels(rng: np.random.Generator, shape: Shape) -> Array:
    """Image values 0..255."""
    return rng.integers(0, 256, shape).astype(np.uint8)


def probabilities(rng: np.random.Generator, shape: Shape) -> Array:
    """Values in 0..1."""
    return rng.uniform(0, 1, shape)


def below(limit: int) -> Maker:
    """Whole numbers in 0 .. limit - 1."""
    return lambda rng, shape: rng.integers(0, limit, shape).astype(float)


def distinct_below(limit: int) -> Maker:
    """Whole numbers in 0 .. limit - 1, none twice in the last two axes."""

    def make(rng: np.random.Generator, shape: Shape) -> Array:
        planes = [rng.permutation(limit)[: shape[-1] * shape[-2]] for _ in range(int(np.prod(shape[:-2])))]
        return np.stack(planes).reshape(shape).astype(float)

    return make


def regions(images: int, extent: float, first: int = 0) -> Maker:
    """Rows image, x1, y1, x2, y2; some leave the image, one is a single point, one is inside out."""

    def make(rng: np.random.Generator, shape: Shape) -> Array:
        corners = rng.uniform(-0.2 * extent, 1.2 * extent, (shape[0], 2, 2))
        corners.sort(axis=1)
        corners[0] = extent / 2
        corners[1] = corners[1, ::-1]
        image = rng.integers(first, images + first, (shape[0], 1))
        return np.concatenate([image, corners.reshape(-1, 4)], 1).reshape(shape)

    return make


def sampling_points(rng: np.random.Generator, shape: Shape) -> Array:
    """Points of the square [-1, 1] and around it."""
    return rng.uniform(-1.3, 1.3, shape)


def prior_boxes(rng: np.random.Generator, shape: Shape) -> Array:
    """Corner boxes inside the image that overlap a lot, and their variances."""
    centre, half = rng.uniform(0.3, 0.7, (shape[2] // 4, 2)), rng.uniform(0.1, 0.3, (shape[2] // 4, 2))
    variances = np.tile([0.1, 0.1, 0.2, 0.2], shape[2] // 4)
    return np.stack([np.concatenate([centre - half, centre + half], 1).reshape(-1), variances])[None]


def small(rng: np.random.Generator, shape: Shape) -> Array:
    """Small offsets of both signs."""
    return rng.normal(0, 0.3, shape)


def _fan_in(rng: np.random.Generator, shape: Shape) -> Array:
    return rng.normal(0, 1, shape) / np.sqrt(max(int(np.prod(shape[1:])), 1))


PARAM_MAKERS: dict[str, Maker] = {
    "bias": small, "bias_o": small, "mean": small, "scale": normal, "slope": small, "value": normal,
    "variance": positive, "weight": _fan_in, "weight_h": _fan_in, "weight_o": _fan_in, "weight_static": _fan_in,
    "weight_x": _fan_in,
}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """One op with settings, input shapes and what inputs and params hold; `str(example)` is a readable unique name."""

    what: str
    op: Op
    shapes: tuple[Shape, ...]
    makers: tuple[Maker, ...] = ()
    param_makers: dict[str, Maker] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{type(self.op).__name__}-{self.what.replace(' ', '_')}"

    def _rng(self, what: str) -> np.random.Generator:
        return np.random.default_rng(crc32(f"{self} {what}".encode()))

    def inputs(self) -> list[Array]:
        """The input arrays: float32, or uint8 where the maker gives it."""
        rng = self._rng("inputs")
        makers = self.makers + (normal,) * (len(self.shapes) - len(self.makers))
        made = [np.asarray(maker(rng, shape)) for maker, shape in zip(makers, self.shapes, strict=True)]
        return [array if array.dtype.kind == "u" else array.astype(np.float32) for array in made]

    def params(self) -> dict[str, Array]:
        """The params, float32."""
        rng = self._rng("params")
        wanted = self.op.param_shapes(*self.shapes)
        return {n: np.asarray((PARAM_MAKERS | self.param_makers)[n](rng, s), np.float32) for n, s in wanted.items()}

    def graph(self) -> Graph:
        """The op alone: inputs `in0`, `in1` ..., output `y`; an op without inputs is added to an input `in0`."""
        names = [f"in{i}" for i in range(len(self.shapes))]
        shapes: dict[str, Shape] = dict(zip(names, self.shapes, strict=True))
        dtypes = {name: "uint8" for name, array in zip(names, self.inputs(), strict=True) if array.dtype == np.uint8}
        if names:
            nodes = [Node("y", self.op, tuple(names), self.params())]
        else:
            shapes = {"in0": self.op.output_shape()}
            nodes = [Node("stored", self.op, (), self.params()), Node("y", ops.Sum(), ("in0", "stored"))]
        return Graph(str(self), shapes, tuple(nodes), {"y": "y"}, input_dtypes=dtypes)

    def feeds(self) -> dict[str, Array]:
        """What to feed to `graph()`."""
        return {
            f"in{i}": array for i, array in enumerate(self.inputs() or [np.ones(self.op.output_shape(), np.float32)])
        }


def assert_close(got: Array, expected: Array, tolerance: float = 1e-5) -> None:
    """Hold `got` to `expected` within `tolerance` of its largest value; NaN, infinities, -FLT_MAX keep their places."""
    assert got.shape == expected.shape, f"shape {got.shape}, expected {expected.shape}"
    plain = np.isfinite(expected) & (np.abs(expected) < 1e30)
    np.testing.assert_array_equal(got[~plain], expected[~plain])
    largest = float(np.abs(expected[plain]).max(initial=0.0))
    difference = float(np.abs(got[plain].astype(np.float64) - expected[plain]).max(initial=0.0))
    assert difference <= tolerance * largest, f"differs by {difference:.3g}, largest value {largest:.3g}"


MAP: Shape = (2, 6, 5, 7)
ONES, SYMMETRIC, NO_PADS = (1, 1), ((1, 1), (1, 1)), ((0, 0), (0, 0))


def each_rank(op: Op, what: str = "rank", makers: tuple[Maker, ...] = ()) -> list[Example]:
    """One example per rank 2 to 5."""
    return [Example(f"{what} {len(s)}", op, (s,), makers) for s in ((3, 6), (2, 6, 5), MAP, (2, 3, 4, 3, 5))]
