"""The runs of a training side by side: what meets a threshold is coloured, and the best of each column."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from converters.errors import did_you_mean
from heads.errors import DataError, UsageError

SAME_RUN_BUT_FOR_SEEDS = ("recipe", "learning_rate", "point")
MEASURED = re.compile(r"(val|train|test)_|loss|accuracy|seconds|_ms$")


@dataclass(frozen=True)
class Threshold:
    """What a column of runs should reach: `limit` at least, or at most."""

    column: str
    limit: float
    at_least: bool = True

    def met(self, value: float) -> bool:
        """Return whether a value reaches the limit; NaN does not."""
        return value >= self.limit if self.at_least else value <= self.limit

    @property
    def text(self) -> str:
        """Return the threshold as it is typed."""
        return f"{self.column}{'>=' if self.at_least else '<='}{self.limit:g}"


@dataclass(frozen=True)
class Cell:
    """What stands in a table of runs; `meets` a threshold, is the `best` of its column."""

    text: str
    meets: bool = False
    best: bool = False


@dataclass(frozen=True)
class Sweep:
    """A table of runs; `chosen` says for each whether it became the head."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    chosen: tuple[bool, ...]


def parse_threshold(text: str) -> Threshold:
    """Return the threshold that "val_accuracy>=0.9" or "seconds<=110" states; UsageError for anything else."""
    found = re.fullmatch(r"\s*([\w ]+?)\s*(>=|<=)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*", text)
    if not found:
        raise UsageError(f"'{text}' is no threshold; write a column, >= or <=, and a number: val_accuracy>=0.9")
    return Threshold(found[1], float(found[3]), at_least=found[2] == ">=")


def sweep(runs: pd.DataFrame, thresholds: Sequence[Threshold] = ()) -> Sweep:
    """Return runs as a coloured table; DataError where a threshold's column is missing or holds no numbers.

    The best of a column is the value farthest on the right side of its threshold, met or not.
    """
    _check(runs, thresholds)
    shown = [name for name in runs.columns if name != "chosen" and not _empty(runs[name])]
    limits = {threshold.column: threshold for threshold in thresholds}
    columns = [_column(runs[name], limits.get(name)) for name in shown]
    chosen = runs["chosen"].astype(str).str.lower().eq("true") if "chosen" in runs.columns else [False] * len(runs)
    return Sweep(tuple(map(str, shown)), tuple(zip(*columns, strict=True)), tuple(map(bool, chosen)))


def spread(runs: pd.DataFrame) -> Sweep | None:
    """Return means and standard deviations over runs that differ in their seeds alone, None where there are none."""
    keys = [name for name in SAME_RUN_BUT_FOR_SEEDS if name in runs.columns and not _empty(runs[name])]
    values = [name for name in runs.columns if MEASURED.search(str(name)) and pd.api.types.is_numeric_dtype(runs[name])]
    values = [name for name in values if not _empty(runs[name])]
    if not keys or not values or "seed" not in " ".join(map(str, runs.columns)):
        return None
    parts = [(key, part) for key, part in runs.groupby(keys, sort=False, dropna=False) if len(part) > 1]
    rows = [
        (*(Cell(_text(one)) for one in key), Cell(str(len(part))), *(_mean(part[name]) for name in values))
        for key, part in parts
    ]
    header = (*keys, "runs", *(f"{name}, mean ± sd" for name in values))
    return Sweep(header, tuple(rows), (False,) * len(rows)) if rows else None


def _check(runs: pd.DataFrame, thresholds: Sequence[Threshold]) -> None:
    known = [str(name) for name in runs.columns]
    problems = []
    for one in thresholds:
        if one.column not in known:
            hint = did_you_mean(one.column, known)
            problems.append(f"{one.text}: the runs have no column '{one.column}', but {', '.join(known)}{hint}")
        elif not pd.api.types.is_numeric_dtype(runs[one.column]):
            problems.append(f"{one.text}: the column '{one.column}' of the runs does not hold numbers")
    if runs.empty:
        problems.append("there is no run to show")
    if problems:
        raise DataError(problems)


def _empty(column: Any) -> bool:
    return bool(column.isna().all() or (column.astype(str) == "").all())


def _column(values: Any, threshold: Threshold | None) -> list[Cell]:
    if threshold is None or _empty(values):
        return [Cell(_text(value)) for value in values]
    best = values.max() if threshold.at_least else values.min()
    return [Cell(_text(value), threshold.met(value), bool(value == best)) for value in values]


def _mean(values: Any) -> Cell:
    return Cell(f"{values.mean():.4g} ± {values.std():.2g}")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"  # noqa: PLR0124 - NaN alone differs from itself
    return str(value)
