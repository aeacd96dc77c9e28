"""Tables as anything prints them, and how long work says how far it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Takes what is being done, and which fraction of it is done (0..1).
Progress = Callable[[str, float], None]


Cell = str | int | float | None
# With more labels side by side no terminal is wide enough.
MOST_LABELS = 6


@dataclass(frozen=True)
class PlainTable:
    """A titled table: every row has one cell for each column, a string, a number, or None where nothing is known."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def upright(self, labels: int) -> "PlainTable":
        """Return the table, its last columns being so many labels; where these are many, with rows for columns."""
        if labels <= MOST_LABELS:
            return self
        first, *others = self.columns
        lines = tuple((name, *(row[place] for row in self.rows)) for place, name in enumerate(others, 1))
        return PlainTable(self.title, (first, *(str(row[0]) for row in self.rows)), lines)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"title": self.title, "columns": list(self.columns), "rows": [list(row) for row in self.rows]}


def silent(title: str, done: float) -> None:
    """Tell nobody how far the work is."""
