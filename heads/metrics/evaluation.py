"""What is said of a head on a set of faces: metrics of all groups, the worst of them, and what to look into."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heads.metrics.draws import draw
from heads.metrics.intervals import bootstrap_interval
from heads.metrics.options import EvaluateOptions
from heads.metrics.prepared import Prepared, prepare
from heads.metrics.rows import Row, measure
from heads.metrics.scores import Scores
from heads.metrics.slices import slices
from heads.metrics.values import Value

Array = np.ndarray[Any, Any]
RANKED_BY = "accuracy"  # the one metric that every group has


@dataclass(frozen=True)
class Gap:
    """How far accuracy lies apart between the best and the worst group of some columns.

    The interval is that of the difference between these two groups. `small` counts the groups that were not ranked,
    because they have too few faces or people.
    """

    columns: tuple[str, ...]
    worst: Row
    best: Row
    difference: Value
    small: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The metrics of a head: `rows` with all faces first, `gaps` for each combination of columns with several groups.

    `clustered` says that some people have several faces, so that intervals were made person by person.
    """

    scores: Scores
    options: EvaluateOptions
    rows: tuple[Row, ...]
    gaps: tuple[Gap, ...]
    warnings: tuple[str, ...]
    clustered: bool

    @property
    def unranked(self) -> tuple[tuple[str, ...], ...]:
        """Return the columns, and crossings, without a worst group: all but one of their groups are too small."""
        groups = [row.columns for row in self.rows if row.columns]
        ranked = {gap.columns for gap in self.gaps}
        return tuple(
            columns for columns in dict.fromkeys(groups) if groups.count(columns) > 1 and columns not in ranked
        )

    @property
    def overall(self) -> Row:
        """Return the metrics of all faces."""
        return self.rows[0]

    def row(self, **where: str) -> Row:
        """Return one group's metrics; KeyError where there is no such group."""
        for row in self.rows:
            if dict(row.where) == where:
                return row
        raise KeyError(where)


def evaluate(scores: Scores, options: EvaluateOptions | None = None) -> Evaluation:
    """Measure a head on faces with known labels; DataError where a group column is not there."""
    options = options or EvaluateOptions()
    prepared = prepare(scores, options)
    groups = list(slices(scores, options.by, options.crossings))
    absences = [prepared.absences(group) for group in groups]
    wanted = [[name for name in prepared.metrics if name not in missing] for missing in absences]
    draws = draw(prepared, groups, wanted)
    rows = [measure(prepared, *parts) for parts in zip(groups, absences, draws, strict=True)]
    gaps = _gaps(rows, [drawn[RANKED_BY] for drawn in draws], prepared)
    return Evaluation(scores, options, tuple(rows), gaps, tuple(_warnings(rows[0], prepared)), prepared.clustered)


def _gaps(rows: Sequence[Row], draws: Sequence[Array], prepared: Prepared) -> tuple[Gap, ...]:
    gaps = []
    for columns in dict.fromkeys(row.columns for row in rows if row.columns):
        places = [place for place, row in enumerate(rows) if row.columns == columns]
        large = [place for place in places if not rows[place].small]
        if len(large) < 2:
            continue
        ranked = sorted(large, key=lambda place: rows[place].metrics[RANKED_BY].number)
        worst, best = ranked[0], ranked[-1]
        difference = _difference(rows[worst], rows[best], draws[best] - draws[worst], prepared)
        gaps.append(Gap(columns, rows[worst], rows[best], difference, len(places) - len(large)))
    return tuple(gaps)


def _difference(worst: Row, best: Row, draws: Array, prepared: Prepared) -> Value:
    low, high = worst.metrics[RANKED_BY].number, best.metrics[RANKED_BY].number
    interval, note = bootstrap_interval(draws, prepared.options.level, (-1, 1))
    return Value(high - low, worst.n + best.n, interval=prepared.told(interval), note=note)


def _warnings(overall: Row, prepared: Prepared) -> list[str]:
    scores = prepared.scores
    accuracy = overall.metrics["accuracy"].number
    found = []
    if accuracy < 0.5:
        found.append(
            f"accuracy is {accuracy:.1%}, below one half: the labels may be inverted; "
            f"check that '{scores.labels[1]}' is the positive label and how the data set codes its labels"
        )
    if len(np.unique(scores.predicted)) == 1 and len(scores) > 1:
        said = scores.labels[int(scores.predicted[0])]
        found.append(f"every face was predicted {said}: the head does not tell its labels apart at this threshold")
    if not (overall.positives and overall.negatives):
        only = scores.labels[int(bool(overall.positives))]
        found.append(f"every face is labelled {only}: most metrics need faces of both labels")
    if prepared.hard:
        found.append(f"ROC AUC and average precision are undefined: {prepared.hard}")
    if overall.small:
        found.append(f"there are {overall.small}: intervals are wide, and metrics may move much with other faces")
    return found
