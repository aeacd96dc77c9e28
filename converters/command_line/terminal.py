"""What every command line of this project prints with: results on stdout, progress and messages on stderr."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Timer
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

# Takes what is being done, and which fraction of it is done (0..1).
Reporter = Callable[[str, float], None]

QUIET_SECONDS = 2.0
BYTES = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
COUNTS = ((10**9, "G"), (10**6, "M"), (10**3, "k"))

# A file or a pipe has no width that a table would have to fit.
WIDTH = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 200

out = Console(highlight=False, markup=False, emoji=False, width=WIDTH)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)


def say(text: str, style: str = "") -> None:
    """Print a line of a result, unbroken where no terminal sets a width."""
    out.print(Text(text, style), soft_wrap=not out.is_terminal)


def warn(warnings: Sequence[str]) -> None:
    """Print warnings on stderr."""
    for warning in warnings:
        err.print(Text.assemble(("warning: ", "yellow"), warning), soft_wrap=True)


def fail(problems: Sequence[str]) -> None:
    """Print why something was refused or failed on stderr, one line for each reason."""
    for problem in problems:
        err.print(Text.assemble(("error: ", "bold red"), problem), soft_wrap=True)


def say_json(document: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def progress() -> Iterator[Reporter]:
    """Show a bar on stderr while the block runs, if that is a terminal and the block takes more than two seconds."""
    if not err.is_terminal:
        yield lambda _title, _fraction: None
        return
    bar = Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=err, transient=True)
    task = bar.add_task("starting", total=None)
    shown = Timer(QUIET_SECONDS, bar.start)
    shown.daemon = True
    shown.start()
    try:
        yield lambda title, done: bar.update(task, description=title, completed=done, total=1.0 if done else None)
    finally:
        shown.cancel()
        shown.join()
        bar.stop()


def sizes(shape: Sequence[int]) -> str:
    """Write a shape as 1x3x224x224."""
    return "x".join(map(str, shape)) or "single value"


def amount(count: int, units: Sequence[tuple[int, str]]) -> str:
    """Write a number in the largest of these units that it reaches."""
    for factor, unit in units:
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return str(count)


def table(*columns: str, numbers: Sequence[str] = (), kept: str = "", shortened: str = "") -> Table:
    """Make an empty table; the columns in `numbers` are aligned at the right.

    Where a line does not suffice, the column `shortened` is cut and the column `kept` stays whole.
    """
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in numbers else "left",
            overflow="ellipsis" if column == shortened else "fold",
            no_wrap=column == kept,
        )
    return made
