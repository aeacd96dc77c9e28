"""Files of trained arrays: every layout gives the same arrays, and damaged files are refused with a reason."""

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from safetensors.numpy import save_file

import caffe_files
from audited_files import (
    Layers,
    caffe_form,
    caffemodel,
    flat,
    keras2_weights,
    keras3_weights,
    keras_archive,
    keras_form,
    renamed_arrays,
)
from converters.audit.reading.archive import Archive, Window
from converters.audit.reading.opening import READERS, read_tensors
from converters.audit.tensors import Contents, Tensor
from converters.errors import ConversionError, FormatError
from converters.ops import Array
from matlab_files import block, cell, conv, dagnn, simplenn, struct_array

SMALL: Layers = {
    "conv1_1": {"weight": np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3), "bias": np.float32([1, 2])},
    "fc6": {"weight": np.arange(12, dtype=np.float32).reshape(3, 4), "bias": np.float32([1, 2, 3])},
}
GIT_LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"


def by_place(contents: Contents) -> dict[tuple[str, str], Tensor]:
    return {(tensor.layer, tensor.slot): tensor for tensor in contents.tensors}


def assert_holds(contents: Contents, layers: Layers) -> None:
    """The file holds these arrays, by layer and slot, in this order; shapes and types are known without loading."""
    found = by_place(contents)
    assert list(found) == [(layer, slot) for layer, arrays in layers.items() for slot in arrays]
    for (layer, slot), tensor in found.items():
        expected = layers[layer][slot]
        assert (tensor.shape, tensor.dtype) == (expected.shape, expected.dtype.name)
        np.testing.assert_array_equal(tensor.array, expected)


# Keras


@pytest.mark.parametrize("root", ["", "model_weights"])
def test_keras_2_weights_and_models(tmp_path: Path, root: str) -> None:
    layers = keras_form(caffe_form())
    contents = read_tensors(keras2_weights(tmp_path / "net.h5", layers, root=root))
    assert_holds(contents, layers)
    assert contents.format == ("Keras 2 model" if root else "Keras 2 weights")
    assert contents.left_out == (("1 arrays of the optimizer are left out",) if root else ())


def test_names_in_several_pieces_are_joined(tmp_path: Path) -> None:
    path = keras2_weights(tmp_path / "net.h5", SMALL, silent=())
    with h5py.File(path, "a") as file:
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = [b"conv1_1"], [b"fc6"]
    assert_holds(read_tensors(path), SMALL)


def test_names_of_keras_1_and_a_model_inside_a_model(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "net.h5", "w") as file:
        file.attrs["layer_names"] = [b"vgg", b"conv9"]
        inner = file.create_group("vgg")
        inner.attrs["weight_names"] = [b"conv1/kernel:0", b"conv1/bias:0", b"conv2/kernel:0"]
        for name in ("conv1/kernel:0", "conv1/bias:0", "conv2/kernel:0"):
            inner.create_dataset(name, data=np.ones(2, np.float32))
        old = file.create_group("conv9")
        old.attrs["weight_names"] = [b"conv9_W:0", b"conv9_b:0"]
        for name in ("conv9_W:0", "conv9_b:0"):
            old.create_dataset(name, data=np.ones(2, np.float32))
    places = list(by_place(read_tensors(tmp_path / "net.h5")))
    assert places == [("conv1", "kernel"), ("conv1", "bias"), ("conv2", "kernel"), ("conv9", "w"), ("conv9", "b")]


def test_keras_3_weights(tmp_path: Path) -> None:
    layers = renamed_arrays(keras_form(caffe_form()), {"kernel": "0", "bias": "1"})
    keras3_weights(tmp_path / "net.weights.h5", layers)
    contents = read_tensors(tmp_path / "net.weights.h5")
    assert_holds(contents, layers)
    assert contents.left_out == ("1 arrays of the optimizer are left out",)


def test_keras_3_weights_without_names_count_within_a_class(tmp_path: Path) -> None:
    kernel = np.ones((1, 1, 1, 2), np.float32)
    keras3_weights(tmp_path / "net.weights.h5", {f"c{i}": {"0": kernel * (i + 1)} for i in range(11)}, named=False)
    tensors = read_tensors(tmp_path / "net.weights.h5").tensors
    assert [tensor.layer for tensor in tensors] == ["conv2d", *(f"conv2d_{i}" for i in range(1, 11))]


def test_batch_normalization_of_keras_3_is_told_by_its_count(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "net.weights.h5", "w") as file:
        for i in range(4):
            file.create_dataset(f"layers/batch_normalization/vars/{i}", data=np.full(3, i, np.float32))
        for i in range(2):
            file.create_dataset(f"layers/batch_normalization_1/vars/{i}", data=np.full(3, i, np.float32))
    slots = [tensor.slot for tensor in read_tensors(tmp_path / "net.weights.h5").tensors]
    assert slots == ["gamma", "beta", "moving_mean", "moving_variance", "moving_mean", "moving_variance"]


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("named", [True, False])
def test_keras_archives(tmp_path: Path, packing: int, named: bool) -> None:
    layers = renamed_arrays(keras_form(caffe_form()), {"kernel": "0", "bias": "1"})
    path = keras_archive(tmp_path / "net.keras", layers, named=named, packing=packing)
    assert_holds(read_tensors(path), layers)


def test_plain_hdf5_and_compressed_data(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "net.hdf5", "w") as file:
        for name, array in flat(SMALL, "/").items():
            file.create_dataset(name, data=array, compression="gzip", chunks=array.shape)
        file.attrs["note"] = "nothing"
        file.create_dataset("names", data=["a", "b"])
    assert by_place(read_tensors(tmp_path / "net.hdf5")).keys() == {
        ("conv1_1", "weight"), ("conv1_1", "bias"), ("fc6", "weight"), ("fc6", "bias"),
    }  # fmt: skip
    np.testing.assert_array_equal(
        by_place(read_tensors(tmp_path / "net.hdf5"))["fc6", "weight"].array, SMALL["fc6"]["weight"]
    )


# Other formats


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "net.npz", **flat(SMALL))
    assert_holds(read_tensors(tmp_path / "net.npz"), SMALL)
    np.savez_compressed(tmp_path / "packed.npz", **flat(SMALL))
    assert_holds(read_tensors(tmp_path / "packed.npz"), SMALL)
    columns = np.asfortranarray(SMALL["fc6"]["weight"])
    np.savez(tmp_path / "columns.npz", fc6_W=columns, fc6_b=np.zeros(3))
    assert_holds(read_tensors(tmp_path / "columns.npz"), {"fc6": {"w": columns, "b": np.zeros(3)}})


def test_safetensors_of_every_type(tmp_path: Path) -> None:
    arrays = {
        "conv1_1.weight": SMALL["conv1_1"]["weight"],
        "conv1_1.bias": np.float16([1, 2]),
        "n.steps": np.int64([3]),
    }
    save_file(arrays, tmp_path / "net.safetensors")
    found = {tensor.name: tensor for tensor in read_tensors(tmp_path / "net.safetensors").tensors}
    assert {name: tensor.dtype for name, tensor in found.items()} == {
        "conv1_1.weight": "float32", "conv1_1.bias": "float16", "n.steps": "int64",
    }  # fmt: skip
    assert found["n.steps"].counts and not found["conv1_1.bias"].counts
    np.testing.assert_array_equal(found["conv1_1.weight"].array, arrays["conv1_1.weight"])


def test_bfloat16_of_safetensors_is_widened(tmp_path: Path) -> None:
    header = b'{"a.weight":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    (tmp_path / "net.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\x80\x3f\x00\xc0")
    (tensor,) = read_tensors(tmp_path / "net.safetensors").tensors
    assert tensor.dtype == "bfloat16" and tensor.array.tolist() == [1.0, -2.0]


def test_caffemodels_old_and_new(tmp_path: Path) -> None:
    assert_holds(read_tensors(caffemodel(tmp_path / "net.caffemodel", SMALL)), SMALL)
    with h5py.File(tmp_path / "net.caffemodel.h5", "w") as file:
        for layer, arrays in SMALL.items():
            for place, array in enumerate(arrays.values()):
                file.create_dataset(f"data/{layer}/{place}", data=array)
    assert_holds(read_tensors(tmp_path / "net.caffemodel.h5"), SMALL)
    (tmp_path / "net.caffemodel.h5").rename(tmp_path / "net.h5")
    assert_holds(read_tensors(tmp_path / "net.h5"), SMALL)


def test_statistics_of_caffe_are_divided_by_their_factor(tmp_path: Path) -> None:
    def blob(*values: float) -> bytes:
        return caffe_files.shape(len(values)) + caffe_files.floats(values)

    norm = caffe_files.v2_layer("bn", "BatchNorm", blob(2.0, 4.0), blob(6.0, 8.0), blob(2.0))
    scale = caffe_files.v2_layer("scale", "Scale", blob(3.0, 4.0), blob(5.0, 6.0))
    (tmp_path / "net.caffemodel").write_bytes(caffe_files.net(norm, scale))
    found = by_place(read_tensors(tmp_path / "net.caffemodel"))
    assert {place: tensor.array.tolist() for place, tensor in found.items()} == {
        ("bn", "mean"): [1.0, 2.0], ("bn", "variance"): [3.0, 4.0],
        ("scale", "scale"): [3.0, 4.0], ("scale", "bias"): [5.0, 6.0],
    }  # fmt: skip


def test_matconvnet_simplenn(tmp_path: Path) -> None:
    filters = np.arange(54, dtype=np.float32).reshape(3, 3, 3, 2)
    norm = {
        "name": "bn",
        "type": "bnorm",
        "weights": cell([np.ones((2, 1)), np.zeros((2, 1)), np.float32([[1, 2], [3, 4]])]),
    }
    old = {
        "name": "old",
        "type": "conv",
        "filters": filters,
        "biases": np.float32([[1, 2]]),
        "momentum": cell([filters]),
    }
    path = simplenn(tmp_path / "net.mat", [conv("c", filters), {"name": "r", "type": "relu"}, norm, old], state=filters)
    contents = read_tensors(path)
    assert contents.left_out == ("the solver's momenta of 1 layers are left out",)
    found = by_place(contents)
    assert list(found) == [
        ("c", "weight"), ("bn", "scale"), ("bn", "bias"), ("bn", "mean"), ("bn", "variance"), ("old", "weight"),
        ("old", "bias"),
    ]  # fmt: skip
    assert found["bn", "mean"].array.tolist() == [1.0, 3.0] and found["bn", "variance"].array.tolist() == [4.0, 16.0]
    np.testing.assert_array_equal(found["old", "weight"].array, filters)


def test_matconvnet_dagnn_and_plain_variables(tmp_path: Path) -> None:
    filters = np.arange(8, dtype=np.float32).reshape(2, 2, 1, 2)
    layers = [
        block("conv1", "Conv", ["data"], ["x"], ["f", "b"]),
        block("bn1", "BatchNorm", ["x"], ["y"], ["g", "h", "m"]),
        block("again", "Conv", ["y"], ["z"], ["f"]),
    ]
    params = {"f": filters, "b": np.zeros(2), "g": np.ones(2), "h": np.ones(2), "m": np.ones((2, 2))}
    found = by_place(read_tensors(dagnn(tmp_path / "net.mat", layers, params)))
    assert list(found) == [
        ("conv1", "weight"), ("conv1", "bias"), ("bn1", "scale"), ("bn1", "bias"), ("bn1", "mean"), ("bn1", "variance"),
    ]  # fmt: skip
    scipy.io.savemat(tmp_path / "plain.mat", {"conv1_W": filters, "conv1_b": np.zeros(2), "rest": {"fc": np.ones(3)}})
    assert list(by_place(read_tensors(tmp_path / "plain.mat"))) == [("conv1", "w"), ("conv1", "b"), ("rest.fc", "")]


def test_a_network_under_another_name_is_found(tmp_path: Path) -> None:
    filters = np.ones((3, 3, 1, 2), np.float32)
    scipy.io.savemat(tmp_path / "net.mat", {"mynet": {"layers": cell([conv("c", filters)])}, "other": np.ones(3)})
    assert list(by_place(read_tensors(tmp_path / "net.mat"))) == [("c", "weight")]


def test_a_folder_stands_for_the_weights_in_it(tmp_path: Path) -> None:
    save_file(flat(SMALL), tmp_path / "net.safetensors")
    assert read_tensors(tmp_path).path == tmp_path / "net.safetensors"
    save_file(flat(SMALL), tmp_path / "other.safetensors")
    with pytest.raises(ConversionError, match="holds 2 .safetensors files; name the file that is meant"):
        read_tensors(tmp_path)


# What is refused


def hdf5(write: Callable[[h5py.File], object]) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as opened:
        write(opened)
    return file.getvalue()


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def external(file: h5py.File) -> None:
    file.create_dataset("a", (4,), "f4", external=[("elsewhere.bin", 0, 16)])


def linked(file: h5py.File) -> None:
    file["a"] = h5py.ExternalLink("elsewhere.h5", "/a")


def unfilled(file: h5py.File) -> None:
    file.create_dataset("a", (1 << 40,), "f4", chunks=(1 << 10,))


def unlisted(file: h5py.File) -> None:
    file.attrs["layer_names"] = [b"conv1"]
    file.create_group("conv1").attrs["weight_names"] = [b"conv1/kernel:0"]
    file.create_dataset("conv1/other", data=np.ones(3, np.float32))


CUT = hdf5(lambda file: file.create_dataset("a", data=np.ones(4000, np.float32)))
WHOLE_NPY = npy(np.ones(1000, np.float32))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.h5", b"something else", "is no HDF5 file (it begins with b'somethin')"),
        ("a.h5", GIT_LFS, "is a git-lfs pointer"),
        ("a.h5", b"<!DOCTYPE html><html>", "is a web page"),
        ("a.h5", CUT[: len(CUT) // 2], "is a damaged HDF5 file"),
        ("a.h5", hdf5(external), "'a' keeps its values in other files"),
        ("a.h5", hdf5(linked), "'a' is a link to elsewhere"),
        ("a.h5", hdf5(unfilled), "states the shape [1099511627776] and holds no values"),
        ("a.h5", hdf5(unlisted), "layer 'conv1' lists 'conv1/conv1/kernel:0', which is not in the file"),
        ("a.h5", hdf5(lambda file: file.create_dataset("n", data=[1, 2, 3])), "holds no trained arrays (HDF5)"),
        ("a.keras", b"PK\x03\x04 and no more", "is a damaged zip archive"),
        ("a.keras", CUT, "is no zip archive, which a .keras file is"),
        ("a.keras", zipped(**{"config.json": b"{}"}), "holds no model.weights.h5, as a .keras file does, but config"),
        ("a.keras", zipped(**{"model.weights.h5": b"nothing"}), "model.weights.h5 in it is no HDF5 file"),
        ("a.keras", zipped(**{"model.weights.h5": CUT, "config.json": b"{"}), "config.json in it is no JSON"),
        ("a.npz", b"\x80\x04\x95", "is no zip archive"),
        ("a.npz", zipped(**{"a.txt": b""}), "holds no arrays (.npy), as an .npz file does, but a.txt"),
        ("a.npz", zipped(**{"a.npy": npy(np.array([{}], object))}), "objects as a pickle, which is never loaded"),
        ("a.npz", zipped(**{"a.npy": WHOLE_NPY[:-4]}), "'a' claims 4000 bytes for the shape [1000], holds 3996"),
        ("a.npz", zipped(**{"a.npy": b"\x93NUMPY\x01\x00\xff\xff"}), "'a' is no NumPy array"),
        ("a.npz", zipped(**{"a.npy": npy(np.array(["x"]))}), "numbers are expected"),
        ("a.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00{", "is a damaged safetensors file, or none"),
        ("a.safetensors", pickle.dumps([1, 2]), "is a damaged safetensors file, or none"),
        ("a.onnx", b"\x08\x07 no graph", "is a damaged ONNX model, or none"),
        ("a.mat", b"nothing", "is not a MAT-file"),
        ("a.caffemodel", b"layer { }", "a caffemodel is expected"),
        ("a.pkl", pickle.dumps({"a": 1}), "is a Python pickle by its name, which is never loaded"),
        ("a.t7", b"x", "'.t7' files are not audited"),
        ("a.safetensor", b"x", "did you mean '.safetensors'?"),
        ("a.npz", b"", "is empty"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_should_be_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConversionError) as refused:
        read_tensors(tmp_path / name)
    assert message in str(refused.value) and str(tmp_path / name) in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read: No such file"):
        read_tensors(tmp_path / "a.h5")


def test_an_archive_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(1 << 20))
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    struct.pack_into("<I", content, entry + 24, (1 << 32) - 2)
    path.write_bytes(bytes(content))
    with pytest.raises(FormatError, match="claims to unpack"):
        read_tensors(path)


def test_a_member_that_is_longer_than_it_claims_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(1 << 16))
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    struct.pack_into("<I", content, entry + 24, 100)
    path.write_bytes(bytes(content))
    with pytest.raises(FormatError):
        Archive(path, "an archive").content("a.npy")


def test_gpu_arrays_of_matconvnet_are_refused(tmp_path: Path) -> None:
    weights = cell(["text in place of an array", []])
    path = simplenn(tmp_path / "net.mat", [{"name": "c", "type": "conv", "weights": weights}])
    with pytest.raises(FormatError, match="layer 'c': the weight is text, expected an array"):
        read_tensors(path)
    scipy.io.savemat(tmp_path / "odd.mat", {"net": struct_array([{"a": 1.0}, {"a": 2.0}])})
    with pytest.raises(FormatError, match="'net' is a struct array of 2"):
        read_tensors(tmp_path / "odd.mat")


def test_every_reader_is_a_module_that_reads() -> None:
    assert {Path(module).name for module in READERS.values()} == {
        path.stem
        for path in (Path(__file__).parent.parent / "converters" / "audit" / "reading").glob("*.py")
        if "def read(" in path.read_text("utf-8")
    }


def test_a_window_is_a_file() -> None:
    window = Window(memoryview(b"0123456789"))
    assert window.seek(-4, io.SEEK_END) == 6 and window.read(2) == b"67" and window.tell() == 8
    assert window.seek(-1, io.SEEK_CUR) == 7 and window.read() == b"789" and window.readable() and window.seekable()
