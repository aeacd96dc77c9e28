"""How training went: loss and accuracy of every epoch."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from heads.errors import DataError
from heads.reports.figures.picture import Paper, Picture

COLUMNS = ("epoch", "train_loss", "val_loss", "val_accuracy", "learning_rate")
NAMED = ("head", "run")  # either tells the heads of a training apart
MOST_NAMED = 6


def history(table: pd.DataFrame) -> Picture:
    """Draw the losses and the validation accuracy of all heads of a training; DataError where columns are missing."""
    key = next((name for name in NAMED if name in table.columns), "")
    missing = [name for name in COLUMNS if name not in table.columns] + ([] if key else ["head"])
    if missing or table.empty:
        raise DataError(
            f"the history of training has no column {', '.join(missing)}" if missing else "the history holds no epoch"
        )
    heads = [(_name(key, name, part), part.sort_values("epoch")) for name, part in table.groupby(key, sort=False)]
    best = _best(heads)
    loss = heads[best][1]["val_loss"].min()
    text = (
        f"Losses and validation accuracy of {len(heads)} trained head{'s' if len(heads) > 1 else ''} by epoch; the "
        f"lowest validation loss is {loss:.4f}."
    )
    return Picture("history", text, (8.2, 3.6), lambda figure, paper: _draw(heads, best, figure, paper))


def _name(key: str, name: object, part: pd.DataFrame) -> str:
    if key == "head":
        return str(name)
    recipe = f"{part['recipe'].iloc[0]}, " if "recipe" in part.columns else ""
    return f"{recipe}{key} {name}"


def _best(heads: list[tuple[str, pd.DataFrame]]) -> int:
    """Return the place of the head with the lowest validation loss; the first one where none has a number."""
    lowest = [part["val_loss"].min() for _, part in heads]
    return int(np.nanargmin(lowest)) if np.isfinite(lowest).any() else 0


def _draw(heads: list[tuple[str, pd.DataFrame]], best: int, figure: Figure, paper: Paper) -> None:
    left, right = figure.subplots(1, 2)
    few = len(heads) <= MOST_NAMED
    for place, (_, part) in enumerate(heads):
        if place != best:
            colour = paper.lines[place % len(paper.lines)] if few else paper.faint
            _lines(left, right, part, colour, strong=False)
    colour = paper.lines[best % len(paper.lines)] if few else paper.first
    _lines(left, right, heads[best][1], colour, strong=True)
    _best_epoch(left, right, heads[best][1], paper)
    left.plot([], [], color=paper.ink, label="validation")
    left.plot([], [], color=paper.ink, linestyle=(0, (1.5, 1.5)), label="training")
    left.legend(loc="upper right")
    left.set(xlabel="epoch", ylabel="loss")
    left.set_title("Loss")
    right.set(xlabel="epoch", ylabel="validation accuracy")
    right.set_title("Accuracy on validation")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(heads) > 1:
        _legend(right, heads, best, paper)
    else:
        right.legend(loc="lower right")


def _lines(left: Any, right: Any, part: pd.DataFrame, colour: str, *, strong: bool) -> None:
    style = {"color": colour, "linewidth": 2.0 if strong else 1.0, "zorder": 3 if strong else 2}
    # One epoch alone is a point, not a line.
    style["marker"] = "o" if len(part) == 1 else ""
    left.plot(part["epoch"], part["val_loss"], **style)
    left.plot(part["epoch"], part["train_loss"], **{**style, "linestyle": (0, (1.5, 1.5))})
    right.plot(part["epoch"], part["val_accuracy"], **style)


def _best_epoch(left: Any, right: Any, part: pd.DataFrame, paper: Paper) -> None:
    if not np.isfinite(part["val_loss"]).any():
        return
    row = part.loc[part["val_loss"].idxmin()]
    told = {"marker": "o", "markersize": 8, "color": paper.ink, "markerfacecolor": "none", "markeredgewidth": 1.5}
    left.plot(row["epoch"], row["val_loss"], zorder=4, **told)
    right.plot(
        row["epoch"], row["val_accuracy"], zorder=4, linestyle="", label=f"lowest loss: epoch {row['epoch']:g}", **told
    )


def _legend(axes: Any, heads: list[tuple[str, pd.DataFrame]], best: int, paper: Paper) -> None:
    if len(heads) <= MOST_NAMED:
        for place, (name, _) in enumerate(heads):
            width = 2.0 if place == best else 1.0
            axes.plot([], [], color=paper.lines[place % len(paper.lines)], linewidth=width, label=name)
    else:
        axes.plot([], [], color=paper.first, linewidth=2.0, label=f"lowest loss: {heads[best][0]}")
        axes.plot([], [], color=paper.faint, label=f"{len(heads) - 1} others")
    axes.legend(loc="lower right")
