"""What every file of trained arrays comes down to: arrays with names, their values brought when they are asked for."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from converters.ops import Array, Shape
from converters.ops.base import size_of

# Optimizers and training loops count in whole numbers; learned values are of these kinds.
FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})


@dataclass(frozen=True, eq=False)
class Tensor:
    """One array of a file.

    `layer` and `slot` (weight, kernel, gamma, 0 ...) are what its name or its use in the file says, "" where nothing
    does. `order` counts the arrays as the file lists them. `constant` marks what may as well be a setting of the
    graph as learned. `load` brings the values; nobody keeps them.
    """

    name: str
    shape: Shape
    dtype: str
    load: Callable[[], Array] = field(repr=False)
    layer: str = ""
    slot: str = ""
    order: int = 0
    constant: bool = False

    @property
    def array(self) -> Array:
        """Return the values, brought from the file each time."""
        return self.load()

    @property
    def size(self) -> int:
        """Return the number of values."""
        return size_of(self.shape)

    @property
    def counts(self) -> bool:
        """Return whether this is no learned array but a counter or a setting: whole numbers, or a single value."""
        return self.dtype not in FLOATS or self.size <= 1


@dataclass(frozen=True, eq=False)
class Contents:
    """What a file holds: `format` in words, the arrays in order, and what was left out of them, one line each."""

    path: Path
    format: str
    tensors: tuple[Tensor, ...]
    left_out: tuple[str, ...] = ()


def numbered(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the arrays with their `order`; a file that sorts names as text is read as 2, 10, not 10, 2."""
    names = [tensor.name for tensor in tensors]
    ordered = sorted(tensors, key=lambda tensor: natural(tensor.name)) if names == sorted(names) else tensors
    return tuple(replace(tensor, order=order) for order, tensor in enumerate(ordered))


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts the numbers inside names as numbers."""
    pieces = re.findall(r"(\d+)|(\D+)", name)
    return tuple((0, int(digits), "") if digits else (1, 0, text) for digits, text in pieces)
