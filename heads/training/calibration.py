"""From logits to decisions, on the validation faces: temperature, threshold and abstention band."""

from typing import Any

import numpy as np

from converters.ops import Array
from heads.errors import TrainingError
from heads.models.head import Calibration
from heads.training.options import TrainOptions
from heads.training.selection import log_loss

LOWEST, HIGHEST = 1e-4, 1e6  # temperatures that are looked among
# Outside a band that hardly any face is outside of, no accuracy means anything.
LEAST_OUTSIDE = 10


def calibrate(logits: Array, targets: Array, options: TrainOptions) -> tuple[Calibration, dict[str, Any], list[str]]:
    """Return how to decide, how that was found (for the facts), and warnings.

    TrainingError where no band reaches the accuracy that is asked for.
    """
    temperature, reason = fit_temperature(logits, targets)
    scaled = logits.astype(np.float64) / temperature
    cut, how = _cut(scaled, targets, options.threshold)
    threshold = float(_sigmoid(cut))
    low, high, band = _band(scaled, targets, cut, options)
    how_found = {
        "faces": len(targets),
        "temperature": reason or "lowest log loss on the validation faces",
        "log_loss_before": float(log_loss(logits, targets)),
        "log_loss_after": float(log_loss(scaled, targets)),
        "threshold": how,
        "abstention": band,
    }
    warnings = [f"the temperature stays 1: {reason}"] if reason else []
    return Calibration(temperature, threshold, low, high), how_found, warnings


def fit_temperature(logits: Array, targets: Array) -> tuple[float, str]:
    """Return the temperature of the lowest log loss of sigmoid(logit / temperature), or 1 and why there is none.

    Guo et al. 2017, section 4.2. The loss is convex in b = 1 / temperature, its slope mean(logit * (sigmoid(b * logit)
    - target)) rises with b: halving intervals finds where it crosses 0.
    """
    values = logits.astype(np.float64)

    def slope(temperature: float) -> float:
        return float((values * (_sigmoid(values / temperature) - targets)).mean())

    if not np.isfinite(values).all():
        return 1.0, "there are logits that are no finite numbers"
    if slope(HIGHEST) >= 0:
        return 1.0, "the logits say nothing of the validation faces' labels, or their opposite"
    if slope(LOWEST) <= 0:
        return 1.0, "the logits part the validation faces without an error, so every lower temperature fits better"
    low, high = np.log(LOWEST), np.log(HIGHEST)
    for _ in range(100):
        middle = (low + high) / 2
        # A slope above 0 asks for a smaller b, a higher temperature.
        low, high = (middle, high) if slope(float(np.exp(middle))) > 0 else (low, middle)
    return float(np.exp((low + high) / 2)), ""


def _cut(scaled: Array, targets: Array, wanted: str | float) -> tuple[float, str]:
    """Return from which scaled logit on the positive label is said, and how that was chosen."""
    if not isinstance(wanted, str):
        return float(np.log(wanted / (1 - wanted))), "stated"
    if wanted == "half":
        return 0.0, "half: the more probable label"
    values, positive, negative = _counts_from(scaled, targets)
    total, others = targets.sum(), (1 - targets).sum()
    # Counts among those at or above each value: what is said to be positive when the cut is just below it.
    if wanted == "f1":
        quality = 2 * positive / (positive + negative + total)
    else:
        quality = (positive / total + 1 - negative / others) / 2
    edges = _edges(values)
    best = np.flatnonzero(quality >= quality.max() - 1e-12)
    chosen = best[np.abs(edges[best]).argmin()]
    return float(edges[chosen]), f"highest {wanted} on the validation faces: {quality[chosen]:.4f}"


def _counts_from(scaled: Array, targets: Array) -> tuple[Array, Array, Array]:
    """Return the distinct values, and how many positives and negatives are at or above each."""
    values, index = np.unique(scaled, return_inverse=True)
    positive = np.bincount(index, weights=targets, minlength=len(values))
    negative = np.bincount(index, weights=1 - targets, minlength=len(values))
    return values, positive[::-1].cumsum()[::-1], negative[::-1].cumsum()[::-1]


def _edges(values: Array) -> Array:
    """Return the middles between neighbouring values, and in front of the first one a little below it."""
    return np.concatenate([values[:1] - 1e-3, (values[:-1] + values[1:]) / 2])


def _band(scaled: Array, targets: Array, cut: float, options: TrainOptions) -> tuple[float, float, dict[str, Any]]:
    """Return the probabilities between which nothing is said, and how they were found."""
    middle = float(_sigmoid(cut))
    if options.abstain_accuracy is not None:
        half, told = _half_width(scaled, targets, cut, options.abstain_accuracy)
        low, high = float(_sigmoid(cut - half)), float(_sigmoid(cut + half))
        return low, high, {"chosen": "narrowest that reaches the accuracy outside", **told}
    if options.abstain_band is None:
        return middle, middle, {"chosen": "none asked for"}
    low, high = options.abstain_band
    if not low <= middle <= high:
        raise TrainingError(f"the threshold {middle:.4f} is not inside the abstention band {low:g} to {high:g}")
    probability = _sigmoid(scaled)
    outside = (probability <= low) | (probability >= high)
    right = (scaled >= cut) == (targets > 0)
    return low, high, {"chosen": "stated", **_told(right[outside], len(targets))}


def _half_width(scaled: Array, targets: Array, cut: float, wanted: float) -> tuple[float, dict[str, Any]]:
    """Return the smallest distance from the cut beyond which the share of right answers is `wanted`."""
    distance = np.abs(scaled - cut)
    order = np.argsort(-distance, kind="stable")
    right = ((scaled >= cut) == (targets > 0))[order]
    shares = right.cumsum() / np.arange(1, len(right) + 1)
    ends = np.append(np.diff(distance[order]) < 0, True)  # faces at one distance stand on one side together
    possible = np.flatnonzero(ends & (np.arange(len(right)) + 1 >= LEAST_OUTSIDE))
    good = possible[shares[possible] >= wanted]
    if not len(good):
        best = f"{shares[possible].max():.4f}" if len(possible) else "unknown: there are too few faces"
        raise TrainingError(
            f"no abstention band leaves an accuracy of {wanted:g} on {LEAST_OUTSIDE} or more of the {len(targets)} "
            f"validation faces; the highest that a band reaches is {best}"
        )
    last = int(good[-1])
    inner = distance[order][last + 1] if last + 1 < len(right) else None
    half = 0.0 if inner is None else float((distance[order][last] + inner) / 2)
    return half, {"accuracy_wanted": wanted, **_told(right[: last + 1], len(targets))}


def _told(right: Array, faces: int) -> dict[str, Any]:
    return {
        "accuracy_outside": float(right.mean()) if len(right) else None,
        "outside_fraction": len(right) / faces,
    }


def _sigmoid(values: Any) -> Any:
    return 0.5 * np.tanh(0.5 * values) + 0.5
