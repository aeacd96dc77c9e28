r"""Tables in LaTeX, for a document with `\usepackage{booktabs}`."""

from benchmarks.tables.cell import Cell
from benchmarks.tables.table import REPEAT, Table, View, view

ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "↓": r"$\downarrow$", "↑": r"$\uparrow$", "\u2013": "--",
    "≤": r"$\leq$", "\u00a0": "~", "\u2212": "$-$", "\u00d7": r"$\times$",
    # At the start of a row they would belong to the \\ before it.
    "[": "{[}", "]": "{]}", "*": "{*}",
}  # fmt: skip


def text(table: Table) -> str:
    """Return a tabular, and what belongs below it in small letters."""
    seen = view(table)
    shared = ", ".join(f"{name} {value}" for name, value in seen.shared)
    parts = (
        "% needs \\usepackage{booktabs}",
        _above(rf"\textbf{{{escape(seen.title)}}}") if seen.title else "",
        _above(f"In all rows: {escape(shared)}.") if shared else "",
        *_grid(seen),
        *(_below(f"({letter}) {escape(reason)}") for letter, reason in seen.notes),
        _below("; ".join(f"{escape(mark)} {escape(meaning)}" for mark, meaning in seen.legend)) if seen.legend else "",
        *(_below(f"{escape(term)}: {_said(term, said)}") for term, said in seen.footer),
    )
    return "\n".join(part for part in parts if part) + "\n"


def _said(term: str, said: str) -> str:
    return rf"\texttt{{{escape(said)}}}" if term == REPEAT else escape(said)


def _above(line: str) -> str:
    return rf"\noindent {line}\par\smallskip"


def _below(line: str) -> str:
    return rf"\par\noindent{{\footnotesize {line}}}"


def _grid(seen: View) -> list[str]:
    if not seen.lines:
        return ["No rows."]
    layout = "".join("l" if head.left else "r" for head in seen.heads)
    lines = [" & ".join(_cell(seen, cell) for cell in line) + r" \\" for line in seen.lines]
    ruled = [f"\\midrule\n{line}" if place in seen.breaks else line for place, line in enumerate(lines)]
    heads = " & ".join(escape(head.text) for head in seen.heads)
    begin = [rf"\noindent\begin{{tabular}}{{{layout}}}", r"\toprule", rf"{heads} \\", r"\midrule"]
    return [*begin, *ruled, r"\bottomrule", r"\end{tabular}"]


def _cell(seen: View, cell: Cell) -> str:
    letter = seen.letter(cell)
    interval = rf" {{\scriptsize {escape(cell.interval)}}}" if cell.interval else ""
    return escape(cell.text) + interval + (rf"\textsuperscript{{{letter}}}" if letter else "")


def escape(plain: str) -> str:
    """Escape what LaTeX would take for its own, line ends included."""
    return "".join(ESCAPES.get(letter, letter) for letter in " ".join(plain.split(" ")).replace("\n", " "))
