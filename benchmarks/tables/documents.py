"""Tables inside Markdown documents: written anew from their results, or compared with them."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks.errors import BenchError, StaleError
from benchmarks.records.folder import read_all, write_whole
from benchmarks.records.result import Result
from benchmarks.tables.formats import markdown
from benchmarks.tables.making import Selection, table
from benchmarks.tables.markers import Marker, find
from converters.errors import Refusal

SELECTIONS = tuple(each.name for each in fields(Selection))
OPTIONS = ("results", "columns", "title", "reference", "footer", *SELECTIONS)
FOOTERS = ("open", "folded")
SHOWN_LINES = 12


@dataclass(frozen=True)
class Stale:
    """A table that is not what its results say: where it stands, its marker, and a short difference."""

    where: str
    marker: str
    difference: tuple[str, ...]


def refresh(text: str, root: Path, name: str = "document") -> str:
    """Return a document with its tables written anew; results are looked for in `root`.

    BenchError with file and line of every marker that is broken, or whose table cannot be made.
    """
    lines = text.splitlines(keepends=True)
    for marker, body in reversed(_bodies(text, root, name)):
        lines[marker.begin : marker.end] = [f"\n{body}\n"]
    return "".join(lines)


def refresh_file(path: Path, root: Path | None = None) -> bool:
    """Write a document's tables anew, whole or not at all; return whether anything changed. `root`: see `check`."""
    before = _read(path)
    after = refresh(before, root or path.parent, str(path))
    if after != before:
        write_whole(path, after)
    return after != before


def stale(path: Path, root: Path | None = None) -> list[Stale]:
    """Return the tables of a document that are not what their results say. `root`: see `check`."""
    text = _read(path)
    lines = text.splitlines(keepends=True)
    found = []
    for marker, body in _bodies(text, root or path.parent, str(path)):
        old = "".join(lines[marker.begin : marker.end])
        if old != f"\n{body}\n":
            found.append(Stale(f"{path}:{marker.line}", marker.text, _difference(old, body)))
    return found


def check(path: Path, root: Path | None = None) -> int:
    """Return how many tables a document has, all as their results say; StaleError names each one that is not.

    `root` is the folder that `results=` starts from, that of the document unless given. BenchError for a broken marker,
    or a document without any: then there is nothing that could be stale, and the call is a mistake.
    """
    count = len(find(_read(path), str(path), OPTIONS))
    if not count:
        raise BenchError(f"{path}: holds no table of results; one begins with <!-- bench:table results=FOLDER -->")
    problems = [
        "\n    ".join((f"{each.where}: is not what its results say; run `bench publish`", *each.difference))
        for each in stale(path, root)
    ]
    if problems:
        raise StaleError(problems)
    return count


def _bodies(text: str, root: Path, name: str) -> list[tuple[Marker, str]]:
    """Return the places of a document and what belongs there."""
    read = _reader(root)
    found, problems = [], []
    for marker in find(text, name, OPTIONS):
        try:
            found.append((marker, _body(marker.options, read)))
        except Refusal as error:
            problems += [f"{name}:{marker.line}: {problem}" for problem in error.problems]
    if problems:
        raise BenchError(problems)
    return found


def _body(options: Mapping[str, str], read: Callable[[str], Sequence[Result]]) -> str:
    if "results" not in options:
        raise BenchError("the option 'results' is missing; name the folder with the results: results=FOLDER")
    footer = options.get("footer", FOOTERS[0])
    if footer not in FOOTERS:
        raise BenchError(f"footer={footer}: expected {' or '.join(FOOTERS)}")
    made = table(
        read(options["results"]),
        options.get("columns", "speed"),
        title=options.get("title", ""),
        reference=options.get("reference"),
        selection=Selection(**{name: _listed(options.get(name, "")) for name in SELECTIONS}),
    )
    return markdown.text(made, folded=footer == "folded")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _reader(root: Path) -> Callable[[str], Sequence[Result]]:
    """Return what reads a folder below `root`, each one once. Messages name it as the document does."""
    known: dict[str, Sequence[Result]] = {}

    def read(folder: str) -> Sequence[Result]:
        if Path(folder).is_absolute():
            raise BenchError(f"results={folder}: a document names results by a path that starts from its root folder")
        if folder not in known:
            if not (root / folder).is_dir():
                raise BenchError(f"results={folder}: there is no such folder in {root}")
            known[folder] = read_all(root / folder)
        return known[folder]

    return read


def _difference(old: str, new: str) -> tuple[str, ...]:
    """Return the lines that differ, the first few of them, shortened."""
    compared = difflib.unified_diff(old.strip().splitlines(), new.strip().splitlines(), lineterm="", n=0)
    changed = [line[:160] for line in compared if not line.startswith(("---", "+++", "@@"))]
    more = [f"... and {len(changed) - SHOWN_LINES} lines more"] if len(changed) > SHOWN_LINES else []
    return (*changed[:SHOWN_LINES], *more)


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BenchError(f"{path}: is no UTF-8 text: {error.reason} at byte {error.start}") from error
