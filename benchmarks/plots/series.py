"""What belongs together in one picture, and what it is called there."""

import re
from collections.abc import Iterable
from itertools import groupby

from benchmarks.cells import ALL_INSTRUCTIONS
from benchmarks.statistics.rows import Row


def blocks(rows: Iterable[Row]) -> list[list[Row]]:
    """Return the rows by what those that compete have in common."""
    ordered = sorted(rows, key=lambda row: (row.group, row.label))
    return [list(part) for _, part in groupby(ordered, lambda row: row.group)]


def sweeps(rows: Iterable[Row]) -> list[list[Row]]:
    """Return the rows by all that those which compete have in common, but the batch."""
    ordered = sorted(rows, key=lambda row: (row.group, row.label))
    return [list(part) for _, part in groupby(ordered, lambda row: row.group[:-1])]


def heading(row: Row, *, batch: bool = True) -> str:
    """Return what the rows of a block have in common, as the title of a picture."""
    at = f", batch {row.batch}" if batch else ""
    threads = f"{row.threads} thread{'' if row.threads == 1 else 's'}"
    return ", ".join((f"{row.model}{at}", row.device, threads, *_bound(row), row.machine))


def block_name(what: str, row: Row, *, batch: bool = True) -> str:
    """Return the file name of what is drawn of a row's block."""
    sizes = (row.batch,) if batch else ()
    return file_name(what, row.model, row.machine, row.device, row.threads, *_bound(row), *sizes)


def _bound(row: Row) -> tuple[str, ...]:
    return () if row.instructions == ALL_INSTRUCTIONS else (row.instructions,)


def file_name(*parts: object) -> str:
    """Return the parts as the name of a file, without anything that a file system or a shell would mind."""
    return "-".join(re.sub(r"[^A-Za-z0-9.]+", "_", str(part)).strip("_.") or "x" for part in parts)


def absent(rows: Iterable[Row], *, batch: bool = False) -> str:
    """Return in one sentence which rows are not shown, and why; "" without any."""
    lines = [f"{row.label}{f' at batch {row.batch}' if batch else ''} ({_why(row)})" for row in rows]
    return f"Not shown: {'; '.join(lines)}." if lines else ""


def _why(row: Row) -> str:
    if row.ok:
        return "not measured"
    return f"{row.verdict}: {row.reason}" if row.reason else row.verdict
