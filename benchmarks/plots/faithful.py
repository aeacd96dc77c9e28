"""What speed costs: how well a network still answers over the time that it takes, and which ways nobody beats."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.plots.axes import footnote, headline, latency_axis, lines_of
from benchmarks.plots.measures import Measure
from benchmarks.plots.series import absent, block_name, heading
from benchmarks.statistics.digits import spelled
from benchmarks.statistics.rows import Estimate, Row
from heads.reports.figures.picture import Paper, Picture

# Where a point's number may stand, in points from it: the first place that is free is taken.
PLACES = tuple(
    (x * far, y * far)
    for far in (9, 15, 22, 30)
    for x, y in ((0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8), (1.1, 0), (-1.1, 0), (0, 1.1), (0, -1.1))
)
NUMBER = (11.0, 9.0)  # about what a number takes, in points


@dataclass(frozen=True)
class Point:
    """A row on the picture: median latency in milliseconds, and how well it answers."""

    label: str
    latency: Estimate
    quality: Estimate


def faithful(rows: Sequence[Row], measure: Measure) -> Picture:
    """Return the picture of one block; ValueError with fewer than two rows that have both."""
    found = [
        Point(row.label, row.median_ms, quality) for row in rows if row.median_ms and (quality := measure.read(row))
    ]
    if len(found) < 2:
        raise ValueError(f"fewer than two rows have both a latency and: {measure.axis}")
    points = sorted(found, key=lambda point: (point.latency.value, point.label))
    first, shown = rows[0], {point.label for point in points}
    said = absent(row for row in rows if row.label not in shown)
    text = (
        f"{heading(first)}: {measure.axis}, over the median latency, with 95 % intervals; "
        f"{'higher' if measure.rising else 'lower'} and further left is better. Filled points are beaten by "
        "none that is both faster and at least as good."
    )
    return Picture(
        name=block_name(measure.name, first),
        text=f"{text} {said}".strip(),
        size=(9.0, max(4.5, 1.2 + 0.3 * len(points)) + 0.2 * lines_of(said)),
        draw=partial(_draw, points, measure, heading(first), said),
    )


def unbeaten(points: Sequence[Point], measure: Measure) -> list[Point]:
    """Return the points, given by rising latency, that no faster one equals."""
    found: list[Point] = []
    for point in points:
        if not found or measure.better(point.quality.value, found[-1].quality.value):
            found.append(point)
    return found


def _draw(points: Sequence[Point], measure: Measure, title: str, said: str, figure: Figure, paper: Paper) -> None:
    axes, listed = figure.subplots(1, 2, width_ratios=(2.6, 1))
    front = unbeaten(points, measure)
    _quality_axis(axes, points, measure)
    for point in points:
        _point(axes, point, paper, filled=point in front)
    values = [each for point in points for each in (point.latency.value, point.latency.low, point.latency.high) if each]
    latency_axis(axes.xaxis, axes, values, "median latency of one call, ms")
    headline(figure, title)
    _line(axes, front, paper)
    _list(listed, points, measure, paper)
    footnote(figure, said, paper)
    figure.draw_without_rendering()  # lays everything out, so that places on the paper are known
    _numbers(axes, points, paper)


def _quality_axis(axes: Axes, points: Sequence[Point], measure: Measure) -> None:
    """Scale the axis so that points at its ends, and points of one value, are seen whole."""
    qualities = [point.quality for point in points]
    low = min(each.value if each.low is None else each.low for each in qualities)
    high = max(each.value if each.high is None else each.high for each in qualities)
    if measure.logarithmic:
        axes.set_yscale("log")
        axes.set_ylim(low / 3, high * 3)
    else:
        room = (high - low) * 0.08 or abs(high) * 0.02 or 1.0
        axes.set_ylim(low - room, high + room)
    axes.set_ylabel(measure.axis)


def _line(axes: Axes, front: Sequence[Point], paper: Paper) -> None:
    """Draw the line through the unbeaten points, and on to the right: what lies on its wrong side is beaten."""
    latencies = [point.latency.value for point in front]
    qualities = [point.quality.value for point in front]
    axes.plot(
        [*latencies, axes.get_xlim()[1]], [*qualities, qualities[-1]], drawstyle="steps-post", color=paper.first,
        linewidth=1.2, alpha=0.6, zorder=2,
    )  # fmt: skip


def _point(axes: Axes, point: Point, paper: Paper, *, filled: bool) -> None:
    axes.errorbar(
        point.latency.value, point.quality.value, xerr=_bars(point.latency), yerr=_bars(point.quality), fmt="o",
        color=paper.first if filled else paper.second, markerfacecolor=paper.first if filled else paper.ground,
        markersize=6, elinewidth=0.8, capsize=2, zorder=4 if filled else 3,
    )  # fmt: skip


def _bars(estimate: Estimate) -> list[list[float]] | None:
    if estimate.low is None or estimate.high is None:
        return None
    return [[max(0.0, estimate.value - estimate.low)], [max(0.0, estimate.high - estimate.value)]]


def _list(axes: Axes, points: Sequence[Point], measure: Measure, paper: Paper) -> None:
    """Write which number is which row, with its figures."""
    axes.axis("off")
    for place, point in enumerate(points):
        told = f"{place + 1}  {point.label}\n     {spelled(point.latency)[0]} ms, {measure.spell(point.quality)}"
        axes.text(0.0, 1 - place / max(12, len(points)), told, transform=axes.transAxes, va="top", fontsize=8.5,
                  color=paper.ink, linespacing=1.15)  # fmt: skip


def _numbers(axes: Axes, points: Sequence[Point], paper: Paper) -> None:
    """Put each point's number where it covers no other number and no point."""
    scale = axes.figure.dpi / 72
    centres = [axes.transData.transform((point.latency.value, point.quality.value)) / scale for point in points]
    taken = [(float(x), float(y)) for x, y in centres]
    for place, (x, y) in enumerate(centres):
        offset = next((each for each in PLACES if _is_free(x + each[0], y + each[1], taken)), PLACES[0])
        taken.append((x + offset[0], y + offset[1]))
        number = axes.annotate(
            str(place + 1), (points[place].latency.value, points[place].quality.value), xytext=offset, fontsize=8.5,
            textcoords="offset points", ha="center", va="center", color=paper.ink, zorder=6,
            bbox={"boxstyle": "circle,pad=0.12", "facecolor": paper.ground, "edgecolor": "none", "alpha": 0.85},
            arrowprops={"arrowstyle": "-", "color": paper.ink, "linewidth": 0.6, "shrinkA": 3, "shrinkB": 4},
        )  # fmt: skip
        number.set_in_layout(False)


def _is_free(x: float, y: float, taken: Sequence[tuple[float, float]]) -> bool:
    return all(abs(x - left) > NUMBER[0] or abs(y - down) > NUMBER[1] for left, down in taken)
