"""The fixed row that the others of a table block are compared with, and what rows are called."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.cells import ALL_INSTRUCTIONS, PRECISIONS
from benchmarks.errors import UsageError
from benchmarks.statistics.rows import Row
from converters.errors import did_you_mean

# The incumbent, which reads the original files; else the runtime that most people use. Runner, call path ("" any).
DEFAULTS = (("opencv", "forward"), ("onnxruntime", ""))
STRICT = PRECISIONS[0]
# What tells rows of one block apart beside runner, call path and precision.
FURTHER = ("provider", "layout", "denormals", "spinning", "version", "model_sha256")


def labelled(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of one block with labels that tell them apart: "runner:call path", and what else it takes."""
    named = [replace(row, label=_plain(row)) for row in rows]
    return [replace(row, label=f"{row.label}{_apart(row, named)}") for row in named]


def _plain(row: Row) -> str:
    precision = "" if row.precision == STRICT else f" {row.precision}"
    instructions = "" if row.instructions == ALL_INSTRUCTIONS else f" {row.instructions}"
    return f"{row.runner}:{row.call_path}{precision}{instructions}"


def _apart(row: Row, rows: Sequence[Row]) -> str:
    alike = [other for other in rows if other.label == row.label]
    differing = [name for name in FURTHER if len({getattr(other, name) for other in alike}) > 1]
    return "".join(f" {_spelled(name, getattr(row, name))}" for name in differing)


def _spelled(name: str, value: object) -> str:
    if name == "spinning":
        return "spinning" if value else "not spinning"
    return f"{name} {value}" if name == "denormals" else str(value)[:24]


def reference_of(rows: Sequence[Row], wanted: str | None) -> Row | None:
    """Return the reference among the labelled rows of one block, None where it is not there or has no figures.

    `wanted` is a runner, "runner:call path" or a whole label; None: OpenCV's `forward`, else onnxruntime. Among several
    the strict precision comes first, then the order of labels, so that the choice does not depend on that of files.
    """
    timed = sorted((row for row in rows if row.round_ms), key=lambda row: (row.precision != STRICT, row.label))
    if wanted is not None:
        return next((row for row in timed if is_named(row, wanted)), None)
    for runner, call_path in DEFAULTS:
        for row in timed:
            if row.runner == runner and call_path in ("", row.call_path):
                return row
    return None


def check_reference(rows: Sequence[Row], wanted: str | None) -> None:
    """Raise UsageError where no row at all is the reference that was asked for."""
    if wanted is None or not rows or any(is_named(row, wanted) for row in rows):
        return
    known = sorted({name for row in rows for name in (row.runner, f"{row.runner}:{row.call_path}")})
    raise UsageError(
        f"there is no row '{wanted}' to compare with{did_you_mean(wanted, known)}; there are {', '.join(known)}"
    )


def named(rows: Sequence[Row], wanted: str) -> list[Row]:
    """Return the rows that a name means: in each place those of this label, else those of this runner or call path."""
    labels = {row.place for row in rows if row.label == wanted}
    return [row for row in rows if (row.label == wanted if row.place in labels else is_named(row, wanted))]


def is_named(row: Row, wanted: str) -> bool:
    """Return whether a name means a row: its runner, "runner:call path", or its whole label."""
    return wanted in (row.runner, f"{row.runner}:{row.call_path}", row.label)
