"""ROC AUC and average precision from scores, for many weightings of the same faces at once.

scikit-learn computes one at a time, too slow for a thousand resamples; tests hold these to its results.
"""

from typing import Any

import numpy as np

from heads.metrics.formulas import ratio

Array = np.ndarray[Any, Any]
RANKED = ("roc_auc", "average_precision")


class Ranking:
    """The order that scores give to faces, prepared once; ties count half in the AUC and together in the precision."""

    def __init__(self, probabilities: Array, targets: Array) -> None:
        self._positives = _ascending(probabilities, np.flatnonzero(targets))
        self._negatives = _ascending(probabilities, np.flatnonzero(~targets))
        high, low = probabilities[self._positives], probabilities[self._negatives]
        self._below = np.searchsorted(low, high, side="left")  # negatives below each positive ...
        self._not_above = np.searchsorted(low, high, side="right")  # ... and those not above it
        self._first_tie = np.searchsorted(high, high, side="left")

    def measure(self, weights: Array) -> tuple[Array, Array]:
        """Return (draws,) ROC AUC and (draws,) average precision for weights (draws, faces).

        The AUC is the probability that a positive scores above a negative (Hanley and McNeil 1982); the average
        precision is the sum over thresholds of precision times the gain in recall, without interpolation.
        """
        positive = weights[:, self._positives]
        below = _cumulated(weights[:, self._negatives])
        among = _cumulated(positive)
        negatives, positives = below[:, -1], among[:, -1]
        beaten = below[:, self._below] + below[:, self._not_above]
        auc = ratio(_row_sums(positive, beaten), 2 * positives.astype(np.float64) * negatives)
        true = positives[:, None] - among[:, self._first_tie]
        said = true + (negatives[:, None] - below[:, self._below])
        precision = np.divide(true, said, out=np.zeros_like(true), where=said > 0)
        return auc, ratio(_row_sums(positive, precision), positives)


def _ascending(probabilities: Array, chosen: Array) -> Array:
    ordered: Array = chosen[np.argsort(probabilities[chosen], kind="stable")]
    return ordered


def _cumulated(weights: Array) -> Array:
    """Return (draws, faces + 1): the weight of all faces before each place."""
    totals = np.zeros((len(weights), weights.shape[1] + 1), weights.dtype)
    np.cumsum(weights, axis=1, out=totals[:, 1:])
    return totals


def _row_sums(left: Array, right: Array) -> Array:
    summed: Array = np.einsum("ij,ij->i", left, right, dtype=np.float64)
    return summed
