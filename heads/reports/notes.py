"""Marks in tables that lead to notes below them: one letter for each reason."""

from heads.metrics import Row, Value
from heads.reports.words import number

UNDEFINED = "undefined"


class Notes:
    """Collects reasons in the order in which they come up and gives each a letter: a, b, ..., z, aa ..."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def letter(self, reason: str) -> str:
        """Return the letter of a reason."""
        return self._letters.setdefault(reason, _letter(len(self._letters)))

    def of(self, value: Value) -> str:
        """Return the letter that a value needs, "" where it needs none."""
        if value.value is None:
            forced = f" (structural {value.forced:g})" if value.forced is not None else ""
            return self.letter(value.undefined + forced)
        return self.letter(f"no interval: {value.note}") if value.interval is None and value.note else ""

    def of_row(self, row: Row) -> str:
        """Return the letter that a group's name needs."""
        return self.letter(row.small) if row.small else ""

    def lines(self) -> list[tuple[str, str]]:
        """Return all letters with their reasons."""
        return [(letter, reason) for reason, letter in self._letters.items()]


def shown(value: Value) -> str:
    """Return the number of a value, or that it is undefined."""
    return UNDEFINED if value.value is None else number(value.value)


def _letter(place: int) -> str:
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters
