"""Tables inside documents: written anew, compared, and every broken marker told at once with its line."""

from pathlib import Path

import pytest

import bench_records as records
from benchmarks.errors import BenchError, StaleError
from benchmarks.records.folder import write
from benchmarks.tables.documents import OPTIONS, check, refresh, refresh_file, stale
from benchmarks.tables.markers import find

OPEN, END = "<!-- bench:table results=results/box columns=brief batch=1 -->", "<!-- bench:end -->"
DOCUMENT = f"""# Speed

A marker looks like `<!-- bench:table -->`, and this is text:

```markdown
<!-- bench:table results=nowhere -->
~~~
<!-- bench:nonsense -->
```

{OPEN}
an old table

with lines
{END}

Between.

  <!-- bench:table results=results/box columns=memory title="Memory and start" footer=folded -->
  {END}
After.
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    for runner, medians in {"opencv": [10, 10.1, 9.9], "torch": [16, 16.2, 16.1]}.items():
        for result in (*records.timed(runner, medians), records.memory(runner)):
            write(result, folder / "results/box")
    return folder


@pytest.fixture
def document(root: Path, request: pytest.FixtureRequest) -> Path:
    path = root / f"{request.node.name[:60]}.md"
    path.write_text(DOCUMENT, encoding="utf-8")
    return path


def problems(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BenchError) as caught:
        refresh_file(path)
    assert path.read_text(encoding="utf-8") == text, "a broken document stays as it is"
    return [problem.replace(f"{path}:", "line ") for problem in caught.value.problems]


def test_only_what_stands_between_markers_changes(root: Path) -> None:
    text = refresh(DOCUMENT, root)
    assert text.startswith(DOCUMENT[: DOCUMENT.index("an old table")])
    assert text.endswith(f"  {END}\nAfter.\n")
    assert "an old table" not in text and f"{END}\n\nBetween.\n\n  <!-- bench:table" in text
    assert text.count("| runner |") == 2 and "**Memory and start**" in text and text.count("<details>") == 1
    assert "--batch 1 " in text


def test_a_second_time_nothing_changes(document: Path, root: Path) -> None:
    assert refresh_file(document)
    once = document.read_bytes()
    assert not refresh_file(document)
    assert document.read_bytes() == once
    assert refresh(once.decode(), root) == once.decode()
    assert check(document) == 2
    assert not list(document.parent.glob("*partial*")) and not list(document.parent.glob(".*"))


def test_nothing_of_this_place_or_day_is_in_a_document(document: Path, root: Path) -> None:
    refresh_file(document)
    text = document.read_text(encoding="utf-8")
    assert str(root) not in text and str(Path.home()) not in text
    assert "- measured: 2026-11-02\n" in text


def test_stale_tables_are_named_with_what_differs(document: Path) -> None:
    refresh_file(document)
    fresh = document.read_text(encoding="utf-8")
    document.write_text(fresh.replace("| 10.00 [", "| 9.00 ["), encoding="utf-8")
    (found,) = stale(document)
    assert found.where == f"{document}:11" and found.marker == OPEN
    assert len(found.difference) == 2
    assert found.difference[0].startswith("-| 1 | opencv") and "| 9.00 [" in found.difference[0]
    assert found.difference[1].startswith("+| 1 | opencv") and "| 10.00 [" in found.difference[1]
    with pytest.raises(StaleError) as caught:
        check(document)
    (told,) = caught.value.problems
    assert told.startswith(f"{document}:11: is not what its results say; run `bench publish`\n    -| 1 | opencv")
    assert caught.value.exit_status == 1


def test_an_untouched_document_has_all_its_tables_stale_in_a_few_lines(document: Path) -> None:
    with pytest.raises(StaleError) as caught:
        check(document)
    assert len(caught.value.problems) == 2
    assert all(len(problem.splitlines()) <= 14 for problem in caught.value.problems)
    assert "lines more" in caught.value.problems[0]


def test_a_new_result_makes_a_table_stale(document: Path, root: Path) -> None:
    refresh_file(document)
    added = write(records.broken("keras", "crashed", "signal 11"), root / "results/box")
    try:
        assert [each.where.rpartition(":")[2] for each in stale(document)] == ["11", *_second(document)]
    finally:
        added.unlink()
    assert not stale(document)


def _second(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [str(number) for number, line in enumerate(lines, 1) if "columns=memory" in line]


def test_results_are_looked_for_from_the_root_that_is_given(root: Path) -> None:
    path = root / "docs" / "speed.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{OPEN}\n{END}\n", encoding="utf-8")
    with pytest.raises(BenchError, match="speed.md:1: results=results/box: there is no such folder in"):
        check(path)
    assert refresh_file(path, root)
    assert check(path, root) == 1


def test_a_document_without_tables_cannot_be_checked(document: Path) -> None:
    document.write_text("# Nothing\n", encoding="utf-8")
    assert not refresh_file(document)
    with pytest.raises(BenchError, match="holds no table of results; one begins with <!-- bench:table results=FOLDER"):
        check(document)
    with pytest.raises(BenchError, match="nowhere.md: cannot be read: No such file"):
        check(document.parent / "nowhere.md")
    document.write_bytes(b"\xff\xfe")
    with pytest.raises(BenchError, match="is no UTF-8 text: invalid start byte at byte 0"):
        check(document)


def test_all_broken_markers_are_told_with_their_lines(document: Path) -> None:
    told = problems(
        document,
        f"""text {OPEN}
<!-- bench:tabel results=a -->
<!-- bench:table results=a colums=speed -->
<!-- bench:table results=a results=b speed batch= -->
{END}
{END}
<!-- bench:table title="half -->
""",
    )
    assert told == [
        f"line 1: a marker stands alone in its line, from <!-- to -->; found: text {OPEN}",
        "line 2: there is no marker 'bench:tabel'; did you mean 'table'?; there are table and end",
        f"line 3: there is no option 'colums'; did you mean 'columns'?; there are {', '.join(OPTIONS)}",
        "line 4: a table begins inside the one of line 3; write <!-- bench:end --> in a line of its own below it",
        "line 4: the option 'results' is given twice",
        "line 4: 'speed' is no option; expected key=value",
        "line 4: 'batch=' is no option; expected key=value",
        "line 6: a table ends that did not begin; expected <!-- bench:table ... --> above",
        'line 7: the options cannot be read: no closing quotation: title="half',
        "line 7: the table does not end; write <!-- bench:end --> in a line of its own below it",
    ]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("columns=speed", "the option 'results' is missing; name the folder with the results: results=FOLDER"),
        ("results=nowhere", "results=nowhere: there is no such folder in"),
        ("results=/results", "results=/results: a document names results by a path that starts from its root folder"),
        ("results=results", "results: holds no results; `bench run` writes"),
        ("results=results/box columns=sped", "there are no columns 'sped'; did you mean 'speed'?; sets are"),
        ("results=results/box batch=1,3", "no row has the batch '3'; there are 1"),
        ("results=results/box reference=tensorflow", "there is no row 'tensorflow' to compare with"),
        ("results=results/box footer=none", "footer=none: expected open or folded"),
    ],
)
def test_tables_that_cannot_be_made_are_told_with_their_lines(document: Path, options: str, problem: str) -> None:
    (told,) = problems(document, f"# Title\n\n<!-- bench:table {options} -->\n{END}\n")
    assert told.startswith("line 3: ") and problem in told


def test_a_broken_file_of_results_is_named(document: Path, root: Path) -> None:
    bad = root / "results" / "bad"
    bad.mkdir(exist_ok=True)
    (bad / "x.json").write_text("{}", encoding="utf-8")
    (told,) = problems(document, f"<!-- bench:table results=results/bad -->\n{END}\n")
    assert told.startswith("line 1: ") and "x.json: is no result of a benchmark" in told


def test_an_open_fence_hides_the_rest_and_a_shorter_one_does_not_close_it() -> None:
    fenced = f"````\n```\n{OPEN}\n````\n{OPEN}\n{END}\n```\n{OPEN}\n"
    (marker,) = find(fenced, "x.md", ("results", "columns", "batch"))
    assert (marker.line, marker.begin, marker.end) == (5, 5, 5)


def test_line_ends_of_other_systems_stay(root: Path) -> None:
    text = refresh(f"above\r\n{OPEN}\r\n{END}\r\nbelow\r\n", root)
    assert text.startswith(f"above\r\n{OPEN}\r\n") and text.endswith(f"{END}\r\nbelow\r\n")
