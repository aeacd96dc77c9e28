"""How much of what the machine can do a row does, as bars."""

from collections.abc import Sequence
from functools import partial

from matplotlib.figure import Figure

from benchmarks.plots.axes import footnote, headline, lines_of
from benchmarks.plots.series import absent, block_name, heading
from benchmarks.statistics.digits import spelled
from benchmarks.statistics.rows import Estimate, Row
from heads.reports.figures.picture import Paper, Picture


def share_of_peak(rows: Sequence[Row]) -> Picture:
    """Return the picture of one block; ValueError where no row has a share."""
    shares = [(row.label, row.share_of_peak) for row in rows if row.share_of_peak is not None]
    if not shares:
        raise ValueError("no row has a share of the measured peak")
    ordered = sorted(shares, key=lambda pair: (-pair[1].value, pair[0]))
    first = rows[0]
    said = absent([row for row in rows if row.share_of_peak is None])
    text = (
        f"Share of the machine's measured peak in {heading(first)}: multiply-adds of the network's "
        "definition done in a second, over those of a matrix product, with 95 % intervals; higher is better. "
        "Fast convolution (Winograd) does fewer than are counted."
    )
    return Picture(
        name=block_name("peak", first),
        text=f"{text} {said}".strip(),
        size=(9.0, 1.6 + 0.36 * len(ordered) + 0.2 * lines_of(said)),
        draw=partial(_draw, ordered, heading(first), said),
    )


def _draw(shares: Sequence[tuple[str, Estimate]], title: str, said: str, figure: Figure, paper: Paper) -> None:
    axes = figure.subplots()
    values = [100 * share.value for _, share in shares]
    bounds = [
        [100 * (share.value - (share.value if share.low is None else share.low)) for _, share in shares],
        [100 * ((share.value if share.high is None else share.high) - share.value) for _, share in shares],
    ]
    places = range(len(shares))
    axes.barh(places, values, xerr=bounds, height=0.62, color=paper.first, ecolor=paper.ink, capsize=3)
    axes.set_yticks(places, [label for label, _ in shares])
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    for place, (_, share) in zip(places, shares, strict=True):
        told = " ".join(spelled(share, 100))
        axes.text(1.01, place, told, transform=axes.get_yaxis_transform(), va="center", fontsize=8.5, color=paper.ink)
    axes.text(1.01, 1.0, "% of peak", transform=axes.transAxes, va="bottom", fontsize=8.5, color=paper.ink)
    axes.set_xlim(0, max(100.0, *(value + above for value, above in zip(values, bounds[1], strict=True))) * 1.02)
    axes.axvline(100, color=paper.ink, linewidth=1, linestyle="--")
    axes.set_xlabel("share of the measured peak, %")
    headline(figure, title)
    footnote(figure, said, paper)
