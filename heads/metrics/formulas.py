"""Metrics as formulas over sums; NaN where a formula is 0/0, whose reason `reasons.py` gives."""

from collections.abc import Callable
from typing import Any

import numpy as np

from heads.metrics.sums import CELLS, Sums

Array = np.ndarray[Any, Any]


def ratio(part: Array, whole: Array) -> Array:
    """Return part / whole, NaN where the whole is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    nothing = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    divided: Array = np.divide(part, whole, out=nothing, where=whole != 0)
    return divided


def balanced_accuracy(sums: Sums) -> Array:
    """Compute (tp / (tp + fn) + tn / (tn + fp)) / 2."""
    return (ratio(sums.tp, sums.positives) + ratio(sums.tn, sums.negatives)) / 2


def f1(sums: Sums) -> Array:
    """Compute 2 tp / (2 tp + fp + fn), the harmonic mean of precision and recall."""
    return ratio(2 * sums.tp, 2 * sums.tp + sums.fp + sums.fn)


def mcc(sums: Sums) -> Array:
    """Compute (tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn)) (Matthews 1975)."""
    # Root by root: the product of four counts leaves float32's range.
    roots = [np.sqrt(np.asarray(part, np.float64)) for part in (sums.tp + sums.fp, sums.positives)]
    roots += [np.sqrt(np.asarray(part, np.float64)) for part in (sums.negatives, sums.tn + sums.fn)]
    product = np.asarray(sums.tp, np.float64) * sums.tn - np.asarray(sums.fp, np.float64) * sums.fn
    return ratio(product, roots[0] * roots[1] * roots[2] * roots[3])


def log_loss(sums: Sums) -> Array:
    """Compute the mean of -log(probability of the face's own label), natural logarithm."""
    return ratio(sums.surprise, sums.faces)


def calibration_error(sums: Sums) -> Array:
    """Compute ECE: the mean over faces of |mean probability - fraction of positives| of the face's bin."""
    gap = np.abs(sums.bins[..., 1] - sums.bins[..., 2]).sum(axis=-1)
    return ratio(gap, sums.faces)


def calibration_noise(sums: Sums, known: Sums) -> Array:
    """Compute the ECE that draws of the faces would show if every bin of all the faces, `known`, were exactly right."""
    off = ratio(known.bins[..., 1] - known.bins[..., 2], known.bins[..., 0])
    moved = sums.bins[..., 1] - sums.bins[..., 2] - sums.bins[..., 0] * np.nan_to_num(off)
    return ratio(np.abs(moved).sum(axis=-1), sums.faces)


# Proportions of faces: which sums are counted, among which.
PROPORTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "accuracy": (("tp", "tn"), CELLS),
    "precision": (("tp",), ("tp", "fp")),
    "recall": (("tp",), ("tp", "fn")),
    "specificity": (("tn",), ("tn", "fp")),
    "coverage": (("answered",), CELLS),
    "accuracy_answered": (("answered_right",), ("answered",)),
}


def proportion(name: str) -> Callable[[Sums], Array]:
    """Return the formula of one of PROPORTIONS."""
    part, whole = PROPORTIONS[name]
    return lambda sums: ratio(sums.named(*part), sums.named(*whole))


FORMULAS: dict[str, Callable[[Sums], Array]] = {
    **{name: proportion(name) for name in PROPORTIONS},
    "f1": f1,
    "balanced_accuracy": balanced_accuracy,
    "mcc": mcc,
    "log_loss": log_loss,
    "ece": calibration_error,
}
