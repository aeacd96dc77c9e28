"""What heads say, held against independent implementations."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from drawn_embeddings import drawn_embeddings, spec_of
from heads.errors import HeadsError, MismatchError
from heads.models.graph import head_graph
from heads.models.head import Calibration, Head
from heads.models.inference import calibrated, logits, probabilities
from heads.recipes import load_recipe
from heads.training.classical import candidates
from heads.training.data import TrainingData, training_data
from heads.training.options import TrainOptions

LABELS = ("female", "male")


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return training_data(drawn_embeddings(600, 40), TrainOptions())


def fitted(data: TrainingData, name: str, **settings: Any) -> Head:
    recipe = load_recipe(name).with_settings(**settings)
    (found,) = candidates(recipe.settings, data)
    return Head(name, recipe.kind, LABELS, found.arrays, recipe.told(), spec_of(data.dimension))


def standardised(data: TrainingData, rows: Any) -> Any:
    train = data.vectors[data.train_rows].astype(np.float64)
    return (data.vectors[rows].astype(np.float64) - train.mean(0)) / train.std(0)


def assert_close(got: Any, wanted: Any, tolerance: float = 1e-5) -> None:
    assert np.abs(got - wanted).max() <= tolerance * np.abs(wanted).max()


@pytest.mark.parametrize("factor", [0.1, 1.0, 10.0])
def test_a_support_vector_machine_says_what_scikit_learn_says(data: TrainingData, factor: float) -> None:
    head = fitted(data, "svm", c=[10.0], gamma_factor=[factor], tolerance=1e-6)
    inputs, targets = standardised(data, data.train_rows), data.targets[data.train_rows]
    oracle = SVC(C=10.0, gamma=factor / (inputs.shape[1] * inputs.var()), tol=1e-6).fit(inputs, targets)
    wanted = oracle.decision_function(standardised(data, data.val_rows))
    assert_close(logits(head, data.val_vectors), wanted)


def test_large_sets_of_faces_give_the_same_support_vectors(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fitted(data, "svm", c=[1.0], gamma_factor=[1.0], tolerance=1e-6)
    monkeypatch.setattr("heads.training.classical.KERNEL_FACES", 10)
    after = fitted(data, "svm", c=[1.0], gamma_factor=[1.0], tolerance=1e-6)
    assert_close(logits(after, data.val_vectors), logits(before, data.val_vectors))


def test_many_support_vectors_that_nearly_cancel_keep_their_digits() -> None:
    data = training_data(drawn_embeddings(1500, 40, noise=20), TrainOptions())
    head = fitted(data, "svm", c=[1.0], gamma_factor=[0.1])
    inputs = (data.val_vectors.astype(np.float64) - head.arrays["input_mean"]) * head.arrays["input_scale"]
    support, gamma = head.arrays["support_vectors"].astype(np.float64), float(head.arrays["gamma"][0])
    kernel = np.exp(-gamma * np.square(inputs[:, None] - support).sum(2))
    coefficients = head.arrays["coefficients"][0].astype(np.float64)
    wanted = kernel @ coefficients + head.arrays["intercept"]
    assert (kernel @ np.abs(coefficients)).max() > 300 * np.abs(wanted).max()
    assert_close(logits(head, data.val_vectors), wanted)


def test_far_outliers_keep_a_support_vector_machine_accurate(data: TrainingData) -> None:
    head = fitted(data, "svm", c=[10.0], gamma_factor=[1.0])
    far = data.val_vectors * np.float32(30)
    centred = (far.astype(np.float64) - head.arrays["input_mean"]) * head.arrays["input_scale"]
    distances = np.square(centred[:, None] - head.arrays["support_vectors"].astype(np.float64)).sum(2)
    wanted = np.exp(-float(head.arrays["gamma"][0]) * distances) @ head.arrays["coefficients"][0].astype(np.float64)
    assert_close(logits(head, far), wanted + head.arrays["intercept"])


@pytest.mark.parametrize("c", [1e-3, 1.0])
def test_logistic_regression_gives_the_log_odds(data: TrainingData, c: float) -> None:
    head = fitted(data, "linear", c=[c], tolerance=1e-8)
    oracle = LogisticRegression(C=c, tol=1e-8, max_iter=1000)
    oracle.fit(standardised(data, data.train_rows), data.targets[data.train_rows])
    wanted = oracle.predict_log_proba(standardised(data, data.val_rows))
    assert_close(logits(head, data.val_vectors), wanted[:, 1] - wanted[:, 0])
    assert head.parameters == data.dimension + 1


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("standardise", [False, True])
def test_neighbours_vote_as_in_scikit_learn(data: TrainingData, metric: str, standardise: bool) -> None:
    head = fitted(data, "knn", neighbours=[11], metric=metric, standardise=standardise)
    inputs = (lambda rows: standardised(data, rows)) if standardise else (lambda rows: data.vectors[rows])
    oracle = KNeighborsClassifier(11, metric=metric, algorithm="brute")
    oracle.fit(inputs(data.train_rows), data.targets[data.train_rows])
    votes = np.rint(oracle.predict_proba(inputs(data.val_rows))[:, 1] * 11)
    assert_close(logits(head, data.val_vectors), np.log((votes + 0.5) / (11 - votes + 0.5)), 1e-6)


def test_the_nearer_mean_wins(data: TrainingData) -> None:
    head = fitted(data, "centroid")
    train, targets = standardised(data, data.train_rows), data.targets[data.train_rows]
    means = [train[targets == value].mean(0) for value in (0, 1)]
    variance = np.mean([np.square(row - means[int(label)]) for row, label in zip(train, targets, strict=True)])
    faces = standardised(data, data.val_rows)
    away, near = (np.square(faces - mean).sum(1) for mean in means)
    assert_close(logits(head, data.val_vectors), (away - near) / (2 * variance))


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_a_network_says_what_pytorch_says(offset: float) -> None:
    generator = np.random.default_rng(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(20, 7), torch.nn.ReLU(), torch.nn.Linear(7, 5), torch.nn.ReLU(), torch.nn.Linear(5, 1)
    )
    arrays = {}
    for number, layer in enumerate(model[::2], start=1):
        arrays[f"weight_{number}"], arrays[f"bias_{number}"] = (
            layer.weight.detach().numpy(),
            layer.bias.detach().numpy(),
        )
    mean = generator.normal(size=20).astype(np.float32) + np.float32(offset)
    scale = generator.uniform(0.5, 2, 20).astype(np.float32)
    head = Head("own", "mlp", LABELS, {**arrays, "input_mean": mean, "input_scale": scale}, {}, spec_of(20))
    vectors = (generator.normal(size=(5000, 20)) + offset).astype(np.float32)
    wanted = model.double()(torch.from_numpy((vectors.astype(np.float64) - mean) * scale)).detach().numpy()[:, 0]
    assert_close(logits(head, vectors), wanted)
    assert head.parameters == 21 * 7 + 8 * 5 + 6


def test_the_graph_has_the_stated_inputs_and_outputs(data: TrainingData) -> None:
    for name in ("svm", "linear", "centroid"):
        grid = {"svm": {"c": [1.0], "gamma_factor": [1.0]}, "linear": {"c": [1.0]}}.get(name, {})
        head = fitted(data, name, **grid)
        graph = head_graph(head, batch=3)
        assert dict(graph.inputs) == {"embedding": (3, 40)}
        assert graph.shapes[graph.outputs["logit"]] == (3, 1)
        wanted = logits(head, data.val_vectors[:3])
        assert np.array_equal(graph.run({"embedding": data.val_vectors[:3]})["logit"][:, 0], wanted)


def test_neighbours_have_no_graph(data: TrainingData) -> None:
    head = fitted(data, "knn", neighbours=[1])
    with pytest.raises(
        HeadsError, match="kind 'knn' looks its answer up.*train one of kind mlp, linear, centroid, svm"
    ):
        head_graph(head)


def test_probabilities_take_the_temperature_and_never_overflow(data: TrainingData) -> None:
    head = fitted(data, "linear", c=[1.0]).with_calibration(Calibration(temperature=2.0))
    values = logits(head, data.val_vectors).astype(np.float64)
    assert np.allclose(probabilities(head, data.val_vectors), 1 / (1 + np.exp(-values / 2)), rtol=0, atol=1e-6)
    assert calibrated(np.array([-1e30, 0, 1e30], np.float32), 1.0).tolist() == [0, 0.5, 1]


def test_embeddings_of_another_model_or_length_are_refused(data: TrainingData) -> None:
    head = fitted(data, "centroid")
    with pytest.raises(MismatchError, match="model with sha256 cd, expected"):
        logits(head, data.val_vectors, spec_of(40, "cd"))
    with pytest.raises(MismatchError, match=r"shape \[5, 39\] for a head of 40 numbers.*drawn.onnx, fc7"):
        logits(head, np.zeros((5, 39), np.float32))
    assert logits(head, np.zeros((0, 40), np.float32)).shape == (0,)
