"""How good a head is in every group: bars of intervals, with the value marked."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from heads.metrics import Evaluation, Row, Value
from heads.reports.figures.picture import Paper, Picture

MOST = 40


def groups(evaluation: Evaluation, depth: int) -> Picture:
    """Draw the accuracy of the groups of single columns (`depth` 1) or of crossings of `depth` columns.

    Of more than MOST groups the lowest are drawn. ValueError where there is no such group.
    """
    found = [row for row in evaluation.rows if len(row.where) == depth]
    if not found:
        raise ValueError(f"there is no crossing of {depth} columns" if depth > 1 else "there is no group")
    lowest = sorted(found, key=_accuracy)[:MOST]
    rows = [row for row in found if row in lowest] if depth == 1 else lowest
    which = f"the {MOST} lowest of {len(found)} groups" if len(found) > MOST else f"{len(found)} groups"
    worst = lowest[0]
    text = f"Accuracy of {which}, each with its interval; the lowest is {worst.name} with {_accuracy(worst):.3f}."
    name = "groups" if depth == 1 else f"crossings_{depth}"
    size = (7.6, 1.25 + 0.27 * (len(rows) + 1) + 0.12 * len({row.columns for row in rows}))
    return Picture(name, text, size, lambda figure, paper: _draw(evaluation, rows, which, figure, paper))


def _accuracy(row: Row) -> float:
    return row.metrics["accuracy"].number


def _draw(evaluation: Evaluation, rows: Sequence[Row], which: str, figure: Figure, paper: Paper) -> None:
    axes = figure.subplots()
    overall = evaluation.overall
    places, place = [0.0], 0.0
    for row, before in zip(rows, [overall, *rows], strict=False):
        by_column = len(row.where) == 1 and row.columns != before.columns
        place += 1.5 if by_column or before is overall else 1
        places.append(place)
    for y, row in zip(places, [overall, *rows], strict=True):
        _bar(axes, y, row, paper, paper.ink if row is overall else paper.first)
    axes.axvline(_accuracy(overall), color=paper.ink, linewidth=0.9, linestyle=(0, (4, 3)))
    names = [_label(row) for row in [overall, *rows]]
    axes.set_yticks(places, names)
    axes.set_ylim(places[-1] + 0.8, -0.8)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    level = f"{evaluation.options.level:.0%}".replace("%", " %")
    axes.set_xlabel(f"accuracy, bars are {level} intervals")
    small = any(row.small for row in rows)
    axes.set_title(f"Accuracy of {which}" + ("; hollow: small group" if small else ""))
    low = min((_low(row.metrics["accuracy"]) for row in [overall, *rows]), default=0.0)
    axes.set_xlim(max(0.0, low - 0.03), 1.005)
    right = axes.secondary_yaxis("right")
    right.set_yticks(places, [f"n {row.n:,}" for row in [overall, *rows]])
    right.tick_params(axis="y", length=0, labelsize=9)
    right.spines["right"].set_visible(False)
    axes.spines["left"].set_visible(False)


def _low(value: Value) -> float:
    return value.interval.low if value.interval else value.number


def _bar(axes: Any, y: float, row: Row, paper: Paper, colour: str) -> None:
    value = row.metrics["accuracy"]
    if value.interval:
        span = (value.interval.low, value.interval.high)
        axes.barh(y, span[1] - span[0], left=span[0], height=0.56, color=colour, alpha=0.15 if row.small else 0.35)
    face = paper.ground if row.small else colour
    axes.plot(value.number, y, "o", color=colour, markerfacecolor=face, markersize=6)


def _label(row: Row) -> str:
    return ", ".join(value if column == "label" else f"{column} {value}" for column, value in row.where) or row.name
