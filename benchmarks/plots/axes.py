"""Axes whose ticks are read without thinking, and lines of text that fit."""

import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from heads.reports.figures.picture import Paper

# A linear axis is easiest to read as long as the smallest value is still to be seen on it.
LINEAR_UP_TO = 4.0
FOOTNOTE = 125  # letters that stand side by side below a picture 9 inches wide
STEPS = ((1, 2, 5), (1, 1.5, 2, 3, 5, 7))


def plain_number(value: float, _: object = None) -> str:
    """Return a number without an exponent."""
    return f"{value:.10g}"


def latency_axis(axis: Any, axes: Axes, values: Iterable[float], label: str) -> None:
    """Scale an axis of milliseconds: linear, or logarithmic with plain numbers where values lie far apart."""
    found = np.asarray(list(values), np.float64)
    low, high = float(found.min()), float(found.max())
    set_limits = axes.set_xlim if axis is axes.xaxis else axes.set_ylim
    if high <= LINEAR_UP_TO * low:
        room = (high - low) * 0.05 or high * 0.05
        set_limits(max(0.0, low - room), high + room)
    else:
        (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
        set_limits(low / 1.08, high * 1.08)
        plain_ticks(axis, low / 1.08, high * 1.08)
    axis.set_label_text(label)


def plain_ticks(axis: Any, low: float, high: float) -> None:
    """Put ticks onto a logarithmic axis at 1, 2, 5, 10 ..., closer where that would be fewer than four."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in STEPS:
        ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
        if len(ticks) >= 4:
            break
    else:
        ticks = [tick for tick in MaxNLocator(6).tick_values(low, high) if low <= tick <= high]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(plain_number))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def headline(figure: Figure, text: str) -> None:
    """Write a title above everything, from the left edge on: it may be longer than the axes are wide."""
    figure.suptitle(text, x=0.02, ha="left", fontsize=10.5)


def footnote(figure: Figure, text: str, paper: Paper) -> None:
    """Write a text below everything, in as many lines as it takes."""
    if text:
        figure.supxlabel("\n".join(_wrapped(text)), fontsize=8, ha="left", x=0.02, color=paper.ink)


def lines_of(text: str) -> int:
    """Return how many lines a footnote takes, to make room for it."""
    return len(_wrapped(text))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, FOOTNOTE, break_on_hyphens=False)
