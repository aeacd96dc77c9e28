"""How the results of heads look when printed."""

from collections.abc import Iterable, Sequence

from converters.command_line.terminal import out, say, table
from heads.checks.plain import Cell, PlainTable


def show_tables(tables: Iterable[PlainTable]) -> None:
    """Print titled tables, with numbers aligned at the right and a dash where nothing is known."""
    for plain in tables:
        numeric = [
            column
            for place, column in enumerate(plain.columns)
            if all(isinstance(row[place], int | float | None) for row in plain.rows)
        ]
        shown = table(*plain.columns, numbers=numeric)
        for row in plain.rows:
            shown.add_row(*map(cell, row))
        say(plain.title, "bold")
        out.print(shown)


def cell(value: Cell) -> str:
    """Write a table's cell."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else value


def show_lines(title: str, lines: Sequence[str], most: int = 20) -> None:
    """Print lines under a title, the first of many."""
    if not lines:
        return
    say(title, "bold")
    for line in lines[:most]:
        say(f"  {line}")
    if len(lines) > most:
        say(f"  ... and {len(lines) - most} more; --json prints all")
