"""The columns of a table, described as data, and the sets of columns that have names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.cells import ALL_INSTRUCTIONS
from benchmarks.errors import UsageError
from benchmarks.statistics.rows import FaceTest, Ratio, Row, Score
from benchmarks.tables import cell
from benchmarks.tables.cell import Cell, Kind
from converters.errors import did_you_mean

MEBI = 1 / 2**20


@dataclass(frozen=True)
class Column:
    """`key` names the column in CSV, where numbers stand as they were measured, in the unit that the key ends with.

    `unit` is that of the head, `scale` what a number is multiplied by to have it. `read` returns what one row of all
    shows here, or None. A `setting` that all rows share is told once, above the table.
    """

    key: str
    title: str
    kind: Kind
    read: Callable[[Row, Sequence[Row]], Any]
    unit: str = ""
    better: str = ""
    scale: float = 1.0
    setting: bool = False

    @property
    def figure(self) -> bool:
        """Return whether the column shows something measured, and not what was measured."""
        return self.key not in (*WHO, *FURTHER, "verdict")

    def cell(self, row: Row, rows: Sequence[Row]) -> Cell | None:
        """Return the cell of one row, None where it has nothing to show."""
        value = self.read(row, rows)
        return None if value is None else self.kind.show(value, self.scale)


def _field(name: str) -> Callable[[Row, Sequence[Row]], Any]:
    return lambda row, _: getattr(row, name)


def _setting(name: str, title: str, unit: str = "") -> Column:
    return Column(name, title, cell.TEXT, lambda row, _: str(getattr(row, name)), unit, setting=True)


def _count(name: str, title: str) -> Column:
    return Column(name, title, cell.COUNT, _field(name), setting=True)


def _percentile(name: str) -> Column:
    return Column(f"{name}_ms", name, cell.PERCENTILE, _field(name), "ms", "lower")


def _rank(row: Row, rows: Sequence[Row]) -> tuple[int, bool] | None:
    if row.rank is None:
        return None
    return row.rank, sum(other.rank == row.rank and other.group == row.group for other in rows) > 1


def _median(row: Row, _: Sequence[Row]) -> Any:
    return None if row.median_ms is None else (row.median_ms, row.p50)


def _samples(row: Row, _: Sequence[Row]) -> int | None:
    return row.p50.n if row.p50 else None


def _ratio(row: Row, _: Sequence[Row]) -> tuple[Ratio, bool] | None:
    if row.ratio is None:
        return None
    return row.ratio, bool(row.label) and row.ratio.reference == row.label


def _part(name: str) -> Callable[[Row, Sequence[Row]], float | None]:
    return lambda row, _: row.cold_start_ms.get(name)


# What passes from the start of the interpreter's work until the first answer is there.
TO_FIRST_ANSWER = ("import", "read_weights", "build", "first")


def _first_answer(row: Row, _: Sequence[Row]) -> float | None:
    parts = [row.cold_start_ms[name] for name in TO_FIRST_ANSWER if name in row.cold_start_ms]
    return sum(parts) if len(parts) == len(TO_FIRST_ANSWER) else None


PARTS = tuple(
    Column(f"cold_{name}_ms", name.replace("_", " "), cell.NUMBER, _part(name), "ms", "lower")
    for name in (*TO_FIRST_ANSWER, "second", "steady")
)
_COLUMNS = (
    _setting("machine", "machine"),
    _setting("model", "model"),
    Column("rank", "rank", cell.RANK, _rank),
    Column("runner", "runner", cell.TEXT, _field("runner")),
    Column("version", "version", cell.TEXT, _field("version")),
    Column("call_path", "call", cell.TEXT, _field("call_path")),
    _setting("device", "device"),
    Column("provider", "provider", cell.TEXT, lambda row, _: row.provider or None, setting=True),
    _setting("precision", "precision"),
    Column("layout", "layout", cell.TEXT, lambda row, _: row.layout or None, setting=True),
    Column("denormals", "denormals", cell.TEXT, lambda row, _: row.denormals or None, setting=True),
    Column("spinning", "spinning", cell.TEXT, lambda row, _: "yes" if row.spinning else "no", setting=True),
    _count("threads", "threads"),
    _count("batch", "batch"),
    Column("median_ms", "median", cell.MEDIAN, _median, "ms", "lower"),
    *map(_percentile, ("p90", "p95", "p99")),
    Column("images_per_second", "images/s", cell.ESTIMATE, _field("images_per_second"), "", "higher"),
    Column("ratio", "speed over reference", cell.RATIO, _ratio, "x", "higher"),
    Column("share_of_peak_fraction", "of peak", cell.ESTIMATE, _field("share_of_peak"), "%", "higher", 100),
    Column("to_first_answer_ms", "to first answer", cell.NUMBER, _first_answer, "ms", "lower"),
    *PARTS,
    Column("break_even_calls", "break-even", cell.BREAK_EVEN, _field("break_even"), "calls", "lower"),
    Column("peak_memory_bytes", "peak memory", cell.NUMBER, _field("peak_memory_bytes"), "MiB", "lower", MEBI),
    Column("gpu_peak_bytes", "peak GPU memory", cell.NUMBER, _field("gpu_peak_bytes"), "MiB", "lower", MEBI),
    Column("parameters", "parameters", cell.NUMBER, _field("parameters"), "M", "", 1e-6, setting=True),
    Column("multiply_adds", "MACs", cell.NUMBER, _field("multiply_adds"), "G", "", 1e-9, setting=True),
    Column("joules_per_image", "energy", cell.ESTIMATE, _field("joules_per_image"), "J/image", "lower"),
    Column("difference", "difference", cell.SMALL, _field("difference"), "", "lower"),
    Column("cosine", "1 - cosine", cell.LOSS, _field("cosine"), "", "lower"),
    Column("disagreement_per_ten_thousand", "other answers", cell.DISAGREEMENT, _field("disagreement"), "per 10 000",
           "lower"),
    Column("samples", "samples", cell.COUNT, _samples),
    Column("rounds", "rounds", cell.COUNT, lambda row, _: row.rounds or None),
    Column("verdict", "verdict", cell.VERDICT, lambda row, _: (row.verdict, row.reason)),
)  # fmt: skip
COLUMNS: Mapping[str, Column] = {column.key: column for column in _COLUMNS}

# Columns that depend on what was measured, by head if there are several: one for each metric of all faces, one for each
# metric and group, one for the test of the head's answers against those on the reference.
SCORES, GROUPS, FACE_TESTS = "scores", "by_group", "face_tests"
# One column, where the instructions of some row are bound: where nobody asked for that, all the others say nothing.
INSTRUCTIONS = "instructions"
WHO = ("machine", "model", "rank", "runner", "version", "call_path", "device", "provider", "precision", "threads",
       INSTRUCTIONS, "batch")  # fmt: skip
# What else describes rows, as parameters do a network.
FURTHER = ("layout", "denormals", "spinning", "parameters", "multiply_adds", "samples", "rounds")
SPEED = ("median_ms", "p90_ms", "p95_ms", "p99_ms", "images_per_second", "ratio", "share_of_peak_fraction")
START = (
    "to_first_answer_ms",
    *(column.key for column in PARTS),
    "break_even_calls",
    "peak_memory_bytes",
    "gpu_peak_bytes",
)
FAITH = ("difference", "cosine", "disagreement_per_ten_thousand")
SETS: Mapping[str, tuple[str, ...]] = {
    "speed": (*WHO, *SPEED, "difference", "verdict"),
    "brief": (*WHO, "median_ms", "images_per_second", "ratio", "share_of_peak_fraction", "difference", "verdict"),
    "memory": (*(name for name in WHO if name != "rank"), *START, "verdict"),
    "accuracy": (*WHO, "median_ms", "ratio", *FAITH, SCORES, FACE_TESTS, "verdict"),
    "groups": (*(name for name in WHO if name != "rank"), SCORES, GROUPS, "verdict"),
    "everything": (
        *WHO, "layout", "denormals", "spinning", "parameters", "multiply_adds", *SPEED, *START, "joules_per_image",
        *FAITH, SCORES, FACE_TESTS, GROUPS, "samples", "rounds", "verdict",
    ),
}  # fmt: skip


def chosen(columns: str, rows: Sequence[Row]) -> tuple[Column, ...]:
    """Return the columns of a set, or those named with commas between them, in this order.

    UsageError names every word that is neither.
    """
    names = SETS.get(columns) or tuple(name.strip() for name in columns.split(",") if name.strip())
    known = (*COLUMNS, *DYNAMIC)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        nearest = did_you_mean(unknown[0], [*SETS, *known]) if unknown else ""
        raise UsageError(
            f"there are no columns '{', '.join(unknown)}'{nearest}; sets are {', '.join(SETS)}; "
            f"columns are {', '.join(known)}"
        )
    return tuple(column for name in dict.fromkeys(names) for column in _expanded(name, rows))


def _expanded(name: str, rows: Sequence[Row]) -> tuple[Column, ...]:
    return DYNAMIC[name](rows) if name in DYNAMIC else (COLUMNS[name],)


def _score_columns(rows: Sequence[Row], *, by_group: bool) -> tuple[Column, ...]:
    scores = [score for row in rows for score in row.scores]
    several = len({score.head for score in scores}) > 1
    found = dict.fromkeys((score.name, score.head, score.group) for score in scores if bool(score.group) == by_group)
    return tuple(_score_column(*each, named=several) for each in found)


def _score_column(name: str, head: str, of: str, *, named: bool) -> Column:
    def read(row: Row, _: Sequence[Row]) -> Score | None:
        return next((score for score in row.scores if (score.name, score.head, score.group) == (name, head, of)), None)

    places = [part for part in (of, head if named else "") if part]
    title = " of ".join((TITLES.get(name, name.replace("_", " ")), *places))
    return Column("_".join((name, "fraction", *places)), title, cell.SCORE, read, "%", "higher", 100)


def _test_columns(rows: Sequence[Row]) -> tuple[Column, ...]:
    heads = dict.fromkeys(test.head for row in rows for test in row.face_tests)
    return tuple(_test_column(head, named=len(heads) > 1) for head in heads)


def _test_column(head: str, *, named: bool) -> Column:
    def read(row: Row, _: Sequence[Row]) -> FaceTest | None:
        return next((test for test in row.face_tests if test.head == head), None)

    places = (head,) if named else ()
    return Column("_".join(("mcnemar_p", *places)), " of ".join(("McNemar's p", *places)), cell.FACE_TEST, read)


def _instructions(rows: Sequence[Row]) -> tuple[Column, ...]:
    bound = any(row.instructions != ALL_INSTRUCTIONS for row in rows)
    return (_setting(INSTRUCTIONS, INSTRUCTIONS),) if bound else ()


TITLES = {"f1": "F1", "roc_auc": "ROC AUC", "mcc": "MCC"}
DYNAMIC: Mapping[str, Callable[[Sequence[Row]], tuple[Column, ...]]] = {
    SCORES: partial(_score_columns, by_group=False),
    GROUPS: partial(_score_columns, by_group=True),
    FACE_TESTS: _test_columns,
    INSTRUCTIONS: _instructions,
}
__all__ = ["COLUMNS", "SETS", "Column", "chosen"]
