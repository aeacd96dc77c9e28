"""How one node is written in a module, and the small pieces of source code that its description is made of."""

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from converters.ops import Array, Shape
from converters.torch_model.names import literal


@dataclass(frozen=True, eq=False)
class Layer:
    """One node as source code.

    `forward` is the expression of its value, with inputs as {0}, {1} ... and the layer, an attribute of the network,
    as {layer}. `module` builds that layer, "" where there is none. `tensors` holds its arrays under their names in
    the layer's state_dict, "" for a layer that is a tensor itself. `part` says which item of the tuple that `forward`
    gives is the value; None: it is no tuple.
    """

    forward: str
    module: str = ""
    tensors: Mapping[str, Array] = field(default_factory=dict)
    part: int | None = None


@dataclass(frozen=True, eq=False)
class Site:
    """What a layer is written from besides its op: the inputs' shapes, params, whether it computes in 16 bits."""

    shapes: tuple[Shape, ...]
    params: Mapping[str, Array]
    half: bool = False

    @property
    def rank(self) -> int:
        """Return the number of axes of the first input."""
        return len(self.shapes[0])


class Code(str):
    """A piece of source code, where other texts become string literals."""

    __slots__ = ()


def code(value: Any) -> str:
    """Return a setting as source code."""
    if isinstance(value, Code):
        return value
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, tuple):
        items = [code(item) for item in value]
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    if value is None or isinstance(value, bool):
        return repr(value)
    # NumPy's numbers would write themselves as np.int64(3).
    return str(int(value)) if isinstance(value, numbers.Integral) else number(float(value))


def number(value: float) -> str:
    """Return a float as source code, as short as float32 allows where it is one: 1e-05, not 9.999999747378752e-06."""
    if not math.isfinite(value):
        return f'float("{value}")'
    single = np.float32(value) if abs(value) < float(np.finfo(np.float32).max) else np.float32(0)
    return repr(float(str(single))) if float(single) == value else repr(float(value))


def short(value: float) -> str:
    """Return a number in a formula as source code: a whole one as 2, not 2.0."""
    return repr(int(value)) if abs(value) < 2**20 and value == int(value) else number(value)


def call(function: str, *args: Any, **settings: Any) -> str:
    """Return a call as source code."""
    named = [f"{name}={code(value)}" for name, value in settings.items()]
    return f"{function}({', '.join([*map(code, args), *named])})"


def given(**settings: tuple[Any, Any]) -> dict[str, Any]:
    """Return those of the settings, each (value, default), that are written differently from their default."""
    return {name: value for name, (value, default) in settings.items() if code(value) != code(default)}


def one(values: Shape) -> int | Shape:
    """Return a single number for values that are all equal: 3 for (3, 3)."""
    return values[0] if len(set(values)) == 1 else values


def layered(module: str, tensors: Mapping[str, Array] | None = None) -> Layer:
    """Return a layer that is called with the node's only input."""
    return Layer("{layer}({0})", module, tensors or {})


def axes_after(axis: int, rank: int) -> str:
    """Return what adds the axes behind `axis` to a tensor so that it broadcasts: [..., None, None]."""
    count = rank - axis
    return f"[{', '.join(['...', *['None'] * count])}]" if count > 0 else ""
