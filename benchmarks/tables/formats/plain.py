"""Tables as text for a terminal."""

from tabulate import tabulate

from benchmarks.tables.cell import Cell
from benchmarks.tables.table import Table, View, view


def text(table: Table) -> str:
    """Return aligned columns with what stands above and below them."""
    seen = view(table)
    shared = ", ".join(f"{name} {value}" for name, value in seen.shared)
    marks = "; ".join(f"{mark} {meaning}" for mark, meaning in seen.legend)
    parts = (
        seen.title,
        f"In all rows: {shared}." if shared else "",
        _grid(seen),
        "\n".join(f"[{letter}] {reason}" for letter, reason in seen.notes),
        f"Marks: {marks}." if marks else "",
        "\n".join(f"{term}: {said}" for term, said in seen.footer),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _grid(seen: View) -> str:
    if not seen.lines:
        return "No rows."
    lines = [[_cell(seen, cell) for cell in line] for line in seen.lines]
    sides = ["left" if head.left else "right" for head in seen.heads]
    heads = [head.text for head in seen.heads]
    grid: str = tabulate(lines, heads, tablefmt="simple", disable_numparse=True, colalign=sides)
    return grid


def _cell(seen: View, cell: Cell) -> str:
    letter = seen.letter(cell)
    return " ".join(part for part in (cell.text, cell.interval, f"[{letter}]" if letter else "") if part)
