"""`convert audit`: vgg-face-tiny as others would have converted it, in every format, and what it is compared with."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from audit_cases import BGR, FLATTENED_LAST, RGB, WHOSE, against_tiny, kinds, npz, verdicts
from audited_files import (
    DENSE,
    FIRST,
    FLATTENED,
    MAP,
    TINY,
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
from converters.audit.auditing import audit
from converters.conversion import names
from converters.conversion.names import Published
from converters.errors import ConversionError
from converters.options import Options
from matlab_files import conv, simplenn
from releases import mat_release
from test_floors import HEAVY, READING, TERMINAL, loaded

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


# What it is compared with


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


def test_a_network_without_arrays_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text(
        'name: "n" input: "data" input_shape { dim: 1 dim: 3 dim: 4 dim: 4 } '
        'layer { name: "relu" type: "ReLU" bottom: "data" top: "out" }'
    )
    path = npz(tmp_path / "a.npz", caffe_form())
    with pytest.raises(ConversionError, match="has no trained arrays to compare with"):
        audit(str(path), [str(tmp_path / "net.prototxt")], Options())


def test_a_simplenn_without_an_input_size_can_be_audited(tmp_path: Path) -> None:
    kernel = np.ascontiguousarray(caffe_form()[FIRST]["weight"].transpose(2, 3, 1, 0))
    path = simplenn(tmp_path / "net.mat", [conv("conv1_1", kernel, caffe_form()[FIRST]["bias"])])
    assert audit(str(path), ["vgg-face-tiny"], Options(cut=("conv1_1",))).same


def test_auditing_loads_the_library_of_no_format_before_a_file_asks_for_it() -> None:
    assert loaded("converters.audit.auditing") & {*HEAVY, *READING, *TERMINAL, "safetensors"} == set()
