"""What almost every metric is computed from: sums over faces, which stay sums when faces are drawn again."""

from typing import Any

import numpy as np

from heads.metrics.scores import Scores

Array = np.ndarray[Any, Any]
CELLS = ("tp", "fp", "fn", "tn")
NAMES = (*CELLS, "answered", "answered_right", "surprise")
BIN = ("faces", "probability", "positive")


def face_columns(scores: Scores, bins: int) -> Array:
    """Return (faces, NAMES and then BIN for each bin) float64: what each face adds to each sum.

    `surprise` is -log of the probability of the face's own label, which is infinite where that was 0.
    """
    right = scores.predicted == scores.targets
    own = np.where(scores.targets, scores.probabilities, 1 - scores.probabilities)
    with np.errstate(divide="ignore"):
        surprise = -np.log(own)
    plain = (
        scores.predicted & scores.targets,
        scores.predicted & ~scores.targets,
        ~scores.predicted & scores.targets,
        ~scores.predicted & ~scores.targets,
        scores.answered,
        scores.answered & right,
        surprise,
    )
    member = np.eye(bins)[bin_of(scores.probabilities, bins)]
    binned = np.stack((member, member * scores.probabilities[:, None], member * scores.targets[:, None]), axis=-1)
    return np.concatenate((np.stack(plain, axis=1).astype(np.float64), binned.reshape(len(scores), -1)), axis=1)


def bin_of(probabilities: Array, bins: int) -> Array:
    """Return (faces,) the bin of each probability: equal widths from 0 to 1, the upper end belongs to the next bin."""
    found: Array = np.minimum((probabilities * bins).astype(int), bins - 1)
    return found


class Sums:
    """Sums by their names; each is a number or, for many draws of the faces, an array (draws,)."""

    def __init__(self, array: Array) -> None:
        """Take (..., columns) in the order of `face_columns`."""
        self.tp, self.fp, self.fn, self.tn, self.answered, self.answered_right, self.surprise = (
            array[..., place] for place in range(len(NAMES))
        )
        self.bins: Array = array[..., len(NAMES) :].reshape(*array.shape[:-1], -1, len(BIN))

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
