"""What was wrong with the rows of a data set, in a bounded number of words."""

import pandas as pd

# Where a row stands: the annotation file relative to the data set's folder, and the line in it (0: no line).
SOURCE, LINE = "_source", "_line"
MOST_EXAMPLES = 5


class Notes:
    """Collects one line for each thing that is wrong, with a count and the first places where it is."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, line: str) -> None:
        """Add a line of one's own."""
        self.lines.append(line)

    def leave_out(self, rows: pd.DataFrame, wrong: pd.Series, reason: str, shown: str = "") -> pd.DataFrame:
        """Return the rows that are not `wrong`; `shown` is a column whose values belong into the message."""
        self.note(rows, wrong, f"left out, {reason}", shown)
        return rows[~wrong]

    def note(self, rows: pd.DataFrame, wrong: pd.Series, words: str, shown: str = "") -> None:
        """Say of the `wrong` rows, which stay, what became of them."""
        for source, found in rows[wrong].groupby(SOURCE, sort=False):
            places = _places(found, shown)
            unit = "row" if (found[LINE] > 0).all() else "image"
            self.lines.append(f"{source}: {counted(len(found), unit)} {words}: {places}")


def counted(count: int, unit: str) -> str:
    """Return a count with its unit, in the plural where it must be."""
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def first(words: list[str], total: int) -> str:
    """Return the first few of `total` words, and how many there are beside them."""
    few = words[:MOST_EXAMPLES]
    return ", ".join(few) + (f" and {total - len(few)} more" if total > len(few) else "")


def _places(rows: pd.DataFrame, shown: str) -> str:
    few = rows.head(MOST_EXAMPLES)
    shown_values = few[shown].tolist() if shown else [""] * len(few)
    words = [
        (f"line {line}" if line else path) + (f" ('{value}')" if shown else "")
        for line, path, value in zip(few[LINE].tolist(), few["path"].tolist(), shown_values, strict=True)
    ]
    return first(words, len(rows))
