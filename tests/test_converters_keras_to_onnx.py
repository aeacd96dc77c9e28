"""Keras to ONNX through tf2onnx: any model that Keras loads, with its names, and the same file each time."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import cases
from converters import keras_to_onnx, ops, to_keras, to_onnx
from converters.errors import ConversionError, FormatError, UnsupportedError
from converters.from_caffe import read_caffe
from converters.ir import Preprocessing, Source
from converters.keras_model.library import keras, layers
from converters.onnx_model import running
from converters.ops import Array
from op_examples import EXAMPLES
from op_values import Example, assert_close
from small_graphs import face

REFUSED = (ops.DetectionOutput, ops.Filter)
ONE_PER_OP = list({type(e.op): e for e in reversed(EXAMPLES) if not isinstance(e.op, REFUSED)}.values())


def sequential() -> Any:
    return keras.Sequential(
        [
            keras.Input((8, 8, 3), name="image"),
            layers.Conv2D(4, 3, name="conv"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(5, activation="softmax", name="classes"),
        ]
    )


def functional() -> Any:
    vector, image = keras.Input((4,), name="vector"), keras.Input((6, 6, 4), name="image")
    scores = layers.Dense(2, name="scores")(vector)
    maps = layers.Conv2D(4, 3, groups=2, name="maps")(image)
    return keras.Model([vector, image], [maps, scores, layers.Softmax(name="chances")(scores)], name="several")


def dictionaries() -> Any:
    x = keras.Input((4,), name="x")
    first, second = layers.Dense(2, name="first")(x), layers.Dense(3, name="second")(x)
    return keras.Model({"key": x}, {"z": first, "a": second, "inner": {"same": first}})


def saved(model: Any, folder: Path) -> Path:
    model.save(folder / "model.keras")
    return folder / "model.keras"


def feeds_of(path: Path, batch: int = 3) -> dict[str, Array]:
    rng = np.random.default_rng(5)
    inputs = keras.models.load_model(path).inputs
    return {x.name: rng.normal(0, 1, (batch, *x.shape[1:])).astype(np.float32) for x in inputs}


def names(values: Any) -> list[str]:
    return [value.name for value in values]


@pytest.mark.parametrize(
    ("make", "inputs", "outputs"),
    [
        (sequential, ["image"], ["classes"]),
        (functional, ["vector", "image"], ["maps", "scores", "chances"]),
        (dictionaries, ["x"], ["a", "inner/same", "z"]),
    ],
)
def test_any_kind_of_model_keeps_its_names_and_its_values(
    make: Any, inputs: list[str], outputs: list[str], tmp_path: Path
) -> None:
    model, target = saved(make(), tmp_path), tmp_path / "model.onnx"
    assert keras_to_onnx.save(model, target) == [target]
    written = onnx.load(target)
    onnx.checker.check_model(written, full_check=True)
    assert names(written.graph.input) == inputs
    assert names(written.graph.output) == outputs
    assert [entry.version for entry in written.opset_import if entry.domain == ""] == [18]
    differences = keras_to_onnx.differences(model, target, feeds_of(model))
    assert list(differences) == outputs
    assert max(differences.values()) < 1e-5


def test_the_batch_stays_open_and_the_layout_keras(tmp_path: Path) -> None:
    model = saved(sequential(), tmp_path)
    keras_to_onnx.save(model, tmp_path / "model.onnx")
    (image,) = onnx.load(tmp_path / "model.onnx").graph.input
    assert [size.dim_value for size in image.type.tensor_type.shape.dim] == [0, 8, 8, 3]
    for batch in (1, 7):
        assert keras_to_onnx.differences(model, tmp_path / "model.onnx", feeds_of(model, batch))["classes"] < 1e-5


def test_inputs_may_become_channels_first(tmp_path: Path) -> None:
    model = saved(functional(), tmp_path)
    keras_to_onnx.save(model, tmp_path / "model.onnx", inputs_as_nchw=["image"])
    shapes = {
        value.name: [size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in onnx.load(tmp_path / "model.onnx").graph.input
    }
    assert shapes == {"vector": [0, 4], "image": [0, 4, 6, 6]}
    feeds = feeds_of(model)
    differences = keras_to_onnx.differences(model, tmp_path / "model.onnx", feeds, inputs_as_nchw=["image"])
    assert max(differences.values()) < 1e-5
    with pytest.raises(ConversionError, match="no input 'picture'; it has vector, image"):
        keras_to_onnx.save(model, tmp_path / "model.onnx", inputs_as_nchw=["picture"])


@pytest.mark.parametrize("opset", [13, 15, 18])
def test_opsets(opset: int, tmp_path: Path) -> None:
    model = saved(functional(), tmp_path)
    keras_to_onnx.save(model, tmp_path / "model.onnx", opset=opset)
    assert onnx.load(tmp_path / "model.onnx").opset_import[0].version == opset
    assert max(keras_to_onnx.differences(model, tmp_path / "model.onnx", feeds_of(model)).values()) < 1e-5


@pytest.mark.parametrize("opset", [12, 19])
def test_opsets_that_tf2onnx_does_not_write_are_refused(opset: int, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=f"opset {opset}: tf2onnx writes 13 to 18"):
        keras_to_onnx.save(saved(sequential(), tmp_path), tmp_path / "model.onnx", opset=opset)
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize("large_bytes", [1, 1 << 30], ids=["streamed", "as tf2onnx writes it"])
@pytest.mark.parametrize("example", ONE_PER_OP, ids=str)
def test_every_op_of_our_own_models(
    example: Example, large_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_to_onnx, "LARGE_BYTES", large_bytes)
    model = example.graph()
    to_keras.save(model, tmp_path / "model.keras")
    keras_to_onnx.save(tmp_path / "model.keras", tmp_path / "model.onnx")
    feeds = {name: a.transpose(0, 2, 3, 1) if a.ndim == 4 else a for name, a in example.feeds().items()}
    (y,) = running.run_file(tmp_path / "model.onnx", feeds).values()
    assert_close(y.transpose(0, 3, 1, 2) if y.ndim == 4 else y, model.run(example.feeds())["y"])


@pytest.mark.parametrize("name", ["net_vggface_small", "net_mini_resnet", "conv_groups", "pool_ave_pad", "lrn_across"])
def test_both_ways_to_onnx_agree(name: str, tmp_path: Path) -> None:
    case = cases.caffe_case(name)
    model = read_caffe(case.prototxt, case.weights)
    feeds = {key: case.inputs[key] for key in model.inputs}
    to_onnx.save(model, tmp_path / "ours.onnx")
    to_keras.save(model, tmp_path / "model.keras")
    keras_to_onnx.save(tmp_path / "model.keras", tmp_path / "theirs.onnx")
    last = {key: array.transpose(0, 2, 3, 1) if array.ndim == 4 else array for key, array in feeds.items()}
    for ours, theirs in zip(
        running.run_file(tmp_path / "ours.onnx", feeds).values(),
        running.run_file(tmp_path / "theirs.onnx", last).values(),
        strict=True,
    ):
        assert_close(theirs.transpose(0, 3, 1, 2) if theirs.ndim == 4 else theirs, ours)


def test_large_weights_are_called_as_in_keras_and_need_no_transposition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_to_onnx, "LARGE_BYTES", 100)
    model = saved(sequential(), tmp_path)
    keras_to_onnx.save(model, tmp_path / "model.onnx")
    written = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(written, full_check=True)
    assert {"conv/kernel/transposed", "classes/kernel"} <= set(names(written.graph.initializer))
    turned = [node for node in written.graph.node if node.op_type == "Transpose"]
    assert not set(names(written.graph.initializer)) & {name for node in turned for name in node.input}
    assert keras_to_onnx.differences(model, tmp_path / "model.onnx", feeds_of(model))["classes"] < 1e-5


TWICE = """
import sys
from converters import keras_to_onnx
for target in sys.argv[2:]:
    keras_to_onnx.save(sys.argv[1], target)
"""


def test_the_same_model_is_the_same_file_in_another_process(tmp_path: Path) -> None:
    to_keras.save(face(), tmp_path / "model.keras")
    targets = [tmp_path / f"{i}.onnx" for i in range(3)]
    keras_to_onnx.save(tmp_path / "model.keras", targets[0])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    environment |= {"PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONHASHSEED": "99"}
    command = [sys.executable, "-c", TWICE, str(tmp_path / "model.keras"), *map(str, targets[1:])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len({target.read_bytes() for target in targets}) == 1


def test_what_our_model_says_of_itself_is_handed_on(tmp_path: Path) -> None:
    model = face(
        preprocessing=Preprocessing("RGB", np.array([1, 2, 3], np.float32), size=(13, 11)),
        labels=("Ann", "Bob"),
        source=Source("Caffe", {"deploy.prototxt": "ab12"}, "CC BY 4.0"),
    )
    to_keras.save(model, tmp_path / "model.weights.h5")
    keras_to_onnx.save(tmp_path / "model.weights.h5", tmp_path / "theirs.onnx")
    to_onnx.save(model, tmp_path / "ours.onnx")
    told = {entry.key: entry.value for entry in onnx.load(tmp_path / "theirs.onnx").metadata_props}
    ours = {entry.key: entry.value for entry in onnx.load(tmp_path / "ours.onnx").metadata_props}
    assert told == {key: ours[key] for key in ("preprocessing", "labels", "source_format", "source_sha256", "licence")}


def test_what_tf2onnx_does_not_know_is_refused_by_name(tmp_path: Path) -> None:
    x = keras.Input((4,), name="x")
    model = saved(keras.Model(x, keras.ops.erfinv(x)), tmp_path)
    with pytest.raises(UnsupportedError, match="tf2onnx has no ONNX form for TensorFlow's Erfinv"):
        keras_to_onnx.save(model, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_files_that_are_no_built_models_are_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.keras").write_bytes(b"nothing")
    with pytest.raises(FormatError, match=r"broken.keras: Keras cannot load it"):
        keras_to_onnx.save(tmp_path / "broken.keras", tmp_path / "model.onnx")
    keras.Sequential([layers.Dense(2)]).save(tmp_path / "unbuilt.keras")
    with pytest.raises(FormatError, match=r"unbuilt.keras: the model does not know its inputs"):
        keras_to_onnx.save(tmp_path / "unbuilt.keras", tmp_path / "model.onnx")


def test_differences_are_seen(tmp_path: Path) -> None:
    model = saved(sequential(), tmp_path)
    keras_to_onnx.save(model, tmp_path / "model.onnx")
    (tmp_path / "other").mkdir()
    other = saved(sequential(), tmp_path / "other")  # the same layers with other random weights
    assert keras_to_onnx.differences(other, tmp_path / "model.onnx", feeds_of(model))["classes"] > 1e-3
    with pytest.raises(ConversionError, match="input 'image' is not fed"):
        keras_to_onnx.differences(model, tmp_path / "model.onnx", {})
    renamed = saved(keras.Sequential([keras.Input((8, 8, 3), name="image"), layers.Flatten(name="flat")]), tmp_path)
    with pytest.raises(ConversionError, match="has the outputs classes, expected flat"):
        keras_to_onnx.differences(renamed, tmp_path / "model.onnx", feeds_of(model))
