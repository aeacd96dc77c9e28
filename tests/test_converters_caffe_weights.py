"""Caffe weights files: every way in which arrays are stored, and what is said about damaged or foreign files."""

import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

import caffe_files as files
import cases
from converters.caffe.blobs import Blob, Weights
from converters.caffe.weights import read_blob, read_weights
from converters.errors import FormatError

VALUES = [0.5, -1.0, 2.0, 3.25, -4.0, 5.0]


def written(folder: Path, data: bytes, name: str = "weights.caffemodel") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def read_net(folder: Path, *blobs: bytes) -> Weights:
    return read_weights(written(folder, files.net(files.v2_layer("conv1", "Convolution", *blobs))))


def read_one(folder: Path, blob: bytes) -> Blob:
    (layer,) = read_net(folder, blob).layers
    (found,) = layer.blobs
    return found


def problems(path: Path) -> list[str]:
    with pytest.raises(FormatError) as caught:
        read_weights(path)
    assert all(problem.startswith(f"{path}: ") for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}: ") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("packed", files.shape(2, 3) + files.floats(VALUES)),
        ("values first", files.floats(VALUES) + files.shape(2, 3)),
        ("unpacked", files.shape(2, 3) + files.unpacked(VALUES)),
        ("unpacked, shape behind", files.unpacked(VALUES) + files.shape(2, 3)),
        (
            "in pieces",
            files.floats(VALUES[:2]) + files.shape(2, 3) + files.unpacked(VALUES[2:4]) + files.floats(VALUES[4:]),
        ),
        ("with an empty piece", files.floats([]) + files.shape(2, 3) + files.floats(VALUES)),
        ("double", files.shape(2, 3) + files.doubles(VALUES)),
        ("double beats float", files.floats([9.0]) + files.shape(2, 3) + files.doubles(VALUES) + files.floats([9.0])),
        ("empty double does not", files.doubles([]) + files.shape(2, 3) + files.floats(VALUES)),
        ("with packed diff", files.floats([7.0] * 6, 6) + files.shape(2, 3) + files.floats(VALUES)),
        ("with unpacked diff", files.unpacked([7.0] * 99, 6) + files.shape(2, 3) + files.floats(VALUES)),
        ("with double diff", files.doubles([7.0] * 6, 9) + files.shape(2, 3) + files.floats(VALUES)),
        (
            "shape unpacked",
            files.bytes_field(7, files.number_field(1, 2) + files.number_field(1, 3)) + files.floats(VALUES),
        ),
        ("shape in two parts", files.shape(2) + files.floats(VALUES) + files.shape(3)),
        (
            "unknown fields",
            files.bytes_field(99, b"x") + files.number_field(98, 7) + files.shape(2, 3) + files.floats(VALUES),
        ),
        ("a group", b"\xf3\x06" + files.bytes_field(1, b"x") + b"\xf4\x06" + files.shape(2, 3) + files.floats(VALUES)),
        ("float raw data", files.shape(2, 3) + files.number_field(10, 1) + files.floats(VALUES, 12)),
        ("double raw data", files.shape(2, 3) + files.number_field(10, 0) + files.floats(VALUES, 12, "d")),
        ("half raw data", files.number_field(10, 2) + files.floats(VALUES, 12, "e") + files.shape(2, 3)),
        (
            "raw beats float",
            files.floats([9.0]) + files.shape(2, 3) + files.number_field(10, 2) + files.floats(VALUES, 12, "e"),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_and_shape(tmp_path: Path, name: str, data: bytes) -> None:
    blob = read_one(tmp_path, data)
    assert (blob.shape, blob.legacy, blob.problem) == ((2, 3), False, ""), name
    assert blob.array.dtype == np.float32
    np.testing.assert_array_equal(blob.array, np.reshape(VALUES, (2, 3)))


def test_legacy_shape_overrules_shape(tmp_path: Path) -> None:
    blob = read_one(tmp_path, files.shape(99, 99) + files.legacy(1, 1, 2, 3) + files.floats(VALUES))
    assert (blob.shape, blob.legacy) == ((1, 1, 2, 3), True)
    blob = read_one(tmp_path, files.number_field(4, 0) + files.shape(2, 3))
    assert (blob.shape, blob.legacy, blob.array.shape) == ((0, 0, 0, 0), True, (0, 0, 0, 0))


@pytest.mark.filterwarnings("error")
def test_doubles_beyond_float_become_infinite(tmp_path: Path) -> None:
    blob = read_one(tmp_path, files.shape(3) + files.doubles([1e300, -1e300, float("nan")]))
    np.testing.assert_array_equal(blob.array, [np.inf, -np.inf, np.nan])


def test_scalars(tmp_path: Path) -> None:
    for data in (
        files.bytes_field(7, b"") + files.floats([2.5]),
        files.shape() + files.floats([2.5]),
        files.floats([2.5]),
    ):
        blob = read_one(tmp_path, data)
        assert (blob.shape, blob.legacy, blob.array.shape, float(blob.array)) == ((), False, (), 2.5)


def test_float_values_are_views_of_the_mapped_file(tmp_path: Path) -> None:
    for padding in range(4):  # whatever the alignment
        net = files.net(files.v2_layer("c" * (padding + 1), "Convolution", files.shape(2, 3) + files.floats(VALUES)))
        array = read_weights(written(tmp_path, net)).layers[0].blobs[0].array
        np.testing.assert_array_equal(array, np.reshape(VALUES, (2, 3)))
        assert not array.flags.writeable
        assert not array.flags.owndata


def test_reading_takes_no_memory_for_the_values(tmp_path: Path) -> None:
    large = np.arange(2**22, dtype=np.float32)
    net = files.net(files.v2_layer("fc", "InnerProduct", files.shape(2**22) + files.bytes_field(5, large.tobytes())))
    path = written(tmp_path, net)
    tracemalloc.start()
    weights = read_weights(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    np.testing.assert_array_equal(weights.layers[0].blobs[0].array, large)


@pytest.mark.parametrize(
    ("form", "layer"),
    [
        ("V2", lambda name, *blobs: files.v2_layer(name, "InnerProduct", *blobs)),
        ("V1", lambda name, *blobs: files.v1_layer(name, 14, *blobs)),
        ("V0", lambda name, *blobs: files.v0_layer(name, "innerproduct", *blobs)),
    ],
)
def test_three_formats(tmp_path: Path, form: str, layer: Callable[..., bytes]) -> None:
    bias = files.legacy(1, 1, 1, 2) + files.floats([1, 2])
    net = files.net(layer("a", files.legacy(1, 1, 2, 3) + files.floats(VALUES), bias), layer("b"), layer("a", bias))
    weights = read_weights(written(tmp_path, net))
    assert (weights.format, weights.name) == (form, "net")
    assert [(found.name, found.type, len(found.blobs)) for found in weights.layers] == [
        ("a", "InnerProduct", 2),
        ("b", "InnerProduct", 0),
        ("a", "InnerProduct", 1),
    ]


def test_unknown_types_and_absent_names_do_not_matter(tmp_path: Path) -> None:
    fork = files.net(files.v1_layer("bn", 43), files.bytes_field(2, b""))
    assert [(layer.name, layer.type) for layer in read_weights(written(tmp_path, fork)).layers] == [
        ("bn", "43"),
        ("", ""),
    ]
    assert read_weights(written(tmp_path, files.v2_layer("x", "Nope"))).layers[0].type == "Nope"
    latin = files.net(files.bytes_field(100, files.bytes_field(1, b"caf\xe9")))
    assert read_weights(written(tmp_path, latin)).layers[0].name == "café"


@pytest.mark.parametrize("name", cases.caffe_cases())
def test_every_case_has_the_blobs_that_caffe_has(name: str) -> None:
    case = cases.caffe_case(name)
    weights = read_weights(case.weights)
    first: dict[str, list[Blob]] = {}
    for layer in weights.layers:
        first.setdefault(layer.name, layer.blobs)
    for layer_name, _, _, _, shapes in case.info["layers"]:
        blobs = first.get(layer_name)
        if shapes and blobs:
            assert [squeezed(blob.shape, legacy=blob.legacy) for blob in blobs] == [
                squeezed(shape, legacy=blob.legacy) for shape, blob in zip(shapes, blobs, strict=True)
            ]
            assert all(np.isfinite(blob.array).all() for blob in blobs)


def squeezed(shape: tuple[int, ...] | list[int], *, legacy: bool) -> list[int]:
    """Legacy shapes are padded to four axes with ones on the left."""
    return [1] * (4 - len(shape)) + list(shape) if legacy else list(shape)


@pytest.mark.parametrize(
    ("blob", "problem"),
    [
        (files.shape(2, 2) + files.floats(VALUES), "holds 6 values, its shape 2x2 asks for 4"),
        (files.legacy(1, 1, 2, 2) + files.floats(VALUES), "holds 6 values, its shape 1x1x2x2 asks for 4"),
        (files.floats(VALUES), "holds 6 values, its shape scalar asks for 1"),
        (files.shape(-2, 3) + files.floats(VALUES), "has the shape -2x3 with a negative size"),
        (files.legacy(1, 1, -1, 6) + files.floats(VALUES), "has the shape 1x1x-1x6 with a negative size"),
        (files.shape(2**31) + files.floats(VALUES), "more than the 2147483647 values that Caffe allows"),
        (files.shape(2**40, 2**40) + files.floats(VALUES), "more than the 2147483647 values that Caffe allows"),
        (files.shape(0, 2**31 - 1, 2**31 - 1), "more than the 2147483647 values that Caffe allows"),
        (files.shape(*[1] * 33) + files.floats([1.0]), "has 33 axes, Caffe allows 32"),
        (files.shape(2, 3) + files.bytes_field(12, b"12345678"), "holds raw data of type unknown"),
        (
            files.shape(2, 3) + files.number_field(10, 3) + files.bytes_field(12, b"12345678"),
            "raw data of type INT; known are",
        ),
        (
            files.shape(2, 3) + files.number_field(10, 9) + files.bytes_field(12, b"12345678"),
            "holds raw data of type 9",
        ),
        (
            files.shape(2, 3) + files.number_field(10, 2) + files.bytes_field(12, b"12345678"),
            "holds 4 values, its shape 2x3",
        ),
    ],
)
def test_blobs_that_contradict_themselves(tmp_path: Path, blob: bytes, problem: str) -> None:
    fine = files.shape(1) + files.floats([1.0])
    path = written(tmp_path, files.net(files.v2_layer("conv1", "Convolution", fine, blob, blob)))
    found = problems(path)
    assert [text.startswith(f"layer 'conv1', blob {index} ") for index, text in enumerate(found, 1)] == [True, True]
    assert problem in found[0]


def test_a_blob_without_values_is_a_problem_only_for_whoever_wants_it(tmp_path: Path) -> None:
    blob = read_one(tmp_path, files.shape(2, 3) + files.floats(VALUES, 6))
    message = f"{tmp_path / 'weights.caffemodel'}: layer 'conv1', blob 0 states the shape 2x3 and holds no values"
    assert (blob.shape, blob.problem) == ((2, 3), message)
    with pytest.raises(FormatError) as caught:
        _ = blob.array
    assert str(caught.value) == message


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    layers = [files.v2_layer(name, "Convolution", files.shape(2, 3) + files.floats(VALUES)) for name in ("a", "b")]
    whole = files.net(*layers)
    ends = {len(files.net(*layers[:count])) for count in (1, 2)}
    for size in range(1, len(whole)):
        path = written(tmp_path, whole[:size])
        if size not in ends:
            assert len(problems(path)) == 1


def test_a_cut_file_says_where(tmp_path: Path) -> None:
    layers = [files.v2_layer(name, "Convolution", files.shape(2, 3) + files.floats(VALUES)) for name in ("a", "b")]
    whole = files.net(*layers)
    (problem,) = problems(written(tmp_path, whole[:-5]))
    size = len(layers[1])
    assert problem == (
        f"after layer 'a': byte {len(whole) - size}: field 100 claims {size - 3} bytes, only {size - 8} are left; "
        "the file is cut off, damaged or no caffemodel"
    )


@pytest.mark.parametrize(
    "data",
    [
        files.net() + files.tag(100, files.BYTES) + files.varint(10 * 2**30),
        files.net() + files.tag(100, files.BYTES) + files.varint(2**64 - 1),
        files.net(files.v2_layer("a", "b", files.shape(2**30) + files.tag(5, files.BYTES) + files.varint(2**32))),
        files.net(files.v2_layer("a", "b", files.shape(2, 3) + files.bytes_field(5, b"12345"))),
        files.net(files.v2_layer("a", "b", files.bytes_field(7, b"\x0a\xff\xff\xff\xff\x7f"))),
        files.net() + b"\xa2\x06" + b"\xff" * 11,
        files.net() + b"\x07\x00",
        files.net() + b"\x00\x00",
        files.net() + b"\xfc\x06",
        files.net() + b"\xfb\x06" * 200,
        files.net() + b"\xfb\x06" + b"\xfc\x07",
        files.net(files.v2_layer("a", "b", files.tag(5, files.FIXED32) + b"\0\0\0")),
    ],
)
def test_lying_lengths_and_broken_tags(tmp_path: Path, data: bytes) -> None:
    (problem,) = problems(written(tmp_path, data))
    assert problem.endswith("the file is cut off, damaged or no caffemodel")
    assert "byte " in problem


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (files.net() + b"\xa2\x06\x00" * 1001, "more than 1000 layers"),
        (files.net(files.bytes_field(100, b"\x3a\x00" * 1001)), "more than 1000 blobs"),
        (files.net(files.bytes_field(100, b"\x08\x00" * 3001)), "more than 3000 fields"),
        (files.net(files.v2_layer("a", "b", (files.unpacked([1.0]) + b"\x08\x01") * 1500)), "more than 3000 fields"),
    ],
    ids=["layers", "blobs", "fields", "alternating"],
)
def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, part: str) -> None:
    monkeypatch.setattr("converters.caffe.weights.MAX_LAYERS", 1000)
    monkeypatch.setattr("converters.caffe.weights.MAX_BLOBS", 1000)
    monkeypatch.setattr("converters.caffe.wire.MAX_ENTRIES", 3000)
    (problem,) = problems(written(tmp_path, data))
    assert part in problem


def test_many_problems_are_counted(tmp_path: Path) -> None:
    blob = files.shape(2) + files.floats(VALUES)
    found = problems(written(tmp_path, files.net(files.v2_layer("a", "b", *[blob] * 99))))
    assert (len(found), found[-1]) == (51, "... and 49 more problems")


def test_mixed_formats_are_refused_as_in_caffe(tmp_path: Path) -> None:
    path = written(tmp_path, files.net(files.v1_layer("a", 4), files.v2_layer("b", "ReLU")))
    assert problems(path) == ["mixes layers of the formats V1 and V2; Caffe refuses such a file"]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "is empty"),
        (
            b'name: "net"\nlayer { name: "a" }\n',
            "is a text file, a caffemodel is expected; is it the prototxt? The prototxt",
        ),
        (b'\n\nlayer {\n name: "\xe6\x97\xa5" }\n', "is a text file, a caffemodel is expected"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 580012319\n", "is a git-lfs pointer"),
        (b"\n <!DOCTYPE html>\n<html><title>404</title>", "is a web page; the download did not give the file itself"),
        (b"<HTML>", "is a web page"),
        (b"\xef\xbb\xbf<html>", "is a web page"),
        (b"<?xml version='1.0'?><Error/>", "is an XML file"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(90), "is a MATLAB file; MatConvNet networks are read by"),
        (b"PK\x03\x04" + bytes(99), "is a zip archive (or a PyTorch or Keras file); unpack it first"),
        (b"\x1f\x8b\x08\x00" + bytes(99), "is a gzip archive; unpack it first; a caffemodel is expected"),
        (b"\x80\x02}q\x00.", "is a Python pickle; a caffemodel is expected"),
        (b"\x93NUMPY\x01\x00", "is a NumPy file"),
        (b"\x89PNG\r\n\x1a\n\x00", "is a PNG image"),
        (files.legacy(1, 3, 2, 1) + files.floats(VALUES), "holds no layers: it looks like a mean image (binaryproto)"),
        (files.number_field(1, 8) + files.bytes_field(7, b""), "holds no layers: it looks like an ONNX model"),
        (
            files.number_field(1, 8) + files.bytes_field(2, "x\x01") + files.bytes_field(3, b""),
            "it looks like a solverstate",
        ),
        (files.net(), "holds no layers: it is no caffemodel"),
        (bytes(range(256)) * 9, "byte 0: 0 is no field number; the file is cut off, damaged or no caffemodel"),
    ],
    ids=lambda value: repr(value[:16]),
)
def test_files_that_are_no_weights(tmp_path: Path, data: bytes, part: str) -> None:
    (problem,) = problems(written(tmp_path, data))
    assert part in problem


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    for path, part in [
        (tmp_path, "is a directory"),
        (tmp_path / "absent", "No such file"),
        (tmp_path / "a\0b", "null"),
    ]:
        with pytest.raises(FormatError, match=part):
            read_weights(path)


def test_mean_images(tmp_path: Path) -> None:
    mean = read_blob(written(tmp_path, files.legacy(1, 3, 1, 2) + files.floats(VALUES)))
    np.testing.assert_array_equal(mean.array, np.reshape(VALUES, (1, 3, 1, 2)))
    for data, part in [
        (files.legacy(1, 3, 1, 1) + files.floats(VALUES), "the blob holds 6 values, its shape 1x3x1x1 asks for 3"),
        (files.legacy(1, 3, 1, 1), "the blob states the shape 1x3x1x1 and holds no values"),
        (files.legacy(1, 3, 1, 2) + files.floats(VALUES)[:-1], "the file is cut off, damaged or holds no blob"),
        (b"<html>", "is a web page"),
    ]:
        with pytest.raises(FormatError, match=part):
            read_blob(written(tmp_path, data))


def hdf5(folder: Path, fill: Callable[[h5py.File], object], **settings: int) -> Path:
    path = folder / "weights.caffemodel.h5"
    with h5py.File(path, "w", **settings) as file:
        fill(file)
    return path


def put(file: h5py.File, name: str, values: object, **settings: object) -> None:
    file.create_dataset(name, data=values, **settings)


def test_hdf5_layers(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        put(file, "data/conv/0", np.reshape(VALUES, (1, 2, 3)).astype(np.float32))
        put(file, "data/conv/1", np.float64([1.5]))
        put(file, "data/inception/1x1/0", np.float32([[1, 2]]), compression="gzip")
        put(file, "data/prelu/0", np.float32(0.25))
        for index in range(11):
            put(file, f"data/many/{index}", np.float32([index]))
        file.create_group("data/shared")
        put(file, "diff/conv/0", np.float32([9]))

    weights = read_weights(hdf5(tmp_path, fill))
    layers = {layer.name: layer.blobs for layer in weights.layers}
    assert (weights.format, sorted(layers)) == ("HDF5", ["conv", "inception/1x1", "many", "prelu", "shared"])
    np.testing.assert_array_equal(layers["conv"][0].array, np.reshape(VALUES, (1, 2, 3)))
    assert layers["conv"][1].array.dtype == np.float32
    assert layers["inception/1x1"][0].array.tolist() == [[1, 2]]
    assert (layers["prelu"][0].shape, float(layers["prelu"][0].array), layers["shared"]) == ((), 0.25, [])
    assert [float(blob.array[0]) for blob in layers["many"]] == list(range(11))
    assert not any(blob.array.flags.writeable for blobs in layers.values() for blob in blobs)


def test_hdf5_is_known_by_its_content(tmp_path: Path) -> None:
    path = hdf5(tmp_path, lambda file: put(file, "data/a/0", np.float32(VALUES)), userblock_size=512)
    renamed = path.rename(tmp_path / "renamed.caffemodel")
    assert read_weights(renamed).layers[0].blobs[0].array.tolist() == VALUES


def test_hdf5_problems_come_at_once(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        put(file, "data/a/0", np.float32(VALUES))
        put(file, "data/a/2", np.float32(VALUES))
        put(file, "data/text/0", "words")
        file["data/b/0"] = h5py.ExternalLink("/etc/passwd", "/x")
        file["data/c"] = h5py.SoftLink("/data/a")
        file.create_dataset("data/d/0", (4,), "f4", external=[("other.bin", 0, 16)])
        file.create_dataset("data/e/0", (2**20,), "f4")
        layout = h5py.VirtualLayout((2,), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "x", (2,))
        file.create_virtual_dataset("data/f/0", layout)
        file["data/g/0"] = h5py.Empty("f4")

    found = problems(hdf5(tmp_path, fill))
    for part in [
        "layer 'a' holds 0, 2 where blobs 0 to 1 are expected",
        "layer 'text', blob 0 holds object values, numbers are expected",
        "'/data/b/0' is a link to elsewhere; copy the data into the file",
        "'/data/c' is a link to elsewhere",
        "layer 'd', blob 0 keeps its values in other files; copy them into this one",
        "layer 'e', blob 0 states the shape 1048576 and holds no values",
        "layer 'f', blob 0 keeps its values in other files",
        "layer 'g', blob 0 is an empty data set",
    ]:
        assert any(part in problem for problem in found), (part, found)
    assert len(found) == 8


def test_hdf5_bombs(tmp_path: Path) -> None:
    def zeros(file: h5py.File) -> None:
        for index in range(9):
            file.create_dataset(f"data/a/{index}", data=np.zeros(2**20, np.float32), compression="gzip")

    assert "claims 1048576 values, far more than the file can hold" in problems(hdf5(tmp_path, zeros))[0]

    def circle(file: h5py.File) -> None:
        file["data/a/b"] = file.create_group("data")

    assert "groups are nested too deep" in problems(hdf5(tmp_path, circle))[0]


def test_hdf5_files_that_are_not_caffes(tmp_path: Path) -> None:
    keras = hdf5(tmp_path, lambda file: put(file, "layers/dense/vars/0", np.float32(VALUES)))
    assert "without the group /data, so not Caffe's; is it a Keras model?" in problems(keras)[0]
    assert "without the group /data" in problems(hdf5(tmp_path, lambda file: put(file, "data", 1)))[0]
    assert "holds no layers" in problems(hdf5(tmp_path, lambda file: file.create_group("data")))[0]
    whole = hdf5(tmp_path, lambda file: put(file, "data/a/0", np.float32(VALUES))).read_bytes()
    for size in (8, 9, 64, 512, 1024, len(whole) - 1):
        (problem,) = problems(written(tmp_path, whole[:size]))
        assert problem.startswith("is a damaged HDF5 file: ")


def test_the_writer_of_these_tests() -> None:
    assert files.varint(300) == b"\xac\x02"
    assert files.varint(-1) == b"\xff" * 9 + b"\x01"
    assert files.floats([1.0]) == b"\x2a\x04" + struct.pack("<f", 1.0)
    assert files.unpacked([1.0, 2.0]) == b"\x2d" + struct.pack("<f", 1.0) + b"\x2d" + struct.pack("<f", 2.0)
