"""Trained arrays of a Caffe weights file, by layer."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.errors import FormatError

FloatArray = NDArray[np.float32]
MAX_AXES = 32
MAX_COUNT = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Blob:
    """One trained array, in the shape in which the file states it.

    `legacy` says that the shape came from num/channels/height/width, so it always has four axes, padded with 1 on the
    left. `problem` is empty unless the file states a shape and holds no values; `array` then raises it.
    """

    shape: tuple[int, ...]
    legacy: bool = False
    values: FloatArray | None = field(default=None, repr=False)
    problem: str = ""

    @property
    def array(self) -> FloatArray:
        """The values, float32 and read-only, maybe an unaligned view of the mapped file."""
        if self.values is None:
            raise FormatError(self.problem)
        return self.values


@dataclass(frozen=True, eq=False)
class SourceLayer:
    """A layer as the weights file holds it; `type` is the V2 name, empty where the file names none (HDF5)."""

    name: str
    type: str
    blobs: list[Blob]


@dataclass(frozen=True, eq=False)
class Weights:
    """The layers of a weights file in file order; duplicate names are kept.

    `format` is V0, V1, V2 (caffemodel) or HDF5.
    """

    path: str
    name: str
    format: str
    layers: list[SourceLayer]


def shape_problem(shape: tuple[int, ...]) -> str:
    """Say why Caffe could not make a blob of this shape, or return an empty string."""
    if len(shape) > MAX_AXES:
        return f"has {len(shape)} axes, Caffe allows {MAX_AXES}"
    if any(size < 0 for size in shape):
        return f"has the shape {show_shape(shape)} with a negative size"
    if count(tuple(max(size, 1) for size in shape)) > MAX_COUNT:  # NumPy counts so too, even for an empty array
        return f"has the shape {show_shape(shape)}, more than the {MAX_COUNT} values that Caffe allows"
    return ""


def count(shape: tuple[int, ...]) -> int:
    """Return the number of values in a shape, without overflow."""
    product = 1
    for size in shape:
        product *= size
    return product


def show_shape(shape: tuple[int, ...]) -> str:
    """Write a shape as 64x3x3x3; a blob without axes is a scalar."""
    return "x".join(str(size) for size in shape) or "scalar"


def as_float32(values: NDArray[Any]) -> FloatArray:
    """Return values as float32, without a copy when they are; what is too large becomes infinite, as in Caffe."""
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32, copy=False)
