"""One cell of a table: what people read, and the raw numbers that machines read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.statistics.digits import alone, small, spelled, upwards
from benchmarks.statistics.rows import BreakEven, Disagreement, Estimate, FaceTest, Percentile, Ratio, Score

# Marks that need a word of explanation below a table, in the order in which they are explained.
MARKS: Mapping[str, str] = {
    "↓": "lower is better",
    "↑": "higher is better",
    "[low, high]": "95 % interval",
    "[≤ bound]": "upper 95 % bound",
    "~": "not separable from the reference: the interval of the ratio holds 1, or what the noise floor allows",
    "=": "after a rank: shared with rows that cannot be told apart",
    "n<": "fewer samples than this percentile needs",
    "-": "not measured, or not published: the verdict says why",
}


@dataclass(frozen=True)
class Cell:
    """`text` may come from outside and is escaped by every format; `interval` is ours.

    `raw` holds the numbers in full by what follows the column's key in CSV ("" for the value itself); `note` is a
    reason that is told below the table; `marks` are keys of `MARKS` that the text uses.
    """

    text: str
    interval: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Kind:
    """How values of one sort become cells; `raw` are the columns that they take in CSV."""

    show: Callable[[Any, float], Cell]
    raw: tuple[str, ...] = ("",)
    left: bool = False


def _text(value: str, _: float) -> Cell:
    return Cell(value, raw={"": value})


def _count(value: int, _: float) -> Cell:
    return Cell(str(value), raw={"": value})


def _number(value: float, scale: float) -> Cell:
    return Cell(alone(value * scale), raw={"": value})


def _small(value: float, scale: float) -> Cell:
    return Cell(small(value * scale), raw={"": value})


def _loss(cosine: float, _: float) -> Cell:
    """Return how much a cosine lacks: 0.9999 and 0.99999 look alike, 1e-4 and 1e-5 do not."""
    return Cell(small(max(0.0, 1 - cosine)), raw={"": cosine})


def _rank(value: tuple[int, bool], _: float) -> Cell:
    rank, tied = value
    return Cell(f"{rank}=" if tied else str(rank), raw={"": rank}, marks=frozenset("=" if tied else ""))


def _estimate(value: Estimate, scale: float, least_decimals: int | None = None) -> Cell:
    text, interval = spelled(value, scale, least_decimals)
    raw = {"": value.value, "low": value.low, "high": value.high, "n": value.n}
    return Cell(text, interval, raw, marks=frozenset(["[low, high]"] if interval else []))


def _median(value: tuple[Estimate, Percentile | None], scale: float) -> Cell:
    estimate, percentile = value
    shown = _estimate(estimate, scale)
    if percentile is not None and percentile.value is None:
        return Cell(f"n<{percentile.needed}", raw=shown.raw, marks=frozenset(["n<"]))
    return shown


def _percentile(value: Percentile, scale: float) -> Cell:
    raw = {"": value.value, "n": value.n, "needed": value.needed}
    if value.value is None:
        return Cell(f"n<{value.needed}", raw=raw, marks=frozenset(["n<"]))
    return Cell(alone(value.value * scale), raw=raw)


def _ratio(value: tuple[Ratio, bool], scale: float) -> Cell:
    ratio, is_reference = value
    shown = _estimate(ratio.estimate, scale)
    raw = {**shown.raw, "separable": ratio.separable, "paired": ratio.paired, "reference": ratio.reference}
    if is_reference:
        return Cell("reference", raw=raw)
    if ratio.separable:
        return Cell(shown.text, shown.interval, raw, marks=shown.marks)
    return Cell("~", shown.interval, raw, marks=shown.marks | {"~"})


def _disagreement(value: Disagreement, _: float) -> Cell:
    upper = value.upper_per_ten_thousand
    raw = {"": value.per_ten_thousand, "upper": upper, "count": value.count, "images": value.images}
    return Cell(alone(value.per_ten_thousand), f"[≤ {upwards(upper)}]", raw, marks=frozenset(["[≤ bound]"]))


def _score(value: Score, scale: float) -> Cell:
    if value.estimate is None:
        return Cell("undefined", raw={"reason": value.reason}, note=value.reason)
    shown = _estimate(value.estimate, scale, least_decimals=1)
    return Cell(shown.text, shown.interval, {**shown.raw, "reason": value.reason}, marks=shown.marks)


def _face_test(value: FaceTest, _: float) -> Cell:
    raw = {
        "": value.p, "differing": value.differing, "reference_only": value.reference_only, "own_only": value.own_only,
        "faces": value.faces,
    }  # fmt: skip
    return Cell(alone(value.p, 2) if value.p >= 1e-4 else "<0.0001", raw=raw)


def _break_even(value: BreakEven, _: float) -> Cell:
    raw = {"": value.calls, "low": value.low, "high": value.high, "reference": value.reference, "reason": value.reason}
    if value.calls is None:
        return Cell("none", raw=raw, note=value.reason)
    if value.low is None:
        return Cell(str(value.calls), raw=raw)
    bounds = f"[{value.low}, {'never' if value.high is None else value.high}]"
    return Cell(str(value.calls), bounds, raw, marks=frozenset(["[low, high]"]))


def _verdict(value: tuple[str, str], _: float) -> Cell:
    verdict, reason = value
    return Cell(verdict, raw={"": verdict, "reason": reason}, note=reason)


INTERVAL = ("", "low", "high", "n")
TEXT = Kind(_text, left=True)
COUNT = Kind(_count)
NUMBER = Kind(_number)
SMALL = Kind(_small)
LOSS = Kind(_loss)
RANK = Kind(_rank)
ESTIMATE = Kind(_estimate, INTERVAL)
MEDIAN = Kind(_median, INTERVAL)
PERCENTILE = Kind(_percentile, ("", "n", "needed"))
RATIO = Kind(_ratio, (*INTERVAL, "separable", "paired", "reference"))
DISAGREEMENT = Kind(_disagreement, ("", "upper", "count", "images"))
SCORE = Kind(_score, (*INTERVAL, "reason"))
FACE_TEST = Kind(_face_test, ("", "differing", "reference_only", "own_only", "faces"))
BREAK_EVEN = Kind(_break_even, ("", "low", "high", "reference", "reason"))
VERDICT = Kind(_verdict, ("", "reason"), left=True)
