"""MAT-files of all versions: the values that SciPy reads, the same for v7 and v7.3; hostile files cost little."""

import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.io.matlab

from cases import DATA, MATCONVNET, matconvnet_case
from converters.errors import FormatError
from converters.matlab.files import Opaque, StructArray, read_mat
from converters.matlab.v5 import HEADER_SIZE
from matlab_files import cell, struct_array

with zipfile.ZipFile(DATA / MATCONVNET) as archive:
    V73 = [name.split("/")[0] for name in archive.namelist() if name.endswith("net_v73.mat")]
    V5 = [name.split("/")[0] for name in archive.namelist() if name.endswith("net.mat")]

MATRIX, COMPRESSED = 14, 15
CELL, STRUCT, CHAR, SPARSE, DOUBLE, SINGLE, UINT8, FUNCTION, OPAQUE = 1, 2, 4, 5, 6, 7, 9, 16, 17


# What a file holds, in bytes


def element(kind: int, data: bytes, order: str = "<", size: int | None = None) -> bytes:
    """Return an element; `size` is what it claims to hold."""
    claimed = len(data) if size is None else size
    padding = b"" if kind == COMPRESSED else bytes(-len(data) % 8)
    return struct.pack(f"{order}II", kind, claimed) + data + padding


def value(kind: int, dims: tuple[int, ...], body: bytes, name: str = "", order: str = "<", flags: int = 0) -> bytes:
    """Return a value of a MATLAB class with its header; `body` holds its further elements."""
    head = element(6, struct.pack(f"{order}II", kind | flags, 0), order)
    head += element(5, struct.pack(f"{order}{len(dims)}i", *dims), order) if dims else b""
    return element(MATRIX, head + element(1, name.encode(), order) + body, order)


def numbers(array: Any, name: str = "", order: str = "<") -> bytes:
    """Return a double array stored as such."""
    data = np.asarray(array, f"{order}f8")
    return value(DOUBLE, data.shape, element(9, data.tobytes("F"), order), name, order)


def mat_file(path: Path, *variables: bytes, order: str = "<") -> Path:
    """Write the variables behind a header."""
    version = b"\x00\x01IM" if order == "<" else b"\x01\x00MI"
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + version + b"".join(variables))
    return path


def plain(found: Any) -> Any:
    """Return what SciPy reads in the form that we read."""
    if isinstance(found, scipy.io.matlab.MatlabOpaque | scipy.io.matlab.MatlabFunction):
        return Opaque("")
    if found.dtype.names:
        rows = [{name: plain(row[name]) for name in found.dtype.names} for row in found.ravel(order="F")]
        return rows[0] if len(rows) == 1 else StructArray(rows)
    if found.dtype == object:
        items = list(found.ravel(order="F"))
        return {} if len(items) == 1 and items[0] is None else [plain(item) for item in items]
    if found.dtype.kind == "U":
        rows = [str(row) for row in found.ravel()]
        return rows[0] if len(rows) == 1 else rows or ""
    return found


def assert_same(one: Any, other: Any, place: str = "") -> None:
    """Compare values, classes and shapes."""
    assert type(one) is type(other), place
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            assert_same(one[key], other[key], f"{place}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), place
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{place}[{index}]")
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), place
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), place
    elif not isinstance(one, Opaque):
        assert one == other, place


@pytest.mark.parametrize("name", V5)
def test_reads_what_scipy_reads(name: str) -> None:
    file = matconvnet_case(name).path / "net.mat"
    found = scipy.io.loadmat(file, mat_dtype=True)
    wanted = {key: plain(item) for key, item in found.items() if not key.startswith("__")}
    assert_same(read_mat(file), wanted)


@pytest.mark.parametrize("name", V73)
def test_v7_and_v73_are_read_alike(name: str) -> None:
    folder = matconvnet_case(name).path
    found = [read_mat(folder / file) for file in ("net.mat", "net_v73.mat")]
    if name == "loss_gpuarray_class":  # the one difference between its two files
        values = [contents["net"]["layers"][2].pop("class") for contents in found]
        assert values[0].shape == (0, 0)
        assert values[1] == Opaque("an object of class gpuArray")
    assert_same(*found)


def sample() -> dict[str, Any]:
    rows = [{"a": np.arange(6.0).reshape(2, 3), "b": "x"}, {"a": "naïve ß 人", "b": cell([1.0, "y"])}]
    return {
        "small": np.array([[1, 2, 255]], np.uint8),
        "many": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "flags": np.array([[True, False]]),
        "wide": np.array([[2**62]], np.int64),
        "none": np.zeros((0, 3)),
        "rows": np.array(["ab ", "cde"]),
        "text": "one",
        "list": cell([np.zeros((1, 0)), cell([]), "in"]),
        "structs": struct_array(rows),
        "single": {"field": {"deep": 1.0}},
    }


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_of_scipys_comes_back(tmp_path: Path, packed: bool) -> None:
    scipy.io.savemat(tmp_path / "m.mat", sample(), do_compression=packed)
    found = read_mat(tmp_path / "m.mat")
    wanted = scipy.io.loadmat(tmp_path / "m.mat", mat_dtype=True)
    assert_same(found, {key: plain(item) for key, item in wanted.items() if not key.startswith("__")})
    assert found["rows"] == ["ab ", "cde"]
    assert found["structs"][1]["a"] == "naïve ß 人"
    assert found["many"].flags.f_contiguous


def test_arrays_of_an_unpacked_file_are_views(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "m.mat", {"w": np.ones((500, 1000))})
    tracemalloc.start()
    found = read_mat(tmp_path / "m.mat")["w"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.sum() == 500_000
    assert not found.flags.writeable
    assert peak < 200_000


def test_reads_the_other_byte_order(tmp_path: Path) -> None:
    names = element(5, struct.pack(">i", 4), ">") + element(1, b"ab\0\0cd\0\0", ">")
    text = value(CHAR, (1, 2), element(4, "ü€".encode("utf-16-be"), ">"), order=">")
    content = value(STRUCT, (1, 1), names + numbers([[1, 2], [3, 4]], order=">") + text, "s", ">")
    found = read_mat(mat_file(tmp_path / "m.mat", content, order=">"))["s"]
    assert found["cd"] == "ü€"
    assert_same(found["ab"], np.array([[1.0, 2], [3, 4]]))


def test_what_has_no_plain_form_is_opaque(tmp_path: Path) -> None:
    body = element(9, bytes(8))
    content = [
        value(DOUBLE, (1, 1), body + body, "complex", flags=0x800),
        value(SPARSE, (1, 1), body, "sparse"),
        value(FUNCTION, (1, 1), numbers([[1]]), "handle"),
        value(OPAQUE, (), element(1, b"MCOS") + element(1, b"dagnn.DagNN") + numbers([[1]]), "net"),
        value(3, (1, 1), element(1, b"inline") + body, "old"),
    ]
    assert read_mat(mat_file(tmp_path / "m.mat", *content)) == {
        "complex": Opaque("a complex array"),
        "sparse": Opaque("a sparse array"),
        "handle": Opaque("a function handle"),
        "net": Opaque("an object of class dagnn.DagNN"),
        "old": Opaque("an object of class inline"),
    }


def test_variables_that_are_not_wanted_are_not_unpacked(tmp_path: Path) -> None:
    bomb = zlib.compress(struct.pack("<II", MATRIX, 2**32 - 8) + numbers([[1]], "state")[8:] + bytes(50_000))
    kept = zlib.compress(numbers([[1, 2]], "net"))
    path = mat_file(tmp_path / "m.mat", element(COMPRESSED, bomb), element(COMPRESSED, kept), numbers([[3]], "info"))
    found = read_mat(path, {"net"})
    assert_same(found["net"], np.array([[1.0, 2]]))
    assert found["state"] == found["info"] == Opaque("a variable that was not read")
    with pytest.raises(FormatError, match="claims to unpack .* bytes to 4294967288"):
        read_mat(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_text("conv1"), "is not a MAT-file of version 5 to 7.3 (it begins with b'conv1')"),
        (lambda path: path.write_bytes(bytes(20) + b"MATLAB 4"), "is not a MAT-file"),
        (lambda _: None, "No such file"),
    ],
)
def test_refuses_what_is_no_mat_file(tmp_path: Path, make: Any, message: str) -> None:
    make(tmp_path / "m.mat")
    with pytest.raises(FormatError) as caught:
        read_mat(tmp_path / "m.mat")
    assert str(caught.value).startswith(str(tmp_path / "m.mat"))
    assert message in str(caught.value)


def nested(depth: int) -> bytes:
    inner = numbers([[1]])
    for _ in range(depth):
        inner = value(CELL, (1, 1), inner)
    return value(CELL, (1, 1), inner, "deep")


def packed(content: bytes) -> bytes:
    return element(COMPRESSED, zlib.compress(content))


TEN_GB = 10 * 2**30
DATA_8 = element(9, bytes(8))
HOSTILE = {
    "ends in a tag": (numbers([[1]])[:5], "an element begins 5 bytes before the end"),
    "claims 4 GB": (element(MATRIX, bytes(64), size=2**32 - 1), "an element at byte 128 claims 4294967295 bytes"),
    "no variable": (element(9, bytes(8)), "an element of type 9 at byte 128, where a variable should begin"),
    "long short element": (struct.pack("<HH", 9, 7) + bytes(4), "a short element at byte 128 claims 7 bytes"),
    "too few numbers": (value(DOUBLE, (100, 100), DATA_8), "an array of 100 x 100 with 1 numbers"),
    "10 GB of doubles": (value(DOUBLE, (1, TEN_GB // 8), DATA_8), "with 1 numbers"),
    "broken numbers": (value(DOUBLE, (1, 1), element(9, bytes(7))), "are no whole count of float64 numbers"),
    "text for numbers": (value(DOUBLE, (1, 1), element(16, b"12345678")), "of type 16 at byte 184, where numbers"),
    "a number for text": (element(MATRIX, element(6, bytes(8)) + element(5, bytes(8)) + DATA_8), "where text should"),
    "negative size": (value(DOUBLE, (1, -1), DATA_8), "dimensions [1, -1]"),
    "one dimension": (value(DOUBLE, (1,), DATA_8), "dimensions [1]"),
    "no flags": (element(MATRIX, DATA_8), "no array flags"),
    "unknown class": (value(99, (1, 1), DATA_8), "a value of unknown class 99"),
    "cell of 2^31": (value(CELL, (2**31 - 1, 1), DATA_8), "2147483647 elements of 1 values in the 16 bytes"),
    "structs of 2^31": (
        value(STRUCT, (2**31 - 1, 1), element(5, struct.pack("<i", 2)) + element(1, b"a\0b\0")),
        "2147483647 elements of 2 values in the 0 bytes",
    ),
    "field names": (
        value(STRUCT, (1, 1), element(5, struct.pack("<i", 3)) + element(1, b"a\0b\0")),
        "4 bytes of field names in fields of 3 bytes",
    ),
    "no field names": (value(STRUCT, (1, 1), element(5, b"") + element(1, b"")), "0 bytes of field names in fields"),
    "a number in a cell": (value(CELL, (1, 1), DATA_8), "an element of type 9 at byte 184, where a value should begin"),
    "char rows": (value(CHAR, (2, 2), element(16, b"abc")), "3 characters for a char array of 2 x 2"),
    "nesting": (nested(100), "values nested deeper than 64"),
    "not zlib": (element(COMPRESSED, bytes(40)), "the compressed variable at byte 136 does not unpack"),
    "packed nonsense": (packed(bytes(40)), "the compressed variable at byte 136 holds an element of type 0"),
    "packed nothing": (packed(b""), "holds an element of type 0"),
    "packed too short": (packed(numbers([[1, 2, 3]])[:-8]), "claims 72 bytes, but holds 64"),
    "packed too long": (packed(numbers([[1, 2, 3]]) + bytes(8)), "claims 72 bytes, but holds more"),
    "bad checksum": (element(COMPRESSED, zlib.compress(numbers([[1]]))[:-4] + bytes(4)), "does not unpack"),
    "packed 4 GB": (packed(struct.pack("<II", MATRIX, 2**32 - 8) + numbers([[1]])[8:]), "bytes to 4294967288"),
    "zip bomb": (packed(value(UINT8, (1, 2**27), element(2, bytes(2**27)))), "claims to unpack"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_refuses_hostile_files_without_taking_memory(tmp_path: Path, name: str) -> None:
    content, message = HOSTILE[name]
    path = mat_file(tmp_path / "m.mat", content)
    tracemalloc.start()
    with pytest.raises(FormatError) as caught:
        read_mat(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert peak < 3_000_000


@pytest.mark.parametrize("name", ["conv_basic", "no_compress", "dag_resblock"])
def test_refuses_every_truncation(tmp_path: Path, name: str) -> None:
    whole = (matconvnet_case(name).path / "net.mat").read_bytes()
    whole_variables = {HEADER_SIZE}
    while max(whole_variables) < len(whole):
        at = max(whole_variables)
        whole_variables.add(at + 8 + struct.unpack_from("<I", whole, at + 4)[0])
    for size in range(0, len(whole), 7):
        if size not in whole_variables:
            (tmp_path / "m.mat").write_bytes(whole[:size])
            with pytest.raises(FormatError):
                read_mat(tmp_path / "m.mat")


# v7.3


def matlab(item: h5py.HLObject, kind: str, **attributes: Any) -> h5py.HLObject:
    """Mark an HDF5 object as MATLAB does."""
    item.attrs["MATLAB_class"] = np.bytes_(kind)
    for key, attribute in attributes.items():
        item.attrs[key] = attribute
    return item


def refer(file: h5py.File, name: str, targets: list[h5py.HLObject], kind: str | None = "cell") -> h5py.Dataset:
    """Write a dataset of references: a cell, or with `kind` None a column of a struct array."""
    found = file.create_dataset(name, (len(targets), 1), h5py.ref_dtype)
    for index, target in enumerate(targets):
        found[index, 0] = target.ref
    return matlab(found, kind) if kind else found


def test_reads_what_only_v73_has(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.mat", "w", userblock_size=512) as file:
        one = matlab(file.create_dataset("#refs#/b", data=np.array([[1.0]])), "double")
        text = matlab(file.create_dataset("#refs#/c", data=np.array([[0xFC], [0x20AC]], "u2")), "char")
        refer(file, "list", [one, text, one])
        refer(file, "rows/a", [one, text], None)
        refer(file, "rows/b", [text, text], None)
        refer(file, "one/a", [text], None)
        matlab(file.create_dataset("empty", data=np.array([0, 3], "u8")), "single", MATLAB_empty=1)
        matlab(file.create_dataset("nothing", data=np.array([1, 1], "u8")), "struct", MATLAB_empty=1)
        matlab(file.create_dataset("nobody", data=np.array([0, 0], "u8")), "struct", MATLAB_empty=1)
        matlab(file.create_dataset("logical", data=np.array([[1], [0]], "u1")), "logical", MATLAB_int_decode=1)
        matlab(file.create_dataset("handle", data=np.array([[1]], "u4")), "function_handle")
        matlab(file.create_dataset("gpu", data=np.array([[1]], "u4")), "gpuArray", MATLAB_object_decode=3)
        packed_map = np.arange(6000, dtype="f4").reshape(10, 20, 30)
        matlab(file.create_dataset("map", data=packed_map, compression="gzip", shuffle=True), "single")
    found = read_mat(tmp_path / "m.mat")
    assert_same(found["list"], [np.array([[1.0]]), "ü€", np.array([[1.0]])])
    assert_same(found["rows"], StructArray([{"a": np.array([[1.0]]), "b": "ü€"}, {"a": "ü€", "b": "ü€"}]))
    assert found["one"] == {"a": "ü€"}
    assert_same(found["empty"], np.zeros((0, 3), np.float32))
    assert found["nothing"] == {}
    assert_same(found["nobody"], StructArray())
    assert_same(found["logical"], np.array([[True, False]]))
    assert found["handle"] == Opaque("a function handle")
    assert found["gpu"] == Opaque("an object of class gpuArray")
    assert np.array_equal(found["map"], packed_map.T)
    assert isinstance(read_mat(tmp_path / "m.mat", {"map"})["list"], Opaque)


def hold_itself(file: h5py.File) -> None:
    found = refer(file, "net", [file.create_dataset("#refs#/b", data=[1.0])])
    found[0, 0] = found.ref


def hold_a_group_twice(file: h5py.File) -> None:
    found = file.create_group("net")
    found["again"] = found


def link_out(file: h5py.File) -> None:
    matlab(file.create_group("net"), "struct")["layers"] = h5py.ExternalLink("/etc/hostname", "/layers")


def nest(file: h5py.File) -> None:
    group = file.create_group("net")
    for _ in range(100):
        group = group.create_group("s")


def claim_much(file: h5py.File) -> None:
    matlab(file.create_dataset("net", (2**20, 2**20), "f8", chunks=(64, 64)), "double")


def claim_a_large_chunk(file: h5py.File) -> None:
    data = file.create_dataset("net", (1, 1), "f8", chunks=(2**14, 2**14), maxshape=(None, None), compression="gzip")
    matlab(data, "double")


def write_elsewhere(file: h5py.File) -> None:
    matlab(file.create_dataset("net", (4, 1), "f8", external=[("/etc/hostname", 0, 32)]), "double")


def read_elsewhere(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4, 1), "f8")
    layout[:, 0] = h5py.VirtualSource("/etc/hostname", "x", (4,))
    matlab(file.create_virtual_dataset("net", layout), "double")


def pack_otherwise(file: h5py.File) -> None:
    matlab(file.create_dataset("net", data=np.zeros((64, 64)), compression="lzf"), "double")


def hold_text_as_numbers(file: h5py.File) -> None:
    matlab(file.create_dataset("net", data=np.array([[b"text"]])), "double")


def hold_numbers_as_cell(file: h5py.File) -> None:
    matlab(file.create_dataset("net", data=np.zeros((2, 1))), "cell")


def hold_an_empty_reference(file: h5py.File) -> None:
    matlab(file.create_dataset("net", (2, 1), h5py.ref_dtype), "cell")[0, 0] = file.create_group("#refs#").ref


def hold_uneven_columns(file: h5py.File) -> None:
    one = matlab(file.create_dataset("#refs#/b", data=[[1.0]]), "double")
    refer(file, "net/a", [one, one], None)
    refer(file, "net/b", [one, one, one], None)


def hold_an_uneven_struct(file: h5py.File) -> None:
    one = matlab(file.create_dataset("net/b", data=[[1.0]]), "double")
    refer(file, "net/a", [one, one], None)


def be_empty_and_full(file: h5py.File) -> None:
    matlab(file.create_dataset("net", data=np.array([2**20, 2**20], "u8")), "double", MATLAB_empty=1)


HOSTILE_V73 = [
    (hold_itself, "'/net' holds itself, or is nested deeper than 64"),
    (hold_a_group_twice, "holds itself"),
    (link_out, "'/net' holds 'layers' as a link to elsewhere"),
    (nest, "is nested deeper than 64"),
    (claim_much, "claims (1048576, 1048576) values of float64, but holds 0 bytes"),
    (claim_a_large_chunk, "'/net' claims"),
    (write_elsewhere, "'/net' holds no data of its own"),
    (read_elsewhere, "'/net' holds no data of its own"),
    (pack_otherwise, "is packed with the unknown filters [32000]"),
    (hold_text_as_numbers, "holds |S4 where numbers should stand"),
    (hold_numbers_as_cell, "holds float64 where references should stand"),
    (hold_an_empty_reference, "'/net' holds an empty reference"),
    (hold_uneven_columns, "is a struct array with fields of [2, 3] elements"),
    (hold_an_uneven_struct, "is a struct array, but its field 'b' is not a list of references"),
    (be_empty_and_full, "is marked as empty, but has the dimensions [1048576, 1048576]"),
]


@pytest.mark.parametrize(("write", "message"), HOSTILE_V73)
def test_refuses_hostile_v73_files(tmp_path: Path, write: Any, message: str) -> None:
    path = tmp_path / "m.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        write(file)
    tracemalloc.start()
    with pytest.raises(FormatError) as caught:
        read_mat(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert peak < 3_000_000


def test_refuses_a_truncated_v73_file(tmp_path: Path) -> None:
    whole = (matconvnet_case("conv_basic").path / "net_v73.mat").read_bytes()
    for size in (520, 600, len(whole) // 2, len(whole) - 1):
        (tmp_path / "m.mat").write_bytes(whole[:size])
        with pytest.raises(FormatError, match="the HDF5 file cannot be read"):
            read_mat(tmp_path / "m.mat")
