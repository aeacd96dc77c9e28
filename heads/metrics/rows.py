"""The metrics of one group of faces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heads.metrics.draws import NOISE
from heads.metrics.formulas import FORMULAS, PROPORTIONS
from heads.metrics.intervals import bootstrap_interval, calibration_interval, proportion_interval
from heads.metrics.prepared import Prepared
from heads.metrics.ranking import RANKED, Ranking
from heads.metrics.reasons import Absence
from heads.metrics.slices import Slice
from heads.metrics.values import Value

Array = np.ndarray[Any, Any]
BOUNDS = {"mcc": (-1.0, 1.0), "log_loss": (0.0, float("inf"))}
# With fewer, intervals of the calibration error held the true one in half of the cases only, when that was tried.
FACES_PER_BIN = 10


@dataclass(frozen=True)
class Row:
    """The metrics of one group of faces; `small` says why they are to be read with care, "" where they need not be."""

    where: tuple[tuple[str, str], ...]
    n: int
    people: int
    positives: int
    metrics: Mapping[str, Value]
    small: str = ""

    @property
    def negatives(self) -> int:
        """Return how many faces have the negative label."""
        return self.n - self.positives

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that were crossed, none for all faces."""
        return tuple(column for column, _ in self.where)

    @property
    def name(self) -> str:
        """Return what the group is, such as "race=Black, label=female"."""
        return ", ".join(f"{column}={value}" for column, value in self.where) or "all faces"


def measure(prepared: Prepared, group: Slice, absences: Mapping[str, Absence], draws: Mapping[str, Array]) -> Row:
    """Return the metrics of a group; `draws` holds the resampled values (resamples,) of those that have no formula."""
    people = len(np.unique(prepared.people[group.faces]))
    values = {}
    for name in prepared.metrics:
        if name in absences:
            values[name] = _undefined(prepared, group, name, absences[name])
        elif name in PROPORTIONS:
            values[name] = _proportion(prepared, group, name)
        else:
            values[name] = _drawn(prepared, group, name, draws)
    positives = int(prepared.scores.targets[group.faces].sum())
    return Row(group.where, len(group.faces), people, positives, values, _small(prepared, len(group.faces), people))


def _small(prepared: Prepared, faces: int, people: int) -> str:
    least = prepared.options.small
    if faces < least:
        return f"fewer than {least} faces"
    return f"fewer than {least} people" if people < least else ""


def _undefined(prepared: Prepared, group: Slice, name: str, reason: Absence) -> Value:
    resting = len(_among(prepared, group, name)) if name in PROPORTIONS else len(group.faces)
    return Value(None, resting, reason.why, structural=reason.forced is not None, forced=reason.forced)


def _among(prepared: Prepared, group: Slice, name: str) -> Array:
    """Return the places of the faces that a proportion is taken of."""
    faces: Array = group.faces[_any(prepared, PROPORTIONS[name][1], group.faces)]
    return faces


def _any(prepared: Prepared, names: Sequence[str], faces: Array) -> Array:
    found: Array = np.logical_or.reduce([prepared.cells[name][faces] for name in names])
    return found


def _proportion(prepared: Prepared, group: Slice, name: str) -> Value:
    among = _among(prepared, group, name)
    hits = _any(prepared, PROPORTIONS[name][0], among)
    interval, note = proportion_interval(hits, prepared.people[among], prepared.options.level)
    return Value(float(hits.mean()), len(among), interval=interval, note=note)


def _drawn(prepared: Prepared, group: Slice, name: str, draws: Mapping[str, Array]) -> Value:
    value, level = metric_value(prepared, group, name), prepared.options.level
    if name != "ece":
        interval, note = bootstrap_interval(draws[name], level, BOUNDS.get(name, (0, 1)))
    elif len(group.faces) < FACES_PER_BIN * prepared.options.bins:
        interval, note = None, f"fewer than {FACES_PER_BIN} faces for each bin"
    else:
        interval, note = calibration_interval(value, draws[name], draws[NOISE], level)
    return Value(value, len(group.faces), interval=prepared.told(interval), note=note)


def metric_value(prepared: Prepared, group: Slice, name: str) -> float:
    """Return a metric that is defined in a group."""
    if name not in RANKED:
        return float(FORMULAS[name](prepared.sums(group)))
    scores = prepared.scores
    ranking = Ranking(scores.probabilities[group.faces], scores.targets[group.faces])
    both = dict(zip(RANKED, ranking.measure(np.ones((1, len(group.faces)))), strict=True))
    return float(both[name][0])
