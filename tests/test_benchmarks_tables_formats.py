"""Formats: what people read is escaped, what machines read is exact, and nothing depends on chance."""

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest

import bench_records as records
from benchmarks.errors import UsageError
from benchmarks.statistics.rows import Estimate, Percentile, Ratio, Row
from benchmarks.tables.formats import FORMATS, markdown, render
from benchmarks.tables.making import table
from benchmarks.tables.table import Table, build

NASTY = r"a|b_*c <script>`x` & 50% $#{}~^\ [z](y) \n"
VOID = {"meta", "br"}


def row(**fields: object) -> Row:
    told: dict[str, object] = {
        "model": "vgg", "runner": "torch", "version": "2.13.0", "call_path": "eager", "device": "cpu", "provider": "",
        "precision": "fp32-strict", "threads": 2, "batch": 1, "machine": "box", **fields,
    }  # fmt: skip
    return Row(**told)  # type: ignore[arg-type]  # a few fields of each type


@pytest.fixture(scope="module")
def made() -> Table:
    exact = Estimate(105.23456789012345, 104.1, 106.6, 5)
    rows = [
        row(median_ms=exact, p99=Percentile(None, 320, 662), ratio=Ratio(Estimate(1.01, 0.98, 1.03, 5), False, "r")),
        row(runner=NASTY, ok=False, verdict="crashed", reason=NASTY, batch=8),
    ]
    return build(rows, "speed", NASTY, [("noise", NASTY), ("to repeat", "bench run --model 'a b'")])


class Page(HTMLParser):
    """Checks that every element is closed where it belongs, and keeps the texts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def test_unknown_formats_are_refused(made: Table) -> None:
    with pytest.raises(UsageError, match="no format 'cvs'; did you mean 'csv'\\?; there are text, md, csv, html"):
        render(made, "cvs")


@pytest.mark.parametrize("name", FORMATS)
def test_all_formats_end_with_one_line_end_and_take_a_table_without_rows(name: str, made: Table) -> None:
    for each in (made, build([], "speed", "Nothing"), Table("", (), ())):
        text = render(each, name)
        assert text.endswith("\n") and not text.endswith("\n\n\n")


def test_the_order_of_results_does_not_matter() -> None:
    suite = records.suite(rounds=2)
    one, other = table(suite, "everything"), table(suite[::-1], "everything")
    for name in FORMATS:
        assert render(one, name) == render(other, name)


def test_markdown_has_as_many_cells_in_each_line_and_shows_foreign_text_as_it_is(made: Table) -> None:
    text = render(made, "md")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert len({len(re.split(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert r"a\|b\_\*c \<script>\`x\` & 50% $#{}\~^\\ \[z\](y) \\n" in text
    assert "| ---: | ---: | ---: | --- |" in lines[1], "figures stand to the right, text to the left"
    assert r"crashed \[a\]" in lines[3] and r"- \[a\] a\|b" in text
    assert "to repeat: `bench run --model 'a b'`" in text
    assert r"| 105.2 [104.1, 106.6] | n<662 | \~ [0.98, 1.03] |" in lines[2]


def test_a_folded_footer_keeps_reasons_open(made: Table) -> None:
    text = markdown.text(made, folded=True)
    before, _, folded = text.partition("<details><summary>")
    assert r"\[a\]" in before and "noise" in folded and folded.rstrip().endswith("</details>")
    assert "\n\n</details>" in folded, "without an empty line Markdown inside is not read as such"


def test_the_legend_explains_the_marks_that_are_used_and_no_others(made: Table) -> None:
    text = render(made, "text")
    legend = next(line for line in text.splitlines() if line.startswith("Marks:"))
    assert "~ not separable" in legend and "n< fewer samples" in legend and "[low, high] 95 % interval" in legend
    assert "after a rank" not in legend and "upper 95 % bound" not in legend


def test_csv_holds_the_same_numbers_in_full(made: Table) -> None:
    lines = list(csv.DictReader(io.StringIO(render(made, "csv"))))
    assert float(lines[0]["median_ms"]) == 105.23456789012345
    assert (lines[0]["median_ms_low"], lines[0]["median_ms_high"], lines[0]["median_ms_n"]) == ("104.1", "106.6", "5")
    assert (lines[0]["p99_ms"], lines[0]["p99_ms_n"], lines[0]["p99_ms_needed"]) == ("", "320", "662")
    assert (lines[0]["ratio"], lines[0]["ratio_separable"]) == ("1.01", "0")
    assert lines[0]["precision"] == "fp32-strict", "what all rows share is in the table too"
    assert lines[1]["runner"] == NASTY and lines[1]["verdict_reason"] == NASTY and lines[1]["median_ms"] == ""
    assert "peak_memory_bytes" not in lines[0] and "p90_ms" in lines[0], "all columns of the set, and no others"


def test_json_holds_what_csv_holds_and_the_footer(made: Table) -> None:
    told = json.loads(render(made, "json"))
    assert told["rows"][0]["median_ms"] == 105.23456789012345
    assert told["rows"][0]["ratio_separable"] is False and told["rows"][1]["median_ms"] is None
    assert list(told["rows"][0]) == next(csv.reader(io.StringIO(render(made, "csv"))))
    assert told["footer"]["noise"] == NASTY
    endless = build([row(median_ms=Estimate(1.0, 0.5, float("inf"), 2))], "median_ms")
    assert json.loads(render(endless, "json"))["rows"][0]["median_ms_high"] is None


def test_the_page_is_sound_stands_alone_and_shows_foreign_text_as_text(made: Table) -> None:
    text = render(made, "html")
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open and text.startswith("<!doctype html>")
    assert not page.links and "url(" not in text and "script" not in page.tags
    assert page.text.count(NASTY) == 5, "title, heading, runner, reason and footer"
    assert page.tags.count("tr") == 3 and page.tags.count("th") == text.count('scope="col"')
    assert text.count('<tr class="break">') == 1, "another batch begins"
    assert "prefers-color-scheme: dark" in text and "@media print" in text


def test_latex_is_balanced_and_escaped(made: Table) -> None:
    text = render(made, "latex")
    grid = text[text.index(r"\begin{tabular}") : text.index(r"\end{tabular}")]
    columns = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)
    assert columns is not None
    lines = [line for line in grid.splitlines() if line.endswith(r"\\")]
    assert {len(re.split(r"(?<!\\)&", line)) for line in lines} == {len(columns[1])}
    escaped = (
        r"a\textbar{}b\_{*}c \textless{}script\textgreater{}`x` \& 50\% \$\#\{\}\textasciitilde{}\textasciicircum{}"
    )
    assert escaped in text
    assert grid.count(r"\midrule") == 2, "below the heads, and where another batch begins"
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert text.isascii(), "arrows and bounds are commands: any engine takes the file"


def test_terminals_get_aligned_columns(made: Table) -> None:
    lines = render(made, "text").splitlines()
    start = next(place for place, line in enumerate(lines) if set(line) == {"-", " "})
    rule = [match.span() for match in re.finditer("-+", lines[start])]
    figure = next(
        span for span, head in zip(rule, (lines[start - 1][a:b] for a, b in rule), strict=True) if "median" in head
    )
    assert lines[start + 1][slice(*figure)].strip() == "105.2 [104.1, 106.6]"
