"""Sliding windows shared by convolution and pooling, any number of spatial axes."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from converters.errors import ShapeError
from converters.ops.base import Array, Pads, Shape, last_axes


def extent(kernel: int, dilation: int) -> int:
    """Return how many input positions a dilated kernel spans."""
    return dilation * (kernel - 1) + 1


def convolved_shape(spatial: Shape, kernel: Shape, stride: Shape, pads: Pads, dilation: Shape) -> Shape:
    """Return the output size of a convolution, rounded down, per spatial axis."""
    out = []
    for size, k, s, (before, after), d in zip(spatial, kernel, stride, pads, dilation, strict=True):
        room = size + before + after - extent(k, d)
        if room < 0:
            raise ShapeError(f"kernel of {extent(k, d)} is larger than the padded input of {size + before + after}")
        out.append(room // s + 1)
    return tuple(out)


def padded(x: Array, pads: Pads, value: float = 0.0) -> Array:
    """Return `x` with its last `len(pads)` axes padded with `value`;

    `x` itself where nothing is to do. Negative pads crop.
    """
    lead = x.ndim - len(pads)
    if any(amount < 0 for pair in pads for amount in pair):
        keep = tuple(slice(max(-b, 0), n - max(-a, 0)) for (b, a), n in zip(pads, x.shape[lead:], strict=True))
        x = last_axes(x, keep)
        pads = tuple((max(b, 0), max(a, 0)) for b, a in pads)
    if not any(amount for pair in pads for amount in pair):
        return x
    return np.pad(x, ((0, 0),) * lead + tuple(pads), constant_values=value)


def taps(x: Array, kernel: Shape, stride: Shape, dilation: Shape, out: Shape) -> Iterator[tuple[Shape, Array]]:
    """Yield each kernel position with the strided view of `x` that it meets: (offset, array of shape (..., *out))."""
    for offset in product(*(range(k) for k in kernel)):
        view = tuple(
            slice(o * d, o * d + s * (n - 1) + 1, s) for o, d, s, n in zip(offset, dilation, stride, out, strict=True)
        )
        yield offset, last_axes(x, view)


def check_window(spatial_rank: int, **settings: tuple[object, ...]) -> None:
    """Refuse settings that do not have one entry per spatial axis."""
    for name, values in settings.items():
        if len(values) != spatial_rank:
            raise ShapeError(f"{name} has {len(values)} entries, but the input has {spatial_rank} spatial axes")
