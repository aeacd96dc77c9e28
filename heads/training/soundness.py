"""Heads that learned nothing, or the opposite: found by what they say of the validation faces, and named."""

import numpy as np

from converters.ops import Array

# Beyond these logits the sigmoid is 0 or 1 to the last digit of float32.
SATURATED = 16.6


def warnings(logits: Array, targets: Array, labels: tuple[str, str], kind: str) -> list[str]:
    """Return what is wrong with a head by its logits (faces,) on validation; empty where nothing strikes."""
    says = logits >= 0
    right = float((says == (targets > 0)).mean())
    found = []
    if says.all() or not says.any():
        found.append(
            f"constant predictor: it says '{labels[int(says[0])]}' of every validation face "
            f"({right:.1%} of them are); it learned nothing of use"
        )
    elif right < 0.5:
        found.append(
            f"{right:.1%} of the validation faces are named rightly, less than half: the labels of some of the faces "
            f"may be inverted, check the label coding"
        )
    beyond = float((np.abs(logits) > SATURATED).mean())
    # The other kinds' logits have no unit before the temperature gives them one.
    if kind in ("mlp", "linear") and beyond > 0.5:
        found.append(
            f"saturated: {beyond:.1%} of the validation logits lie beyond {SATURATED}, where a probability is 0 or 1 "
            f"to the last digit; standardise the inputs or lower the learning rate"
        )
    return found
