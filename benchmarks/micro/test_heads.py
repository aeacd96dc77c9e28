"""How long heads take: probabilities of embeddings, metrics with intervals, splitting a table, reading embeddings."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.micro.pairs import Against
from benchmarks.micro.yardsticks import product_of, python_loop, sorted_numbers
from heads.embeddings.found import RowFound, rows_found
from heads.embeddings.loading import load_labelled
from heads.embeddings.store import open_store, place_shard
from heads.faces import FaceTable
from heads.metrics import EvaluateOptions, Scores, evaluate
from heads.models.head import Array, Head
from heads.models.inference import probabilities
from heads.provenance import EmbeddingSpec
from heads.splits import SplitOptions, split

FACES = 2_000
DIMENSION = 512
HIDDEN = 64
NEIGHBOURS = 500
TABLE_FACES = 50_000
STORED_FACES = 10_000
SHARDS = 4
LABELS = ("female", "male")
SPEC = EmbeddingSpec("drawn", "ab" * 32, ("fc7",), (DIMENSION,), {"channel_order": "RGB"})
Arrays = Mapping[str, Array]


@pytest.fixture(scope="module")
def vectors() -> Array:
    """Embeddings drawn at random."""
    return _drawn(0, FACES, DIMENSION)


@pytest.mark.parametrize("kind", ["linear", "mlp", "knn"])
def test_probabilities(against: Against, vectors: Array, kind: str) -> None:
    """Embeddings to calibrated probabilities, beside the largest matrix product of the head."""
    head = Head(kind, kind, LABELS, ARRAYS[kind](), {"metric": "euclidean"}, SPEC)
    columns = NEIGHBOURS if kind == "knn" else HIDDEN
    said = against(product_of(FACES, DIMENSION, columns), partial(probabilities, head, vectors, SPEC))
    assert said.shape == (FACES,)


def test_evaluate(against: Against) -> None:
    """All metrics of faces in six groups, with bootstrapped intervals."""
    scores = _scores()
    options = EvaluateOptions(by=("age", "light"), resamples=200)
    assert len(against(sorted_numbers(100_000), partial(evaluate, scores, options)).rows) > 6


def test_split(against: Against) -> None:
    """Faces of a big table to train, val and test, nobody in two of them."""
    table = _table(TABLE_FACES)
    divided = against(sorted_numbers(1_000_000), partial(split, table, SplitOptions(open_images=False)))
    assert len(divided.table) == TABLE_FACES


def test_load_embeddings(against: Against, tmp_path: Path) -> None:
    """A folder of embeddings to one array and its table."""
    vectors, table = _drawn(0, STORED_FACES, DIMENSION), _table(STORED_FACES)
    keys = np.random.default_rng(1).integers(0, 256, (STORED_FACES, 32), np.uint8)
    with open_store(tmp_path / "embeddings", SPEC) as store:
        for number, rows in enumerate(np.array_split(np.arange(STORED_FACES), SHARDS)):
            paths = table.rows["path"].iloc[rows].tolist()
            place_shard(store, number, [keys[row].tobytes() for row in rows], paths, vectors[rows])
        with rows_found() as found:
            for row in range(STORED_FACES):
                found.note(RowFound(row, keys[row].tobytes()))
            store.finish(table, found)
    loaded = against(python_loop(), partial(load_labelled, tmp_path / "embeddings"))
    assert np.array_equal(loaded.vectors, vectors)


def _linear() -> Arrays:
    return {"weight": _drawn(1, 1, DIMENSION), "bias": _drawn(2, 1)}


def _mlp() -> Arrays:
    hidden = {"weight_1": _drawn(1, HIDDEN, DIMENSION), "bias_1": _drawn(2, HIDDEN)}
    return {**hidden, "weight_2": _drawn(3, 1, HIDDEN), "bias_2": _drawn(4, 1)}


def _knn() -> Arrays:
    targets = (np.arange(NEIGHBOURS) % 2).astype(np.float32)
    return {"stored": _drawn(1, NEIGHBOURS, DIMENSION), "stored_targets": targets, "neighbours": np.array([15])}


ARRAYS: dict[str, Callable[[], Arrays]] = {"linear": _linear, "mlp": _mlp, "knn": _knn}


def _scores() -> Scores:
    random = np.random.default_rng(3)
    targets = random.random(FACES) < 0.5
    said = 1 / (1 + np.exp(-random.normal(np.where(targets, 1.5, -1.5), 1.5)))
    groups = {"age": random.choice(["0-19", "20-39", "40+"], FACES), "light": random.choice(["day", "night"], FACES)}
    people = np.array([f"p{number // 2}" for number in range(FACES)])
    return Scores(said, targets, people, pd.DataFrame(groups), LABELS)


def _table(faces: int) -> FaceTable:
    random = np.random.default_rng(4)
    people = random.integers(0, faces // 5, faces)
    rows: dict[str, Any] = {
        "path": [f"{number:06}.jpg" for number in range(faces)],
        "label": np.asarray(LABELS)[people % 2],
        "identity": [f"p{one}" for one in people],
        "split": "",
        "group_tone": random.choice(["light", "dark"], faces),
    }
    return FaceTable("csv", Path("faces"), pd.DataFrame(rows), "folder")


def _drawn(seed: int, *shape: int) -> Array:
    values: Array = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return values
