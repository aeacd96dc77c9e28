"""A training from labelled embeddings to the head's folder, and what keeps it from coming to anything."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from converters import formats
from converters.errors import ConversionError, MissingLibraryError
from drawn_embeddings import drawn_embeddings
from heads.embeddings.labelled import Labelled
from heads.errors import DataError, TrainingError, UsageError
from heads.models.head import load_head
from heads.models.inference import logits, probabilities
from heads.recipes import load_recipe
from heads.recipes.recipe import MlpSettings, Recipe
from heads.training import seen
from heads.training.data import training_data
from heads.training.options import TrainOptions
from heads.training.schedule import Progress, failure
from heads.training.selection import Scores, scores
from heads.training.soundness import warnings
from heads.training.stack import FRAMEWORKS
from heads.training.train import Trained, train

TORCH = torch.__version__  # most recipes here are trained by it


def quick(**settings: Any) -> Recipe:
    return load_recipe("logits-16-16").with_settings(**{"epochs": 4, "learning_rate": 0.01, **settings})


def with_rows(labelled: Labelled, **columns: Any) -> Labelled:
    return replace(labelled, table=labelled.table.with_rows(labelled.table.rows.assign(**columns)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    recipes = [quick(), load_recipe("linear").with_settings(c=[1e-3, 0.1])]
    options = TrainOptions(seeds=3, learning_rates=(0.001, 0.01), selection="accuracy")
    return train(drawn_embeddings(), recipes, options, tmp_path_factory.mktemp("trained") / "head")


def test_the_folder_holds_the_head_and_how_it_came_to_be(trained: Trained) -> None:
    folder = trained.files[0].parent
    names = {"head.json", "weights.safetensors", "history.csv", "runs.csv", "seen.safetensors"}
    assert {path.name for path in folder.iterdir()} == names
    assert sorted(trained.files) == sorted(folder.iterdir())
    assert [path.name for path in folder.parent.iterdir()] == ["head"]
    faces = drawn_embeddings().vectors
    assert np.array_equal(logits(load_head(folder), faces), logits(trained.head, faces))


def test_runs_and_history_have_a_row_for_everything(trained: Trained) -> None:
    folder = trained.files[0].parent
    runs, history = (pd.read_csv(folder / name) for name in ("runs.csv", "history.csv"))
    assert list(runs["run"]) == list(range(8)) and list(runs["recipe"]) == ["logits-16-16"] * 6 + ["linear"] * 2
    assert runs["chosen"].sum() == 1
    assert list(runs["initialisation_seed"][:6]) == [0, 1, 2, 0, 1, 2]
    assert len(history) == 6 * 4 and set(history["run"]) == set(range(6))
    for row in runs[:6].itertuples():
        own = history[history["run"] == row.run].set_index("epoch")
        assert own["val_accuracy"].max() == own["val_accuracy"][row.best_epoch] == row.val_accuracy
        assert row.val_loss == pytest.approx(own["val_loss"][row.best_epoch], rel=1e-5)
        assert row.val_loss_calibrated <= row.val_loss + 1e-9


def test_the_best_on_validation_is_chosen(trained: Trained) -> None:
    runs = trained.runs
    assert runs["val_accuracy"][runs["chosen"]].item() == runs["val_accuracy"].max()
    val = drawn_embeddings().part("val")
    says = np.where(logits(trained.head, val.vectors) >= 0, "male", "female")
    assert (says == val.table.rows["label"]).mean() == trained.head.facts["chosen"]["val_accuracy"]


def test_facts_tell_everything_a_card_needs(trained: Trained) -> None:
    facts = json.loads(trained.files[0].read_text())["facts"]
    data = facts["data"]
    assert (data["layout"], data["licence"], data["label_source"], data["split_seed"]) == ("drawn", "CC0", "folder", 3)
    assert sum(data["faces"]["train"].values()) == 240 and data["unlabelled_faces"] == 0
    assert data["identities"] == {"train": 60, "val": 20, "test": 20, "shared_with_train": 0}
    assert data["positive_rule"] == "the label that comes last in the alphabet"
    assert facts["backbone"] == ["drawn.onnx"]
    assert facts["software"]["torch"] == torch.__version__ and "scikit-learn" in facts["software"]
    assert facts["selection"] == {"by": "accuracy", "on": "val", "faces": 80}
    spread = facts["runs"]["seeds"]
    assert [(each["learning_rate"], each["heads"]) for each in spread] == [(0.001, 3), (0.01, 3)]
    accuracies = trained.runs["val_accuracy"][:3]
    assert spread[0]["val_accuracy"]["mean"] == pytest.approx(accuracies.mean())
    assert spread[0]["val_accuracy"]["standard_deviation"] == pytest.approx(accuracies.std())
    assert facts["chosen"]["run"] == int(trained.runs["run"][trained.runs["chosen"]].item())


@pytest.mark.parametrize("name", ["linear", "svm", "knn", "centroid", "gap-32"])
def test_every_kind_learns_and_is_calibrated(name: str, tmp_path: Path) -> None:
    labelled = drawn_embeddings(noise=1.5)
    found = train(labelled, load_recipe(name), TrainOptions(), tmp_path / "head")
    test = labelled.part("test")
    probability = probabilities(load_head(tmp_path / "head"), test.vectors, labelled.spec)
    assert ((probability >= 0.5) == test.targets("male")).mean() > 0.9
    assert (
        found.head.facts["calibration"]["log_loss_after"] <= found.head.facts["calibration"]["log_loss_before"] + 1e-9
    )


@pytest.mark.parametrize("name", ["linear", "svm"])
def test_refitting_on_both_keeps_what_was_measured_before(name: str, tmp_path: Path) -> None:
    labelled, recipe = drawn_embeddings(), load_recipe(name)
    before = train(labelled, recipe, TrainOptions(), tmp_path / "before").head
    after = train(labelled, recipe.with_settings(refit="train+val"), TrainOptions(), tmp_path / "after").head
    assert after.calibration == before.calibration
    assert after.facts["chosen"] == before.facts["chosen"]
    assert after.facts["fitted_on"].startswith("train and val") and before.facts["fitted_on"] == "train"
    assert not np.array_equal(logits(after, labelled.vectors), logits(before, labelled.vectors))
    validated = labelled.part("val")
    assert not seen.warnings(tmp_path / "before", validated, "val")
    (told,) = seen.warnings(tmp_path / "after", validated, "val")
    assert told.startswith(f"{len(validated)} of {len(validated)} faces are among those that the head was trained on")


def test_the_positive_label_can_be_chosen(tmp_path: Path) -> None:
    labelled = drawn_embeddings()
    male, female = (
        train(labelled, load_recipe("centroid"), TrainOptions(positive=label), tmp_path / str(label)).head
        for label in (None, "female")
    )
    assert (male.labels, female.labels) == (("female", "male"), ("male", "female"))
    assert np.allclose(logits(male, labelled.vectors), -logits(female, labelled.vectors), atol=1e-4)
    assert female.facts["data"]["positive_rule"] == "stated"


def test_selection_by_the_worst_group(tmp_path: Path) -> None:
    labelled = drawn_embeddings(noise=4)
    tones = labelled.table.rows["group_tone"].to_numpy(dtype=object).copy()
    tones[240:243], tones[243:246] = "rare", ""  # of the validation faces
    labelled = with_rows(labelled, group_tone=tones)
    found = train(labelled, quick(), TrainOptions(seeds=2, selection="worst-group", group="tone"), tmp_path / "head")
    val = labelled.part("val")
    right = (logits(found.head, val.vectors) >= 0) == (val.targets("male") > 0)
    assert found.head.facts["selection"]["groups_left_out"] == ["rare (3 faces)"]
    by_group = [right[(val.table.rows["group_tone"] == tone).to_numpy()].mean() for tone in ("light", "dark")]
    assert found.head.facts["chosen"]["val_worst_group"] == pytest.approx(min(by_group))
    assert found.history["val_worst_group"].max() == found.head.facts["chosen"]["val_worst_group"]


def test_scores_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    targets, values = (generator.random(50) < 0.3).astype(np.float32), generator.normal(size=(2, 50))
    for row, found in zip(values, scores(values, targets, np.arange(50) % 3 - 1), strict=True):
        assert found.accuracy == pytest.approx(accuracy_score(targets, row >= 0))
        assert found.macro == pytest.approx(balanced_accuracy_score(targets, row >= 0))
        right = (row >= 0) == (targets > 0)
        assert found.worst_group == pytest.approx(min(right[1::3].mean(), right[2::3].mean()))


def test_class_weights_move_a_head_to_the_rare_label(tmp_path: Path) -> None:
    labelled = drawn_embeddings(noise=6)
    rare = (labelled.table.rows["label"] == "male") & (labelled.table.rows.index % 6 > 0)
    labelled = labelled.where(~rare.to_numpy())
    heads = [
        train(
            labelled,
            load_recipe("linear").with_settings(c=[1.0]),
            TrainOptions(class_weights=weights),
            tmp_path / weights,
        )
        for weights in ("none", "balanced")
    ]
    said = [(logits(found.head, labelled.vectors) >= 0).mean() for found in heads]
    assert said[1] > said[0] + 0.1
    data = training_data(labelled, TrainOptions(class_weights="balanced"))
    sums = [data.weights[data.train_rows][data.targets[data.train_rows] == value].sum() for value in (0, 1)]
    assert sums[0] == pytest.approx(sums[1], rel=1e-5)


def settings_of(**settings: Any) -> MlpSettings:
    found = quick(**settings).settings
    assert isinstance(found, MlpSettings)
    return found


def test_plateaus_lower_the_learning_rate_and_then_end_the_training() -> None:
    own = settings_of(epochs=20, reduce_patience=2, reduce_factor=0.1, least_learning_rate=5e-4, stop_patience=5)
    progress, rates = Progress(0.01), []
    for epoch, loss in enumerate([1.0, 0.5, 0.6, 0.6, 0.5, 0.6, 0.6], start=1):
        progress.advance(epoch, Scores(loss, 0.5, 0.5), "loss", own)
        rates.append(progress.learning_rate)
    assert rates == pytest.approx([0.01, 0.01, 0.01, 0.001, 0.001, 0.0005, 0.0005])
    assert (progress.best_epoch, progress.ended, progress.epochs) == (2, "early stopping", 7)
    assert Progress.from_json(json.loads(json.dumps(progress.to_json()))) == progress


def test_small_improvements_are_kept_but_do_not_wait_longer() -> None:
    own = settings_of(epochs=20, stop_patience=2, least_improvement=0.1)
    progress = Progress(0.01)
    better = [
        progress.advance(epoch, Scores(loss, 0.5, 0.5), "loss", own) for epoch, loss in enumerate([1, 0.95, 0.93], 1)
    ]
    assert better == [True, True, True] and progress.ended == "early stopping" and progress.best_epoch == 3


def test_among_equal_accuracies_the_lower_loss_is_better() -> None:
    progress = Progress(0.01)
    own = settings_of(epochs=9)
    found = [progress.advance(e, Scores(loss, 0.9, 0.9), "accuracy", own) for e, loss in enumerate([0.5, 0.6, 0.4], 1)]
    assert found == [True, False, True]


def test_what_is_not_a_number_is_caught_and_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"logits-16-16, learning rate 1e\+30, seed 0: epoch 1: the \w+ loss is"):
        train(drawn_embeddings(), quick(learning_rate=1e30), TrainOptions(), tmp_path / "head")
    assert not (tmp_path / "head").exists()
    assert failure(float("nan"), Scores(0, 0, 0)).startswith("the training loss is nan; lower the learning rate")
    assert failure(0, Scores(float("inf"), 0, 0)).startswith("the validation loss is inf")


def test_one_failed_head_among_others_is_told(tmp_path: Path) -> None:
    # A step of 1e30 makes products that no float32 holds.
    found = train(drawn_embeddings(), quick(), TrainOptions(learning_rates=(0.01, 1e30)), tmp_path / "head")
    assert found.head.facts["chosen"]["run"] == 0
    assert any(text.startswith("run 1 failed: epoch 1: the") for text in found.warnings)
    assert found.runs["failure"][1] and np.isnan(found.runs["val_loss"][1])


def test_a_head_that_learned_nothing_is_named(tmp_path: Path) -> None:
    labelled = drawn_embeddings()
    rows = labelled.table.rows.assign(label=np.where(labelled.table.rows.index % 10 == 0, "male", "female"))
    blind = replace(labelled, vectors=np.zeros_like(labelled.vectors), table=labelled.table.with_rows(rows))
    found = train(blind, quick(), TrainOptions(), tmp_path / "head")
    assert found.warnings[0].startswith("constant predictor: it says 'female' of every validation face (90.0% of them")
    assert found.head.facts["warnings"] == list(found.warnings)


def test_inverted_labels_are_suspected(tmp_path: Path) -> None:
    labelled = drawn_embeddings(noise=1)
    rows = labelled.table.rows.copy()
    val = rows["split"] == "val"
    rows.loc[val, "label"] = rows.loc[val, "label"].map({"male": "female", "female": "male"})
    inverted = replace(labelled, table=labelled.table.with_rows(rows))
    found = train(inverted, load_recipe("centroid"), TrainOptions(), tmp_path / "head")
    assert "labels of some of the faces may be inverted" in found.warnings[0]
    assert any("or their opposite" in text for text in found.warnings)


def test_saturated_logits_are_named() -> None:
    targets = np.array([0.0, 1.0, 1.0])
    (found,) = warnings(np.array([-20.0, 30.0, 1.0]), targets, ("a", "b"), "mlp")
    assert found.startswith("saturated: 66.7% of the validation logits lie beyond 16.6")
    assert warnings(np.array([-20.0, 30.0, 1.0]), targets, ("a", "b"), "svm") == []
    assert warnings(np.array([-2.0, 3.0, 1.0]), targets, ("a", "b"), "mlp") == []


def test_faces_that_cannot_be_trained_on_are_refused_all_at_once() -> None:
    labelled = drawn_embeddings()
    split = labelled.table.rows["split"].where(labelled.table.rows["split"] != "val", "")
    vectors = labelled.vectors.copy()
    vectors[[1, 7], 3] = np.nan, np.inf
    with pytest.raises(DataError) as caught:
        training_data(with_rows(replace(labelled, vectors=vectors), split=split), TrainOptions())
    assert caught.value.problems == [
        "no labelled face is in the split 'val'; `heads split` makes the splits",
        "2 embeddings hold infinities or what is not a number (0001.png, 0007.png); embed these faces again",
    ]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["male"], "the faces have 1 labels ('male' 400); a head tells two apart"),
        (["male", "female", "other", ""], "the faces have 3 labels ('female' 100, 'male' 100, 'other' 100)"),
        ([""], "the faces have 0 labels (all are empty)"),
    ],
)
def test_a_head_tells_two_labels_apart(labels: list[str], message: str) -> None:
    labelled = with_rows(drawn_embeddings(), label=(labels * 400)[:400])
    with pytest.raises(DataError) as caught:
        training_data(labelled, TrainOptions())
    assert message in str(caught.value)


def test_a_label_may_not_be_missing_from_a_split() -> None:
    labelled = drawn_embeddings()
    rows = labelled.table.rows
    split = rows["split"].mask((rows["split"] == "val") & (rows["label"] == "male"), "test")
    with pytest.raises(DataError, match="no face labelled 'male' is in the split 'val' of"):
        training_data(with_rows(labelled, split=split), TrainOptions())


def test_unknown_words_of_the_options_are_refused_all_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        TrainOptions(
            framework="jax", selection="macros", seeds=0, dropout_seed=-1, learning_rates=(0.0,), threshold=2.0,
            abstain_accuracy=0.9, abstain_band=(0.7, 0.2), group="tone",
        )  # fmt: skip
    assert len(caught.value.problems) == 9
    assert "selection is 'macros', expected one of loss, accuracy, macro, worst-group; did you mean 'macro'?" in str(
        caught.value
    )
    with pytest.raises(UsageError, match="the threshold 0.5 is not inside the abstention band 0.6 to 0.7"):
        TrainOptions(abstain_band=(0.6, 0.7))


def test_options_that_mean_nothing_here_are_refused(tmp_path: Path) -> None:
    labelled = drawn_embeddings()
    with pytest.raises(UsageError, match="more than one seed mean nothing for svm: no network is trained"):
        train(labelled, load_recipe("svm"), TrainOptions(seeds=2), tmp_path / "head")
    with pytest.raises(UsageError, match="the recipe 'svm' is given more than once"):
        train(labelled, [load_recipe("svm")] * 2, TrainOptions(), tmp_path / "head")
    with pytest.raises(UsageError, match="the positive label is 'man', but the faces' labels are 'female'"):
        train(labelled, quick(), TrainOptions(positive="man"), tmp_path / "head")
    with pytest.raises(UsageError, match="the table has no group 'race'; its groups are: tone"):
        train(labelled, quick(), TrainOptions(selection="worst-group", group="race"), tmp_path / "head")
    assert not list(tmp_path.iterdir())


def test_a_missing_framework_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "heads.training.keras_trainer", None)
    monkeypatch.setattr(formats, "EXTRAS", {**formats.EXTRAS, "heads.training.keras_trainer": "keras"})
    with pytest.raises(
        MissingLibraryError, match=r"is not installed; install it with: pip install 'faceport\[keras\]'"
    ):
        FRAMEWORKS["keras"].environment()


def test_a_head_is_not_overwritten_without_force(tmp_path: Path) -> None:
    labelled, recipe = drawn_embeddings(), load_recipe("centroid")
    train(labelled, recipe, TrainOptions(), tmp_path / "head")
    with pytest.raises(ConversionError, match="write there with --force"):
        train(labelled, recipe, TrainOptions(), tmp_path / "head")
    train(labelled, recipe, TrainOptions(force=True, positive="female"), tmp_path / "head")
    assert load_head(tmp_path / "head").positive == "female"


def test_what_does_not_apply_is_told(tmp_path: Path) -> None:
    found = train(drawn_embeddings(), load_recipe("knn"), TrainOptions(class_weights="balanced"), tmp_path / "head")
    assert "class weights have no effect on a head of kind 'knn'" in found.warnings
    slow = load_recipe("linear").with_settings(c=[100.0], iterations=1)
    found = train(drawn_embeddings(), slow, TrainOptions(), tmp_path / "slow")
    assert "C = 100 did not converge within 1 iterations" in found.warnings
    with pytest.raises(TrainingError, match="500 neighbours are asked for, but there are 240 training faces"):
        train(drawn_embeddings(), load_recipe("knn").with_settings(neighbours=[500]), TrainOptions(), tmp_path / "knn")


def test_standardisation_is_that_of_the_training_faces() -> None:
    labelled = drawn_embeddings()
    vectors = labelled.vectors.copy()
    vectors[:, 2] = 7.3
    mean, scale = training_data(replace(labelled, vectors=vectors), TrainOptions()).standardisation
    train_faces = vectors[labelled.table.rows["split"] == "train"].astype(np.float64)
    deviation = train_faces.std(0)
    deviation[2] = 1
    assert np.allclose(mean, train_faces.mean(0), rtol=1e-6)
    assert np.allclose(scale, 1 / deviation, rtol=1e-6)
