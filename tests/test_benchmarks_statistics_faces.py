"""One head on several runners: metrics with intervals, and who is right where the other is wrong."""

import numpy as np
import pandas as pd
import pytest

from bench_records import accuracy, cold_start, memory, predictions, suite, timed
from benchmarks.errors import BenchError
from benchmarks.records.result import Accuracy
from benchmarks.statistics.assembly import rows
from benchmarks.statistics.best import best
from benchmarks.statistics.comparison import compare_routes
from benchmarks.statistics.faces import compare_faces, face_scores, face_test, scores
from heads.metrics.comparison import exact_mcnemar


def answers(wrong: range, count: int = 200, head: str = "svm") -> Accuracy:
    return Accuracy(head=head, positive="female", predictions=predictions(count, wrong))


def test_scores_have_values_and_intervals_overall_and_by_group() -> None:
    found = {(score.name, score.group): score for score in scores(answers(range(10)))}
    overall = found["accuracy", ""].estimate
    assert overall is not None and overall.low is not None and overall.high is not None
    assert (overall.value, overall.n) == (0.95, 200)
    assert 0.90 < overall.low < 0.95 < overall.high < 0.98  # Wilson's
    young = found["accuracy", "age_group=young"].estimate
    assert young is not None and (young.value, young.n) == (0.94, 100)
    f1 = found["f1", ""].estimate
    assert f1 is not None and f1.value == pytest.approx(0.95)
    assert all(score.head == "svm" for score in found.values())
    assert ("accuracy", "label=female") in found
    assert ("balanced_accuracy", "label=female") not in found  # it needs both labels


def test_an_undefined_metric_says_why() -> None:
    one_label = [face for face in predictions(40) if face.truth == "female"]
    found = scores(Accuracy(head="svm", positive="female", predictions=one_label))
    assert all(score.reason for score in found if score.estimate is None)
    assert next(score for score in found if score.name == "accuracy").estimate is not None


def test_mcnemar_counts_who_is_right_where_the_other_is_wrong() -> None:
    found = face_test(answers(range(12)), answers(range(4, 6)), "opencv:forward")
    assert (found.faces, found.reference_only, found.own_only, found.differing) == (200, 10, 0, 10)
    assert found.p == exact_mcnemar(10, 0) == pytest.approx(2 / 1024)
    assert (found.head, found.reference) == ("svm", "opencv:forward")
    assert face_test(answers(range(3)), answers(range(3)), "x").p == 1


def test_the_whole_comparison_is_that_of_heads() -> None:
    found = compare_faces(answers(range(12)), answers(range(2)), ("a", "b"))
    assert (found.first_only, found.second_only, found.names) == (0, 10, ("a", "b"))
    assert found.differences["accuracy"].number == pytest.approx(0.05)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(BenchError, match="the heads are 'svm' and 'mlp'"):
        face_test(answers(range(1)), answers(range(1), head="mlp"), "x")
    with pytest.raises(BenchError, match="20 faces were given to one runner only, such as 00180.jpg"):
        face_test(answers(range(1)), answers(range(1), count=180), "x")
    turned = answers(range(1))
    other = turned.predictions[0].model_copy(update={"truth": "female"})
    with pytest.raises(BenchError, match="1 faces have another label on each side, such as 00000.jpg"):
        compare_faces(turned, turned.model_copy(update={"predictions": [other, *turned.predictions[1:]]}), ("a", "b"))


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8, 0.0, 2.0])
def test_answers_are_those_of_the_head_whatever_its_threshold(threshold: float) -> None:
    faces = [
        face.model_copy(update={"probability": p, "predicted": "female" if p >= threshold else "male"})
        for face, p in zip(predictions(50), np.linspace(0.01, 0.99, 50), strict=True)
    ]
    found = face_scores(Accuracy(head="svm", positive="female", predictions=faces))
    assert list(found.predicted) == [face.predicted == "female" for face in faces]
    assert isinstance(found.groups, pd.DataFrame) and list(found.groups.columns) == ["age_group"]


def test_probabilities_that_contradict_the_answers_are_refused() -> None:
    faces = predictions(10)
    swapped = [face.model_copy(update={"probability": 1 - face.probability}) for face in faces]
    with pytest.raises(BenchError, match="a face called positive has the probability .*expected the probability of"):
        face_scores(Accuracy(head="svm", positive="female", predictions=swapped))
    third = faces[0].model_copy(update={"truth": "unknown"})
    with pytest.raises(BenchError, match="are female, male, unknown; expected two of them"):
        face_scores(Accuracy(head="svm", positive="female", predictions=[third, *faces[1:]]))
    with pytest.raises(BenchError, match="head 'svm': 1 paths stand there more than once"):
        face_scores(Accuracy(head="svm", positive="female", predictions=[*faces, faces[1]]))


def test_rows_carry_scores_of_their_settings_at_every_batch() -> None:
    found = rows([
        *timed("torch", [10.0, 10.1]), *timed("torch", [60.0, 61.0], batch=8), accuracy("torch", range(5), batch=32),
    ])  # fmt: skip
    assert [row.batch for row in found] == [1, 8]
    values = [next(s.estimate.value for s in row.scores if s.estimate and s.name == "accuracy") for row in found]
    assert values == [0.975, 0.975]


def test_rows_test_their_heads_against_the_reference() -> None:
    found = {row.label: row for row in rows([
        *timed("opencv", [10.0, 10.1]), accuracy("opencv"), *timed("torch", [10.0, 10.1]), accuracy("torch", range(7)),
        *timed("keras", [10.0, 10.1]), accuracy("keras", head="mlp"), memory("numpy"),
    ])}  # fmt: skip
    (test,) = found["torch:eager"].face_tests
    assert (test.reference, test.reference_only, test.p) == ("opencv:forward", 7, pytest.approx(2 / 128))
    assert not found["opencv:forward"].face_tests and not found["keras:call"].face_tests


def test_two_ways_are_compared_on_their_faces() -> None:
    results = [
        *timed("opencv", [10.0, 10.1]), accuracy("opencv"), *timed("torch", [9.0, 9.1]), accuracy("torch", range(7)),
    ]  # fmt: skip
    (pair,) = compare_routes(results, "torch", "opencv").pairs
    assert [(test.reference, test.own_only) for test in pair.face_tests] == [("torch", 7)]


def test_a_whole_run_gives_the_order_that_was_put_in() -> None:
    found = [row for row in rows(suite()) if row.batch == 1]
    assert [(row.runner, row.rank) for row in found if row.rank] == [
        ("opencv", 1), ("onnxruntime", 2), ("openvino", 2), ("torch", 4),
    ]  # fmt: skip
    assert {row.runner: row.verdict for row in found if not row.ok} == {"numpy": "wrong answers", "keras": "crashed"}
    assert best(found).winner.runner == "opencv"
    assert all(row.scores and row.cold_start_ms and row.share_of_peak for row in found if row.ok)
    assert cold_start("torch").measured.cold_start is not None
