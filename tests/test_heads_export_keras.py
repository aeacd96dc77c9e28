"""Heads exported as Keras models, which plain Keras loads."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime  # noqa: F401 - backbones of sources run in it
import pytest

import trained_heads
from converters.keras_model.library import quietly
from heads.backbones import open_backbone
from heads.backbones.stating import Stated
from heads.errors import HeadsError
from heads.export import ExportOptions, export
from heads.models.inference import probabilities
from trained_heads import NODES, embedded, head_on, images, plain_spec, said, saved, spec_of, written

WHOLE = ExportOptions(with_backbone=True)
SCRIPT = """
import sys
import keras
import numpy as np
model = keras.models.load_model(sys.argv[1])
np.save(sys.argv[3], model(np.load(sys.argv[2]), training=False).numpy())
assert not any(name.split(".")[0] in ("heads", "converters") for name in sys.modules)
"""


def record(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        told: dict[str, Any] = json.loads(archive.read("metadata.json"))["faceport"]
    return told


def run_alone(path: Path, given: Any, folder: Path) -> Any:
    """Run a model in a process that knows nothing of this package."""
    np.save(folder / "given.npy", given)
    places = [str(folder / name) for name in ("given.npy", "found.npy")]
    subprocess.run([sys.executable, "-I", "-c", SCRIPT, str(path), *places], timeout=240, check=True, cwd=folder)
    return np.load(folder / "found.npy")[:, 0]


@pytest.fixture(scope="module")
def backbone_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("keras"), "b.keras")


def test_a_keras_backbone_and_its_head_are_one_plain_model(tmp_path: Path, backbone_file: Path) -> None:
    backbone = open_backbone([str(backbone_file)], NODES, normalize=True)
    head = head_on(spec_of(backbone), facts=trained_heads.facts(backbone=[str(backbone_file)]))
    done = export(saved(head, tmp_path / "head"), tmp_path / "out.keras", WHOLE)
    assert done.differences["probability"] < 1e-5
    pixels = images(3)
    found = run_alone(tmp_path / "out.keras", pixels.transpose(0, 2, 3, 1), tmp_path)
    np.testing.assert_allclose(found, said(head, embedded(pixels, normalized=True)), atol=1e-5)
    told = record(tmp_path / "out.keras")
    assert told["labels"] == ["female", "male"] and told["positive_class"] == "male"
    assert told["threshold"] == 0.45 and told["licence"] == "published weights: MIT"
    assert told["backbone_source_sha256"] == {"small.caffemodel": "ab" * 32}


def test_a_model_of_others_by_its_outputs(tmp_path: Path) -> None:
    inputs = keras.Input((6, 5, 3), name="image")
    maps = keras.layers.Conv2D(4, 3, activation="relu", name="probability", kernel_initializer="ones")(inputs)
    model = keras.Model(inputs, [maps, keras.layers.Flatten(name="embedding")(maps)])
    model.save(tmp_path / "theirs.keras")
    names = ("probability", "embedding")
    backbone = open_backbone([str(tmp_path / "theirs.keras")], names, stated=Stated("RGB", (127.5,), (0.01,)))
    told = trained_heads.facts(backbone=[str(tmp_path / "theirs.keras")])
    head = head_on(spec_of(backbone), facts=told)
    done = export(saved(head, tmp_path / "head"), tmp_path / "out.keras", WHOLE)
    assert done.differences["probability"] < 1e-5
    with quietly():
        again = keras.models.load_model(tmp_path / "out.keras")
    pixels = images(2, size=(6, 5)).transpose(0, 2, 3, 1)
    maps_by_hand = model(((pixels - 127.5) * 0.01).astype(np.float32))[0].numpy()
    vectors = np.concatenate([maps_by_hand.mean((1, 2)), maps_by_hand.reshape(2, -1)], 1)
    np.testing.assert_allclose(again(pixels).numpy()[:, 0], said(head, vectors.astype(np.float64)), atol=1e-5)


def test_the_same_export_gives_the_same_bytes(tmp_path: Path, backbone_file: Path) -> None:
    backbone = open_backbone([str(backbone_file)], NODES)
    head = head_on(spec_of(backbone), facts=trained_heads.facts(backbone=[str(backbone_file)]))
    saved(head, tmp_path / "head")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        export(tmp_path / "head", tmp_path / folder / "out.keras", WHOLE)
    assert (tmp_path / "one" / "out.keras").read_bytes() == (tmp_path / "two" / "out.keras").read_bytes()


def test_only_a_keras_file_can_hold_a_keras_backbone(tmp_path: Path, backbone_file: Path) -> None:
    told = trained_heads.facts(backbone=[str(backbone_file)])
    folder = saved(head_on(plain_spec(), facts=told), tmp_path / "head")
    with pytest.raises(HeadsError, match="convert keras-to-onnx"):
        export(folder, tmp_path / "out.onnx", WHOLE)


def test_a_head_alone_takes_embeddings(tmp_path: Path) -> None:
    head = head_on(plain_spec(), "mlp")
    export(saved(head, tmp_path / "head"), tmp_path / "out.keras")
    vectors = np.random.default_rng(2).normal(0, 1, (4, 8)).astype(np.float32)
    with quietly():
        model = keras.models.load_model(tmp_path / "out.keras")
    np.testing.assert_allclose(model(vectors).numpy()[:, 0], probabilities(head, vectors), atol=1e-6)
