"""Heads trained side by side learn exactly what each would learn alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drawn_embeddings import drawn_embeddings
from heads.recipes import load_recipe
from heads.recipes.recipe import MlpSettings, Recipe
from heads.training.checkpoint import Checkpoints
from heads.training.data import TrainingData, training_data
from heads.training.network_training import HISTORY, PassTraining
from heads.training.options import TrainOptions
from heads.training.runs import Outcome, Run, network_runs, passes
from heads.training.seeds import batches, dropout_masks, initial_weights
from heads.training.stack import FRAMEWORKS

TORCH = FRAMEWORKS["torch"]
NOISE = 2e-5  # of float32 sums in another order, grown over some epochs


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return training_data(drawn_embeddings(500, 30), TrainOptions(class_weights="balanced"))


def small(**settings: Any) -> Recipe:
    return load_recipe("logits-16-16").with_settings(
        **{"epochs": 6, "batch_size": 16, "learning_rate": 0.01, **settings}
    )


def trained(
    runs: list[Run], data: TrainingData, folder: Path, workers: int = 1
) -> tuple[list[Outcome], list[list[Any]]]:
    outcomes, history = [], []
    for number, each in enumerate(passes(runs, data.dimension, workers)):
        kept = Checkpoints(folder / f"head{number}", "key")
        training = PassTraining(each, "pass", data, TORCH, "loss", kept)
        outcomes += training.run(lambda _title, _fraction: None, "")
        history += training.history
        kept.remove()
    return sorted(outcomes, key=lambda outcome: outcome.run.number), history


def of_run(history: list[list[Any]], number: int) -> Any:
    return np.array([row[2:8] for row in history if row[0] == number], dtype=float)


def test_a_head_in_a_stack_equals_the_head_alone(data: TrainingData, tmp_path: Path) -> None:
    recipes = [small(stop_patience=2, reduce_patience=1, epochs=12), small(hidden=[9], dropout=[0.0], standardise=True)]
    runs = network_runs(recipes, TrainOptions(seeds=2, learning_rates=(0.003, 0.03)))
    assert len(runs) == 8
    together, history = trained(runs, data, tmp_path)
    assert len({outcome.epochs for outcome in together}) > 1, "heads should leave the stack at different epochs"
    for outcome, run in zip(together, runs, strict=True):
        ((alone,), own) = trained([run], data, tmp_path)
        assert np.allclose(of_run(history, run.number), of_run(own, run.number), rtol=0, atol=NOISE)
        assert (alone.epochs, alone.best_epoch) == (outcome.epochs, outcome.best_epoch)
        assert alone.arrays is not None and outcome.arrays is not None
        for name, array in alone.arrays.items():
            assert np.allclose(array, outcome.arrays[name], rtol=0, atol=10 * NOISE), name


def test_stacks_side_by_side_equal_one_stack(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = network_runs([small()], TrainOptions(seeds=5))
    assert len(passes(runs, data.dimension, 3)[0].stacks) == 1, "so little is not worth three workers"
    monkeypatch.setattr("heads.training.runs.WORTH_A_WORKER", 1)
    (one, before), (three, after) = trained(runs, data, tmp_path), trained(runs, data, tmp_path, workers=3)
    assert [len(stack) for stack in passes(runs, data.dimension, 3)[0].stacks] == [2, 2, 1]
    assert [outcome.best_epoch for outcome in one] == [outcome.best_epoch for outcome in three]
    for run in runs:
        assert np.allclose(of_run(before, run.number), of_run(after, run.number), rtol=0, atol=NOISE)


def test_the_same_training_gives_the_same_bytes(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heads.training.runs.WORTH_A_WORKER", 1)
    runs = network_runs([small()], TrainOptions(seeds=4))
    (one, before), (two, after) = (trained(runs, data, tmp_path, workers=2) for _ in range(2))
    assert sorted(before) == sorted(after)
    for first, second in zip(one, two, strict=True):
        assert first.arrays is not None and second.arrays is not None
        assert all(np.array_equal(array, second.arrays[name]) for name, array in first.arrays.items())


def plain_losses(data: TrainingData, run: Run, epochs: int) -> list[float]:
    """Train one head as anybody would in PyTorch, Adam written out as in section 2 of its paper, in float64."""
    own = run.settings
    assert run.initialisation_seed is not None and run.order_seed is not None and run.dropout_seed is not None
    layers = [
        torch.tensor(a, dtype=torch.float64) for a in initial_weights(own, data.dimension, run.initialisation_seed)
    ]
    moments = [[torch.zeros_like(layer) for layer in layers] for _ in range(2)]
    losses, steps = [], 0
    for epoch in range(1, epochs + 1):
        order = batches(len(data.train_rows), own.batch_size, run.order_seed, epoch)
        masks = dropout_masks(own, [run.dropout_seed], epoch, [len(chosen) for chosen in order])
        total = 0.0
        for chosen, drawn in zip(order, masks, strict=True):
            rows, steps = data.train_rows[chosen], steps + 1
            values = torch.tensor(data.vectors[rows], dtype=torch.float64)
            for layer in layers:
                layer.requires_grad_()
            for number in range(len(own.hidden) + 1):
                values = values @ layers[2 * number].T + layers[2 * number + 1]
                if number < len(own.hidden):
                    mask = drawn[number]
                    values = values.relu() * (1 if mask is None else torch.tensor(mask[0]))
            probability = values[:, 0].sigmoid()
            targets, weights = (torch.tensor(array[rows]) for array in (data.targets, data.weights))
            fit = targets * probability.log() + (1 - targets) * (1 - probability).log()
            loss = -(weights * fit).mean()
            gradients = torch.autograd.grad(loss, layers)
            total += loss.item() * len(rows)
            rate = run.learning_rate * (1 - own.beta_2**steps) ** 0.5 / (1 - own.beta_1**steps)
            for place, (layer, gradient) in enumerate(zip(layers, gradients, strict=True)):
                first = moments[0][place] = own.beta_1 * moments[0][place] + (1 - own.beta_1) * gradient
                second = moments[1][place] = own.beta_2 * moments[1][place] + (1 - own.beta_2) * gradient**2
                layers[place] = (layer - rate * first / (second.sqrt() + own.epsilon)).detach()
        losses.append(total / len(data.train_rows))
    return losses


@pytest.mark.parametrize("epsilon", [1e-7, 0.1])
def test_training_is_what_anybody_would_write(data: TrainingData, tmp_path: Path, epsilon: float) -> None:
    runs = network_runs([small(epochs=3, epsilon=epsilon)], TrainOptions(seeds=3, learning_rates=(0.001, 0.01)))
    _, history = trained(runs, data, tmp_path)
    for run in (runs[1], runs[5]):
        assert np.allclose(of_run(history, run.number)[:, 2], plain_losses(data, run, 3), rtol=0, atol=NOISE)


def test_seeds_do_what_they_say() -> None:
    settings = small().settings
    assert isinstance(settings, MlpSettings)
    one, same, other = (initial_weights(settings, 10, seed) for seed in (1, 1, 2))
    assert all(map(np.array_equal, one, same)) and not np.array_equal(one[0], other[0])
    assert [array.shape for array in one] == [(16, 10), (16,), (16, 16), (16,), (1, 16), (1,)]
    order = batches(10, 4, seed=1, epoch=1)
    assert [len(chosen) for chosen in order] == [4, 4, 2]
    assert sorted(np.concatenate(order)) == list(range(10))
    assert not np.array_equal(order[0], batches(10, 4, seed=1, epoch=2)[0])


def test_masks_drop_at_the_rate_and_keep_the_mean() -> None:
    settings = small(hidden=[50, 7, 30], dropout=[0.4, 0.0, 0.9]).settings
    assert isinstance(settings, MlpSettings)
    (masks,) = dropout_masks(settings, [5, 6], epoch=2, sizes=[400])
    first, none, last = masks
    assert none is None and first is not None and last is not None
    assert first.shape == (2, 400, 50) and last.shape == (2, 400, 30)
    for mask, rate in ((first, 0.4), (last, 0.9)):
        assert abs((mask == 0).mean() - rate) < 0.01
        assert np.allclose(mask[mask > 0], 1 / (1 - rate))
    assert not np.array_equal(first[0], first[1])


def test_masks_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = small().settings
    assert isinstance(settings, MlpSettings)
    sizes = [8, 8, 8, 8, 3]
    before = list(dropout_masks(settings, [5, 6], 1, sizes))
    monkeypatch.setattr("heads.training.seeds._BLOCK", 1)
    after = list(dropout_masks(settings, [6], 1, sizes))
    for two, one in zip(before, after, strict=True):
        for wide, single in zip(two, one, strict=True):
            assert wide is not None and single is not None
            assert np.array_equal(wide[1], single[0])


@pytest.mark.parametrize(("rule", "limit"), [("glorot-uniform", (6 / 400) ** 0.5), ("fan-in-uniform", 300**-0.5)])
def test_initial_weights_lie_within_their_limits(rule: str, limit: float) -> None:
    settings = small(hidden=[100], dropout=[0.0], initialisation=rule).settings
    assert isinstance(settings, MlpSettings)
    weight, bias, *_ = initial_weights(settings, 300, 0)
    assert 0.99 * limit < np.abs(weight).max() <= limit
    assert bool(bias.any()) == (rule == "fan-in-uniform")


def test_runs_of_one_order_share_a_pass_and_large_ones_are_parted(monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = [small(), small(hidden=[4], dropout=[0.0])]
    shared = passes(network_runs(recipes, TrainOptions(seeds=3)), 30, 1)
    assert [[len(stack) for stack in each.stacks] for each in shared] == [[3, 3]]
    varied = passes(network_runs(recipes, TrainOptions(seeds=3, vary_order=True)), 30, 1)
    assert [each.order_seed for each in varied] == [0, 1, 2]
    monkeypatch.setattr("heads.training.runs.AT_ONCE", 2000)
    assert len(passes(network_runs(recipes, TrainOptions(seeds=3)), 30, 1)) > 1


def test_history_names_its_columns(data: TrainingData, tmp_path: Path) -> None:
    _, history = trained(network_runs([small(epochs=1)], TrainOptions()), data, tmp_path)
    assert len(history) == 1 and len(history[0]) == len(HISTORY)
