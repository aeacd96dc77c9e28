"""The command line with the real targets: every kind of artefact, verified again afterwards; and models of others."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import onnx
import pytest
import torch

from command_lines import Run, typed
from converters import cli

ARTEFACTS = {
    "caffe-to-onnx": ("net.onnx", {"net.onnx", "net.onnx.certificate.json"}),
    "caffe-to-torch": ("net", {"net"}),
    "caffe-to-keras": ("net.keras", {"net.keras", "net.keras.certificate.json"}),
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    return typed("convert", cli.main, monkeypatch, capsys)


@pytest.mark.parametrize("command", ARTEFACTS)
def test_a_conversion_is_proved_and_can_be_proved_again(run: Run, tmp_path: Path, command: str) -> None:
    name, files = ARTEFACTS[command]
    done = run(command, "vgg-face-tiny", "-o", name)
    assert done.status == 0, done.err
    assert "all 39 values agree" in done.out
    assert {path.name for path in tmp_path.iterdir()} == files
    again = json.loads(run("verify", "vgg-face-tiny", "--against", name, "--json").out)
    assert again["ok"] and len(again["trials"][0]["nodes"]) == 39


@pytest.mark.parametrize(
    ("command", "name", "files"),
    [
        ("caffe-to-torch", "net.pt", {"net.pt", "net.py"}),
        ("caffe-to-torch", "net.pt2", {"net.pt2"}),
        ("caffe-to-keras", "net.weights.h5", {"net.weights.h5", "net.json"}),
        ("caffe-to-keras", "saved", {"saved"}),
    ],
)
def test_other_kinds_of_artefacts_are_proved_too(
    run: Run, tmp_path: Path, command: str, name: str, files: set[str]
) -> None:
    done = run(command, "vgg-face-tiny", "-o", name, "--cut", "fc7", "--certificate", "proof.json")
    assert done.status == 0, done.err
    assert {path.name for path in tmp_path.iterdir()} == files | {"proof.json"}
    again = run("verify", "vgg-face-tiny", "--against", name, "--cut", "fc7")
    assert again.status == 0 and "agree" in again.out


def test_embeddings_in_half_precision_with_baked_preprocessing(run: Run) -> None:
    wanted = ("--cut", "relu7", "--l2-normalize", "--bake-preprocessing", "--dtype", "float16")
    done = run("caffe-to-onnx", "vgg-face-tiny", "-o", "net.onnx", *wanted)
    assert done.status == 0, done.err
    assert "float16 costs up to" in done.out
    graph = onnx.load("net.onnx").graph
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [output.name for output in graph.output] == ["relu7_normalized"]


@pytest.mark.parametrize("command", ARTEFACTS)
def test_an_artefact_made_with_other_options_says_so(run: Run, command: str) -> None:
    name, _ = ARTEFACTS[command]
    given = {"fc7_normalized": ["--cut", "fc7", "--l2-normalize"]}
    given["data_preprocessed"] = ["--bake-preprocessing", "--channel-order", "BGR", "--mean", "90,100,110"]
    for value, options in given.items():
        assert run(command, "vgg-face-tiny", "-o", name, "--force", *options).status == 0
        done = run("verify", "vgg-face-tiny", "--against", name)
        assert done.status == 1 and f"holds '{value}', which the network does not" in done.err
        assert run("verify", "vgg-face-tiny", "--against", name, *options).status == 0


def test_an_onnx_file_of_others_is_compared_by_its_outputs(run: Run) -> None:
    run("caffe-to-onnx", "vgg-face-tiny", "-o", "net.onnx")
    model = onnx.load("net.onnx")
    del model.metadata_props[:]
    for node in model.graph.node:
        node.input[:] = ["image" if name == "data" else name for name in node.input]
    model.graph.input[0].name = "image"
    onnx.save(model, "other.onnx")
    done = run("verify", "vgg-face-tiny", "--against", "other.onnx")
    assert done.status == 0, done.err
    assert "inputs matched data = image" in done.out and "the one value compared agrees" in done.out


@pytest.mark.parametrize("swapped", [False, True])
def test_a_keras_model_of_others_is_fed_channels_last(run: Run, swapped: bool) -> None:
    run("caffe-to-keras", "vgg-face-tiny", "-o", "net.keras")
    image = keras.Input((64, 64, 3), name="image")
    fed = keras.ops.flip(image, -1) if swapped else image
    keras.Model(image, keras.models.load_model("net.keras")(fed)).save("other.keras")
    done = run("verify", "vgg-face-tiny", "--against", "other.keras")
    assert "'data' is fed with its channels last" in done.out
    assert done.status == int(swapped), done.err
    if swapped:
        assert "channels" in done.err


def test_models_that_cannot_be_compared_are_refused(run: Run) -> None:
    torch.save({"weight": torch.zeros(2)}, "other.pt")
    image = keras.Input((32, 32, 3), name="image")
    keras.Model(image, [image, image]).save("other.keras")
    Path("broken.onnx").write_bytes(b"nothing of the kind")
    for name, message in {"other.pt": "other.py", "other.keras": "fc6", "broken.onnx": "cannot load it"}.items():
        done = run("verify", "vgg-face-tiny", "--against", name)
        assert done.status == 1 and message in done.err, done.err
        assert "Traceback" not in done.err and "unexpected" not in done.err


@pytest.mark.parametrize("name", ["net.pt", "net.pt2", "net.weights.h5"])
def test_writers_in_native_code_survive_a_write_that_fails(tmp_path: Path, name: str) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300 << 10, resource.RLIM_INFINITY)); "
    command = "caffe-to-keras" if name.endswith(".h5") else "caffe-to-torch"
    words = [sys.executable, "-c", limited + "from converters.cli import main; main()", command, "vgg-face-tiny"]
    done = subprocess.run(
        [*words, "-o", str(tmp_path / name)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path / name}: cannot be written: File too large; nothing was left behind\n"
    assert list(tmp_path.iterdir()) == []


def test_keras_to_onnx_is_proved_by_its_outputs(run: Run, tmp_path: Path) -> None:
    image = keras.Input((None, None, 3), name="image")
    found = keras.layers.Conv2D(4, 3, name="first")(image)
    keras.Model(image, [found, keras.layers.GlobalAveragePooling2D(name="second")(found)]).save("net.keras")
    refused = run("keras-to-onnx", "net.keras", "-o", "net.onnx")
    assert refused.status == 1 and "state one, as in --input-shape image=" in refused.err
    done = run("keras-to-onnx", "net.keras", "-o", "net.onnx", "--input-shape", "image=1x16x12x3")
    assert done.status == 0, done.err
    assert done.err == "" and "1x16x12x3" in done.out and "2x16x12x3" in done.out
    stated = json.loads((tmp_path / "net.onnx.certificate.json").read_text())
    assert stated["verdict"] == "ok" and {"keras", "tensorflow", "tf2onnx"} <= set(stated["versions"])
    assert [entry["name"] for entry in stated["files_read"]] == ["net.keras"]


def test_a_graph_without_a_form_in_keras_is_refused_by_name(run: Run, tmp_path: Path) -> None:
    Path("net.prototxt").write_text(
        'input: "x" input_dim: 2 input_dim: 3 input_dim: 4 input_dim: 4\n'
        'input: "keep" input_dim: 2 input_dim: 1 input_dim: 1 input_dim: 1\n'
        'layer { name: "some" type: "Filter" bottom: "x" bottom: "keep" top: "some" }\n'
    )
    done = run("caffe-to-keras", "net.prototxt", "-o", "net.keras")
    assert done.status == 1 and "layer 'some': Filter has no faithful form in Keras" in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"net.prototxt"}
    assert run("caffe-to-onnx", "net.prototxt", "-o", "net.onnx").status == 0
