"""A table as a page that stands alone: no script, nothing from elsewhere, for light and dark screens and for paper."""

from collections.abc import Sequence
from html import escape

from benchmarks.tables.cell import Cell
from benchmarks.tables.table import ARROWS, REPEAT, Head, Table, View, view
from heads.reports.page_style import STYLE

OWN_STYLE = """
body { max-width: 96rem; }
th, td { white-space: nowrap; }
th.text, td.text { text-align: left; }
td small { font-size: .8em; }
th small { display: block; font-weight: 400; color: var(--soft); }
tbody tr:hover > * { background: var(--card); }
dl.footer { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem 1rem; font-size: .875rem; }
dl.footer dd { margin: 0; overflow-wrap: anywhere; max-width: none; }
@media (max-width: 40rem) { dl.footer { display: block; } dl.footer dd { margin-bottom: .4rem; } }
@media print { @page { size: landscape; } th, td { white-space: normal; } td small { white-space: normal; }
  thead { display: table-header-group; } dl.footer { font-size: 8pt; } }
"""


def text(table: Table) -> str:
    """Return the page."""
    seen = view(table)
    title = escape(seen.title or "Benchmark")
    shared = ", ".join(f"{name} {value}" for name, value in seen.shared)
    body = "".join(
        (
            f"<h1>{title}</h1>\n",
            f'<p class="soft">In all rows: {escape(shared)}.</p>\n' if shared else "",
            _grid(seen),
            _terms("Reasons", seen.notes),
            _terms("Marks", seen.legend),
            _terms("How it was measured", seen.footer),
        )
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}{OWN_STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def _grid(seen: View) -> str:
    if not seen.lines:
        return "<p>No rows.</p>\n"
    heads = "".join(_head(head) for head in seen.heads)
    lines = "".join(_line(seen, place, line) for place, line in enumerate(seen.lines))
    return f'<div class="wide">\n<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table>\n</div>\n'


def _head(head: Head) -> str:
    rest = f"{head.unit} {ARROWS[head.better]}".strip()
    below = f"<small>{escape(rest)}</small>" if rest else ""
    return f'<th scope="col"{_text_class(head)}>{escape(head.title)}{below}</th>'


def _line(seen: View, place: int, line: Sequence[Cell]) -> str:
    cells = "".join(
        f"<td{_text_class(head)}>{_cell(seen, cell)}</td>" for head, cell in zip(seen.heads, line, strict=True)
    )
    begins = ' class="break"' if place in seen.breaks else ""
    return f"<tr{begins}>{cells}</tr>\n"


def _text_class(head: Head) -> str:
    return ' class="text"' if head.left else ""


def _cell(seen: View, cell: Cell) -> str:
    letter = seen.letter(cell)
    interval = f"<small>{escape(cell.interval)}</small>" if cell.interval else ""
    return escape(cell.text) + (f"<sup>{letter}</sup>" if letter else "") + interval


def _said(term: str, said: str) -> str:
    return f"<code>{escape(said)}</code>" if term == REPEAT else escape(said)


def _terms(heading: str, terms: Sequence[tuple[str, str]]) -> str:
    told = "".join(f"<dt>{escape(term)}</dt><dd>{_said(term, said)}</dd>\n" for term, said in terms)
    return f'<h2>{escape(heading)}</h2>\n<dl class="footer">\n{told}</dl>\n' if told else ""
