"""What a report shows beside the evaluation itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from heads.metrics import Comparison
from heads.reports.sweep import Threshold

NOT_STATED = "not stated"


@dataclass(frozen=True, eq=False)
class Material:
    """All of it may be missing, and is left out then.

    `history` has a row for each head and epoch: head or run, epoch, train_loss, val_loss, val_accuracy, learning_rate.
    `runs` has a row for each trained head, coloured by `thresholds`. Images lie under `images_root`, at the paths of
    the scores. `facts` are what was recorded (licence, label_source, data, model ...), plain JSON values.
    """

    history: pd.DataFrame | None = None
    runs: pd.DataFrame | None = None
    thresholds: tuple[Threshold, ...] = ()
    images_root: Path | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()

    def stated(self) -> dict[str, str]:
        """Return the facts as text: first label source and licence, which are never left out."""
        first = {name: self.facts.get(name) or NOT_STATED for name in ("label_source", "licence")}
        return {name.replace("_", " "): fact_text(value) for name, value in {**first, **self.facts, **first}.items()}


def fact_text(value: Any) -> str:
    """Return a fact in words: lists with commas, maps as "name: value"."""
    if isinstance(value, Mapping):
        return "; ".join(f"{str(name).replace('_', ' ')}: {fact_text(inner)}" for name, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(fact_text(inner) for inner in value)
    return NOT_STATED if value is None or value == "" else str(value)
