"""Fuzz tests of the MAT-file readers: whatever a file holds, it is read, or refused with a ConversionError.

A default run is small; `--hypothesis-profile bounded` takes about a minute, `--hypothesis-profile long` runs for hours.
What a longer run finds becomes an `@example` here or a case in the reader's own test file.
"""

import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from hypothesis import example, given
from hypothesis import strategies as st

from cases import matconvnet_case
from converters.errors import ConversionError
from converters.from_matconvnet import read_matconvnet
from matlab_files import block, cell, conv, dagnn, simplenn

PACKED = ("conv_groups", "bnorm_basic", "net_lenet", "dag_resblock", "dag_convt_crop", "snapshot_net_state")
# What the readers may take beyond the file itself, and beyond what Python and NumPy take for the values of any file.
MEMORY = (64 << 20) + (16 << 20)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "net.mat"


@contextmanager
def bounded_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def check(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Read a network; complain about any exception but ours, about messages without place, and about much memory."""
    for problem in problems(path, shapes):
        assert problem.startswith(str(path))
        assert len(problem) < 1000


def problems(path: Path, shapes: dict[str, tuple[int, ...]]) -> list[str]:
    try:
        with bounded_memory():
            graph = read_matconvnet(path, input_shapes=shapes)
    except ConversionError as error:
        return error.problems or ["an error without a problem"]
    return [] if graph.outputs else ["a graph without an output"]


@cache
def contents(name: str, file: str) -> bytes:
    return (matconvnet_case(name).path / file).read_bytes()


@cache
def unpacked(name: str) -> bytes:
    """Return a v7 file as v6, so that changes reach what zlib's checksum would guard."""
    data = contents(name, "net.mat")
    result, at = data[:128], 128
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        held = data[at + 8 : at + 8 + size]
        result += zlib.decompress(held) if kind == 15 else data[at : at + 8] + held
        at += 8 + size
    return result


BYTES = st.one_of(
    st.sampled_from(
        [b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x0e\0\0\0", b"\x01", b"\x80", b"\xff"]
    ),
    st.binary(min_size=1, max_size=8),
    st.integers(0, 2**32 - 1).map(lambda number: struct.pack("<I", number)),
)
# Where (as a fraction of the file, in steps of four bytes or of one), and what to write there.
EDITS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from([1, 4]), BYTES), min_size=1, max_size=6)


def edited(data: bytes, edits: list[tuple[float, int, bytes]], length: float) -> bytes:
    found = bytearray(data)
    for where, step, new in edits:
        at = int(where * len(data)) // step * step
        found[at : at + len(new)] = new
    return bytes(found[: int(length * len(data))])


LENGTH = st.one_of(st.just(1.0), st.just(1.0), st.floats(0, 1))


@given(st.sampled_from(PACKED), EDITS, LENGTH)
def test_v7_files_with_changes(path: Path, name: str, edits: Any, length: float) -> None:
    path.write_bytes(edited(contents(name, "net.mat"), edits, length))
    check(path, matconvnet_case(name).input_shapes)


@given(st.sampled_from(PACKED), EDITS, LENGTH)
def test_v6_files_with_changes(path: Path, name: str, edits: Any, length: float) -> None:
    path.write_bytes(edited(unpacked(name), edits, length))
    check(path, matconvnet_case(name).input_shapes)


@given(st.sampled_from(PACKED), EDITS)
def test_v7_files_with_changes_before_packing(path: Path, name: str, edits: Any) -> None:
    whole = edited(unpacked(name), edits, 1.0)
    packed = zlib.compress(whole[128:])
    path.write_bytes(contents(name, "net.mat")[:128] + struct.pack("<II", 15, len(packed)) + packed)
    check(path, matconvnet_case(name).input_shapes)


@given(st.sampled_from([name for name in PACKED if name != "net_vggface_new"]), EDITS, LENGTH)
def test_v73_files_with_changes(path: Path, name: str, edits: Any, length: float) -> None:
    path.write_bytes(edited(contents(name, "net_v73.mat"), edits, length))
    check(path, matconvnet_case(name).input_shapes)


@given(st.binary(max_size=400))
def test_any_bytes_behind_a_header(path: Path, data: bytes) -> None:
    path.write_bytes(contents("conv_groups", "net.mat")[:128] + data)
    check(path, {})


# Sound files with senseless values

NUMBERS = st.one_of(
    st.integers(-3, 9).map(float),
    st.sampled_from([np.nan, np.inf, -np.inf, 1e308, 2.0**31, 2.0**62, 0.5, 1e-300]),
)
ARRAYS = st.lists(NUMBERS, max_size=6).flatmap(
    lambda values: st.sampled_from(["f8", "f4", "i4", "u1", "?"]).map(lambda kind: clipped(values, kind))
)
VALUES = st.one_of(
    ARRAYS,
    ARRAYS,
    st.text(max_size=5),
    st.lists(ARRAYS, max_size=3).map(cell),
    st.sampled_from([{"a": 1.0}, np.zeros((0, 0)), np.zeros((3, 0, 2)), np.ones((2, 1, 3, 2, 2)), np.array([[1j]])]),
)


def clipped(values: list[float], kind: str) -> Any:
    finite = np.nan_to_num(np.array([values]), nan=7.0, posinf=200, neginf=0)
    with np.errstate(over="ignore"):
        return np.clip(finite, 0, 200).astype(kind) if kind in ("i4", "u1", "?") else np.array([values]).astype(kind)


def settings(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, VALUES))


WEIGHTS = np.ones((3, 3, 2, 4), np.float32)
MOMENTS = np.ones((2, 2), np.float32)
SIMPLE: dict[str, tuple[str, ...]] = {
    "conv": ("stride", "pad", "dilate", "weights", "filters", "name", "opts"),
    "convt": ("upsample", "crop", "numGroups", "weights", "filters", "biases"),
    "pool": ("method", "pool", "stride", "pad"),
    "relu": ("leak", "name"),
    "lrn": ("param",),
    "bnorm": ("weights", "epsilon"),
    "noffset": ("param",),
    "spnorm": ("param",),
    "dropout": ("rate",),
    "softmax": ("type",),
}
BLOCKS: dict[str, tuple[str, ...]] = {
    "Conv": ("stride", "pad", "dilate", "hasBias"),
    "ReLU": ("leak", "opts"),
    "ConvTranspose": ("upsample", "crop", "numGroups", "hasBias", "dilate"),
    "Pooling": ("method", "poolSize", "stride", "pad"),
    "CaffePooling": ("method", "poolSize", "stride", "pad"),
    "ROIPooling": ("method", "subdivisions", "transform", "flatten"),
    "Normalize": ("channelShared", "acrossSpatial"),
    "SoftMaxTranspose": ("dim",),
    "Scale": ("hasBias",),
    "Concat": ("dim",),
    "Crop": ("crop",),
    "Flatten": ("axis",),
    "Permute": ("order",),
    "Reshape": ("shape",),
    "Slice": ("dim", "slicePoint"),
    "AffineGridGenerator": ("Ho", "Wo"),
    "UniformScalingGridGenerator": ("Ho", "Wo"),
    "Interp": ("zoomFactor", "shrinkFactor", "padBeg", "padEnd"),
}
SIMPLE_LAYERS = st.sampled_from(sorted(SIMPLE)).flatmap(
    lambda kind: settings(*SIMPLE[kind]).map(lambda given: simple_layer(kind, given))
)


def simple_layer(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    usual = {
        "conv": conv("c", WEIGHTS),
        "convt": conv("t", np.ones((2, 2, 3, 2), np.float32)),
        "bnorm": {"weights": cell([MOMENTS[0], MOMENTS[1], MOMENTS])},
        "pool": {"method": "max", "pool": 2.0},
    }.get(kind, {})
    return {**usual, "type": kind, **given}


META = st.fixed_dictionaries(
    {},
    optional={
        "inputs": VALUES,
        "inputSize": VALUES,
        "classes": VALUES,
        "normalization": settings("imageSize", "averageImage", "imageStd"),
    },
)


@given(st.lists(SIMPLE_LAYERS, min_size=1, max_size=3), META)
@example([{"type": "relu"}], {"inputSize": np.full((1, 3), np.inf)})
def test_simplenns_with_any_settings(path: Path, layers: list[dict[str, Any]], meta: dict[str, Any]) -> None:
    simplenn(path, layers, meta=meta)
    check(path, {} if meta else {"data": (1, 2, 7, 6)})


@given(
    st.sampled_from(sorted(BLOCKS)).flatmap(lambda kind: st.tuples(st.just(kind), settings(*BLOCKS[kind]))),
    st.integers(1, 3),
    st.integers(1, 3),
    st.lists(st.sampled_from("wvu"), max_size=3),
    ARRAYS,
    st.sampled_from([(1, 2, 7, 6), (2, 6, 1, 1), (3, 5, 1, 1), (1, 3, 1, 1)]),
)
@example(("Pooling", {"pad": np.array([[1e308]])}), 1, 1, [], np.zeros((1, 0)), (1, 2, 7, 6))
@example(("Reshape", {"shape": cell([np.inf, 1.0, 1.0])}), 1, 1, [], np.zeros((1, 0)), (1, 2, 7, 6))
def test_blocks_with_any_settings(
    path: Path, chosen: Any, inputs: int, outputs: int, params: list[str], values: Any, shape: tuple[int, ...]
) -> None:
    kind, given_settings = chosen
    layer = block(
        "a", kind, [f"x{i}" for i in range(inputs)], [f"y{i}" for i in range(outputs)], params, **given_settings
    )
    dagnn(path, [layer, block("b", "ReLU", ["y0"], ["z"])], {"w": WEIGHTS, "v": values, "u": np.ones((1, 1, 2))})
    check(path, {f"x{i}": shape for i in range(inputs)})


@given(st.dictionaries(st.sampled_from(["net", "layers", "meta", "params", "vars", "other"]), VALUES, min_size=1))
def test_any_variables(path: Path, variables: dict[str, Any]) -> None:
    scipy.io.savemat(path, variables)
    check(path, {})
