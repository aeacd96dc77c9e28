"""What the comparison of converters found, as Markdown."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

# Of float32 against NumPy in float64; what differs by more computes something else.
TOLERANCE = 1e-5
HEADS = (
    "| converter | starts from | seconds, median (lowest to highest) | / ours | peak anonymous memory | difference |",
    "|---|---|---:|---:|---:|---:|",
)


@dataclass
class Row:
    """One converter on one network, filled round by round.

    `difference` is that of its model's output from NumPy's, None where there is no model; `problem` says why there are
    no figures, "" where there are.
    """

    tool: str
    start: str
    problem: str = ""
    seconds: list[float] = field(default_factory=list)
    anonymous_bytes: int = 0
    difference: float | None = None


def table(rows: Sequence[Row]) -> str:
    """Return all rows; ratios are to the first one, in the same round."""
    return "\n".join([*HEADS, *(_line(row, rows[0]) for row in rows)])


def _line(row: Row, ours: Row) -> str:
    memory = f"{row.anonymous_bytes / 1e6:,.0f} MB" if row.anonymous_bytes else ""
    if row.problem:
        # No speed without proof; how long it took until it was killed is no speed.
        return f"| {row.tool} | {row.start} | {_in_a_cell(row.problem)} | | {memory} | {_shown(row.difference)} |"
    seconds = _spread(row.seconds, 2)
    return f"| {row.tool} | {row.start} | {seconds} | {_ratio(row, ours)} | {memory} | {_shown(row.difference)} |"


def _ratio(row: Row, ours: Row) -> str:
    if row is ours:
        return "1"
    ratios = [theirs / mine for theirs, mine in zip(row.seconds, ours.seconds, strict=True)]
    return "~" if min(ratios) <= 1 <= max(ratios) else _spread(ratios, 1 if min(ratios) >= 10 else 2)


def _spread(values: Sequence[float], digits: int) -> str:
    low, middle, high = (f"{each:.{digits}f}" for each in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low} to {high})" if len(values) > 1 else middle


def _shown(difference: float | None) -> str:
    return "" if difference is None else f"{difference:.1e}"


def _in_a_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
