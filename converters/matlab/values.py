"""What MATLAB's values become here, whichever of its formats they come from; how much memory a file may ask for.

A numeric or logical array becomes a NumPy array of the class MATLAB gave it, with MATLAB's shape of two axes or more; a
char becomes a `str`, several rows a list of them; a cell a `list` in column-major order; a struct a `dict`; a struct
array of none or several elements a `StructArray`; all else is `Opaque`.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

from converters.ops import Array

# A network nests about eight levels; real files stay far below this, and Python's own stack far above.
MAX_DEPTH = 64
# zlib cannot pack better than this.
BEST_RATIO = 1032


@dataclass(frozen=True)
class Opaque:
    """A value without plain data; `what` says it in words: "a function handle", "an object of class gpuArray"."""

    what: str


class StructArray(list[dict[str, Any]]):
    """A struct array of none or several elements. One element alone is a plain dict: MATLAB makes no difference."""


# What stands inside a list or a dict is a Value again.
Value: TypeAlias = Array | str | list[Any] | dict[str, Any] | Opaque


class Allowance:
    """How many bytes a file may still unpack to: 64 MiB, and 32 times its own size.

    Trained weights hardly compress. A file that claims more is no network, and memory is not taken on its word.
    """

    def __init__(self, file_size: int) -> None:
        self._left = (64 << 20) + 32 * file_size

    def spend(self, size: int) -> bool:
        """Take `size` bytes off, and tell whether they were left."""
        self._left -= size
        return self._left >= 0
