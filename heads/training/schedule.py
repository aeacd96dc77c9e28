"""When a head's learning rate falls, when its training ends, and which of its epochs was the best."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from heads.recipes.recipe import MlpSettings
from heads.training.selection import Scores


@dataclass
class Progress:
    """One head's way so far; plain numbers, so that it can be written down and taken up again.

    `best` is the key of the best epoch. `mark` is the value that patience waits to be surpassed; since `wait_reduce`
    and `wait_stop` epochs it was not.
    """

    learning_rate: float
    epochs: int = 0
    best: tuple[float, float] | None = None
    best_epoch: int = 0
    mark: float | None = None
    wait_reduce: int = 0
    wait_stop: int = 0
    ended: str = ""
    failure: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(told: Mapping[str, Any]) -> "Progress":
        """Return what `to_json` wrote."""
        best = None if told["best"] is None else (told["best"][0], told["best"][1])
        return Progress(**{**told, "best": best})

    def fail(self, epoch: int, why: str) -> None:
        """Note that the head's numbers came to nothing; it is trained no further."""
        self.epochs = epoch
        self.ended, self.failure = "failed", f"epoch {epoch}: {why}"

    def advance(self, epoch: int, scores: Scores, selection: str, settings: MlpSettings) -> bool:
        """Take in what an epoch came to; return whether it is the best so far."""
        self.epochs = epoch
        key = scores.key(selection)
        better = self.best is None or key > self.best
        if better:
            self.best, self.best_epoch = key, epoch
        if self.mark is None or key[0] > self.mark + settings.least_improvement:
            self.mark, self.wait_reduce, self.wait_stop = key[0], 0, 0
        else:
            self._wait(settings)
        if epoch >= settings.epochs:
            self.ended = self.ended or "all epochs"
        return better

    def _wait(self, settings: MlpSettings) -> None:
        self.wait_reduce += 1
        self.wait_stop += 1
        if settings.reduce_patience and self.wait_reduce >= settings.reduce_patience:
            self.learning_rate = max(self.learning_rate * settings.reduce_factor, settings.least_learning_rate)
            self.wait_reduce = 0
        if settings.stop_patience and self.wait_stop >= settings.stop_patience:
            self.ended = "early stopping"


def failure(train_loss: float, scores: Scores) -> str:
    """Return why an epoch's numbers cannot be gone on with, or nothing."""
    for name, value in (("training", train_loss), ("validation", scores.loss)):
        if not math.isfinite(value):
            return f"the {name} loss is {value}; lower the learning rate or standardise the inputs"
    return ""
