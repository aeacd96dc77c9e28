"""A table before it has a format: rows in order, cells by column, what all rows share, reasons, and a footer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.statistics.rows import Row
from benchmarks.tables.cell import MARKS, Cell
from benchmarks.tables.columns import Column, chosen

REPEAT = "to repeat"  # the term of a footer that is followed by a command
ARROWS = {"lower": "↓", "higher": "↑", "": ""}
# A figure that is missing asks for a reason; a setting that a runner does not have needs none.
NOTHING, BLANK = Cell("-", marks=frozenset("-")), Cell("")


@dataclass(frozen=True)
class Head:
    """The head of a column: `raw` are the columns that it takes in CSV, after `key`; `left`: text, not figures."""

    key: str
    title: str
    unit: str = ""
    better: str = ""
    raw: tuple[str, ...] = ("",)
    left: bool = False
    setting: bool = False

    @property
    def text(self) -> str:
        """Return the title with unit and direction: "median, ms ↓"."""
        return f"{self.title}{', ' if self.unit else ''}{self.unit} {ARROWS[self.better]}".rstrip()

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the names of its columns in CSV."""
        return tuple("_".join(filter(None, (self.key, part))) for part in self.raw)


@dataclass(frozen=True)
class Table:
    """Everything, for machines: columns without a value and settings that all rows share included.

    `breaks` are the lines before which another network, machine, device, threads, instructions or batch begins.
    `footer` holds terms with what is to be said of them.
    """

    title: str
    heads: tuple[Head, ...]
    lines: tuple[tuple[Cell | None, ...], ...]
    footer: tuple[tuple[str, str], ...] = ()
    breaks: frozenset[int] = frozenset()


@dataclass(frozen=True)
class View:
    """The same for people: no empty columns; what all rows share is told once; reasons have letters.

    `notes` maps letters to reasons, `legend` marks to what they mean.
    """

    title: str
    heads: tuple[Head, ...]
    lines: tuple[tuple[Cell, ...], ...]
    shared: tuple[tuple[str, str], ...]
    notes: tuple[tuple[str, str], ...]
    legend: tuple[tuple[str, str], ...]
    footer: tuple[tuple[str, str], ...]
    breaks: frozenset[int]

    def letter(self, cell: Cell) -> str:
        """Return the letter of a cell's reason, "" where it has none."""
        return next((letter for letter, reason in self.notes if reason == cell.note), "")


def build(
    rows: Sequence[Row], columns: str = "speed", title: str = "", footer: Sequence[tuple[str, str]] = ()
) -> Table:
    """Return a table of `columns` (a set, or keys with commas), by the rows' groups and medians.

    UsageError for columns that do not exist.
    """
    ordered = sorted(rows, key=_order)
    taken = _with_machine(chosen(columns, ordered), ordered)
    groups = [row.group for row in ordered]
    return Table(
        title=title,
        heads=tuple(head_of(column) for column in taken),
        lines=tuple(tuple(column.cell(row, ordered) for column in taken) for row in ordered),
        footer=tuple(footer),
        breaks=frozenset(place for place in range(1, len(groups)) if groups[place] != groups[place - 1]),
    )


def speaking(rows: Sequence[Row], columns: str) -> list[Row]:
    """Return the rows that have something to say in these columns: those with a figure, and those that failed.

    UsageError for columns that do not exist.
    """
    figures = [column for column in chosen(columns, rows) if column.figure]
    return [row for row in rows if not figures or not row.ok or any(column.cell(row, ()) for column in figures)]


def _order(row: Row) -> tuple[object, ...]:
    median = row.median_ms.value if row.median_ms else float("inf")
    return *row.group, not row.ok, median, row.runner, row.call_path, row.precision, row.provider, row.version


def _with_machine(columns: tuple[Column, ...], rows: Sequence[Row]) -> tuple[Column, ...]:
    """Put the machine first where there are several, whatever columns were asked for."""
    if len({row.machine for row in rows}) < 2 or any(column.key == "machine" for column in columns):
        return columns
    return (*chosen("machine", rows), *columns)


def head_of(column: Column) -> Head:
    """Return the head of a column."""
    kind = column.kind
    return Head(column.key, column.title, column.unit, column.better, kind.raw, kind.left, column.setting)


def view(table: Table) -> View:
    """Return what people read of a table."""
    kept: list[int] = []
    shared: list[tuple[str, str]] = []
    for place, head in enumerate(table.heads):
        cells = [line[place] for line in table.lines]
        texts = {cell.text if cell else "" for cell in cells}
        if head.setting and len(texts) == 1 and texts != {""}:
            shared.append((head.title, f"{texts.pop()} {head.unit}".rstrip()))
        elif any(cells):
            kept.append(place)
    lines = tuple(
        tuple(line[place] or (BLANK if table.heads[place].left else NOTHING) for place in kept) for line in table.lines
    )
    notes = _lettered(lines)
    heads = tuple(table.heads[place] for place in kept)
    return View(table.title, heads, lines, tuple(shared), notes, _legend(heads, lines), table.footer, table.breaks)


def _lettered(lines: Sequence[Sequence[Cell]]) -> tuple[tuple[str, str], ...]:
    reasons = dict.fromkeys(cell.note for line in lines for cell in line if cell.note)
    return tuple((_letter(place), reason) for place, reason in enumerate(reasons))


def _letter(place: int) -> str:
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


def _legend(heads: Sequence[Head], lines: Sequence[Sequence[Cell]]) -> tuple[tuple[str, str], ...]:
    used = {mark for line in lines for cell in line for mark in cell.marks}
    used |= {arrow for arrow in ARROWS.values() if arrow and any(arrow in head.text for head in heads)}
    return tuple((mark, meaning) for mark, meaning in MARKS.items() if mark in used)


def as_mapping(heads: Sequence[Head], line: Sequence[Cell | None]) -> Mapping[str, object]:
    """Return the raw values of one line by their names in CSV; None where there is none."""
    return {
        key: cell.raw.get(part) if cell else None
        for head, cell in zip(heads, line, strict=True)
        for key, part in zip(head.keys, head.raw, strict=True)
    }
