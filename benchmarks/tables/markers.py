"""Places in a Markdown document that tables are written into.

    <!-- bench:table results=benchmarks/results/box columns=speed model=vgg-face -->
    ... written anew ...
    <!-- bench:end -->

A marker stands alone in its line. What stands in a fenced block of code is text.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.errors import BenchError
from converters.errors import did_you_mean

PREFIX = "<!-- bench:"
ALONE = re.compile(r"^\s*<!--\s*bench:(?P<kind>\S*)(?P<options>.*?)-->\s*$")
ANYWHERE = re.compile(r"<!--\s*bench:")
IN_CODE = re.compile(r"(`+).*?\1")
FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})")
TABLE, END = "table", "end"


@dataclass(frozen=True)
class Marker:
    """One place: `options` as they are written, `line` counts from 1, `begin` and `end` bound what lies between."""

    options: Mapping[str, str]
    text: str
    line: int
    begin: int
    end: int


def find(text: str, name: str, known: Sequence[str]) -> list[Marker]:
    """Return the places of a document in order; BenchError with file and line of every marker that is broken.

    `known` are the options that a marker may have.
    """
    found: list[Marker] = []
    problems: list[str] = []
    opened: tuple[int, str, Mapping[str, str]] | None = None
    for number, line in _prose(text):
        match = ALONE.match(line)
        where = f"{name}:{number}"
        if match is None:
            problems += _misplaced(where, line)
        elif match["kind"] == TABLE:
            if opened:
                problems.append(f"{where}: a table begins inside the one of line {opened[0]}; {_end_first()}")
            options, wrong = _options(match["options"], known)
            problems += [f"{where}: {each}" for each in wrong]
            opened = (number, line.strip(), options)
        elif match["kind"] == END:
            if opened is None:
                problems.append(f"{where}: a table ends that did not begin; expected <!-- bench:table ... --> above")
            else:
                found.append(Marker(opened[2], opened[1], opened[0], opened[0], number - 1))
            opened = None
        else:
            nearest = did_you_mean(match["kind"], (TABLE, END))
            problems.append(f"{where}: there is no marker 'bench:{match['kind']}'{nearest}; there are table and end")
    if opened:
        problems.append(f"{name}:{opened[0]}: the table does not end; {_end_first()}")
    if problems:
        raise BenchError(problems)
    return found


def _end_first() -> str:
    return "write <!-- bench:end --> in a line of its own below it"


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines outside of fenced blocks of code with their numbers."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        match = FENCE.match(line)
        if not fence and match:
            fence = match["fence"]
        elif fence:
            closing = match is not None and match["fence"].startswith(fence) and not line.strip(" `~")
            fence = "" if closing else fence
        else:
            yield number, line


def _misplaced(where: str, line: str) -> list[str]:
    if not ANYWHERE.search(IN_CODE.sub("", line)):
        return []
    return [f"{where}: a marker stands alone in its line, from <!-- to -->; found: {line.strip()[:80]}"]


def _options(text: str, known: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return `key=value` words, and what is wrong with them."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        return {}, [f"the options cannot be read: {str(error).lower()}: {text.strip()}"]
    options: dict[str, str] = {}
    problems = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not value:
            problems.append(f"'{word}' is no option; expected key=value")
        elif key not in known:
            problems.append(f"there is no option '{key}'{did_you_mean(key, known)}; there are {', '.join(known)}")
        elif key in options:
            problems.append(f"the option '{key}' is given twice")
        else:
            options[key] = value
    return options, problems
