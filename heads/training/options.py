"""What can be asked of a training beside its recipes."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from converters.errors import did_you_mean
from heads.errors import UsageError

FRAMEWORKS = ("torch", "keras")
SELECTIONS = ("loss", "accuracy", "macro", "worst-group")
CLASS_WEIGHTS = ("none", "balanced")
THRESHOLDS = ("half", "balanced-accuracy", "f1")
# What decides after training only: a training that stopped goes on, whatever these are.
DECISIONS = ("threshold", "abstain_accuracy", "abstain_band", "force")


@dataclass(frozen=True)
class TrainOptions:
    """What can be asked of a training.

    `positive` is the label whose probability is given; without it the one that comes last in the alphabet ("male" after
    "female"). `seeds` heads are trained for each recipe and learning rate: the k-th has the seeds of initialisation and
    dropout given here plus k. All see the faces in the one order of `order_seed`, unless `vary_order` adds k to it as
    well (every order is a pass of its own). `learning_rates` replace the recipes' own.

    `selection` is what the best epoch and the best head are chosen by, on validation: "loss", "accuracy", "macro" (mean
    of both labels' recalls) or "worst-group" (lowest accuracy among the values of the column `group_<group>`).
    `class_weights` "balanced" gives both labels the same weight in the training loss.

    `threshold` is a probability, "half" (0.5), or what it shall maximise on validation: "balanced-accuracy" or "f1".
    `abstain_accuracy` asks for the narrowest band of probabilities outside of which that accuracy is reached on
    validation; `abstain_band` states one.
    """

    positive: str | None = None
    framework: str = "torch"
    seeds: int = 1
    initialisation_seed: int = 0
    order_seed: int = 0
    dropout_seed: int = 0
    vary_order: bool = False
    learning_rates: tuple[float, ...] = ()
    selection: str = "loss"
    group: str | None = None
    class_weights: str = "none"
    threshold: str | float = "half"
    abstain_accuracy: float | None = None
    abstain_band: tuple[float, float] | None = None
    force: bool = False

    def __post_init__(self) -> None:
        problems = [*self._words(), *self._numbers()]
        if (self.selection == "worst-group") != (self.group is not None):
            problems.append("selection 'worst-group' and a group belong together: give both or neither")
        if self.abstain_accuracy is not None and self.abstain_band is not None:
            problems.append("give the accuracy outside the abstention band or the band itself, not both")
        if problems:
            raise UsageError(problems)

    def training(self) -> dict[str, Any]:
        """Return all that decides how heads are trained and chosen, as plain JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if name not in DECISIONS
        }

    def _words(self) -> list[str]:
        given: list[tuple[str, str, Sequence[str]]] = [
            ("framework", self.framework, FRAMEWORKS),
            ("selection", self.selection, SELECTIONS),
            ("class_weights", self.class_weights, CLASS_WEIGHTS),
        ]
        if isinstance(self.threshold, str):
            given.append(("threshold", self.threshold, THRESHOLDS))
        return [
            f"{name} is '{word}', expected one of {', '.join(words)}{did_you_mean(word, words)}"
            for name, word, words in given
            if word not in words
        ]

    def _numbers(self) -> list[str]:
        problems = []
        if self.seeds < 1:
            problems.append(f"seeds is {self.seeds}, expected 1 or more")
        problems += [
            f"{name} is {getattr(self, name)}, expected 0 or more"
            for name in ("initialisation_seed", "order_seed", "dropout_seed")
            if getattr(self, name) < 0
        ]
        problems += [
            f"a learning rate is {rate!r}, expected a number above 0"
            for rate in self.learning_rates
            if not (rate > 0 and math.isfinite(rate))
        ]
        shares = {"threshold": self.threshold, "abstain_accuracy": self.abstain_accuracy}
        problems += [
            f"{name} is {share!r}, expected a number between 0 and 1"
            for name, share in shares.items()
            if isinstance(share, int | float) and not 0 < share < 1
        ]
        return problems + self._band()

    def _band(self) -> list[str]:
        if self.abstain_band is None:
            return []
        low, high = self.abstain_band
        if not 0 <= low <= high <= 1:
            return [f"the abstention band is {low:g} to {high:g}, expected two probabilities, the lower first"]
        stated = {"half": 0.5}.get(self.threshold) if isinstance(self.threshold, str) else self.threshold
        if stated is not None and not low <= stated <= high:
            return [f"the threshold {stated:g} is not inside the abstention band {low:g} to {high:g}"]
        return []
