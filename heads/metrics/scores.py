"""What is evaluated: probabilities that a head gave to faces whose labels are known."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from heads.errors import DataError, MismatchError
from heads.faces import GROUP, FaceTable
from heads.models.head import Calibration

Array = np.ndarray[Any, Any]
NAMED = 5  # how many offenders an error message names


@dataclass(frozen=True, eq=False)
class Scores:
    """What a head said of faces; every array has one entry for each face.

    `probabilities` (faces,) of the positive label, after calibration; `targets` (faces,) bool, true where the label is
    the positive one; `identities` (faces,) strings, "" where unknown; `groups` (faces, columns) strings, "" where
    unknown; `labels` (negative, positive); `paths` (faces,) strings, or empty where nothing is known of images.
    DataError lists everything that does not fit together.
    """

    probabilities: Array
    targets: Array
    identities: Array
    groups: pd.DataFrame
    labels: tuple[str, str]
    calibration: Calibration = field(default_factory=Calibration)
    paths: Array = field(default_factory=lambda: np.empty(0, str))

    def __post_init__(self) -> None:
        # Frozen: types are made uniform here, once.
        object.__setattr__(self, "probabilities", np.asarray(self.probabilities, np.float64))
        object.__setattr__(self, "targets", np.asarray(self.targets))
        object.__setattr__(self, "identities", np.asarray(self.identities).astype(str))
        object.__setattr__(self, "paths", np.asarray(self.paths).astype(str))
        problems = [*_shape_problems(self), *_value_problems(self)]
        if problems:
            raise DataError(problems)
        object.__setattr__(self, "targets", self.targets.astype(bool))
        object.__setattr__(self, "groups", self.groups.fillna("").astype(str).reset_index(drop=True))

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def predicted(self) -> Array:
        """Return (faces,) bool: whether the positive label is said, abstention aside."""
        said: Array = self.probabilities >= self.calibration.threshold
        return said

    @property
    def answered(self) -> Array:
        """Return (faces,) bool: whether the probability lies outside the abstention band, whose ends are outside."""
        inside = (self.probabilities > self.calibration.abstain_from) & (
            self.probabilities < self.calibration.abstain_to
        )
        outside: Array = ~inside
        return outside

    @property
    def abstains(self) -> bool:
        """Return whether there is an abstention band at all."""
        return self.calibration.abstain_from < self.calibration.abstain_to

    @property
    def label_names(self) -> Array:
        """Return (faces,) strings: the label of each face."""
        names: Array = np.where(self.targets, self.labels[1], self.labels[0])
        return names


def scores_of(table: FaceTable, probabilities: Array, labels: tuple[str, str], calibration: Calibration) -> Scores:
    """Return the scores of a table's faces; MismatchError where the table has labels that the head does not know."""
    rows = table.rows
    strange = sorted(set(rows["label"]) - set(labels))
    if strange:
        raise MismatchError(
            f"the head tells '{labels[0]}' from '{labels[1]}', the table also has the label "
            f"{', '.join(repr(name) for name in strange[:NAMED])}; evaluate faces with the head's labels only"
        )
    groups = pd.DataFrame({name: rows[GROUP + name] for name in table.groups}, index=rows.index)
    return Scores(
        probabilities,
        (rows["label"] == labels[1]).to_numpy(),
        rows["identity"].to_numpy(),
        groups,
        labels,
        calibration,
        rows["path"].to_numpy(),
    )


def _shape_problems(scores: Scores) -> list[str]:
    if scores.probabilities.ndim != 1:
        return [f"probabilities have the shape {scores.probabilities.shape}; one number for each face is expected"]
    count = len(scores)
    if not count:
        return ["there is no face to evaluate"]
    lengths = {"targets": len(scores.targets), "identities": len(scores.identities), "groups": len(scores.groups)}
    if len(scores.paths):
        lengths["paths"] = len(scores.paths)
    return [
        f"there are {count} probabilities but {found} {name}; every face needs one of each"
        for name, found in lengths.items()
        if found != count
    ]


def _value_problems(scores: Scores) -> list[str]:
    problems = []
    wrong = ~((scores.probabilities >= 0) & (scores.probabilities <= 1))  # NaN too
    if wrong.any():
        first = np.flatnonzero(wrong.ravel())[0]
        problems.append(
            f"{wrong.sum()} probabilities are not between 0 and 1, the first is {scores.probabilities.ravel()[first]} "
            f"of face {first}; turn logits into probabilities first"
        )
    if scores.labels[0] == scores.labels[1]:
        problems.append(f"both labels are '{scores.labels[0]}'; a head tells two labels apart")
    if not np.isin(scores.targets, (0, 1)).all():
        problems.append("targets hold more than true and false; they say whether a face has the positive label")
    names, counts = np.unique(scores.paths, return_counts=True)
    if (counts > 1).any():
        twice = ", ".join(names[counts > 1][:NAMED])
        problems.append(f"{(counts > 1).sum()} paths stand there more than once: {twice}; evaluate each image once")
    return problems
