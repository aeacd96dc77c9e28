"""Keras and PyTorch train a recipe to the same losses: NumPy draws weights, batches and masks for both."""

from pathlib import Path

import keras
import numpy as np
import pytest
import torch

from drawn_embeddings import drawn_embeddings
from heads.recipes import load_recipe
from heads.training.network_training import PassTraining
from heads.training.options import TrainOptions
from heads.training.train import Trained, train

ADAM = torch.optim.Adam, keras.optimizers.Adam  # both frameworks are needed here


def trained(framework: str, recipe: str, folder: Path) -> Trained:
    changed = load_recipe(recipe).with_settings(
        epochs=4, hidden=[16, 8], dropout=[0.4, 0.2], reduce_patience=1, batch_size=32
    )
    options = TrainOptions(framework=framework, learning_rates=(0.001, 0.02), class_weights="balanced")
    folder.mkdir(exist_ok=True)
    return train(drawn_embeddings(300, 20), changed, options, folder / framework)


@pytest.mark.parametrize("recipe", ["logits-16-16", "mlp-1000-1000"])
def test_both_frameworks_agree(recipe: str, tmp_path: Path) -> None:
    ours, theirs = (trained(framework, recipe, tmp_path) for framework in ("torch", "keras"))
    measured = ["learning_rate", "train_loss", "val_loss", "val_accuracy"]
    assert np.allclose(ours.history[measured], theirs.history[measured], rtol=1e-5, atol=1e-5)
    assert ours.head.facts["chosen"]["run"] == theirs.head.facts["chosen"]["run"]
    for name, array in ours.head.arrays.items():
        assert np.allclose(array, theirs.head.arrays[name], rtol=0, atol=1e-4), name
    assert theirs.head.facts["software"]["keras"] == keras.__version__


def test_keras_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trained("keras", "logits-16-16", tmp_path / "a")
    real = PassTraining._one_epoch

    def stops(self: PassTraining, team: object) -> object:
        if self.epoch == 3:
            raise KeyboardInterrupt
        return real(self, team)  # type: ignore[arg-type] # the team's class is private

    monkeypatch.setattr(PassTraining, "_one_epoch", stops)
    with pytest.raises(KeyboardInterrupt):
        trained("keras", "logits-16-16", tmp_path / "b")
    monkeypatch.undo()
    again = trained("keras", "logits-16-16", tmp_path / "b")
    assert again.resumed and not whole.resumed
    for one, other in zip(whole.files, again.files, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
