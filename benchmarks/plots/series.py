"""What belongs together in one picture, and what it is called there."""

import re
from collections.abc import Iterable
from itertools import groupby

from benchmarks.statistics.rows import Row


def blocks(rows: Iterable[Row]) -> list[list[Row]]:
    """Return the rows by what those that compete have in common."""
    ordered = sorted(rows, key=lambda row: (row.group, row.label))
    return [list(part) for _, part in groupby(ordered, lambda row: row.group)]


def sweeps(rows: Iterable[Row]) -> list[list[Row]]:
    """Return the rows by network, machine, device and threads: those that may differ in batch."""
    ordered = sorted(rows, key=lambda row: (row.group, row.label))
    return [list(part) for _, part in groupby(ordered, lambda row: row.group[:-1])]


def heading(row: Row, *, batch: bool = True) -> str:
    """Return what the rows of a block have in common, as the title of a picture."""
    at = f", batch {row.batch}" if batch else ""
    return f"{row.model}{at}, {row.device}, {row.threads} thread{'' if row.threads == 1 else 's'}, {row.machine}"


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
