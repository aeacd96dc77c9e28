"""How long calls took: every raw sample of every round, one band for each row of a table."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.plots.axes import footnote, headline, latency_axis, lines_of
from benchmarks.plots.samples import Rounds
from benchmarks.plots.series import absent, block_name, heading
from benchmarks.statistics.digits import spelled
from benchmarks.statistics.rows import Row
from heads.reports.figures.picture import Paper, Picture

# Up to so many dots are shapes in an SVG, more are pixels: each shape takes a hundred bytes.
AS_SHAPES = 5000
LANES = 0.72  # of a band's height, for its rounds


def latency(rows: Sequence[Row], rounds: Sequence[Rounds]) -> Picture:
    """Return the picture of one block; `rounds` are those of each row. ValueError where no row has samples."""
    paired = sorted(
        ((row, own) for row, own in zip(rows, rounds, strict=True) if own), key=lambda pair: _median(pair[0])
    )
    if not paired:
        raise ValueError("no row has latencies")
    first = paired[0][0]
    said = absent([row for row, own in zip(rows, rounds, strict=True) if not own])
    text = (
        f"Latency of {heading(first)}: "
        "each dot is one call, each line of dots one round, the bar the median with its 95 % interval."
    )
    return Picture(
        name=block_name("latency", first),
        text=f"{text} {said}".strip(),
        size=(9.0, 1.5 + 0.62 * len(paired) + 0.2 * lines_of(said)),
        draw=partial(_draw, paired, [row.label for row, _ in paired], said),
    )


def _median(row: Row) -> float:
    assert row.median_ms is not None
    return row.median_ms.value


def _draw(paired: Sequence[tuple[Row, Rounds]], labels: Sequence[str], said: str, figure: Figure, paper: Paper) -> None:
    axes = figure.subplots()
    every = np.concatenate([np.asarray(part, np.float64) for _, rounds in paired for part in rounds])
    for place, (row, rounds) in enumerate(paired):
        _dots(axes, place, rounds, paper, as_pixels=len(every) > AS_SHAPES)
        _median_bar(axes, place, row, paper)
    axes.set_yticks(range(len(paired)), labels)
    axes.set_ylim(len(paired) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    headline(figure, heading(paired[0][0]))
    axes.text(1.01, 1.0, "median, ms", transform=axes.transAxes, va="bottom", fontsize=8.5, color=paper.ink)
    latency_axis(axes.xaxis, axes, every, "latency of one call, ms")
    footnote(figure, said, paper)


def _dots(axes: Axes, place: int, rounds: Rounds, paper: Paper, *, as_pixels: bool) -> None:
    lanes = np.linspace(-LANES / 2, LANES / 2, len(rounds)) if len(rounds) > 1 else np.zeros(1)
    for number, (lane, samples) in enumerate(zip(lanes, rounds, strict=True)):
        colour = paper.first if number % 2 == 0 else paper.second
        marks: dict[str, Any] = {"s": 7, "alpha": 0.35, "linewidths": 0, "color": colour}
        axes.scatter(samples, np.full(len(samples), place + lane), zorder=2, rasterized=as_pixels, **marks)


def _median_bar(axes: Axes, place: int, row: Row, paper: Paper) -> None:
    estimate = row.median_ms
    assert estimate is not None
    if estimate.low is not None and estimate.high is not None:
        height = LANES + 0.1
        axes.fill_betweenx([place - height / 2, place + height / 2], estimate.low, estimate.high,
                           color=paper.ink, alpha=0.2, linewidth=0, zorder=3)  # fmt: skip
    axes.plot([estimate.value] * 2, [place - 0.42, place + 0.42], color=paper.ink, linewidth=1.6, zorder=4)
    told = " ".join(spelled(estimate))
    axes.text(1.01, place, told, transform=axes.get_yaxis_transform(), va="center", fontsize=8.5, color=paper.ink)
