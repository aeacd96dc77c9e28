"""`convert audit`: vgg-face-tiny as others would have converted it, in every format, and networks that it is not."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from audited_files import (
    DENSE,
    FIRST,
    FLATTENED,
    MAP,
    TINY,
    Layers,
    blob,
    caffe_form,
    caffemodel,
    flat,
    flipped,
    keras2_weights,
    keras3_weights,
    keras_archive,
    keras_form,
    renamed,
    renamed_arrays,
    tiny,
    with_weights,
)
from caffe_files import net, v2_layer
from command_lines import Run, typed
from converters import cli, ops, read_caffe
from converters.audit.auditing import audit, audited, subject
from converters.audit.conclusion import feeding
from converters.audit.reading.opening import read_tensors
from converters.audit.rearrangements import Step
from converters.audit.report import Audit
from converters.command_line import terminal
from converters.conversion import names
from converters.conversion.names import Published
from converters.conversion.sources import Model
from converters.errors import ConversionError
from converters.ir import Graph, Preprocessing
from converters.options import Options
from matlab_files import conv, simplenn
from releases import mat_release
from small_graphs import convolution, graph, with_params
from test_floors import HEAVY, READING, TERMINAL, loaded

BGR = "feed BGR, subtract 93.59, 104.76, 129.19"
RGB = "feed RGB, subtract 129.19, 104.76, 93.59"
WHOSE = "the weights of vgg-face-tiny"
FLATTENED_LAST = "inputs in the order height, width, channel (fc6)"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setattr(terminal.out, "width", 200)
    return typed("convert", cli.main, monkeypatch, capsys)


def against_tiny(path: Path, *more: str) -> Audit:
    return audit(str(path), ("vgg-face-tiny", *more), Options())


def npz(path: Path, layers: Layers) -> Path:
    np.savez(path, **flat(layers))
    return path


def verdicts(found: Audit) -> dict[str, list[str]]:
    by_verdict: dict[str, list[str]] = {}
    for layer in found.layers:
        by_verdict.setdefault(layer.verdict, []).append(layer.layer)
    return by_verdict


def kinds(found: Audit, layer: str) -> set[str]:
    return {step.kind for each in found.layers if each.layer == layer for step in each.steps}


# The same network in the files of others


def test_keras_vggface_style_with_rgb_and_flattened_maps(tmp_path: Path) -> None:
    found = against_tiny(keras2_weights(tmp_path / "vgg.h5", keras_form(flipped(caffe_form()))))
    assert found.same and verdicts(found) == {"rearranged": [layer.layer for layer in found.layers]}
    assert found.conclusion == f"{WHOSE}, first convolution flipped to RGB, {FLATTENED_LAST}: {RGB}"
    assert kinds(found, FIRST) == {"axes", "channels"} and kinds(found, "conv2_1") == {"axes"}
    assert kinds(found, FLATTENED) == {"rows", "transposed"} and kinds(found, "fc7") == {"transposed"}
    assert {array.how for layer in found.layers for array in layer.arrays} == {"name"}


def test_deepface_style_with_convolutions_for_dense_layers_and_names_of_its_own(tmp_path: Path) -> None:
    layers = keras_form(caffe_form(), convolutional=True)
    own = renamed(layers, [f"convolution2d_{number}" for number in range(1, 17)])
    found = against_tiny(keras2_weights(tmp_path / "vgg.h5", own, root="model_weights"))
    assert found.same and {layer.verdict for layer in found.layers} == {"rearranged"}
    assert found.conclusion == f"{WHOSE}, convolution form of the dense layer (fc6, fc7, fc8): {BGR}"
    assert {array.how for layer in found.layers for array in layer.arrays if array.param == "weight"} == {"content"}
    assert found.left_out == ("1 arrays of the optimizer are left out",)


@pytest.mark.parametrize("flip", [True, False])
def test_keras_3_weights_and_models(tmp_path: Path, flip: bool) -> None:
    whole = caffe_form()
    layers = renamed_arrays(keras_form(flipped(whole) if flip else whole), {"kernel": "0", "bias": "1"})
    keras3_weights(tmp_path / "vgg.weights.h5", layers, named=False)
    keras_archive(tmp_path / "vgg.keras", layers)
    clause = "first convolution flipped to RGB, " if flip else ""
    for name in ("vgg.weights.h5", "vgg.keras"):
        found = against_tiny(tmp_path / name)
        assert found.same and found.conclusion == f"{WHOSE}, {clause}{FLATTENED_LAST}: {RGB if flip else BGR}"


def test_a_state_dict_of_a_sequential_model_in_safetensors(tmp_path: Path) -> None:
    """Names that say nothing, sorted as text, and dense layers before convolutions."""
    layers = flipped(caffe_form())
    numbers = ["features.0", "features.2", "features.5", "features.7", "features.10", "features.12", "features.14",
               "features.17", "features.19", "features.21", "features.24", "features.26", "features.28",
               "classifier.0", "classifier.3", "classifier.6"]  # fmt: skip
    save_file(flat(renamed(layers, numbers)), tmp_path / "vgg.safetensors")
    found = against_tiny(tmp_path / "vgg.safetensors")
    assert found.same and found.conclusion == f"{WHOSE}, first convolution flipped to RGB: {RGB}"
    assert verdicts(found)["rearranged"] == [FIRST]
    by_layer = {layer.layer: layer.arrays[0].name for layer in found.layers}
    assert by_layer["conv3_1"] == "features.10.weight" and by_layer["fc8"] == "classifier.6.weight"


def test_matconvnet(tmp_path: Path) -> None:
    found = against_tiny(mat_release(tmp_path / "vgg.mat", tiny(), (129.19, 104.76, 93.59)))
    assert found.same and found.format == "MatConvNet SimpleNN"
    forms = "convolution form of the dense layer (fc6, fc7, fc8)"
    assert found.conclusion == f"{WHOSE}, first convolution flipped to RGB, {forms}: {RGB}"


def test_arrays_without_any_names(tmp_path: Path) -> None:
    arrays = [array for layer in caffe_form().values() for array in layer.values()]
    np.savez(tmp_path / "vgg.npz", *arrays)
    found = against_tiny(tmp_path / "vgg.npz")
    assert found.same and found.conclusion == f"{WHOSE}, unchanged: {BGR}"


def test_the_same_caffemodel_is_identical(tmp_path: Path) -> None:
    assert TINY.weights is not None
    found = against_tiny(TINY.weights)
    assert found.same and set(verdicts(found)) == {"identical"} and found.format == "Caffe V1"
    assert against_tiny(caffemodel(tmp_path / "vgg.caffemodel", caffe_form())).conclusion == found.conclusion
    assert found.conclusion == f"{WHOSE}, unchanged: {BGR}"


def test_half_precision_and_a_scale_in_the_first_convolution(tmp_path: Path) -> None:
    halves = {layer: {n: a.astype(np.float16) for n, a in arrays.items()} for layer, arrays in caffe_form().items()}
    found = against_tiny(npz(tmp_path / "half.npz", halves))
    assert found.same and found.conclusion == f"{WHOSE}, rounded to float16: {BGR}"
    scaled = with_weights(flipped(caffe_form()), {FIRST: flipped(caffe_form())[FIRST]["weight"] * np.float32(255)})
    found = against_tiny(npz(tmp_path / "scaled.npz", scaled))
    told = f"{WHOSE}, first convolution flipped to RGB, first convolution multiplied by 255: {RGB}, divide by 255"
    assert found.same and found.conclusion == told


def test_kernels_turned_everywhere(tmp_path: Path) -> None:
    layers = caffe_form()
    turns = {name: arrays["weight"][:, :, ::-1, ::-1] for name, arrays in layers.items() if name not in DENSE}
    found = against_tiny(npz(tmp_path / "turned.npz", with_weights(layers, turns)))
    assert found.same and found.conclusion == f"{WHOSE}, kernels turned by 180 degrees: {BGR}"


def test_kernels_turned_in_one_layer_are_another_network(tmp_path: Path) -> None:
    layers = caffe_form()
    turned = with_weights(layers, {"conv3_2": layers["conv3_2"]["weight"][:, :, ::-1, ::-1]})
    found = against_tiny(npz(tmp_path / "turned.npz", turned))
    assert not found.same
    assert found.conclusion.startswith(f"not the same network: it holds {WHOSE}, but kernels are turned by 180 degrees")
    assert "in conv3_2 and not in conv1_1, conv1_2, conv2_1, conv2_2 and 8 more" in found.conclusion


def test_rows_for_columns_throughout(tmp_path: Path) -> None:
    layers = caffe_form()
    change = {name: arrays["weight"].transpose(0, 1, 3, 2) for name, arrays in layers.items() if name not in DENSE}
    change[FLATTENED] = layers[FLATTENED]["weight"].reshape(-1, *MAP).transpose(0, 1, 3, 2).reshape(256, -1)
    found = against_tiny(npz(tmp_path / "columns.npz", with_weights(layers, change)))
    assert found.same and "height and width swapped" in found.conclusion
    assert found.conclusion.endswith(f"{BGR}, swap height and width")
    del change["conv4_1"]
    found = against_tiny(npz(tmp_path / "some.npz", with_weights(layers, change)))
    assert not found.same and "and not in conv4_1" in found.conclusion


def test_layers_in_another_order_under_other_names(tmp_path: Path) -> None:
    shuffled = dict(reversed(list(caffe_form().items())))
    found = against_tiny(npz(tmp_path / "shuffled.npz", renamed(shuffled, [f"block{i}" for i in range(16)])))
    assert found.same and found.layers[0].arrays[0].name == "block15.weight"


def test_names_that_count_otherwise_are_not_believed(tmp_path: Path) -> None:
    """The second convolution is called as the reference's first one, and so on."""
    layers = caffe_form()
    shifted = renamed(layers, [*list(layers)[1:], "last"])
    found = against_tiny(npz(tmp_path / "shifted.npz", shifted))
    assert found.same and found.layers[0].arrays[0].name == "conv1_2.weight"
    assert any("called otherwise in the file" in note for note in found.notes)


# Batch normalization


def normalized() -> Graph:
    """Convolution without a bias, batch normalization and scale as Caffe has them, twice; then a dense layer."""
    return graph(
        {"data": (1, 3, 8, 8)},
        [
            ("conv1", convolution(4, bias=False), "data"),
            ("bn1", ops.BatchNormalization(1e-5), "conv1"),
            ("scale1", ops.Scale(bias=True), "bn1"),
            ("relu1", ops.ReLU(), "scale1"),
            ("conv2", convolution(6, bias=False), "relu1"),
            ("bn2", ops.BatchNormalization(1e-5), "conv2"),
            ("scale2", ops.Scale(bias=True), "bn2"),
            ("fc", ops.Dense(5), "scale2"),
        ],
        preprocessing=Preprocessing("BGR", np.float32([1, 2, 300]), (0.5, 0.5, 0.5)),
    )


def as_torch(model: Graph) -> Layers:
    params = {node.name: dict(node.params) for node in model if node.params}
    return {
        "conv1": params["conv1"],
        "bn1": {
            "weight": params["scale1"]["scale"], "bias": params["scale1"]["bias"],
            "running_mean": params["bn1"]["mean"], "running_var": params["bn1"]["variance"],
            "num_batches_tracked": np.int64(7),
        },
        "conv2": params["conv2"],
        "bn2": {
            "weight": params["scale2"]["scale"], "bias": params["scale2"]["bias"],
            "running_mean": params["bn2"]["mean"], "running_var": params["bn2"]["variance"],
            "num_batches_tracked": np.int64(7),
        },
        "fc": params["fc"],
    }  # fmt: skip


def test_a_normalization_of_four_arrays_is_that_of_caffes_two_layers(tmp_path: Path) -> None:
    path = npz(tmp_path / "net.npz", as_torch(normalized()))
    found = audited(read_tensors(path), normalized(), "net")
    assert found.same and set(verdicts(found)) == {"identical"}
    assert found.left_out == (
        "2 counters or single numbers are left out: bn1.num_batches_tracked, bn2.num_batches_tracked",
    )


def test_normalization_folded_into_the_convolutions(tmp_path: Path) -> None:
    layers: Layers = {"fc": dict(normalized().node("fc").params)}
    for number in (1, 2):
        params = {kind: normalized().node(f"{kind}{number}").params for kind in ("conv", "bn", "scale")}
        factor = params["scale"]["scale"] / np.sqrt(params["bn"]["variance"].astype(np.float64) + 1e-5)
        layers[f"conv{number}"] = {
            "weight": (params["conv"]["weight"] * factor[:, None, None, None]).astype(np.float32),
            "bias": (params["scale"]["bias"] - params["bn"]["mean"] * factor).astype(np.float32),
        }
    found = audited(read_tensors(npz(tmp_path / "net.npz", layers)), normalized(), "net")
    assert found.same and verdicts(found) == {"rearranged": ["conv1", "conv2"], "identical": ["fc"]}
    assert kinds(found, "conv1") == {"folded"}


def test_a_bias_that_the_network_has_not_is_no_small_matter(tmp_path: Path) -> None:
    layers = as_torch(normalized())
    layers["conv1"]["bias"] = np.zeros(4, np.float32)
    found = audited(read_tensors(npz(tmp_path / "zeros.npz", layers)), normalized(), "net")
    assert found.same and any("1 biases of zeros" in line for line in found.left_out)
    layers["conv1"]["bias"] = np.float32([1, 2, 3, 4])
    found = audited(read_tensors(npz(tmp_path / "net.npz", layers)), normalized(), "net")
    assert not found.same and [extra.name for extra in found.extras] == ["conv1.bias"]


def test_a_missing_bias_counts_unless_the_networks_is_zero(tmp_path: Path) -> None:
    layers = caffe_form()
    del layers["fc7"]["bias"]
    found = against_tiny(npz(tmp_path / "net.npz", layers))
    assert not found.same and verdicts(found)["different"] == ["fc7"]
    assert "1 of 16 layers differs, first fc7 (without its bias)" in found.conclusion
    model = with_params(tiny(), next(n.name for n in tiny() if n.layer == "fc7"), bias=np.zeros(256, np.float32))
    assert audited(read_tensors(tmp_path / "net.npz"), model, "net").same


# Other networks


def test_another_network_of_the_same_shapes(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    layers = {
        name: {n: rng.normal(0, 1, a.shape).astype(np.float32) for n, a in arrays.items()}
        for name, arrays in caffe_form().items()
    }
    found = against_tiny(npz(tmp_path / "other.npz", layers))
    assert not found.same and found.conclusion == "not the same network: 16 of 16 layers differ, first conv1_1"
    unnamed = against_tiny(npz(tmp_path / "unnamed.npz", renamed(layers, [f"block{i}" for i in range(16)])))
    assert unnamed.conclusion == found.conclusion
    assert any("paired by their order alone" in note for note in unnamed.notes)


def test_a_fine_tuned_head_is_named(tmp_path: Path) -> None:
    layers = caffe_form()
    layers["fc8"]["weight"] = layers["fc8"]["weight"] + np.float32(0.01)
    found = against_tiny(npz(tmp_path / "tuned.npz", layers))
    assert found.conclusion == f"not the same network: 1 of 16 layers differs, first fc8; the other 15 hold {WHOSE}"
    (array,) = [a for layer in found.layers for a in layer.arrays if a.verdict == "different"]
    assert 0 < array.difference < 2 and 0 < array.cosine < 1


def test_a_head_of_another_size_is_named(tmp_path: Path) -> None:
    layers = caffe_form()
    layers["fc8"] = {"weight": np.ones((10, 256), np.float32), "bias": np.ones(10, np.float32)}
    found = against_tiny(npz(tmp_path / "head.npz", layers))
    assert not found.same and "first fc8 (shape [10, 256] for [164, 256])" in found.conclusion


def test_two_layers_that_changed_places_are_named(tmp_path: Path) -> None:
    layers = caffe_form()
    layers["conv3_2"], layers["conv3_3"] = layers["conv3_3"], layers["conv3_2"]
    found = against_tiny(npz(tmp_path / "swapped.npz", layers))
    assert not found.same and verdicts(found)["different"] == ["conv3_2", "conv3_3"]
    assert "first conv3_2 (it holds the weight of conv3_3)" in found.conclusion


def test_a_part_of_the_network_is_called_so(tmp_path: Path) -> None:
    layers = {name: arrays for name, arrays in caffe_form().items() if name not in DENSE}
    path = npz(tmp_path / "notop.npz", layers)
    found = against_tiny(path)
    assert not found.same and verdicts(found)["missing"] == list(DENSE)
    assert found.conclusion.startswith(f"not the whole network: 13 of 16 layers hold {WHOSE}, fc6, fc7, fc8 missing")
    assert audit(str(path), ["vgg-face-tiny"], Options(cut=("pool5",))).same


def test_a_file_with_more_in_it_is_not_the_same(tmp_path: Path) -> None:
    layers = caffe_form()
    layers["extra"] = {"weight": np.ones((7, 5), np.float32) * np.arange(5, dtype=np.float32)}
    found = against_tiny(npz(tmp_path / "more.npz", layers))
    assert not found.same and "first 'extra.weight' (7x5)" in found.conclusion
    layers = {**caffe_form(), "copy": {"weight": caffe_form()["fc7"]["weight"]}}
    found = against_tiny(npz(tmp_path / "copy.npz", layers))
    assert found.same and found.left_out == ("1 second copies of arrays are left out: copy.weight",)


def test_nothing_in_common(tmp_path: Path) -> None:
    np.savez(tmp_path / "net.npz", a=np.ones((11, 13), np.float32) * np.arange(13))
    found = against_tiny(tmp_path / "net.npz")
    assert found.conclusion == "not the same network: none of its 16 layers is in the file"
    assert [extra.name for extra in found.extras] == ["a"]


# What the conclusion is made of


@pytest.mark.parametrize(
    ("said", "steps", "text"),
    [
        (Preprocessing(), {}, ""),
        (Preprocessing(), {"channels": 1.0}, "feed the channels the other way round"),
        (Preprocessing("RGB", np.float32([1, 2, 3])), {"channels": 1.0}, "feed BGR, subtract 3.00, 2.00, 1.00"),
        (Preprocessing("BGR", None, (1 / 128,) * 3), {}, "feed BGR, divide by 128"),
        (Preprocessing("BGR", None, (1.0,) * 3), {"scale": 1 / 255}, "feed BGR, multiply by 255"),
        (Preprocessing("BGR", None, (0.1, 0.2, 0.3)), {"channels": 1.0}, "feed RGB, multiply by 0.3, 0.2, 0.1"),
        (Preprocessing("gray", np.float32([0.5])), {}, "feed gray, subtract 0.5"),
        (Preprocessing("gray", np.ones((1, 4, 4), np.float32)), {}, "feed gray, subtract the mean image (about 1.00)"),
    ],
)  # fmt: skip
def test_feeding(said: Preprocessing, steps: dict[str, float], text: str) -> None:
    assert feeding(said, {kind: Step(kind, "", value) for kind, value in steps.items()}) == text


def published(**facts: Any) -> Published:
    return Published(format="caffe", files=(TINY.prototxt, Path("w.caffemodel")), **facts)


def test_whose_weights_they_are_is_said() -> None:
    official = published(name="vgg-face", title="VGG-Face, 16 layers, 2622 identities")
    model = Model("caffe", official.files, official)
    assert subject(model) == "the official VGG-Face weights"
    other = published(name="resnet50-ft", title="ResNet-50, pretrained")
    assert subject(Model("caffe", other.files, other)) == "the official ResNet-50 weights (resnet50-ft)"
    added = published(name="vgg-face", title="VGG-Face, 16 layers", doubt="as they were added here")
    assert subject(Model("caffe", added.files, added)) == "the VGG-Face weights (as they were added here)"
    given = Model("caffe", (TINY.prototxt, Path("mine.caffemodel")), official)
    assert subject(given) == "the weights of vgg-face in mine.caffemodel"
    assert subject(Model("matconvnet", (Path("a/net.mat"),))) == "the weights of net.mat"


def test_the_reference_may_be_files_of_either_kind(tmp_path: Path) -> None:
    layers = npz(tmp_path / "vgg.npz", flipped(caffe_form()))
    assert TINY.weights is not None
    found = audit(str(layers), [str(TINY.prototxt), str(TINY.weights)], Options())
    assert found.same
    flip = "first convolution with its channels flipped: feed the channels the other way round"
    assert found.conclusion == f"the weights of vgg_face_tiny.caffemodel, {flip}"
    mat = mat_release(tmp_path / "vgg.mat", tiny(), (129.1863, 104.7624, 93.5940))
    found = audit(str(layers), [str(mat)], Options())
    forms = "dense form of the convolution (fc6, fc7, fc8)"
    assert found.same and found.conclusion == f"the weights of vgg.mat, {forms}: {RGB}"


def test_published_weights_are_audited_by_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = npz(tmp_path / "vgg.npz", caffe_form())
    known = {
        "here": Published(name="here", format="keras-h5", files=(path,)),
        "gone": Published(name="gone", format="keras-h5", advice="to get it, run: weights fetch gone"),
    }
    monkeypatch.setattr(names, "find", lambda name, find=names.find: known.get(name) or find(name))
    assert audit("here", ["vgg-face-tiny"], Options()).path == path
    with pytest.raises(ConversionError, match="'gone' is not here; to get it, run: weights fetch gone"):
        audit("gone", ["vgg-face-tiny"], Options())


# The command


def test_the_command_ends_with_one_line_and_0(run: Run, tmp_path: Path) -> None:
    path = keras2_weights(tmp_path / "vgg.h5", keras_form(flipped(caffe_form())))
    done = run("audit", path, "--against", "vgg-face-tiny")
    assert done.status == 0 and done.err == ""
    lines = done.out.splitlines()
    assert lines[-1] == f"{WHOSE}, first convolution flipped to RGB, {FLATTENED_LAST}: {RGB}"
    assert "16 layers: 16 rearranged" in lines
    (row,) = [line for line in lines if line.startswith("conv1_1")]
    assert "axes HWIO for OIHW, input channels flipped (RGB and BGR)" in row and "conv1_1/kernel:0 and 1 more" in row


def test_another_network_ends_with_1_and_the_reason(run: Run, tmp_path: Path) -> None:
    layers = caffe_form()
    layers["fc8"]["weight"] = -layers["fc8"]["weight"]
    del layers["fc7"]
    done = run("audit", npz(tmp_path / "vgg.npz", layers), "--against", "vgg-face-tiny")
    assert done.status == 1
    assert done.err.startswith("error: not the same network: 1 of 16 layers differs, first fc8; fc7 missing")
    (row,) = [line for line in done.out.splitlines() if line.startswith("fc8")]
    assert "weight differs by 2 of its largest value, cosine -1.0000" in row
    assert "Traceback" not in done.err and "16 layers: 14 identical, 1 different, 1 missing" in done.out


def test_json_is_one_document(run: Run, tmp_path: Path) -> None:
    layers = flipped(caffe_form())
    layers["fc8"] = {"weight": np.ones((2, 3), np.float32) * np.arange(3, dtype=np.float32)}
    done = run("audit", npz(tmp_path / "vgg.npz", layers), "--against", "vgg-face-tiny", "--json")
    told = json.loads(done.out)
    assert done.status == 1 and told["same"] is False and told["against"] == "vgg-face-tiny"
    assert told["counts"] == {"identical": 14, "rearranged": 1, "different": 1, "missing": 0}
    first, last = told["layers"][0], told["layers"][-1]
    assert first["layer"] == "conv1_1" and first["arrays"]["weight"]["rearrangement"][0]["kind"] == "channels"
    assert last["arrays"]["weight"]["difference"] is None and last["arrays"]["bias"]["verdict"] == "missing"
    assert last["arrays"]["weight"]["note"] == "shape [2, 3] for [164, 256]"


def test_words_behind_the_file_belong_to_the_reference(run: Run, tmp_path: Path) -> None:
    path = npz(tmp_path / "vgg.npz", caffe_form())
    weights = caffemodel(tmp_path / "other.caffemodel", caffe_form())
    done = run("audit", path, "--against", "vgg-face-tiny", weights)
    assert done.status == 0 and "the weights of vgg-face-tiny in other.caffemodel, unchanged" in done.out
    again = run("audit", path, "--against", TINY.prototxt, "--against", weights)
    assert again.status == 0 and "the weights of other.caffemodel, unchanged" in again.out


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["audit"], 2, "Missing argument"),
        (["audit", "x.h5"], 2, "Missing option"),
        (["audit", "x.h5", "--against", "vgg-face-tiny"], 1, "x.h5: cannot be read: No such file"),
        (["audit", "x.h5", "--against", "vgg-face-tinny"], 1, "did you mean 'vgg-face-tiny'?"),
        (["audit", "x.h5", "--against", "y.onnx"], 1, "is a converted model"),
    ],
)
def test_wrong_words_are_refused(run: Run, words: list[str], status: int, message: str) -> None:
    done = run(*words)
    assert done.status == status and message in done.err and "Traceback" not in done.err


def test_a_network_without_arrays_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text(
        'name: "n" input: "data" input_shape { dim: 1 dim: 3 dim: 4 dim: 4 } '
        'layer { name: "relu" type: "ReLU" bottom: "data" top: "out" }'
    )
    path = npz(tmp_path / "a.npz", caffe_form())
    with pytest.raises(ConversionError, match="has no trained arrays to compare with"):
        audit(str(path), [str(tmp_path / "net.prototxt")], Options())


def test_normalization_of_a_caffemodel_and_of_keras(tmp_path: Path) -> None:
    """From files to the verdict: Caffe's BatchNorm with its factor and a Scale, against Keras' one layer."""
    shapes = "input_shape { dim: 1 dim: 3 dim: 4 dim: 4 }"
    (tmp_path / "net.prototxt").write_text(
        f'name: "n" input: "data" {shapes}\n'
        'layer { name: "c" type: "Convolution" bottom: "data" top: "c" '
        "convolution_param { num_output: 2 kernel_size: 3 bias_term: false } }\n"
        'layer { name: "bn" type: "BatchNorm" bottom: "c" top: "bn" }\n'
        'layer { name: "s" type: "Scale" bottom: "bn" top: "s" scale_param { bias_term: true } }\n'
    )
    rng = np.random.default_rng(0)
    kernel = rng.normal(0, 1, (2, 3, 3, 3)).astype(np.float32)
    mean, variance, scale, bias = (rng.uniform(1, 2, 2).astype(np.float32) for _ in range(4))
    two = np.float32([2.0])
    weights = [
        v2_layer("c", "Convolution", blob(kernel)),
        v2_layer("bn", "BatchNorm", blob(mean * 2), blob(variance * 2), blob(two)),
        v2_layer("s", "Scale", blob(scale), blob(bias)),
    ]
    (tmp_path / "net.caffemodel").write_bytes(net(*weights))
    with h5py.File(tmp_path / "net.weights.h5", "w") as file:
        file["layers/conv2d/vars/0"] = kernel.transpose(2, 3, 1, 0)
        for place, array in enumerate((scale, bias, mean, variance)):
            file[f"layers/batch_normalization/vars/{place}"] = array
    reference = [str(tmp_path / "net.prototxt"), str(tmp_path / "net.caffemodel")]
    assert read_caffe(*reference).parameter_count() == 62
    found = audit(str(tmp_path / "net.weights.h5"), reference, Options())
    assert found.same and verdicts(found) == {"rearranged": ["c"], "identical": ["bn", "s"]}


def test_a_simplenn_without_an_input_size_can_be_audited(tmp_path: Path) -> None:
    kernel = np.ascontiguousarray(caffe_form()[FIRST]["weight"].transpose(2, 3, 1, 0))
    path = simplenn(tmp_path / "net.mat", [conv("conv1_1", kernel, caffe_form()[FIRST]["bias"])])
    assert audit(str(path), ["vgg-face-tiny"], Options(cut=("conv1_1",))).same


def test_auditing_loads_the_library_of_no_format_before_a_file_asks_for_it() -> None:
    assert loaded("converters.audit.auditing") & {*HEAVY, *READING, *TERMINAL, "safetensors"} == set()
