"""A comparison of two sets of results, or of two ways to run a network, as a table."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.statistics.comparison import Comparison, Pair
from benchmarks.statistics.digits import upwards
from benchmarks.statistics.rows import Row
from benchmarks.tables import cell
from benchmarks.tables.cell import Cell, Kind
from benchmarks.tables.columns import COLUMNS
from benchmarks.tables.formats import render
from benchmarks.tables.table import Head, Table, head_of

# What both sides of a line have in common.
SETTINGS = ("model", "device", "threads", "batch", "precision", "provider", "layout", "denormals")


@dataclass(frozen=True)
class Line:
    """A pair, or a row that only one side has."""

    first: Row | None
    second: Row | None
    pair: Pair | None
    verdict: str
    reason: str = ""

    @property
    def row(self) -> Row:
        """Return the row that says what both have in common."""
        found = self.first or self.second
        assert found is not None
        return found


@dataclass(frozen=True)
class Shown:
    """A column of a comparison."""

    head: Head
    kind: Kind
    read: Callable[[Line], Any]
    scale: float = 1.0

    def cell(self, line: Line) -> Cell | None:
        """Return the cell of a line, None where it has nothing to show."""
        value = self.read(line)
        return None if value is None else self.kind.show(value, self.scale)


def compare_table(comparison: Comparison, format_name: str = "md") -> str:
    """Return a comparison as text in a format of `formats.FORMATS`; UsageError for one that is none."""
    return render(comparison_table(comparison), format_name)


def comparison_table(comparison: Comparison) -> Table:
    """Return one line for each pair, and one for each row that only one side has."""
    lines = list(_lines(comparison))
    shown = [*map(_setting, SETTINGS), *_ways(comparison, lines), *_figures(*comparison.names)]
    return Table(
        title=f"{comparison.names[0]} and {comparison.names[1]}",
        heads=tuple(column.head for column in shown),
        lines=tuple(tuple(column.cell(line) for column in shown) for line in lines),
        footer=tuple(_footer(comparison)),
    )


def _lines(comparison: Comparison) -> Iterator[Line]:
    first, second = comparison.names
    for pair in comparison.pairs:
        yield Line(pair.first, pair.second, pair, *_verdict(pair, second))
    for row in comparison.first_only:
        yield Line(row, None, None, f"only in {first}", row.reason)
    for row in comparison.second_only:
        yield Line(None, row, None, f"only in {second}", row.reason)


def _verdict(pair: Pair, second: str) -> tuple[str, str]:
    if pair.ratio is None:
        return "not comparable", pair.reason
    if not pair.ratio.separable:
        return "not separable", ""
    return f"{second} is {'faster' if pair.ratio.estimate.value > 1 else 'slower'}", ""


def _setting(name: str) -> Shown:
    column = COLUMNS[name]
    return Shown(head_of(column), column.kind, lambda line: column.read(line.row, ()))


def _ways(comparison: Comparison, lines: Sequence[Line]) -> list[Shown]:
    """Return one column for what both sides ran, or one for each where they ran different things."""
    if all(line.first is None or line.second is None or line.first.label == line.second.label for line in lines):
        return [_text("runner", "runner", lambda line: line.row.label)]
    return [
        _text(f"runner_{side}", f"runner of {name}", _label(side))
        for side, name in zip(("first", "second"), comparison.names, strict=True)
    ]


def _label(side: str) -> Callable[[Line], str | None]:
    def read(line: Line) -> str | None:
        row: Row | None = getattr(line, side)
        return row.label if row else None

    return read


def _figures(first: str, second: str) -> list[Shown]:
    return [
        _like("median_ms", "first_median_ms", f"median of {first}", lambda line: _median(line.first)),
        _like("median_ms", "second_median_ms", f"median of {second}", lambda line: _median(line.second)),
        _like("ratio", "ratio", f"speed of {second} over {first}", _ratio),
        _like("disagreement_per_ten_thousand", "disagreement_per_ten_thousand", "other answers",
              lambda line: line.pair and line.pair.answers),
        Shown(Head("mcnemar_p", "McNemar's p", raw=cell.FACE_TEST.raw), cell.FACE_TEST, _face_test),
        Shown(Head("verdict", "verdict", raw=cell.VERDICT.raw, left=True), cell.VERDICT,
              lambda line: (line.verdict, line.reason)),
    ]  # fmt: skip


def _median(row: Row | None) -> Any:
    return (row.median_ms, row.p50) if row and row.median_ms else None


def _ratio(line: Line) -> Any:
    return (line.pair.ratio, False) if line.pair and line.pair.ratio else None


def _face_test(line: Line) -> Any:
    """Return the test of the head that differs most: one of several that differ is enough to ask why."""
    tests = line.pair.face_tests if line.pair else ()
    return min(tests, key=lambda test: (test.p, test.head), default=None)


def _like(name: str, key: str, title: str, read: Callable[[Line], Any]) -> Shown:
    """Return a column that looks like one of the tables'."""
    column = COLUMNS[name]
    head = Head(key, title, column.unit, column.better, column.kind.raw, column.kind.left)
    return Shown(head, column.kind, read, column.scale)


def _text(key: str, title: str, read: Callable[[Line], str | None]) -> Shown:
    return Shown(Head(key, title, left=True), cell.TEXT, read)


def _machines(comparison: Comparison) -> Iterator[tuple[str, str]]:
    pairs = comparison.pairs
    sides = ([pair.first for pair in pairs], [pair.second for pair in pairs])
    names = [", ".join(sorted({row.machine for row in rows})) for rows in sides]
    if names[0] == names[1]:
        yield "machine", names[0]
    else:
        yield from ((f"machine of {side}", name) for side, name in zip(comparison.names, names, strict=True))


def _footer(comparison: Comparison) -> Iterator[tuple[str, str]]:
    for warning in comparison.warnings:
        yield "warning", warning
    first, second = comparison.names
    yield from _machines(comparison)
    how = "round by round within one run" if comparison.paired else "between two runs"
    yield "speed", f"the median latency of {first} over that of {second}, {how}"
    if comparison.noise_fraction is None:
        yield "noise", "unknown: no cell was measured twice in each round"
    else:
        yield "noise", f"sides closer than {upwards(100 * comparison.noise_fraction)} % may well be equal"
