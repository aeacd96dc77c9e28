"""What one head says of faces on each runner: its metrics with intervals, and McNemar's test between two runners.

The formulas are those of heads.metrics; importing them takes the time that pandas takes.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.errors import BenchError
from benchmarks.records.result import Accuracy, Prediction
from benchmarks.statistics.rows import Estimate, FaceTest, Score
from heads.errors import HeadsError
from heads.metrics import Comparison, EvaluateOptions, Row, Scores, Value, compare, evaluate
from heads.metrics.comparison import COMPARED, exact_mcnemar
from heads.metrics.slices import LABEL
from heads.models.head import Calibration


def scores(accuracy: Accuracy, options: EvaluateOptions | None = None) -> tuple[Score, ...]:
    """Return accuracy, balanced accuracy, F1 and ROC AUC of all faces and of each group, with 95 % intervals.

    Of the faces of one label only accuracy is told: the others need both labels.
    """
    known = face_scores(accuracy)
    options = options or EvaluateOptions(by=tuple(known.groups.columns), crossings=1)
    return tuple(
        _score(name, row.metrics[name], row, accuracy.head)
        for row in evaluate(known, options).rows
        for name in COMPARED
        if name == "accuracy" or LABEL not in row.columns
    )


def _score(name: str, value: Value, row: Row, head: str) -> Score:
    group = row.name if row.where else ""
    if value.value is None:
        return Score(name, None, value.undefined, group, head)
    low, high = (value.interval.low, value.interval.high) if value.interval else (None, None)
    return Score(name, Estimate(value.value, low, high, value.n), value.note, group, head)


def face_test(own: Accuracy, reference: Accuracy, label: str) -> FaceTest:
    """Return McNemar's exact test of one head on two runners; BenchError where heads or faces are not the same."""
    pairs = _paired(own, reference)
    right = [(mine.predicted == mine.truth, its.predicted == its.truth) for mine, its in pairs]
    reference_only = sum(its and not mine for mine, its in right)
    own_only = sum(mine and not its for mine, its in right)
    differing = sum(mine.predicted != its.predicted for mine, its in pairs)
    p = exact_mcnemar(reference_only, own_only)
    return FaceTest(own.head, label, len(pairs), reference_only, own_only, differing, p)


def compare_faces(
    first: Accuracy, second: Accuracy, names: tuple[str, str], options: EvaluateOptions | None = None
) -> Comparison:
    """Return the whole comparison of one head on two runners: McNemar's test, differences of metrics with intervals.

    BenchError where heads or faces are not the same.
    """
    _paired(first, second)
    try:
        return compare(face_scores(first), face_scores(second), names, options)
    except HeadsError as error:
        raise BenchError(error.problems) from error


def _paired(own: Accuracy, reference: Accuracy) -> list[tuple[Prediction, Prediction]]:
    if own.head != reference.head:
        raise BenchError(f"the heads are '{own.head}' and '{reference.head}'; runners are compared with the same head")
    mine, its = ({each.path: each for each in side.predictions} for side in (own, reference))
    strangers = sorted(mine.keys() ^ its.keys())
    if strangers:
        raise BenchError(
            f"head '{own.head}': {len(strangers)} faces were given to one runner only, such as {strangers[0]}; runners "
            "are compared on the same faces"
        )
    relabelled = [path for path, each in mine.items() if each.truth != its[path].truth]
    if relabelled:
        raise BenchError(
            f"head '{own.head}': {len(relabelled)} faces have another label on each side, such as {relabelled[0]}: "
            "the table of faces was changed in between; measure both again"
        )
    return [(each, its[path]) for path, each in mine.items()]


def face_scores(accuracy: Accuracy) -> Scores:
    """Return predictions as heads.metrics takes them; BenchError where they cannot be those of one head.

    `probability` is that of the positive label. The threshold is not recorded: any that lies between the faces called
    negative and those called positive says the same, 0.5 if it does.
    """
    faces = accuracy.predictions
    labels = _labels(accuracy)
    likely = np.array([face.probability for face in faces])
    said = np.array([face.predicted == accuracy.positive for face in faces])
    columns = dict.fromkeys(name for face in faces for name in face.groups)
    try:
        return Scores(
            likely,
            np.array([face.truth == accuracy.positive for face in faces]),
            np.array([face.identity for face in faces]),
            pd.DataFrame({name: [face.groups.get(name, "") for face in faces] for name in columns}, range(len(faces))),
            labels,
            Calibration(threshold=_threshold(likely, said, accuracy.head)),
            np.array([face.path for face in faces]),
        )
    except HeadsError as error:
        raise BenchError([f"head '{accuracy.head}': {problem}" for problem in error.problems]) from error


def _labels(accuracy: Accuracy) -> tuple[str, str]:
    seen = {word for face in accuracy.predictions for word in (face.truth, face.predicted)}
    others = sorted(seen - {accuracy.positive})
    if len(others) > 1:
        raise BenchError(
            f"head '{accuracy.head}': its answers and labels are {', '.join(sorted(seen))}; expected two of them"
        )
    return (others[0] if others else f"not {accuracy.positive}", accuracy.positive)


def _threshold(likely: Sequence[float] | np.ndarray, said: np.ndarray, head: str) -> float:
    likely = np.asarray(likely)
    lowest = float(likely[said].min()) if said.any() else float("inf")
    highest = float(likely[~said].max()) if not said.all() else -float("inf")
    if highest >= lowest:
        raise BenchError(
            f"head '{head}': a face called positive has the probability {lowest:.4g}, a negative one {highest:.4g}; "
            "expected the probability of the positive label, and one threshold for all faces"
        )
    if highest < 0.5 <= lowest:
        return 0.5
    return lowest if said.any() else float(np.nextafter(highest, np.inf))
