"""From a probability to a label, or to none."""

from dataclasses import dataclass
from pathlib import Path

from heads.models.head import Head


@dataclass(frozen=True)
class Prediction:
    """What is said of one image.

    `probability` is that of the head's positive label, None where there is no prediction at all. `label` is "" where
    nothing is said: the head abstained, or the image could not be used. `reason` says why, or what to bear in mind.
    """

    path: Path
    label: str
    probability: float | None
    abstained: bool = False
    reason: str = ""

    @property
    def usable(self) -> bool:
        """Return whether the image could be used."""
        return self.probability is not None


def decided(path: Path, probability: float, head: Head, note: str = "") -> Prediction:
    """Return what a head says at a probability of its positive label; `note` goes with whatever that is.

    Strictly between `abstain_from` and `abstain_to` it says nothing, at the threshold and above the positive label.
    """
    how = head.calibration
    if how.abstain_from < probability < how.abstain_to:
        band = f"the probability is inside the band from {how.abstain_from:g} to {how.abstain_to:g}"
        return Prediction(path, "", probability, abstained=True, reason="; ".join(filter(None, (band, note))))
    return Prediction(path, head.labels[probability >= how.threshold], probability, reason=note)


def unusable(path: Path, reason: str) -> Prediction:
    """Return what is said of an image that cannot be used: why not."""
    return Prediction(path, "", None, reason=reason)
