"""Images per second over the batch size, one line for each way to run a network."""

from collections.abc import Sequence
from functools import partial

from matplotlib.figure import Figure

from benchmarks.plots.axes import footnote, headline, lines_of, plain_ticks
from benchmarks.plots.series import absent, block_name, heading
from benchmarks.statistics.rows import Row
from heads.reports.figures.picture import Paper, Picture

MARKERS = "os^Dv*PX"
STYLES = ("-", "--", "-.", ":")


def throughput(rows: Sequence[Row]) -> Picture:
    """Return the picture of rows that differ in batch and in how they run; ValueError with fewer than two batches."""
    lines = _lines(rows)
    first = rows[0]
    if len({row.batch for line in lines.values() for row in line}) < 2:
        raise ValueError("throughput over batch needs rows of two batch sizes or more")
    said = absent([row for row in rows if row.images_per_second is None], batch=True)
    text = (
        f"Throughput of {heading(first, batch=False)} over the batch size, with 95 % intervals; "
        "both axes are logarithmic, higher is better."
    )
    return Picture(
        name=block_name("throughput", first, batch=False),
        text=f"{text} {said}".strip(),
        size=(9.0, 5.0 + 0.2 * lines_of(said)),
        draw=partial(_draw, lines, heading(first, batch=False), said),
    )


def _lines(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the rows of each way to run by rising batch, the fastest way at its largest batch first."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.batch):
        if row.images_per_second is not None:
            found.setdefault(row.label, []).append(row)
    return dict(sorted(found.items(), key=lambda pair: (-_speed(pair[1][-1]), pair[0])))


def _speed(row: Row) -> float:
    assert row.images_per_second is not None
    return row.images_per_second.value


def _beside(place: int, count: int) -> float:
    """Return by how much a line moves sideways, so that the intervals of several stand beside each other."""
    step = min(0.025, 0.15 / max(1, count - 1))
    return float(2 ** ((place - (count - 1) / 2) * step))


def _draw(lines: dict[str, list[Row]], title: str, said: str, figure: Figure, paper: Paper) -> None:
    axes = figure.subplots()
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for place, (label, line) in enumerate(lines.items()):
        values = [row.images_per_second for row in line if row.images_per_second]
        bounds = [
            [each.value - (each.value if each.low is None else each.low) for each in values],
            [(each.value if each.high is None else each.high) - each.value for each in values],
        ]
        axes.errorbar(
            [row.batch * _beside(place, len(lines)) for row in line], [each.value for each in values], yerr=bounds,
            label=label, capsize=3,
            color=paper.lines[place % len(paper.lines)], marker=MARKERS[place % len(MARKERS)], markersize=5.5,
            linestyle=STYLES[place // len(paper.lines) % len(STYLES)], linewidth=1.4,
        )  # fmt: skip
    batches = sorted({row.batch for line in lines.values() for row in line})
    axes.set_xticks(batches, [str(batch) for batch in batches])
    axes.minorticks_off()
    plain_ticks(axes.yaxis, *axes.get_ylim())
    axes.set_xlabel("batch, images")
    axes.set_ylabel("images per second")
    headline(figure, title)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    footnote(figure, said, paper)
