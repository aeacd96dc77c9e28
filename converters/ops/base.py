"""What every op is: settings, a shape rule, parameter shapes and a meaning in NumPy.

Nothing here knows a file format.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from converters.errors import ShapeError

Shape = tuple[int, ...]
Array = NDArray[Any]
Pads = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Op(ABC):
    """One operation with its settings; it holds no arrays.

    `inputs_wanted` is the number of inputs, or None where any number of one or more will do. `data_dependent` ops
    have a first axis whose size only the values decide; their `output_shape` states the upper bound.
    """

    inputs_wanted: ClassVar[int | None] = 1
    data_dependent: ClassVar[bool] = False

    def __post_init__(self) -> None:
        # A file may hold 1 where 1.0 is meant; targets tell the two apart.
        for setting in fields(self):
            if setting.type is float:
                object.__setattr__(self, setting.name, float(getattr(self, setting.name)))

    @abstractmethod
    def output_shape(self, *inputs: Any) -> Shape:
        """Return the shape of the output for these input shapes; ShapeError if they do not fit."""

    @abstractmethod
    def compute(self, *arrays: Any, **params: Any) -> Array:
        """Return the output for these inputs and parameters, in the dtype of the first input."""

    def param_shapes(self, *_inputs: Any) -> dict[str, Shape]:
        """Return the name and shape of each learned array for these input shapes."""
        return {}

    def macs(self, *_inputs: Any) -> int:
        """Return the number of multiply-accumulate operations of one run; 0 where counting them is not usual."""
        return 0


def check_rank(shape: Shape, least: int, what: str = "input") -> None:
    """Refuse a shape with fewer than `least` axes."""
    if len(shape) < least:
        raise ShapeError(f"{what} has shape {list(shape)}, but at least {least} axes are needed")


def positive_axis(axis: int, rank: int) -> int:
    """Return `axis` counted from the front; ShapeError when there is no such axis."""
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} does not exist in an input of {rank} axes")
    return axis % rank if rank else axis


def along_axis(values: Array, axis: int, rank: int) -> Array:
    """Reshape `values` so that its axes line up with `axis`, `axis + 1` ... of an array of `rank` axes."""
    return values.reshape(values.shape + (1,) * (rank - axis - values.ndim))


def last_axes(x: Array, index: tuple[Any, ...]) -> Array:
    """Index the last `len(index)` axes."""
    view: Array = x[(..., *index)]
    return view


def size_of(shape: Shape) -> int:
    """Return the number of elements."""
    return prod(shape)


def as_index(values: Array) -> NDArray[np.intp]:
    """Return float-valued indices as integers, truncated as a C cast does."""
    return np.asarray(values).astype(np.intp)
