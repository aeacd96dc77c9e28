"""What almost every metric is computed from: sums over faces, which stay sums when faces are drawn again."""

from typing import Any

import numpy as np

from heads.metrics.scores import Scores

Array = np.ndarray[Any, Any]
CELLS = ("tp", "fp", "fn", "tn")
# What is summed of each kind of faces.
AMOUNTS = ("faces", "probability", "surprise")


def face_cells(scores: Scores) -> dict[str, Array]:
    """Return (faces,) bool by name: the cell of the confusion matrix that a face is in, and whether it was answered."""
    target, said, answered = scores.targets, scores.predicted, scores.answered
    return {
        "tp": said & target,
        "fp": said & ~target,
        "fn": ~said & target,
        "tn": ~said & ~target,
        "answered": answered,
        "answered_right": answered & (said == target),
    }


def bin_of(probabilities: Array, bins: int) -> Array:
    """Return (faces,) the bin of each probability: equal widths from 0 to 1, the upper end belongs to the next bin."""
    found: Array = np.minimum((probabilities * bins).astype(int), bins - 1)
    return found


class Sums:
    """Sums by their names; each is a number or, for many draws of the faces, an array (draws,).

    `surprise` is -log of the probability of a face's own label; `bins` (..., bins, 3) holds the number of faces, the
    sum of their probabilities and the number of positives.
    """

    def __init__(self, array: Array) -> None:
        """Take (..., bins, target, predicted, answered, AMOUNTS), the middle ones no and yes."""
        faces: Array = array[..., 0]
        cells: Array = faces.sum(axis=(-4, -1))
        self.tn: Array = cells[..., 0, 0]
        self.fp: Array = cells[..., 0, 1]
        self.fn: Array = cells[..., 1, 0]
        self.tp: Array = cells[..., 1, 1]
        answered = faces[..., 1].sum(axis=-3)
        self.answered = answered.sum(axis=(-2, -1))
        self.answered_right = answered[..., 0, 0] + answered[..., 1, 1]
        self.surprise = array[..., 2].sum(axis=(-4, -3, -2, -1))
        kinds = (-3, -2, -1)
        positives = faces[..., 1, :, :].sum(axis=(-2, -1))
        self.bins: Array = np.stack((faces.sum(axis=kinds), array[..., 1].sum(axis=kinds), positives), axis=-1)

    @property
    def faces(self) -> Array:
        """Return how many faces were summed."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def positives(self) -> Array:
        """Return how many have the positive label."""
        return self.tp + self.fn

    @property
    def negatives(self) -> Array:
        """Return how many have the negative label."""
        return self.tn + self.fp

    def named(self, *names: str) -> Array:
        """Return the sum of several sums."""
        total: Array = np.sum([getattr(self, name) for name in names], axis=0)
        return total


class Tally:
    """Some faces, ordered by their kind (bin, label, prediction, answered or not), so that each kind is one stretch.

    A product of matrices would do as well, but its threads cost a hundred times its own time on a busy machine.
    """

    def __init__(self, scores: Scores, bins: int, faces: Array) -> None:
        """Take the places of the faces among those of `scores`; an infinite surprise is summed by `sums` alone."""
        likely, target = scores.probabilities[faces], scores.targets[faces]
        kinds = bin_of(likely, bins)
        for yes in (target, scores.predicted[faces], scores.answered[faces]):
            kinds = 2 * kinds + yes
        order = np.argsort(kinds, kind="stable")
        self.faces: Array = faces[order]
        self._kinds, self._starts = np.unique(kinds[order], return_index=True)
        self._shape = (bins, 2, 2, 2, len(AMOUNTS))
        with np.errstate(divide="ignore"):
            surprise = -np.log(np.where(target, likely, 1 - likely))
        self._amounts = (likely[order], surprise[order])

    def sums(self) -> Sums:
        """Return the sums over the faces themselves."""
        return self._summed(np.ones((1, len(self.faces))), self._amounts, 0)

    def drawn(self, weights: Array) -> Sums:
        """Return the sums for weights (draws, faces) in the order of `faces`; each sum is (draws,)."""
        # An infinite surprise is undefined anyway, but 0 times infinity would be no number at all.
        finite = [np.where(np.isfinite(amount), amount, 0).astype(weights.dtype) for amount in self._amounts]
        return self._summed(weights, finite, slice(None))

    def _summed(self, weights: Array, amounts: Any, draws: Any) -> Sums:
        found = np.zeros((len(weights), int(np.prod(self._shape[:-1])), len(AMOUNTS)))
        found[:, self._kinds, 0] = np.add.reduceat(weights, self._starts, axis=1)
        for place, amount in enumerate(amounts, 1):
            found[:, self._kinds, place] = np.add.reduceat(weights * amount, self._starts, axis=1, dtype=np.float64)
        return Sums(found.reshape(-1, *self._shape)[draws])
