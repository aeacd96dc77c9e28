"""Why a metric is undefined: the cases in which a formula gives 0/0, or a number that says nothing of the head."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from heads.metrics.sums import Sums


@dataclass(frozen=True)
class Absence:
    """Why there is no value; `forced` is the number that would come out whatever the head says, if there is one."""

    why: str
    forced: float | None = None


@dataclass(frozen=True)
class Situation:
    """What the reasons depend on: `sums` of one group, the `labels` (negative, positive), all scores taken together."""

    sums: Sums
    labels: tuple[str, str]
    hard: str = ""

    @property
    def single(self) -> str:
        """Return the label that all faces have, "" where there are both."""
        if not self.sums.positives:
            return self.labels[0]
        return "" if self.sums.negatives else self.labels[1]


def absence(metric: str, situation: Situation) -> Absence | None:
    """Return why a metric has no value in a situation, None where it has one."""
    return REASONS[metric](situation)


def hard_scores(probabilities: np.ndarray) -> str:
    """Return why nothing can be ranked by scores, "" where it can: yes-or-no answers are no scores."""
    values = np.unique(probabilities)
    if len(values) > 2 or len(values) == len(probabilities):
        return ""
    if len(values) == 1:
        return "all scores are the same"
    return "the scores take two values only: they are hard labels, whose ROC AUC would be the balanced accuracy"


def _never(_: Situation) -> None:
    return None


def _precision(situation: Situation) -> Absence | None:
    sums, (_, positive) = situation.sums, situation.labels
    if not sums.positives:
        return Absence(f"no face here is labelled {positive}: precision could only be 0", forced=0.0)
    if not sums.negatives:
        return Absence(f"every face here is labelled {positive}: precision could only be 1", forced=1.0)
    return Absence(f"no face here was predicted {positive}") if not sums.tp + sums.fp else None


def _recall(situation: Situation) -> Absence | None:
    return None if situation.sums.positives else Absence(f"no face here is labelled {situation.labels[1]}")


def _specificity(situation: Situation) -> Absence | None:
    return None if situation.sums.negatives else Absence(f"no face here is labelled {situation.labels[0]}")


def _f1(situation: Situation) -> Absence | None:
    if not situation.sums.positives:
        return Absence(f"no face here is labelled {situation.labels[1]}: F1 could only be 0", forced=0.0)
    if not situation.sums.negatives:
        return Absence(f"every face here is labelled {situation.labels[1]}: F1 would only repeat recall")
    return None


def _both_labels(situation: Situation) -> Absence | None:
    return Absence(f"every face here is labelled {situation.single}") if situation.single else None


def _mcc(situation: Situation) -> Absence | None:
    sums = situation.sums
    if not situation.single and not (sums.tp + sums.fp and sums.tn + sums.fn):
        said = situation.labels[1] if sums.tp + sums.fp else situation.labels[0]
        return Absence(f"every face here was predicted {said}")
    return _both_labels(situation)


def _ranked(situation: Situation) -> Absence | None:
    return _both_labels(situation) or (Absence(situation.hard) if situation.hard else None)


def _log_loss(situation: Situation) -> Absence | None:
    if np.isfinite(situation.sums.surprise):
        return None
    return Absence("some faces got probability 0 for their own label: the loss is infinite")


def _answered(situation: Situation) -> Absence | None:
    return None if situation.sums.answered else Absence("every face here lies in the abstention band")


REASONS: dict[str, Callable[[Situation], Absence | None]] = {
    "accuracy": _never,
    "balanced_accuracy": _both_labels,
    "precision": _precision,
    "recall": _recall,
    "specificity": _specificity,
    "f1": _f1,
    "mcc": _mcc,
    "roc_auc": _ranked,
    "average_precision": _ranked,
    "log_loss": _log_loss,
    "ece": _both_labels,
    "coverage": _never,
    "accuracy_answered": _answered,
}
