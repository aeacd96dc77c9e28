"""Heads that scikit-learn fits: what each kind lets validation choose among, and the arrays that are kept of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from warnings import catch_warnings

import numpy as np
from sklearn import __version__ as sklearn_version
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.svm import SVC

from converters.ops import Array
from heads.errors import TrainingError
from heads.models.head import INPUT_MEAN, INPUT_SCALE
from heads.recipes.recipe import CentroidSettings, KnnSettings, LinearSettings, Settings, SvmSettings
from heads.training.data import TrainingData

# Up to so many faces all their products are kept (0.8 GB) and serve every gamma and C.
KERNEL_FACES = 10_000
CACHE_MB = 1000

Point = Mapping[str, Any]


class Candidate(NamedTuple):
    """A head for validation to judge: what was chosen for it, its arrays, and what there is to say of it."""

    point: Point
    arrays: Mapping[str, Array]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Faces:
    """What a head is fitted to: standardised vectors (faces, dimension) float64, targets and weights (faces,)."""

    vectors: Array
    targets: Array
    weights: Array


def environment() -> dict[str, Any]:
    """Return what may change a result's last digit."""
    return {"scikit-learn": sklearn_version}


def candidates(settings: Settings, data: TrainingData) -> Iterator[Candidate]:
    """Yield a head fitted to the training faces for each point that validation may choose."""
    yield from _with_inputs(settings, data, FITS[type(settings)](settings, _faces(settings, data, data.train_rows)))


def refitted(settings: Settings, point: Point, data: TrainingData) -> Candidate | None:
    """Return the head at this point, fitted to training and validation faces; None where the recipe asks for none."""
    if getattr(settings, "refit", "train") == "train":
        return None
    rows = np.concatenate([data.train_rows, data.val_rows])
    single = type(settings)(**{**vars(settings), **{name: (value,) for name, value in point.items()}})
    return next(iter(_with_inputs(settings, data, FITS[type(settings)](single, _faces(settings, data, rows)))))


def _faces(settings: Settings, data: TrainingData, rows: Array) -> Faces:
    vectors = data.vectors[rows].astype(np.float64)
    if settings.standardise:
        mean, scale = data.standardisation
        vectors = (vectors - mean) * scale
    return Faces(vectors, data.targets[rows], data.weights[rows])


def _with_inputs(settings: Settings, data: TrainingData, found: Iterator[Candidate]) -> Iterator[Candidate]:
    inputs = dict(zip((INPUT_MEAN, INPUT_SCALE), data.standardisation, strict=True)) if settings.standardise else {}
    for each in found:
        yield each._replace(arrays={**each.arrays, **inputs})


def _linear(settings: LinearSettings, faces: Faces) -> Iterator[Candidate]:
    """Logistic regression; its logit is the log-odds themselves."""
    model = LogisticRegression(max_iter=settings.iterations, tol=settings.tolerance, warm_start=True)
    for c in sorted(settings.c):
        model.set_params(C=c)
        warnings = _fitted(model, faces, f"C = {c:g} did not converge within {settings.iterations} iterations")
        yield Candidate({"c": c}, {"weight": _single(model.coef_), "bias": _single(model.intercept_)}, warnings)


def _fitted(model: Any, faces: Faces, warning: str) -> tuple[str, ...]:
    with catch_warnings(record=True, action="always") as caught:
        model.fit(faces.vectors, faces.targets, sample_weight=faces.weights)
    return (warning,) if any(issubclass(each.category, ConvergenceWarning) for each in caught) else ()


def _svm(settings: SvmSettings, faces: Faces) -> Iterator[Candidate]:
    """A support vector machine; its logit is the decision value, in units that the temperature makes log-odds of."""
    variance = float(faces.vectors.var())
    if not variance:
        raise TrainingError("all embeddings are the same: there is nothing for a support vector machine to learn")
    squared = _squared_distances(faces.vectors) if len(faces.vectors) <= KERNEL_FACES else None
    for factor in settings.gamma_factor:
        gamma = factor / (faces.vectors.shape[1] * variance)
        kernel = None if squared is None else np.exp(-gamma * squared)
        for c in settings.c:
            model = SVC(
                C=c,
                gamma=gamma,
                kernel="rbf" if kernel is None else "precomputed",
                tol=settings.tolerance,
                cache_size=CACHE_MB,
            )
            model.fit(faces.vectors if kernel is None else kernel, faces.targets, sample_weight=faces.weights)
            yield Candidate({"c": c, "gamma_factor": factor}, _support(model, faces, gamma))


def _support(model: Any, faces: Faces, gamma: float) -> dict[str, Array]:
    # libsvm lists one label's support vectors first: partial sums of a hundred times the result would eat two digits.
    order = np.random.default_rng(0).permutation(len(model.support_))
    return {
        "support_vectors": _single(faces.vectors[model.support_[order]]),
        "coefficients": _single(model.dual_coef_[:, order]),
        "intercept": _single(model.intercept_),
        "gamma": _single([gamma]),
    }


def _squared_distances(vectors: Array) -> Array:
    lengths = np.square(vectors).sum(1)
    return np.asarray(np.maximum(lengths[:, None] + lengths - 2 * (vectors @ vectors.T), 0))


def _knn(settings: KnnSettings, faces: Faces) -> Iterator[Candidate]:
    """Nearest neighbours; the logit is the log-odds of their votes, half a vote added to either side."""
    stored = faces.vectors
    if settings.metric == "cosine":
        lengths = np.linalg.norm(stored, axis=1, keepdims=True)
        stored = stored / np.where(lengths > 0, lengths, 1)
    kept = {"stored": _single(stored), "stored_targets": _single(faces.targets)}
    too_many = [count for count in settings.neighbours if count > len(stored)]
    if too_many:
        raise TrainingError(f"{max(too_many)} neighbours are asked for, but there are {len(stored)} training faces")
    for count in settings.neighbours:
        yield Candidate({"neighbours": count}, {**kept, "neighbours": np.array([count], np.int32)})


def _centroid(_settings: CentroidSettings, faces: Faces) -> Iterator[Candidate]:
    """Nearest mean; the logit is the log-odds of two normal distributions around the means, with one variance for

    all directions, that of the training faces around their label's mean.
    """
    centroids = NearestCentroid().fit(faces.vectors, faces.targets).centroids_
    around = faces.vectors - centroids[faces.targets.astype(int)]
    variance = float(np.square(around).mean())
    if not variance:
        raise TrainingError("all embeddings of a label are the same: the distance to their mean says nothing")
    yield Candidate({}, {"centroids": _single(centroids), "variance": _single([variance])})


def _single(values: Array | Sequence[float]) -> Array:
    return np.ascontiguousarray(values, dtype=np.float32)


FITS: dict[type[Settings], Callable[[Any, Faces], Iterator[Candidate]]] = {
    LinearSettings: _linear,
    SvmSettings: _svm,
    KnnSettings: _knn,
    CentroidSettings: _centroid,
}
