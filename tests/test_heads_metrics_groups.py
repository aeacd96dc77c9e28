"""Groups, their crossings, the gap between them; intervals and the draws that they come from."""

import numpy as np
import pandas as pd
import pytest

from heads.errors import DataError
from heads.metrics import EvaluateOptions, evaluate
from heads.metrics.intervals import bootstrap_interval, calibration_interval, effective_n, proportion_interval, wilson
from heads.metrics.resampling import people_of, resamples
from heads_scores import counted_scores, drawn_scores, plain_scores

BY = EvaluateOptions(by=("age_group", "light"), resamples=200)


def test_groups_crossings_and_labels() -> None:
    evaluation = evaluate(drawn_scores(), BY)
    names = [row.name for row in evaluation.rows]
    assert names[0] == "all faces"
    assert {"age_group=40+", "light=day", "label=male", "age_group=40+, light=day", "light=day, label=female"} <= set(
        names
    )
    assert len(names) == 1 + (3 + 2 + 2) + (6 + 6 + 4)
    for columns in {row.columns for row in evaluation.rows}:
        assert sum(row.n for row in evaluation.rows if row.columns == columns) == 600


def test_crossings_go_as_deep_as_asked() -> None:
    shallow = evaluate(drawn_scores(), EvaluateOptions(by=("age_group",), crossings=1, resamples=100))
    assert {len(row.where) for row in shallow.rows} == {0, 1}
    deep = evaluate(drawn_scores(), EvaluateOptions(by=("age_group", "light"), crossings=3, resamples=100))
    assert max(len(row.where) for row in deep.rows) == 3


def test_a_group_has_the_metrics_of_its_faces_alone() -> None:
    scores = drawn_scores()
    day = (scores.groups["light"] == "day").to_numpy()
    alone = evaluate(plain_scores(scores.probabilities[day], scores.targets[day]), BY.__class__(resamples=100))
    row = evaluate(scores, BY).row(light="day")
    assert {name: value.value for name, value in row.metrics.items()} == {
        name: pytest.approx(value.value, rel=1e-12) for name, value in alone.overall.metrics.items()
    }


def test_unknown_groups_are_a_group() -> None:
    groups = pd.DataFrame({"light": ["day", "", None, "day"]})
    evaluation = evaluate(
        plain_scores([0.1, 0.9, 0.8, 0.2], [False, True, True, True], groups=groups),
        EvaluateOptions(by=("light",), resamples=100),
    )
    assert evaluation.row(light="unknown").n == 2


def test_wrong_columns_are_listed_at_once() -> None:
    scores = drawn_scores(60)
    many = pd.DataFrame({"light": scores.groups["light"], "age": [str(age) for age in range(60)]})
    scores = plain_scores(scores.probabilities, scores.targets, groups=many)
    with pytest.raises(DataError) as caught:
        evaluate(scores, EvaluateOptions(by=("lihgt", "age")))
    assert "no group column 'lihgt'" in caught.value.problems[0]
    assert "did you mean 'light'?" in caught.value.problems[0]
    assert "'age' has 60 values" in caught.value.problems[1]


def test_small_groups_are_marked_and_not_ranked() -> None:
    random = np.random.default_rng(0)
    size = np.array([100, 100, 10])
    groups = pd.DataFrame({"light": np.repeat(["day", "dusk", "night"], size)})
    right = np.repeat([0.95, 0.80, 0.0], size) > random.random(210)
    targets = random.random(210) < 0.5
    scores = plain_scores(np.where(right == targets, 0.9, 0.1) + random.random(210) / 20, targets, groups=groups)
    evaluation = evaluate(scores, EvaluateOptions(by=("light",), crossings=1, resamples=200))
    assert evaluation.row(light="night").small == "fewer than 30 faces"
    assert not evaluation.row(light="day").small
    gap = next(gap for gap in evaluation.gaps if gap.columns == ("light",))
    assert (gap.worst.name, gap.best.name, gap.small) == ("light=dusk", "light=day", 1)
    expected = evaluation.row(light="day").metrics["accuracy"].number
    expected -= evaluation.row(light="dusk").metrics["accuracy"].number
    assert gap.difference.number == pytest.approx(expected)
    assert gap.difference.interval is not None
    assert gap.difference.interval.low < expected < gap.difference.interval.high


def test_a_group_of_few_people_is_small_however_many_faces_it_has() -> None:
    evaluation = evaluate(drawn_scores(300, people=20), EvaluateOptions(resamples=100))
    assert evaluation.overall.people == 20
    assert evaluation.overall.small == "fewer than 30 people"
    assert any("fewer than 30 people" in line for line in evaluation.warnings)


def test_the_same_seed_gives_the_same_intervals() -> None:
    first, again = (evaluate(drawn_scores(people=150), BY) for _ in range(2))
    other = evaluate(drawn_scores(people=150), EvaluateOptions(by=BY.by, resamples=200, seed=1))
    assert [row.metrics for row in first.rows] == [row.metrics for row in again.rows]
    assert first.overall.metrics["f1"] != other.overall.metrics["f1"]
    assert first.overall.metrics["accuracy"] == other.overall.metrics["accuracy"]


def test_wilson_by_hand() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, 15 of 148, 0 of 20.
    assert wilson(81 / 263, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15 / 148, 148, 0.95) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20, 0.95) == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson(1, 20, 0.95)[1] == 1


def test_faces_of_the_same_people_count_for_less() -> None:
    people = np.repeat(np.arange(50), 4)
    alike = np.repeat(np.arange(50) % 5 > 0, 4)
    # Copies of a face add nothing: 50 people, 49 degrees. Student's t of 49 degrees is 2.0096, the normal's 1.9600.
    few = (1.959964 / 2.009575) ** 2
    assert effective_n(alike, people, 0.95) == pytest.approx(49 * few)
    assert effective_n(alike, np.arange(200), 0.95) == 200
    spread = np.tile([True, True, True, False], 50)
    assert effective_n(spread, people, 0.95) == pytest.approx(200 * few)
    # Without an error nothing is known of how alike faces are.
    assert effective_n(np.ones(200, bool), people, 0.95) == 50
    narrow, wide = (proportion_interval(alike, who, 0.95)[0] for who in (np.arange(200), people))
    assert narrow is not None
    assert wide is not None
    assert wide.high - wide.low > 1.8 * (narrow.high - narrow.low)
    assert (narrow.method, wide.method) == ("Wilson", "Wilson, effective n 46.6 for faces of the same people")


def test_intervals_of_proportions_hold_what_they_promise_for_faces_of_the_same_people() -> None:
    random = np.random.default_rng(2)
    held, held_if_independent, tries = 0, 0, 300
    for _ in range(tries):
        easy = random.beta(4, 1, 60)  # each person's own accuracy, 0.8 on average
        people = np.repeat(np.arange(60), random.integers(1, 9, 60))
        hits = random.random(len(people)) < easy[people]
        interval, _ = proportion_interval(hits, people, 0.95)
        assert interval is not None
        held += interval.low <= 0.8 <= interval.high
        low, high = wilson(float(hits.mean()), len(hits), 0.95)
        held_if_independent += low <= 0.8 <= high
    assert held / tries > 0.91
    assert held_if_independent / tries < held / tries


def test_one_person_gives_no_interval() -> None:
    interval, note = proportion_interval(np.array([True, False, True]), np.zeros(3, int), 0.95)
    assert interval is None
    assert note == "all faces are of one person"


def test_the_bootstrap_agrees_with_wilson_where_both_can_be_had() -> None:
    scores = drawn_scores(2000)
    row = evaluate(scores, EvaluateOptions(resamples=2000)).overall
    accuracy, balanced = row.metrics["accuracy"], row.metrics["balanced_accuracy"]
    assert accuracy.interval is not None
    assert balanced.interval is not None
    assert balanced.interval.low == pytest.approx(accuracy.interval.low, abs=0.005)
    assert balanced.interval.high == pytest.approx(accuracy.interval.high, abs=0.005)
    assert balanced.interval.method == "bootstrap"


def test_people_make_intervals_wider() -> None:
    faces = 400
    random = np.random.default_rng(1)
    base = drawn_scores(faces // 4, shift=0.7)
    copies = {"probabilities": np.tile(base.probabilities, 4) + random.random(faces) * 1e-6}
    loose = plain_scores(copies["probabilities"], np.tile(base.targets, 4))
    known = plain_scores(
        copies["probabilities"], np.tile(base.targets, 4), identities=np.tile(np.arange(faces // 4).astype(str), 4)
    )
    for name in ("accuracy", "f1", "roc_auc", "mcc"):
        narrow, wide = (evaluate(scores).overall.metrics[name].interval for scores in (loose, known))
        assert narrow is not None
        assert wide is not None
        assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(2, abs=0.35), name
    assert wide.method == "bootstrap by identity"


def test_without_errors_there_is_no_interval_that_is_a_point() -> None:
    row = evaluate(counted_scores(40, 0, 0, 40, ranked=True), EvaluateOptions(resamples=100)).overall
    assert row.metrics["f1"].number == 1
    assert row.metrics["f1"].interval is None
    assert row.metrics["f1"].note == "the same in every resample"
    assert row.metrics["accuracy"].interval is not None
    assert row.metrics["accuracy"].interval.low == pytest.approx(0.954, abs=5e-4)


def test_a_metric_that_draws_lose_has_no_interval() -> None:
    row = evaluate(plain_scores([0.2, 0.3, 0.4, 0.9], [False, False, False, True])).overall
    assert row.metrics["roc_auc"].number == 1
    assert row.metrics["roc_auc"].interval is None
    assert "of the resamples" in row.metrics["roc_auc"].note
    assert bootstrap_interval(np.array([0.5, np.nan, 0.4, 0.6]), 0.95) == (None, "undefined in 25% of the resamples")


def test_a_calibrated_head_may_be_calibrated() -> None:
    random = np.random.default_rng(4)
    likely = random.random(1500)
    fair = evaluate(plain_scores(likely, random.random(1500) < likely)).overall.metrics["ece"]
    sharp = evaluate(plain_scores(likely, random.random(1500) < 0.25 + likely / 2)).overall.metrics["ece"]
    assert fair.interval is not None
    assert sharp.interval is not None
    assert fair.interval.low == 0
    assert sharp.interval.low < 0.125 < sharp.interval.high  # E|p - (1/4 + p/2)| of a uniform p
    assert sharp.interval.low > 0.08


def test_few_faces_leave_the_calibration_error_without_interval() -> None:
    value = evaluate(drawn_scores(149)).overall.metrics["ece"]
    assert value.defined
    assert value.interval is None
    assert value.note == "fewer than 10 faces for each bin"
    assert evaluate(drawn_scores(150)).overall.metrics["ece"].interval is not None


def test_the_calibration_interval_is_mirrored() -> None:
    draws = np.linspace(0.10, 0.20, 1001)
    interval, _ = calibration_interval(0.12, draws, draws / 10, 0.9)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((0.24 - 0.195, 0.24 - 0.105))
    within_noise, _ = calibration_interval(0.12, draws, draws, 0.9)
    assert within_noise is not None
    assert within_noise.low == 0


def test_people_are_drawn_whole() -> None:
    people = people_of(np.array(["b", "a", "", "b", "", "a"]))
    assert people.tolist() == [1, 0, 2, 1, 3, 0]
    weights = np.concatenate(list(resamples(people, 500, 0)))
    assert weights.shape == (500, 6)
    assert (weights[:, 0] == weights[:, 3]).all()
    assert (weights[:, 1] == weights[:, 5]).all()
    assert (weights[:, [0, 1, 2, 4]].sum(axis=1) == 4).all()
    assert (weights[:, 2] != weights[:, 4]).any()
    assert weights.mean() == pytest.approx(1, abs=0.1)


def test_draws_come_in_pieces_and_are_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    people = np.arange(30)
    monkeypatch.setattr("heads.metrics.resampling.CELLS_AT_ONCE", 30 * 7)
    pieces = list(resamples(people, 100, 3))
    assert [len(piece) for piece in pieces] == [7] * 14 + [2]
