"""What heads are chosen by: how well their logits fit the validation faces."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from converters.ops import Array
from heads.training.options import SELECTIONS


@dataclass(frozen=True)
class Scores:
    """Of one head on the validation faces: log loss, and shares of right answers where a logit from 0 on is a yes.

    `macro` is the mean of both labels' recalls, `worst_group` the lowest accuracy of a group (None: not asked for).
    """

    loss: float
    accuracy: float
    macro: float
    worst_group: float | None = None

    def key(self, selection: str) -> tuple[float, float]:
        """Return what is larger for a better head; among equal shares the lower loss is better."""
        value = {"loss": -self.loss, "accuracy": self.accuracy, "macro": self.macro, "worst-group": self.worst_group}
        chosen = value[selection]
        assert chosen is not None and tuple(value) == SELECTIONS
        return chosen, -self.loss


def scores(logits: Array, targets: Array, groups: Array | None = None) -> list[Scores]:
    """Score each row of logits (heads, faces); `groups` (faces,) numbers groups from 0 on, -1 belongs to none."""
    right = (logits >= 0) == (targets > 0)
    positive = targets > 0
    losses = log_loss(logits, targets)
    macro = (right[:, positive].mean(1) + right[:, ~positive].mean(1)) / 2
    worst: list[Any] = [None] * len(logits) if groups is None else [_worst(row, groups) for row in right]
    return [
        Scores(float(loss), float(share), float(both), lowest)
        for loss, share, both, lowest in zip(losses, right.mean(1), macro, worst, strict=True)
    ]


def log_loss(logits: Array, targets: Array) -> Array:
    """Return the mean of -log p(target) over the last axis, in float64 and without overflow."""
    values = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # what is not a number is dealt with by name
        return np.asarray((np.logaddexp(0, values) - targets * values).mean(-1))


def _worst(right: Array, groups: Array) -> float:
    known = groups >= 0
    counts = np.bincount(groups[known])
    hits = np.bincount(groups[known], weights=right[known])
    return float((hits[counts > 0] / counts[counts > 0]).min())
