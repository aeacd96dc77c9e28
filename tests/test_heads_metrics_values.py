"""Metrics are right where they are defined and undefined where they are not: by hand and against scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle

from heads.errors import DataError, MismatchError, UsageError
from heads.faces import FaceTable
from heads.metrics import EvaluateOptions, Evaluation, Scores, Value, evaluate, scores_of
from heads.metrics.ranking import Ranking
from heads.models.head import Calibration
from heads_scores import LABELS, counted_scores, drawn_scores, plain_scores

FEW = EvaluateOptions(resamples=100)


def values(evaluation: Evaluation, **where: str) -> dict[str, Value]:
    return dict((evaluation.row(**where) if where else evaluation.overall).metrics)


@pytest.fixture(scope="module")
def published() -> Evaluation:
    """The confusion matrix behind a published table that gave 0.0 for what is undefined."""
    return evaluate(counted_scores(247, 18, 23, 272), FEW)


def test_a_published_table_comes_out(published: Evaluation) -> None:
    found = values(published)
    expected = {"accuracy": 0.9268, "precision": 0.9148, "recall": 0.9321, "specificity": 0.9220}
    assert {name: round(found[name].number, 4) for name in expected} == expected
    assert [found[name].n for name in expected] == [560, 270, 265, 295]
    # What it called AUC was the balanced accuracy of hard labels.
    assert round(found["balanced_accuracy"].number, 4) == 0.9271
    assert found["roc_auc"].value is None
    assert "two values only" in found["roc_auc"].undefined
    assert found["average_precision"].value is None


def test_faces_of_one_label_leave_most_metrics_undefined(published: Evaluation) -> None:
    male, female = values(published, label="male"), values(published, label="female")
    assert {name for name, value in male.items() if value.defined} == {"accuracy", "specificity"}
    assert {name for name, value in female.items() if value.defined} == {"accuracy", "recall"}
    assert round(male["accuracy"].number, 3) == 0.922
    assert round(female["recall"].number, 3) == 0.932
    assert "no face here is labelled female" in male["recall"].undefined
    assert 0.0 not in {value.value for value in [*male.values(), *female.values()]}


def test_structural_numbers_are_marked_and_kept_apart(published: Evaluation) -> None:
    male, female = values(published, label="male"), values(published, label="female")
    assert (male["precision"].structural, male["precision"].forced) == (True, 0.0)
    assert (male["f1"].structural, male["f1"].forced) == (True, 0.0)
    assert (female["precision"].structural, female["precision"].forced) == (True, 1.0)
    assert not male["recall"].structural
    assert male["recall"].n == 0
    assert male["precision"].n == 23


def test_defined_values_agree_with_scikit_learn() -> None:
    scores = drawn_scores(500)
    found = values(evaluate(scores, FEW))
    truth, said, likely = scores.targets, scores.predicted, scores.probabilities
    expected = {
        "accuracy": oracle.accuracy_score(truth, said),
        "balanced_accuracy": oracle.balanced_accuracy_score(truth, said),
        "precision": oracle.precision_score(truth, said),
        "recall": oracle.recall_score(truth, said),
        "specificity": oracle.recall_score(~truth, ~said),
        "f1": oracle.f1_score(truth, said),
        "mcc": oracle.matthews_corrcoef(truth, said),
        "roc_auc": oracle.roc_auc_score(truth, likely),
        "average_precision": oracle.average_precision_score(truth, likely),
        "log_loss": oracle.log_loss(truth, likely),
    }
    assert {name: found[name].number for name in expected} == pytest.approx(expected, rel=1e-12)


def test_weighted_rankings_with_ties_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    likely = random.integers(0, 8, 200) / 8
    truth = random.random(200) < likely
    weights = random.integers(0, 4, (5, 200)).astype(float)
    auc, precision = Ranking(likely, truth).measure(weights)
    for row, weight in enumerate(weights):
        assert auc[row] == pytest.approx(oracle.roc_auc_score(truth, likely, sample_weight=weight), rel=1e-12)
        expected = oracle.average_precision_score(truth, likely, sample_weight=weight)
        assert precision[row] == pytest.approx(expected, rel=1e-12)


def test_rankings_of_no_weight_are_undefined() -> None:
    auc, precision = Ranking(np.array([0.1, 0.9]), np.array([False, True])).measure(np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert np.isnan(auc).all()
    assert np.isnan(precision[0])
    assert precision[1] == 1


def test_calibration_error_by_hand() -> None:
    scores = plain_scores([0.1, 0.2, 0.3, 0.4, 0.8, 0.8], [False, False, True, False, True, True])
    # Two bins: |0.25 - 1/4| over four faces, |0.8 - 1| over two.
    assert values(evaluate(scores, EvaluateOptions(resamples=100, bins=2)))["ece"].number == pytest.approx(0.4 / 6)


def test_a_probability_of_one_lies_in_the_last_bin() -> None:
    scores = plain_scores([0.0, 1.0, 0.5], [False, True, True])
    assert values(evaluate(scores, FEW))["ece"].number == pytest.approx(0.5 / 3)


def test_a_certain_error_makes_the_loss_infinite_not_clipped() -> None:
    found = values(evaluate(plain_scores([0.0, 1.0, 0.7, 0.2], [True, True, True, False]), FEW))
    assert found["log_loss"].value is None
    assert "infinite" in found["log_loss"].undefined
    # The draws of the others are not spoiled by it.
    assert found["ece"].defined
    assert np.isfinite(found["balanced_accuracy"].number)


def test_a_constant_predictor_is_named() -> None:
    evaluation = evaluate(plain_scores([0.1, 0.2, 0.3, 0.15], [True, False, True, False]), FEW)
    found = values(evaluation)
    assert found["precision"].undefined == "no face here was predicted female"
    assert found["mcc"].undefined == "every face here was predicted male"
    assert found["f1"].number == 0  # faces were there to be found: a real zero
    assert found["recall"].number == 0
    assert any("every face was predicted male" in line for line in evaluation.warnings)


def test_equal_scores_rank_nothing() -> None:
    found = values(evaluate(plain_scores([0.3] * 5, [True, False, True, False, True]), FEW))
    assert found["roc_auc"].undefined == "all scores are the same"


def test_two_different_scores_of_two_faces_can_be_ranked() -> None:
    assert values(evaluate(plain_scores([0.3, 0.6], [False, True]), FEW))["roc_auc"].number == 1


def test_below_one_half_labels_may_be_inverted() -> None:
    upright, inverted = drawn_scores(200), drawn_scores(200)
    inverted = plain_scores(1 - inverted.probabilities, inverted.targets)
    assert not evaluate(upright, FEW).warnings
    warned = evaluate(inverted, FEW).warnings
    assert len(warned) == 1
    assert "labels may be inverted" in warned[0]


def test_one_label_alone_is_said() -> None:
    evaluation = evaluate(plain_scores([0.7, 0.8, 0.2], [True, True, True]), FEW)
    assert any("every face is labelled female" in line for line in evaluation.warnings)
    assert values(evaluation)["specificity"].undefined == "no face here is labelled male"


def test_abstention_gives_coverage_and_accuracy_of_answers() -> None:
    calibration = Calibration(threshold=0.5, abstain_from=0.4, abstain_to=0.6)
    scores = plain_scores([0.4, 0.45, 0.55, 0.6, 0.9], [False, True, False, True, False], calibration=calibration)
    found = values(evaluate(scores, FEW))
    assert (found["coverage"].number, found["coverage"].n) == (0.6, 5)  # the ends of the band are answered
    assert (found["accuracy_answered"].number, found["accuracy_answered"].n) == (pytest.approx(2 / 3), 3)
    assert found["accuracy"].number == pytest.approx(2 / 5)
    assert "coverage" not in values(evaluate(plain_scores([0.4, 0.9], [False, True]), FEW))


def test_when_nothing_is_answered_its_accuracy_is_undefined() -> None:
    scores = plain_scores([0.45, 0.55], [False, True], calibration=Calibration(abstain_from=0.1, abstain_to=0.9))
    found = values(evaluate(scores, FEW))
    assert found["coverage"].number == 0
    assert found["accuracy_answered"].undefined == "every face here lies in the abstention band"


def test_the_threshold_decides() -> None:
    scores = plain_scores([0.3, 0.7, 0.8], [False, False, True], calibration=Calibration(threshold=0.8))
    assert values(evaluate(scores, FEW))["accuracy"].number == 1


def test_everything_that_does_not_fit_is_listed_at_once() -> None:
    with pytest.raises(DataError) as caught:
        Scores(
            np.array([0.2, np.nan, 1.5]),
            np.array([True, False]),
            np.array(["a", "b", "c"]),
            pd.DataFrame(index=range(3)),
            ("male", "male"),
            paths=np.array(["x.jpg", "y.jpg", "x.jpg"]),
        )
    told = "\n".join(caught.value.problems)
    for part in ("3 probabilities but 2 targets", "2 probabilities are not between 0 and 1", "both labels", "x.jpg"):
        assert part in told


def test_no_face_is_refused() -> None:
    with pytest.raises(DataError, match="no face to evaluate"):
        plain_scores([], [])


def test_targets_are_true_or_false() -> None:
    with pytest.raises(DataError, match="more than true and false"):
        plain_scores([0.5, 0.5], [1, 2])


def test_senseless_options_are_listed_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        EvaluateOptions(resamples=5, level=95, bins=1, crossings=0, seed=-1)
    assert len(caught.value.problems) == 5


def test_scores_of_a_table() -> None:
    rows = pd.DataFrame(
        {
            "path": ["a.jpg", "b.jpg"],
            "label": ["female", "male"],
            "identity": ["7", ""],
            "split": ["test", "test"],
            "group_light": ["day", ""],
        }
    )
    table = FaceTable("csv", pd.NA, rows, "folder")
    scores = scores_of(table, np.array([0.9, 0.2]), LABELS, Calibration(threshold=0.4))
    assert scores.targets.tolist() == [True, False]
    assert scores.groups.columns.tolist() == ["light"]
    assert scores.calibration.threshold == 0.4
    with pytest.raises(MismatchError, match="also has the label 'female', 'male'"):
        scores_of(table, np.array([0.9, 0.2]), ("cat", "dog"), Calibration())


def test_nothing_warns_while_measuring() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(drawn_scores(60), EvaluateOptions(by=("age_group", "light"), crossings=3, resamples=100))
        evaluate(counted_scores(0, 3, 0, 2), FEW)
