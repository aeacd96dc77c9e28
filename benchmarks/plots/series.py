"""What belongs together in one picture, and what it is called there."""

import re
from collections.abc import Iterable, Sequence

from benchmarks.statistics.rows import Row

# What tells rows of one block apart, beside runner and way of calling, in the order in which it is said.
TELLING = ("version", "precision", "provider", "layout", "denormals")


def short_label(row: Row, rows: Sequence[Row]) -> str:
    """Return a row's runner and call, and of its other settings those in which `rows` differ from each other."""
    more = (
        str(getattr(row, name))
        for name in TELLING
        if len({getattr(each, name) for each in _rivals(row, rows, name)}) > 1
    )
    return " ".join(part for part in (row.runner, row.call_path, *more) if part)


def _rivals(row: Row, rows: Sequence[Row], name: str) -> list[Row]:
    """Return the rows among which a setting tells something: versions differ between runners anyhow."""
    return (
        [each for each in rows if each.runner == row.runner]
        if name in ("version", "provider", "layout")
        else list(rows)
    )


def blocks(rows: Iterable[Row]) -> dict[tuple[str, str, str, int, int], list[Row]]:
    """Return the rows by what those that compete have in common, sorted."""
    found: dict[tuple[str, str, str, int, int], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.group, row.runner, row.call_path, row.precision, row.label)):
        found.setdefault(row.group, []).append(row)
    return found


def heading(row: Row, *, batch: bool = True) -> str:
    """Return what the rows of a block have in common, as the title of a picture."""
    at = f", batch {row.batch}" if batch else ""
    return f"{row.model}{at}, {row.device}, {row.threads} thread{'' if row.threads == 1 else 's'}"


def file_name(*parts: object) -> str:
    """Return the parts as the name of a file, without anything that a file system or a shell would mind."""
    return "-".join(re.sub(r"[^A-Za-z0-9.]+", "_", str(part)).strip("_.") or "x" for part in parts)


def absent(rows: Iterable[Row], everything: Sequence[Row], *, batch: bool = False) -> str:
    """Return in one sentence which rows have no figures, and why; "" if all have."""
    lines = [f"{short_label(row, everything)}{f' at batch {row.batch}' if batch else ''} ({_why(row)})" for row in rows]
    return f"Not shown: {'; '.join(lines)}." if lines else ""


def _why(row: Row) -> str:
    if row.ok:
        return "not measured"
    return f"{row.verdict}: {row.reason}" if row.reason else row.verdict
