"""The fastest way to run a network that still answers the same."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.cells import ALL_INSTRUCTIONS, TOLERANCES
from benchmarks.errors import BenchError, UsageError
from benchmarks.statistics.disagreement import images_for, upper_bound
from benchmarks.statistics.ratios import tied
from benchmarks.statistics.references import STRICT
from benchmarks.statistics.rows import FaceTest, Row
from converters.errors import did_you_mean


@dataclass(frozen=True)
class Best:
    """The fastest faithful row, the rows that cannot be told from it by their speed, and why others are out.

    `rule` says in words what faithful meant; `slower` are faithful rows that are separably slower, fastest first.
    """

    winner: Row
    tied: tuple[Row, ...]
    slower: tuple[Row, ...]
    excluded: tuple[tuple[Row, str], ...]
    rule: str


def best(
    rows: Iterable[Row],
    max_loss: float = 0.0,
    *,
    model: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    batch: int = 1,
) -> Best:
    """Return the fastest faithful row of one model on one machine at one batch; device and threads: any, unless given.

    `max_loss` 0: parity passed at the tolerance of float32, every image of the probe set has the reference's answer,
    and every face too where a head was measured. A larger one lets in rows that lose no more than this fraction of
    answers even with bad luck: what counts is the upper 95 % bound, not what happened to be seen. Where a head was
    measured a loss is a face that the reference row gets right and this one wrong (gains do not make up for it), else
    an image of the probe set whose answer differs. Rows that pass at 0 always pass. Tests against a reference row
    that is not faithful itself say nothing, and are left aside.

    UsageError where there is nothing to choose from as asked; BenchError, with every reason, where no row is faithful.
    """
    if not 0 <= max_loss < 1:
        raise UsageError(f"the largest loss is {max_loss:g}; expected a fraction from 0 to below 1")
    candidates = _chosen(list(rows), {"model": model, "device": device, "threads": threads, "batch": batch})
    trusted = {(row.group, row.label) for row in candidates if not _numerically_unfaithful(row)}
    excluded = [(row, reason) for row in candidates if (reason := _objection(row, max_loss, trusted))]
    out = {id(row) for row, _ in excluded}
    faithful = sorted((row for row in candidates if id(row) not in out), key=_median)
    if not faithful:
        raise BenchError([f"no row is fit to be recommended ({_rule(max_loss)}):", *_told(excluded)])
    winner, *others = faithful
    same = [row for row in others if tied(row, winner)]
    slower = [row for row in others if not tied(row, winner)]
    return Best(winner, tuple(same), tuple(slower), tuple(excluded), _rule(max_loss))


def _chosen(rows: Sequence[Row], wanted: dict[str, object]) -> list[Row]:
    left = list(rows)
    if not left:
        raise UsageError("there are no results to choose from; `bench run` makes some")
    for name, value in wanted.items():
        if value is None:
            continue
        known = list(dict.fromkeys(getattr(row, name) for row in left))
        left = [row for row in left if getattr(row, name) == value]
        if not left:
            hint = did_you_mean(str(value), map(str, known))
            raise UsageError(f"no row has the {name} {value}{hint}; there are {', '.join(map(str, sorted(known)))}")
    for name in ("model", "machine"):
        known = sorted({getattr(row, name) for row in left})
        if len(known) > 1:
            raise UsageError(f"the results are those of several {name}s: {', '.join(known)}; choose one")
    return left


def _objection(row: Row, max_loss: float, trusted: Container[object]) -> str:
    """Return why a row cannot be recommended, "" if it can."""
    if not row.ok:
        return f"{row.verdict}: {row.reason}" if row.reason else row.verdict
    if not row.round_ms:
        return "was not timed"
    if row.instructions != ALL_INSTRUCTIONS:
        return f"was bound to {row.instructions}, which only shows what other processors would do"
    tests = [test for test in row.face_tests if (row.group, test.reference) in trusted]
    strict = _numerically_unfaithful(row) or _changed_faces(tests)
    return _lossy(row, tests, max_loss) if strict and max_loss else strict


def _numerically_unfaithful(row: Row) -> str:
    """Return how what a row computes on the probe set differs from NumPy's, "" where it does not."""
    allowed = TOLERANCES[STRICT]
    assert allowed is not None
    if row.difference is None or row.disagreement is None:
        return "was not compared with the reference"
    if row.difference > allowed:
        return f"differs by {row.difference:.2g} of the largest value, more than {allowed:g}"
    if row.disagreement.count:
        return f"{row.disagreement.count} of {row.disagreement.images} answers differ"
    return ""


def _changed_faces(tests: Sequence[FaceTest]) -> str:
    return "; ".join(
        f"head '{test.head}': {test.differing} of {test.faces} faces answered differently"
        for test in tests
        if test.differing
    )


def _lossy(row: Row, tests: Sequence[FaceTest], max_loss: float) -> str:
    """Return why a row may lose more than `max_loss` of its answers, "" where it does not."""
    if tests:
        losses = [(f"head '{test.head}'", test.reference_only, test.faces, "faces") for test in tests]
    elif row.disagreement:
        losses = [("probe set", row.disagreement.count, row.disagreement.images, "images")]
    else:
        return "was not compared with the reference"
    return "; ".join(
        f"{where}: {count} of {images} {what} lost, up to {bound:.2%} with 95 % confidence, {max_loss:.2%} is allowed"
        f"{_advice(count, images, max_loss)}"
        for where, count, images, what in losses
        if (bound := upper_bound(count, images)) > max_loss
    )


def _advice(count: int, images: int, max_loss: float) -> str:
    wanted = images_for(max_loss)
    return f" (it takes {wanted} images without a loss to know)" if not count and images < wanted else ""


def _told(excluded: Sequence[tuple[Row, str]]) -> list[str]:
    return [f"{row.label} on {row.device}, {row.threads} threads: {reason}" for row, reason in excluded]


def _rule(max_loss: float) -> str:
    if not max_loss:
        return f"answers as the reference does, within {TOLERANCES[STRICT]:g} of the largest value"
    return f"loses at most {max_loss:.2%} of its answers, with 95 % confidence"


def _median(row: Row) -> float:
    assert row.median_ms is not None
    return row.median_ms.value
