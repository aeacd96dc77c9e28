"""Keras models and SavedModel folders as backbones give what the network gives."""

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from converters import passes, to_keras
from heads.backbones import Stated, open_backbone
from heads.errors import HeadsError
from test_heads_backbones import KNOWN, by_hand, embedded, face, images, near

NAMES = ("face.keras", "face.weights.h5")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel, which takes seconds to write."""
    path = tmp_path_factory.mktemp("served") / "face"
    to_keras.save(face(), path)
    return path


def saved(folder: Path, name: str, **options: Any) -> str:
    to_keras.save(face(), folder / name, **options)
    return str(folder / name)


@pytest.mark.parametrize("name", NAMES)
def test_every_value_can_be_asked_for(tmp_path: Path, name: str) -> None:
    nodes = ["pool2", "fc7", "relu1"]
    backbone = open_backbone([saved(tmp_path, name)], nodes, normalize=False)
    assert near(embedded(backbone, images()), by_hand(face(), images(), nodes))
    assert backbone.device == "cpu"
    assert backbone.spec().dtype == "float32"
    assert backbone.licence == "MIT"


@pytest.mark.parametrize("name", [*NAMES, ""], ids=[*NAMES, "saved model"])
def test_without_nodes_the_only_output_is_taken(tmp_path: Path, served: Path, name: str) -> None:
    backbone = open_backbone([saved(tmp_path, name) if name else str(served)])
    assert backbone.nodes == ("prob",)
    assert near(embedded(backbone, images()), by_hand(face(), images(), ["prob"]))
    assert backbone.preprocessing.mean is not None
    assert (backbone.preprocessing.mean == KNOWN.mean).all()


def test_a_saved_model_tells_its_outputs_alone(served: Path) -> None:
    with pytest.raises(HeadsError, match=r"there is no output 'fc7' \(a SavedModel tells its outputs alone: prob\)"):
        open_backbone([str(served)], ["fc7"])


def test_the_certificate_is_no_part_of_a_saved_model(served: Path, tmp_path: Path) -> None:
    path = str(shutil.copytree(served, tmp_path / "face"))
    before = open_backbone([path]).model_sha256
    (Path(path) / "certificate.json").write_text("{}")
    assert open_backbone([path]).model_sha256 == before
    (Path(path) / "assets.extra" / "faceport.json").write_text("{}")
    assert open_backbone([path], stated=Stated("BGR", (1.0,))).model_sha256 != before


def test_the_architecture_belongs_to_the_weights(tmp_path: Path) -> None:
    path = saved(tmp_path, "face.weights.h5")
    before = open_backbone([path]).model_sha256
    (tmp_path / "face.json").write_text((tmp_path / "face.json").read_text() + " ")
    assert open_backbone([path]).model_sha256 != before


@pytest.mark.parametrize("name", ["face.keras", "face"])
def test_a_network_of_a_fixed_batch_takes_any_number(tmp_path: Path, name: str) -> None:
    backbone = open_backbone([saved(tmp_path, name, dynamic=())])
    assert backbone.engine.batch == 2
    assert near(embedded(backbone, images(5)), by_hand(face(), images(5), ["prob"]))


def test_a_network_that_preprocesses_itself_takes_pixels(tmp_path: Path) -> None:
    to_keras.save(passes.bake_preprocessing(face()), tmp_path / "face.keras")
    backbone = open_backbone([str(tmp_path / "face.keras")], ["fc7"])
    assert backbone.input_dtype == "uint8"
    assert near(embedded(backbone, images()), by_hand(face(), images(), ["fc7"]))


def test_half_precision_is_read_and_recorded(tmp_path: Path) -> None:
    backbone = open_backbone([saved(tmp_path, "face.keras", dtype="float16")], ["fc7", "relu2"])
    assert backbone.spec().dtype == "float16"
    wanted = by_hand(face(), images(), ["fc7", "relu2"])
    assert 1e-6 < np.abs(embedded(backbone, images()) - wanted).max() / np.abs(wanted).max() < 5e-3


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_model_of_others_is_taken_if_its_preprocessing_is_stated(tmp_path: Path, suffix: str) -> None:
    keras.utils.set_random_seed(1)
    layers = [keras.Input((13, 11, 3)), keras.layers.Conv2D(4, 3, name="conv"), keras.layers.ReLU(name="out")]
    model = keras.Sequential(layers)
    path = tmp_path / f"m{suffix}"
    model.save(path)
    with pytest.raises(HeadsError, match="the channel order is not known"):
        open_backbone([str(path)])
    backbone = open_backbone([str(path)], stated=Stated("RGB", (100.0,), (0.5,)))
    pixels = np.stack([(np.asarray(image, np.float32) - 100) / 2 for image in images()])
    assert np.allclose(embedded(backbone, images()), model.predict(pixels, verbose=0).mean(axis=(1, 2)), atol=1e-4)


def test_statistics_of_the_batch_are_found_out(tmp_path: Path) -> None:
    image = keras.Input((13, 11, 3))
    centred = image - keras.ops.mean(image, axis=0, keepdims=True)
    path = tmp_path / "m.keras"
    keras.Model(image, keras.layers.Flatten()(centred)).save(path)
    with pytest.raises(HeadsError, match="another value when a second image is beside it"):
        open_backbone([str(path)], stated=Stated("RGB", (0.0,)))


def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path, served: Path) -> None:
    for path in (saved(tmp_path, "face.keras"), str(served)):
        with pytest.raises(HeadsError, match="cuda:7 is not there: TensorFlow finds"):
            open_backbone([path], device="cuda:7")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(b"nothing")
    with pytest.raises(HeadsError, match="not a Keras model"):
        open_backbone([str(tmp_path / "m.keras")])
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "saved_model.pb").write_bytes(b"nothing")
    with pytest.raises(HeadsError, match="TensorFlow cannot load it"):
        open_backbone([str(tmp_path / "s")])
