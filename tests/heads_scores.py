"""Scores for tests of metrics and reports: counted by hand, or drawn from a known distribution."""

import numpy as np
import pandas as pd

from heads.metrics import Scores
from heads.models.head import Calibration

LABELS = ("male", "female")


def counted_scores(tp: int, fn: int, fp: int, tn: int, *, ranked: bool = False) -> Scores:
    """Scores with a given confusion matrix; hard 0 and 1, or with `ranked` all different and never 0 or 1."""
    targets = np.repeat([True, True, False, False], [tp, fn, fp, tn])
    said = np.repeat([1.0, 0.0, 1.0, 0.0], [tp, fn, fp, tn])
    if ranked:
        random = np.random.default_rng(5)
        said = np.where(said == 1, random.uniform(0.5, 0.99, len(said)), random.uniform(0.01, 0.49, len(said)))
    return plain_scores(said, targets)


def plain_scores(probabilities: object, targets: object, **settings: object) -> Scores:
    count = len(np.asarray(probabilities))
    told = {
        "identities": np.full(count, ""),
        "groups": pd.DataFrame(index=range(count)),
        "labels": LABELS,
        "paths": np.array([f"{number:05}.jpg" for number in range(count)]),
        **settings,
    }
    return Scores(np.asarray(probabilities), np.asarray(targets), **told)


def drawn_scores(
    count: int = 600, seed: int = 3, *, people: int = 0, shift: float = 1.0, calibration: Calibration | None = None
) -> Scores:
    """Scores of a fair head on faces in two group columns; `people` share the faces, 0 leaves identities unknown."""
    random = np.random.default_rng(seed)
    identities = random.integers(0, people, count) if people else np.arange(count)
    targets = (identities * 7919) % 2 == 0
    logits = random.normal(size=count) + np.where(targets, shift, -shift)
    groups = pd.DataFrame(
        {"age_group": random.choice(["0-19", "20-39", "40+"], count), "light": random.choice(["day", "night"], count)}
    )
    return plain_scores(
        1 / (1 + np.exp(-2 * shift * logits)),
        targets,
        identities=np.array([f"p{one}" for one in identities]) if people else np.full(count, ""),
        groups=groups,
        calibration=calibration or Calibration(),
    )
