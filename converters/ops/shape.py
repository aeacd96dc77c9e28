"""Ops that move values about and change none (Pad adds some)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from converters.errors import ShapeError
from converters.ops.base import Array, Op, Pads, Shape, as_index, check_rank, positive_axis, size_of
from converters.ops.windows import padded


@dataclass(frozen=True)
class Concat(Op):
    """Join the inputs along `axis`; all other axes are equal."""

    axis: int = 1
    inputs_wanted: ClassVar[int | None] = None

    def output_shape(self, *inputs: Shape) -> Shape:
        axis = positive_axis(self.axis, len(inputs[0]))
        if len({(*s[:axis], *s[axis + 1 :]) for s in inputs}) > 1 or len({len(s) for s in inputs}) > 1:
            raise ShapeError(f"inputs {', '.join(str(list(s)) for s in inputs)} differ in more than axis {self.axis}")
        return (*inputs[0][:axis], sum(s[axis] for s in inputs), *inputs[0][axis + 1 :])

    def compute(self, *arrays: Array) -> Array:
        return np.concatenate(arrays, self.axis)


@dataclass(frozen=True)
class Slice(Op):
    """y = x[start:stop] along `axis`; stop None means to the end."""

    axis: int
    start: int
    stop: int | None

    def output_shape(self, x: Shape) -> Shape:
        axis = positive_axis(self.axis, len(x))
        stop = x[axis] if self.stop is None else self.stop
        if not 0 <= self.start < stop <= x[axis]:
            raise ShapeError(f"slice {self.start}:{stop} does not fit axis {self.axis} of {list(x)}")
        return (*x[:axis], stop - self.start, *x[axis + 1 :])

    def compute(self, x: Array) -> Array:
        return x[(slice(None),) * positive_axis(self.axis, x.ndim) + (slice(self.start, self.stop),)]


@dataclass(frozen=True)
class Flatten(Op):
    """Merge the axes from `axis` to `end_axis` (inclusive) into one, the last running fastest."""

    axis: int = 1
    end_axis: int = -1

    def output_shape(self, x: Shape) -> Shape:
        start, end = positive_axis(self.axis, len(x)), positive_axis(self.end_axis, len(x))
        if end < start:
            raise ShapeError(f"end_axis {self.end_axis} lies before axis {self.axis}")
        return (*x[:start], size_of(x[start : end + 1]), *x[end + 1 :])

    def compute(self, x: Array) -> Array:
        return x.reshape(self.output_shape(x.shape))


@dataclass(frozen=True)
class Reshape(Op):
    """Replace `num_axes` axes from `axis` on (-1: all the rest) by `dims`; 0 copies the axis at that place, one -1
    takes what is left.

    Source: BVLC Caffe, reshape_layer.cpp. A negative `axis` counts from behind the last axis: -1 appends.
    """

    dims: tuple[int, ...]
    axis: int = 0
    num_axes: int = -1

    def output_shape(self, x: Shape) -> Shape:
        start = self.axis if self.axis >= 0 else len(x) + self.axis + 1
        end = len(x) if self.num_axes == -1 else start + self.num_axes
        if not 0 <= start <= end <= len(x):
            raise ShapeError(f"axes {start} to {end} do not exist in {list(x)}")
        middle = [self._copied(x, start + i) if d == 0 else d for i, d in enumerate(self.dims)]
        if middle.count(-1) > 1 or any(d < -1 for d in middle):
            raise ShapeError(f"dims {list(self.dims)} must be 0, positive, or a single -1")
        known, rest = size_of(tuple(d for d in middle if d != -1)), size_of(x[start:end])
        if known == 0 or rest % known or (-1 not in middle and known != rest):
            raise ShapeError(f"{list(x)} cannot be reshaped: {rest} values do not fill {middle}")
        return (*x[:start], *(rest // known if d == -1 else d for d in middle), *x[end:])

    @staticmethod
    def _copied(x: Shape, axis: int) -> int:
        if axis >= len(x):
            raise ShapeError(f"dim 0 copies axis {axis}, which {list(x)} does not have")
        return x[axis]

    def compute(self, x: Array) -> Array:
        return x.reshape(self.output_shape(x.shape))


@dataclass(frozen=True)
class Permute(Op):
    """Reorder the axes: output axis i is input axis order[i]."""

    order: tuple[int, ...]

    def output_shape(self, x: Shape) -> Shape:
        if sorted(self.order) != list(range(len(x))):
            raise ShapeError(f"order {list(self.order)} does not name each of the {len(x)} axes once")
        return tuple(x[i] for i in self.order)

    def compute(self, x: Array) -> Array:
        return x.transpose(self.order)


@dataclass(frozen=True)
class Crop(Op):
    """Cut x to the size of the second input from `axis` on, starting at `offsets` (one per axis from `axis` on).

    Source: BVLC Caffe, crop_layer.cpp.
    """

    axis: int
    offsets: tuple[int, ...]
    inputs_wanted: ClassVar[int | None] = 2

    def output_shape(self, x: Shape, like: Shape) -> Shape:
        axis = positive_axis(self.axis, len(x))
        if len(like) != len(x) or len(self.offsets) != len(x) - axis:
            raise ShapeError(
                f"cannot crop {list(x)} like {list(like)} with {len(self.offsets)} offsets from axis {axis} on"
            )
        for n, m, o in zip(x[axis:], like[axis:], self.offsets, strict=True):
            if o < 0 or o + m > n:
                raise ShapeError(f"cropping {list(x)} to {list(like)} at offsets {list(self.offsets)} leaves the input")
        return (*x[:axis], *like[axis:])

    def compute(self, x: Array, like: Array) -> Array:
        axis = positive_axis(self.axis, x.ndim)
        sizes = zip(self.offsets, like.shape[axis:], strict=True)
        return x[(slice(None),) * axis + tuple(slice(o, o + n) for o, n in sizes)]


@dataclass(frozen=True)
class Tile(Op):
    """Repeat the whole of `axis` `tiles` times."""

    axis: int
    tiles: int

    def output_shape(self, x: Shape) -> Shape:
        axis = positive_axis(self.axis, len(x))
        if self.tiles < 1:
            raise ShapeError(f"tiles is {self.tiles}, but must be positive")
        return (*x[:axis], x[axis] * self.tiles, *x[axis + 1 :])

    def compute(self, x: Array) -> Array:
        return np.concatenate([x] * self.tiles, self.axis)


@dataclass(frozen=True)
class BatchReindex(Op):
    """y[i] = x[index[i]]; the index holds whole numbers as floats, shape (count,).

    Source: BVLC Caffe, batch_reindex_layer.cpp.
    """

    inputs_wanted: ClassVar[int | None] = 2

    def output_shape(self, x: Shape, index: Shape) -> Shape:
        check_rank(x, 1)
        if len(index) != 1:
            raise ShapeError(f"index has shape {list(index)}, but must have one axis")
        return (*index, *x[1:])

    def compute(self, x: Array, index: Array) -> Array:
        return x[as_index(index)]


@dataclass(frozen=True)
class Filter(Op):
    """Keep the items of x (axis 0) whose selector is not 0; the selector has shape (items,) or (items, 1 ...).

    How many are kept depends on the values. Source: BVLC Caffe, filter_layer.cpp.
    """

    inputs_wanted: ClassVar[int | None] = 2
    data_dependent: ClassVar[bool] = True

    def output_shape(self, x: Shape, selector: Shape) -> Shape:
        check_rank(x, 1)
        if not selector or selector[0] != x[0] or size_of(selector[1:]) != 1:
            raise ShapeError(f"selector {list(selector)} does not hold one value per item of {list(x)}")
        return x

    def compute(self, x: Array, selector: Array) -> Array:
        return np.asarray(x[selector.reshape(-1) != 0])


@dataclass(frozen=True)
class ShuffleChannels(Op):
    """Split the channels (axis 1) into `groups`, and take one of each group in turn.

    Source: ShuffleNet, section 3.1.
    """

    groups: int

    def output_shape(self, x: Shape) -> Shape:
        check_rank(x, 2)
        if self.groups < 1 or x[1] % self.groups:
            raise ShapeError(f"{self.groups} groups do not divide {x[1]} channels")
        return x

    def compute(self, x: Array) -> Array:
        grouped = x.reshape(x.shape[0], self.groups, x.shape[1] // self.groups, *x.shape[2:])
        return grouped.swapaxes(1, 2).reshape(x.shape)


@dataclass(frozen=True)
class Pad(Op):
    """Surround the last `len(pads)` axes with `value`."""

    pads: Pads
    value: float = 0.0

    def output_shape(self, x: Shape) -> Shape:
        lead = len(x) - len(self.pads)
        if lead < 0 or any(amount < 0 for pair in self.pads for amount in pair):
            raise ShapeError(f"cannot pad {list(x)} by {self.pads}")
        return (*x[:lead], *(n + b + a for n, (b, a) in zip(x[lead:], self.pads, strict=True)))

    def compute(self, x: Array) -> Array:
        return padded(x, self.pads, self.value)
