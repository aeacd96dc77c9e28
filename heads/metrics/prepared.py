"""What all groups of one evaluation share, computed once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from heads.metrics.options import EvaluateOptions
from heads.metrics.reasons import REASONS, Absence, Situation, absence, hard_scores
from heads.metrics.resampling import people_of
from heads.metrics.scores import Scores
from heads.metrics.slices import Slice
from heads.metrics.sums import Sums, Tally, face_cells
from heads.metrics.values import Interval

Array = np.ndarray[Any, Any]
WITH_ABSTENTION = ("coverage", "accuracy_answered")


@dataclass(frozen=True, eq=False)
class Prepared:
    """Scores with `people` (faces,) integers and `cells` (faces,) bool by name; `hard` says why scores cannot rank."""

    scores: Scores
    options: EvaluateOptions
    people: Array
    cells: Mapping[str, Array]
    hard: str

    @property
    def clustered(self) -> bool:
        """Return whether some person has several faces."""
        return int(self.people.max()) + 1 < len(self.people)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return the names of the metrics that apply."""
        return tuple(name for name in REASONS if self.scores.abstains or name not in WITH_ABSTENTION)

    def told(self, interval: Interval | None) -> Interval | None:
        """Return an interval made from draws, saying that people were drawn where it makes a difference."""
        if interval is None or not self.clustered:
            return interval
        return replace(interval, method=f"{interval.method} by identity")

    def sums(self, group: Slice) -> Sums:
        """Return the sums over the faces of a group."""
        return Tally(self.scores, self.options.bins, group.faces).sums()

    def absences(self, group: Slice) -> dict[str, Absence]:
        """Return the metrics that are undefined in a group, and why."""
        situation = Situation(self.sums(group), self.scores.labels, self.hard)
        found = {name: absence(name, situation) for name in self.metrics}
        return {name: reason for name, reason in found.items() if reason is not None}


def prepare(scores: Scores, options: EvaluateOptions) -> Prepared:
    """Compute what all groups share."""
    return Prepared(
        scores,
        options,
        people_of(scores.identities),
        face_cells(scores),
        hard_scores(scores.probabilities),
    )
