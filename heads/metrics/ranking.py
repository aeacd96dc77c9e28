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
        positive = np.take(weights, self._positives, axis=1)
        below = _cumulated(np.take(weights, self._negatives, axis=1))
        among = _cumulated(positive)
        negatives, positives = below[:, -1], among[:, -1]
        beaten = np.take(below, self._below, axis=1) + np.take(below, self._not_above, axis=1)
        auc = ratio(_row_sums(positive, beaten), 2 * positives.astype(np.float64) * negatives)
        true = positives[:, None] - np.take(among, self._first_tie, axis=1)
        said = true + (negatives[:, None] - np.take(below, self._below, axis=1))
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
