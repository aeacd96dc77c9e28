"""Where axes lie: Keras stores tensors of four axes channels-last, all others in the order of this package.

"Stored" means as Keras has it; "first" means channels-first. Arrays here are NumPy's.
"""

from typing import Any

import numpy as np

from converters.keras_model.library import ops
from converters.ops import Array

Tensor = Any  # a KerasTensor: Keras has no types
OpenShape = tuple[int | None, ...]

TO_STORED = (0, 2, 3, 1)
TO_FIRST = (0, 3, 1, 2)
FORMAT = "channels_last"


def stored_axis(axis: int, rank: int) -> int:
    """Return where our axis (not negative) lies in a stored tensor."""
    return TO_FIRST[axis] if rank == 4 else axis


def stored_shape(shape: OpenShape) -> OpenShape:
    """Return the shape that Keras has for a tensor of this shape of ours."""
    return tuple(shape[axis] for axis in TO_STORED) if len(shape) == 4 else shape


def stored(array: Array) -> Array:
    """Return an array of ours as Keras has it."""
    return array.transpose(TO_STORED) if array.ndim == 4 else array


def first(array: Array) -> Array:
    """Return an array as Keras has it in our order."""
    return array.transpose(TO_FIRST) if array.ndim == 4 else array


def lined_up(values: Array, axis: int, rank: int) -> Array:
    """Return `values`, whose axes are ours from `axis` on, so that they broadcast against a stored tensor."""
    return stored(values.reshape((1,) * axis + values.shape + (1,) * (rank - axis - values.ndim)))


def to_first(x: Tensor) -> Tensor:
    """Turn a stored tensor channels-first."""
    return ops.transpose(x, TO_FIRST) if len(x.shape) == 4 else x


def to_stored(x: Tensor) -> Tensor:
    """Turn a channels-first tensor to how it is stored."""
    return ops.transpose(x, TO_STORED) if len(x.shape) == 4 else x


def to_channels_last(x: Tensor) -> Tensor:
    """Turn a stored tensor of any rank to (batch, *spatial, channels); one of four axes is so already."""
    rank = len(x.shape)
    return x if rank == 4 else ops.transpose(x, (0, *range(2, rank), 1))


def from_channels_last(x: Tensor) -> Tensor:
    """Turn (batch, *spatial, channels) back to how it is stored."""
    rank = len(x.shape)
    return x if rank == 4 else ops.transpose(x, (0, rank - 1, *range(1, rank - 1)))


def order_kept(shape: OpenShape) -> bool:
    """Return whether the values of a tensor stand in the same order stored and channels-first."""
    return len(shape) != 4 or shape[1] == 1 or shape[2] == shape[3] == 1


def number(value: float, dtype: str) -> Array:
    """Return a constant as an array without axes in `dtype`; the largest finite value where that cannot hold it."""
    limits = np.finfo(dtype)
    return np.asarray(min(max(value, float(limits.min)), float(limits.max)), dtype)
