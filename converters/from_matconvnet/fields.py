"""The settings of one MatConvNet layer, read with their classes and counts checked.

Problems are collected, then raised at once.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from converters.errors import ShapeError
from converters.matlab.files import Opaque, StructArray, Value
from converters.ops import Array, Pads, Shape

Pair = tuple[int, int]

# Options that say how to compute, not what; those with a value after them, and those without.
IDLE_OPTIONS = {
    "cudnn": 0, "nocudnn": 0, "cudnnworkspacelimit": 1, "verbose": 0,
    "noderdata": 0, "noderfilters": 0, "noderbiases": 0,
}  # fmt: skip


class Fields:
    """The fields of a layer (SimpleNN) or of a block (DagNN).

    DagNN's setters read two paddings as [y y x x]; SimpleNN takes one or four. What a getter cannot read it notes in
    `problems`, and returns the default; `finish` raises them all.
    """

    def __init__(self, values: Mapping[str, Value], *, dagnn: bool) -> None:
        self.dagnn = dagnn
        self.problems: list[str] = []
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str) -> Value | None:
        """Return a field as it is, None where there is none."""
        return self._values.get(name)

    def refuse(self, problem: str) -> None:
        """Note a problem."""
        self.problems.append(problem)

    def finish(self) -> None:
        """Raise ShapeError with all problems noted, if there are any."""
        if self.problems:
            raise ShapeError(self.problems)

    def text(self, name: str, default: str) -> str:
        """Return a char field."""
        value = self._values.get(name, default)
        if isinstance(value, str):
            return value
        self.refuse(f"{name} is {described(value)}, expected text")
        return default

    def flag(self, name: str, default: bool) -> bool:
        """Return a field that is true or false: logical, or a number."""
        numbers = self.numbers(name, (float(default),), (1,))
        return bool(numbers[0])

    def number(self, name: str, default: float) -> float:
        """Return a single number."""
        return self.numbers(name, (default,), (1,))[0]

    def numbers(
        self, name: str, default: Sequence[float], counts: Sequence[int] = (), meaning: str = ""
    ) -> tuple[float, ...]:
        """Return a field of so many finite numbers (any count for none given), in column-major order."""
        array = self._array(name)
        if array is None:
            return tuple(map(float, default))
        if counts and array.size not in counts:
            expected = " or ".join(map(str, counts)) + (f": {meaning}" if meaning else "")
            self.refuse(f"{name} has {array.size} elements, expected {expected}")
        elif not np.isfinite(array).all():
            self.refuse(f"{name} is {shown(array)}, which is not finite")
        else:
            return tuple(float(n) for n in array.ravel(order="F"))
        return tuple(map(float, default))

    def options(self) -> dict[str, Value]:
        """Return from `opts`, which is passed on to the layer's function, what bears on the result, by name."""
        value = self._values.get("opts")
        items = list(value) if isinstance(value, list) else []
        found: dict[str, Value] = {}
        while items:
            name = items.pop(0)
            key = name.lower() if isinstance(name, str) else described(name)
            if IDLE_OPTIONS.get(key, 1):
                taken = items.pop(0) if items else ""
                found |= {} if key in IDLE_OPTIONS else {key: taken}
        return found

    def refuse_options(self, *read: str) -> None:
        """Note each option in `opts` that bears on the result, but for those that are `read`."""
        for name in self.options():
            if name not in read:
                self.refuse(f"opts holds the option '{name}', which is not read from there")

    def _array(self, name: str) -> Array | None:
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, np.ndarray):
            return value
        self.refuse(f"{name} is {described(value)}, expected numbers")
        return None

    def whole(self, name: str, default: Sequence[int], counts: Sequence[int], least: int, meaning: str = "") -> Shape:
        """Return a field of whole numbers, none below `least`."""
        value = self._values.get(name)
        # The option parser takes class double alone. Integer classes leave no doubt about the values either.
        if isinstance(value, np.ndarray) and value.dtype == np.float32:
            self.refuse(f"{name} is of class single, expected double")
            return tuple(default)
        numbers = self.numbers(name, default, counts, meaning)
        if not all(n.is_integer() for n in numbers):
            self.refuse(f"{name} is {shown(numbers)}, expected whole numbers")
        elif min(numbers, default=least) < least:
            self.refuse(f"{name} is {shown(numbers)}, but no element may be below {least}")
        elif max(numbers, default=0) >= 2**31:  # MatConvNet's integers
            self.refuse(f"{name} is {shown(numbers)}, but no element may reach 2^31")
        else:
            return tuple(int(n) for n in numbers)
        return tuple(default)

    def pair(self, name: str, default: int | None = 1) -> Pair:
        """Return [rows columns] of a stride, dilation or window, each 1 or more; one number stands for both."""
        if default is None and name not in self._values:
            self.refuse(f"{name} is missing")
        meaning = "[rows columns], or one number for both"
        sizes = self.whole(name, (default or 1,), (1, 2), 1, meaning)
        return sizes[0], sizes[-1]

    def pads(self, name: str) -> Pads:
        """Return ((top, bottom), (left, right)) of a padding or crop."""
        counts = (1, 2, 4) if self.dagnn else (1, 4)
        amounts = self.whole(name, (0,), counts, 0, "[top bottom left right], or one number for all")
        if len(amounts) == 4:
            return (amounts[0], amounts[1]), (amounts[2], amounts[3])
        return (amounts[0], amounts[0]), (amounts[-1], amounts[-1])


def shown(numbers: Array | Sequence[float]) -> str:
    """Return numbers as MATLAB would print them in a row."""
    flat = np.asarray(numbers).ravel(order="F")
    return "[" + " ".join(f"{n:g}" for n in flat[:8]) + (" ...]" if flat.size > 8 else "]")


def described(value: Value | None) -> str:
    """Say in words what kind of value this is."""
    if value is None:
        return "missing"
    if isinstance(value, Opaque):
        return value.what
    if isinstance(value, np.ndarray):
        return f"an array of {size_text(value.shape)} {value.dtype.name}"
    if isinstance(value, StructArray):
        return f"a struct array of {len(value)}"
    return {str: "text", list: "a cell", dict: "a struct"}[type(value)]


def size_text(shape: Shape) -> str:
    """Return a size as MATLAB writes it: 3 x 3 x 64."""
    return " x ".join(map(str, shape))
