"""The tables of the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from heads.metrics import Comparison, Evaluation, Row, Value
from heads.reports.material import Material
from heads.reports.notes import UNDEFINED, Notes
from heads.reports.sweep import Cell, Sweep, spread, sweep
from heads.reports.words import GROUP_METRICS, OTHER_METRICS, number, p_value, span, title


@dataclass(frozen=True)
class _Marks:
    """Cells of one table, with links to the notes below it; `name` keeps the links of several tables apart."""

    name: str
    notes: Notes

    def cell(self, value: Value) -> str:
        """Return a value over its interval."""
        mark = self.mark(self.notes.of(value))
        if value.value is None:
            return f"<td><i>{UNDEFINED}</i>{mark}</td>"
        interval = f"<small>{span(value.interval)}</small>" if value.interval else ""
        return f"<td>{number(value.value)}{mark}{interval}</td>"

    def group(self, row: Row) -> str:
        """Return a group's name."""
        parts = [f"{column}={value}" for column, value in row.where] or [row.name]
        name = ", ".join(f'<span class="whole">{escape(part)}</span>' for part in parts)
        return f'<th scope="row">{name}{self.mark(self.notes.of_row(row))}</th>'

    def mark(self, letter: str) -> str:
        """Return a link to a note."""
        return f' <sup><a href="#{self.name}-{letter}">{letter}</a></sup>' if letter else ""

    def below(self) -> str:
        """Return the notes."""
        lines = "".join(
            f'<li id="{self.name}-{letter}" value="{place}">{escape(reason)}</li>\n'
            for place, (letter, reason) in enumerate(self.notes.lines(), 1)
        )
        return f'<ol class="notes" type="a">\n{lines}</ol>\n' if lines else ""


def overall(evaluation: Evaluation) -> str:
    """Return all metrics of all faces."""
    marks = _Marks("all", Notes())
    level = f"{evaluation.options.level:.0%}".replace("%", " %")
    rows = [
        f'<tr><th scope="row">{escape(title(name))}</th>{marks.cell(value)}<td>{value.n:,}</td>'
        f'<td class="soft">{escape(value.interval.method if value.interval else "")}</td></tr>'
        for name, value in evaluation.overall.metrics.items()
    ]
    header = ("metric", f"value, {level} interval", "n", "interval by")
    return _table(header, rows) + marks.below()


def groups(evaluation: Evaluation) -> str:
    """Return the metrics of all groups, in two tables so that they fit a page."""
    held = evaluation.overall.metrics
    others = [name for name in OTHER_METRICS if name in held]
    return (
        _groups("groups", evaluation, GROUP_METRICS)
        + "<h3>More metrics of groups</h3>\n"
        + _groups("more", evaluation, others)
    )


def _groups(name: str, evaluation: Evaluation, metrics: Sequence[str]) -> str:
    marks = _Marks(name, Notes())
    rows, before = [], evaluation.rows[0]
    for row in evaluation.rows:
        new = ' class="break"' if row.columns != before.columns else ""
        cells = "".join(marks.cell(row.metrics[metric]) for metric in metrics)
        rows.append(f"<tr{new}>{marks.group(row)}<td>{row.n:,}</td><td>{row.people:,}</td>{cells}</tr>")
        before = row
    return _table(("group", "faces", "people", *map(title, metrics)), rows) + marks.below()


def comparisons(material: Material) -> str:
    """Return every two heads that were compared side by side."""
    return "".join(_comparison(place, found) for place, found in enumerate(material.comparisons))


def _comparison(place: int, found: Comparison) -> str:
    first, second = map(escape, found.names)
    marks = _Marks(f"compared-{place}", Notes())
    rows = [
        f'<tr><th scope="row">{escape(title(name))}</th>{marks.cell(pair[0])}{marks.cell(pair[1])}'
        f"{marks.cell(found.differences[name])}</tr>"
        for name, pair in found.values.items()
    ]
    people = ""
    if found.by_people is not None:
        people = (
            f" McNemar takes faces as independent, which faces of the same people are not: exchanging the heads person "
            f"by person gives p {p_value(found.by_people)}."
        )
    return (
        f"<h3>{first} and {second}</h3>\n"
        f"<p>On the same {found.n:,} faces both are right {found.both_right:,} times, {first} alone "
        f"{found.first_only:,}, {second} alone {found.second_only:,}, neither {found.both_wrong:,}: exact McNemar test "
        f"p {p_value(found.mcnemar)}.{people}</p>\n"
        + _table(("metric", found.names[0], found.names[1], "second less first, paired interval"), rows)
        + marks.below()
    )


def runs(material: Material) -> str:
    """Return the runs of a training, coloured by the thresholds, and their spread over seeds."""
    if material.runs is None or material.runs.empty:
        return ""
    text = "<h3>Runs</h3>\n" + _sweep(sweep(material.runs, material.thresholds))
    if material.thresholds:
        limits = ", ".join(threshold.text for threshold in material.thresholds)
        text += (
            '<p class="soft"><span class="key" style="background: var(--meets)">✓</span> meets its threshold '
            f'({escape(limits)}), <span class="key" style="background: var(--best)">★</span> best of its column. '
            "The bold run became the head.</p>\n"
        )
    over_seeds = spread(material.runs)
    return text + ("<h3>Spread over seeds</h3>\n" + _sweep(over_seeds) if over_seeds else "")


def _sweep(found: Sweep) -> str:
    rows = []
    for cells, chosen in zip(found.rows, found.chosen, strict=True):
        became = ' class="chosen"' if chosen else ""
        rows.append(f"<tr{became}>{''.join(map(_sweep_cell, cells))}</tr>")
    return _table([name.replace("_", " ") for name in found.header], rows)


def _sweep_cell(cell: Cell) -> str:
    # Colour alone would say nothing to people who do not see it.
    marks = "".join(mark for mark, holds in ((" ✓", cell.meets), (" ★", cell.best)) if holds)
    kind = "best" if cell.best else "meets" if cell.meets else ""
    return f'<td class="{kind}">{escape(cell.text)}{marks}</td>' if kind else f"<td>{escape(cell.text)}</td>"


def facts(material: Material) -> str:
    """Return what was recorded."""
    rows = [
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
        for name, text in material.stated().items()
    ]
    return f'<div class="left">{_table((), rows)}</div>'


def _table(header: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    head = f"<thead><tr>{head}</tr></thead>\n" if header else ""
    body = "\n".join(rows)
    return f'<div class="wide"><table>\n{head}<tbody>\n{body}\n</tbody></table></div>\n'
