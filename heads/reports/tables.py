"""An evaluation as tables of text: Markdown, LaTeX and CSV."""

import csv as csv_files
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heads.metrics import Comparison, Evaluation, Row, Value
from heads.reports.notes import Notes, shown
from heads.reports.words import GROUP_METRICS, basis, headline, p_value, span, task, title

LATEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    # At the start of a row they would belong to the \\\\ before it.
    "[": "{[}",
    "*": "{*}",
}
MARKDOWN_SPECIAL = "\\`*_{}[]<>|~#"
CSV_HEADER = (
    "group", "faces", "people", "positives", "small", "metric", "value", "low", "high", "interval", "n", "undefined",
    "structural", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Writing:
    """How one format writes text, and a letter that leads to a note."""

    escape: Callable[[str], str]
    mark: Callable[[str], str]

    def cell(self, value: Value, notes: Notes) -> str:
        """Return a value with its interval and its mark."""
        interval = f" ({span(value.interval)})" if value.interval else ""
        return self.escape(shown(value) + interval) + self._marked(notes.of(value))

    def group(self, row: Row, notes: Notes) -> str:
        """Return a group's name with its mark."""
        return self.escape(row.name) + self._marked(notes.of_row(row))

    def overall(self, evaluation: Evaluation, notes: Notes) -> list[list[str]]:
        """Return one line for each metric of all faces."""
        return [
            [self.escape(title(name)), self.cell(value, notes), str(value.n)]
            for name, value in evaluation.overall.metrics.items()
        ]

    def groups(self, rows: Sequence[Row], metrics: Sequence[str], notes: Notes) -> list[list[str]]:
        """Return one line for each group."""
        return [
            [
                self.group(row, notes),
                str(row.n),
                str(row.people),
                *(self.cell(row.metrics[name], notes) for name in metrics),
            ]
            for row in rows
        ]

    def _marked(self, letter: str) -> str:
        return self.mark(letter) if letter else ""


def markdown(evaluation: Evaluation, metrics: Sequence[str] = GROUP_METRICS) -> str:
    """Return an evaluation in Markdown: the headline, all metrics of all faces, and `metrics` of every group."""
    notes = Notes()
    level = f"{evaluation.options.level:.0%}".replace("%", " %")
    parts = [
        f"Evaluation of {escape_markdown(task(evaluation))} on {escape_markdown(basis(evaluation))}.",
        "\n".join(f"- {escape_markdown(line)}" for line in headline(evaluation)),
        *(f"> **Note:** {escape_markdown(line)}" for line in evaluation.warnings),
        _markdown_table(["metric", f"value ({level} interval)", "n"], MARKDOWN.overall(evaluation, notes)),
        _markdown_table(
            ["group", "faces", "people", *map(title, metrics)], MARKDOWN.groups(evaluation.rows[1:], metrics, notes)
        ),
        "\n".join(f"[{letter}] {escape_markdown(reason)}  " for letter, reason in notes.lines()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def comparison_markdown(found: Comparison) -> str:
    """Return two heads side by side in Markdown."""
    notes, (first, second) = Notes(), map(escape_markdown, found.names)
    rows = [
        [title(name), *(MARKDOWN.cell(value, notes) for value in (*pair, found.differences[name]))]
        for name, pair in found.values.items()
    ]
    people = "" if found.by_people is None else f", by people p {p_value(found.by_people)}"
    about = (
        f"{first} and {second} on the same {found.n:,} faces: both right {found.both_right:,}, {first} alone "
        f"{found.first_only:,}, {second} alone {found.second_only:,}, neither {found.both_wrong:,}; exact McNemar test "
        f"p {p_value(found.mcnemar)}{people}."
    )
    parts = [
        about,
        _markdown_table(["metric", first, second, "second less first"], rows),
        "\n".join(f"[{letter}] {escape_markdown(reason)}  " for letter, reason in notes.lines()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def latex(evaluation: Evaluation, metrics: Sequence[str] = GROUP_METRICS) -> str:
    r"""Return two LaTeX tables, of all faces and of every group, for a document with `\usepackage{booktabs}`."""
    notes, more = Notes(), Notes()
    level = rf"{evaluation.options.level * 100:g}\,\%"
    first = _latex_table(["metric", f"value ({level} interval)", "n"], LATEX.overall(evaluation, notes), "lrr", notes)
    rows = LATEX.groups(evaluation.rows[1:], metrics, more)
    header = ["group", "faces", "people", *(_latex(title(name)) for name in metrics)]
    second = _latex_table(header, rows, "l" + "r" * (len(header) - 1), more)
    about = _latex(f"{task(evaluation)}; {basis(evaluation)}.")
    return f"% needs \\usepackage{{booktabs}}\n% {about}\n{first}\n{second}"


def csv(evaluation: Evaluation) -> str:
    """Return one line for each group and metric, with a column for each column that groups were made by.

    Numbers stand in full; an undefined value is empty, and `undefined` says why.
    """
    columns = list(dict.fromkeys(column for row in evaluation.rows for column in row.columns))
    out = io.StringIO()
    writer = csv_files.writer(out, lineterminator="\n")
    writer.writerow([*(f"by_{column}" for column in columns), *CSV_HEADER])
    for row in evaluation.rows:
        where = dict(row.where)
        for name, value in row.metrics.items():
            writer.writerow([*(where.get(column, "") for column in columns), *_csv_cells(row, name, value)])
    return out.getvalue()


def _csv_cells(row: Row, name: str, value: Value) -> list[object]:
    interval = value.interval
    return [
        *(row.name, row.n, row.people, row.positives, row.small, name),
        "" if value.value is None else repr(value.value),
        *((repr(interval.low), repr(interval.high), interval.method) if interval else ("", "", "")),
        *(value.n, value.undefined, "" if value.forced is None else f"{value.forced:g}", value.note),
    ]


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *rows))


def _latex_table(header: Sequence[str], rows: Sequence[Sequence[str]], layout: str, notes: Notes) -> str:
    lines = [
        rf"\begin{{tabular}}{{{layout}}}",
        r"\toprule",
        " & ".join(header) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\noindent{{\footnotesize ({letter}) {_latex(reason)}}}" for letter, reason in notes.lines()),
    ]
    return "\n".join(lines) + "\n"


def escape_markdown(text: str) -> str:
    """Escape what Markdown would take for its own, line ends included."""
    plain = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in MARKDOWN_SPECIAL else letter for letter in plain)


def _latex(text: str) -> str:
    return "".join(LATEX_ESCAPES.get(letter, letter) for letter in " ".join(text.split()))


MARKDOWN = Writing(escape_markdown, lambda letter: f" [{letter}]")
LATEX = Writing(_latex, lambda letter: rf"\textsuperscript{{{letter}}}")
