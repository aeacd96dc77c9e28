"""Tables in Markdown, as GitHub shows it."""

import re
from collections.abc import Iterable, Sequence

from benchmarks.tables.cell import Cell
from benchmarks.tables.table import REPEAT, Table, View, view

SPECIAL = re.compile(r"[\\`*_~|\[\]]|<(?=[A-Za-z/!?])")


def text(table: Table, *, folded: bool = False) -> str:
    """Return a table with its title, notes, legend and footer; `folded`: the last two open at a click only."""
    seen = view(table)
    below = (_legend(seen.legend), _lines(f"{escape(term)}: {_said(term, said)}" for term, said in seen.footer))
    foot = "\n\n".join(part for part in below if part)
    parts = (
        f"**{escape(seen.title)}**" if seen.title else "",
        _shared(seen),
        _grid(seen),
        _lines(f"\\[{letter}\\] {escape(reason)}" for letter, reason in seen.notes),
        f"<details><summary>How it was measured</summary>\n\n{foot}\n\n</details>" if folded and foot else foot,
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _shared(seen: View) -> str:
    told = ", ".join(f"{escape(name)} {escape(value)}" for name, value in seen.shared)
    return f"In all rows: {told}." if told else ""


def _grid(seen: View) -> str:
    if not seen.lines:
        return "No rows."
    rule = ["---" if head.left else "---:" for head in seen.heads]
    lines = [[_cell(seen, cell) for cell in line] for line in seen.lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in ([escape(head.text) for head in seen.heads], rule, *lines))


def _cell(seen: View, cell: Cell) -> str:
    letter = seen.letter(cell)
    return " ".join(part for part in (escape(cell.text), cell.interval, letter and f"\\[{letter}\\]") if part)


def _legend(legend: Sequence[tuple[str, str]]) -> str:
    told = "; ".join(f"{escape(mark)} {escape(meaning)}" for mark, meaning in legend)
    return f"Marks: {told}." if told else ""


def _said(term: str, said: str) -> str:
    return f"`{said}`" if term == REPEAT and "`" not in said else escape(said)


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def escape(plain: str) -> str:
    """Escape what Markdown would take for its own, line ends included."""
    return SPECIAL.sub(r"\\\g<0>", " ".join(plain.split()))
