"""A measured value: a number or the reason why there is none, what it rests on, and how sure it is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """Where a value may well lie; `method` says how that was found."""

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class Value:
    """One metric on one group of faces.

    `value` is None where the metric is undefined, and `undefined` says why. `structural` marks what could only come out
    as `forced` (0 or 1) whatever the head does. `n` is how many faces it rests on: the denominator of a proportion.
    `note` says why there is no interval.
    """

    value: float | None
    n: int
    undefined: str = ""
    structural: bool = False
    forced: float | None = None
    interval: Interval | None = None
    note: str = ""

    def __post_init__(self) -> None:
        assert (self.value is None) == bool(self.undefined)

    @property
    def defined(self) -> bool:
        """Return whether there is a number."""
        return self.value is not None

    @property
    def number(self) -> float:
        """Return the number; ValueError where the metric is undefined."""
        if self.value is None:
            raise ValueError(self.undefined)
        return self.value
