"""Backbones and heads of a few kilobytes, with seeded weights, for the tests of prediction, export and cards."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import converters
import small_graphs
from converters.ir import Graph, Preprocessing, Source
from heads.backbones import Backbone
from heads.models.head import INPUT_MEAN, INPUT_SCALE, Array, Calibration, Head, save_head
from heads.provenance import Crop, EmbeddingSpec

MEAN, SCALE = (90.0, 104.0, 129.0), (0.02, 0.01, 0.015)
CALIBRATION = Calibration(temperature=1.7, threshold=0.45, abstain_from=0.4, abstain_to=0.6)
NODES = ("fc7", "pool2")


def network() -> Graph:
    """VGG-Face in small for images of 13x11 (height x width), BGR with mean and scale, and what it says of itself."""
    known = Preprocessing("BGR", np.array(MEAN, np.float32), SCALE, (13, 11))
    source = Source("Caffe", {"small.caffemodel": "ab" * 32}, "published weights: MIT")
    return replace(small_graphs.face(preprocessing=known, source=source), inputs={"data": (1, 3, 13, 11)})


def written(folder: Path, name: str, **options: Any) -> Path:
    """The network as a file."""
    converters.save(network(), folder / name, verify=False, **options)
    return folder / name


def images(count: int, seed: int = 0, size: tuple[int, int] = (13, 11)) -> Array:
    """Pixels (count, 3, height, width) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3, *size), np.uint8)


def embedded(pixels: Array, *, normalized: bool = False) -> Array:
    """The embeddings of pixels by hand: preprocessing, the network in NumPy's float64, maps averaged, nodes joined."""
    channels = np.reshape(MEAN, (3, 1, 1)), np.reshape(SCALE, (3, 1, 1))
    prepared = (pixels[:, ::-1].astype(np.float64) - channels[0]) * channels[1]
    values = network().with_inputs({"data": prepared.shape}).run({"data": prepared}, np.float64)
    vectors = np.concatenate([values["fc7"], values["pool2"].mean((2, 3))], 1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if normalized else vectors


def said(head: Head, vectors: Array) -> Array:
    """The probabilities of a linear head by hand, in float64."""
    mean, scale, weight, bias = (
        head.arrays[name].astype(np.float64) for name in (INPUT_MEAN, INPUT_SCALE, "weight", "bias")
    )
    logits = ((vectors - mean) * scale) @ weight[0] + bias[0]
    return 1 / (1 + np.exp(-logits / head.calibration.temperature))


def head_on(spec: EmbeddingSpec, kind: str = "linear", **changes: Any) -> Head:
    """A head with seeded weights for embeddings that are made so."""
    rng = np.random.default_rng(7)
    known = {
        "labels": ("female", "male"),
        "settings": {"metric": "euclidean"},
        "calibration": CALIBRATION,
        "facts": facts(),
        **changes,
    }
    return Head(kind, kind, arrays=ARRAYS[kind](spec.dimension, rng), embedding=spec, **known)


def saved(head: Head, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    save_head(head, folder)
    return folder


def spec_of(backbone: Backbone, **crop: Any) -> EmbeddingSpec:
    return backbone.spec(Crop(**crop) if crop else Crop())


def plain_spec(**changes: Any) -> EmbeddingSpec:
    """A spec of no backbone that is there."""
    told: dict[str, Any] = {
        "model": "small.onnx",
        "model_sha256": "12" * 32,
        "nodes": ("fc7",),
        "dimensions": (8,),
        "preprocessing": {"channel_order": "RGB", "mean": [0.0, 0.0, 0.0], "size_height_width": [13, 11]},
        "licence": "published weights: MIT",
    }
    return EmbeddingSpec(**{**told, **changes})


def facts(**changes: Any) -> dict[str, Any]:
    """What a training records."""
    return {
        "data": {
            "layout": "celeba",
            "licence": "CC0",
            "label_source": "annotator-perceived",
            "split_seed": 3,
            "faces": {"train": {"female": 70, "male": 50}, "val": {"female": 15, "male": 11}},
            "unlabelled_faces": 2,
            "identities": {"train": 30, "val": 6, "test": 0, "shared_with_train": 0},
            "groups": ["age_group"],
            "embeddings_sha256": "cd" * 32,
        },
        "backbone": ["/home/somebody/small.onnx"],
        "software": {"faceport": "0.1.0", "numpy": "2.0"},
        "options": {"selection": "loss"},
        "description": "A head for tests",
        "chosen": {"run": 0, "val_accuracy": 0.875, "val_loss": 0.31},
        "fitted_on": "train",
        "calibration": {"faces": 26, "temperature": "lowest log loss on the validation faces"},
        "warnings": [],
        **changes,
    }


def _linear(dimension: int, rng: np.random.Generator) -> Mapping[str, Array]:
    return {"weight": _drawn(rng, 1, dimension), "bias": _drawn(rng, 1), **_standard(dimension, rng)}


def _mlp(dimension: int, rng: np.random.Generator) -> Mapping[str, Array]:
    layers = {"weight_1": _drawn(rng, 5, dimension), "bias_1": _drawn(rng, 5)}
    return {**layers, "weight_2": _drawn(rng, 1, 5), "bias_2": _drawn(rng, 1), **_standard(dimension, rng)}


def _svm(dimension: int, rng: np.random.Generator) -> Mapping[str, Array]:
    support, gamma = _drawn(rng, 6, dimension), np.array([0.3], np.float32)
    arrays = {"support_vectors": support, "coefficients": _drawn(rng, 1, 6), "intercept": _drawn(rng, 1)}
    return {**arrays, "gamma": gamma, **_standard(dimension, rng)}


def _centroid(dimension: int, rng: np.random.Generator) -> Mapping[str, Array]:
    return {"centroids": _drawn(rng, 2, dimension), "variance": np.array([0.9], np.float32)}


def _knn(dimension: int, rng: np.random.Generator) -> Mapping[str, Array]:
    targets = np.array([0, 1, 0, 1], np.float32)
    return {"stored": _drawn(rng, 4, dimension), "stored_targets": targets, "neighbours": np.array([3])}


def _standard(dimension: int, rng: np.random.Generator) -> Mapping[str, Array]:
    return {INPUT_MEAN: _drawn(rng, dimension), INPUT_SCALE: np.abs(_drawn(rng, dimension)) + np.float32(0.5)}


def _drawn(rng: np.random.Generator, *shape: int) -> Array:
    return (rng.normal(0, 1, shape) / np.sqrt(shape[-1])).astype(np.float32)


ARRAYS = {"linear": _linear, "mlp": _mlp, "svm": _svm, "centroid": _centroid, "knn": _knn}
