"""Fuzz tests of the Caffe readers: whatever a file holds, it is read or refused with a ConversionError, nothing else.

A default run is small; `--hypothesis-profile bounded` takes about twenty seconds, `--hypothesis-profile long` about
twenty minutes. What a longer run finds becomes an `@example` here or a case in the reader's own test file.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import caffe_files as files
import cases
from converters.caffe.net import NetState, resolve
from converters.caffe.schema import Field, enum_values, fields, is_enum
from converters.caffe.text import parse, read_prototxt
from converters.caffe.tree import Message
from converters.caffe.weights import read_blob, read_weights
from converters.errors import ConversionError

STATES = (NetState(), NetState("TRAIN", 3, ("deploy",)))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "file"


def check_text(text: str) -> None:
    """Read a prototxt, up to its layers; complain about any exception but ours, and about messages without place."""
    for problem in text_problems(text):
        assert problem.startswith("net.prototxt:")
        assert len(problem) < 500


def text_problems(text: str) -> list[str]:
    try:
        net = parse(text, "net.prototxt")
        for state in STATES:
            for layer in resolve(net, state).layers:
                list(layer.message.unread())
    except ConversionError as error:
        return error.problems or ["an error without a problem"]
    return []


def check_weights(path: Path, data: bytes) -> None:
    """Read weights and look at every array; complain about any exception but ours."""
    path.write_bytes(data)
    for read in (read_weights, read_blob):
        with contextlib.suppress(ConversionError):
            found = read(path)
            blobs = [found] if read is read_blob else [blob for layer in found.layers for blob in layer.blobs]
            for blob in blobs:
                with contextlib.suppress(ConversionError):
                    assert blob.array.shape == blob.shape
                    assert blob.array.dtype == np.float32
                    assert blob.array.tobytes() is not None  # touches every byte


# Text: words in any order, damaged files, and random trees in random spelling.

KINDS = ["NetParameter", "LayerParameter", "V1LayerParameter", "V0LayerParameter", "ConvolutionParameter", "BlobShape"]
FIELD_NAMES = sorted({name for kind in KINDS for name in fields(kind)} | {"stage", "min_level", "phase"})
ENUM_NAMES = sorted({name for kind in ("LayerType", "Phase", "PoolMethod", "Engine") for name in enum_values(kind)})
NUMBERS = ["0", "1", "-1", "3", "08", "0x1f", "0x", "1e3", ".5", "5.", "1f", "1e999", "inf", "-nan", "4294967296"]
STRINGS = ['"a"', "'b'", '"\\346\\227\\245"', '"\\', '"', "'", '"\n"', '"\\q"', '"padding"', '"conv"', '"pool"', '"x"']
SIGNS = ["{", "}", "<", ">", "[", "]", ":", ";", ",", "-", "+", "#", "\n", "\0", "\\", "é", "true"]
STARTS = [
    'layer { name: "a" type: "X" ',
    "layers { layer { ",
    "layers { type: RELU ",
    'input: "x" ',
    "bottom: 'x' ",
    "} ",
]
WORDS = st.sampled_from(FIELD_NAMES + ENUM_NAMES + NUMBERS * 4 + STRINGS * 6 + SIGNS * 8 + STARTS * 8)


@given(st.lists(WORDS, max_size=60))
@example(["layer", "{", '"\\', "}"])
@example(["layers { layer { ", "type", ":", '"padding"', "}", "}"])
def test_words_in_any_order(words: list[str]) -> None:
    check_text(" ".join(words))


@given(st.text(max_size=200))
@example("\ud800")
@example("name: '\ud800'")
@example("name: '\ud800\\x41'")
def test_any_text(text: str) -> None:
    check_text(text)


@cache
def prototxts() -> list[str]:
    names = [
        "fmt_v0",
        "fmt_v1_both",
        "net_vggface_small",
        "trainval_data_layers",
        "lstm_static_expose",
        "input_two_old",
    ]
    return [cases.caffe_case(name).prototxt.read_text() for name in names if name in cases.caffe_cases()]


@given(st.data())
def test_damaged_prototxts(data: st.DataObject) -> None:
    check_text(damaged(data, data.draw(st.sampled_from(prototxts())), WORDS))


def damaged(data: st.DataObject, content: Any, pieces: st.SearchStrategy[Any]) -> Any:
    """Cut slices out of a text or of bytes, or put others in, a few times."""
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = start + data.draw(st.sampled_from([0, 0, 1, 1, 2, 5, 40]))
        content = content[:start] + data.draw(pieces) + content[end:]
    return content


@given(st.data())
def test_trees_survive_any_spelling(data: st.DataObject) -> None:
    tree = draw_tree(data, "NetParameter", 4)
    text = " ".join(spelled(data, "NetParameter", tree))
    assert plain(parse(text, "net.prototxt")) == tree


def draw_tree(data: st.DataObject, kind: str, depth: int) -> dict[str, list[Any]]:
    """Draw a message as plain values: lists by field name."""
    known = [field for field in fields(kind).values() if depth or not field.is_message]
    chosen = (
        data.draw(st.lists(st.sampled_from(known), max_size=4, unique_by=lambda field: field.name)) if known else []
    )
    return {field.name: draw_values(data, field, depth) for field in chosen}


def draw_values(data: st.DataObject, field: Field, depth: int) -> list[Any]:
    count = data.draw(st.integers(1, 3)) if field.repeated else 1
    if field.is_message:
        return [draw_tree(data, field.kind, depth - 1) for _ in range(count)]
    values = st.sampled_from([*enum_values(field.kind)]) if is_enum(field.kind) else VALUES[field.kind]
    return [data.draw(values) for _ in range(count)]


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "string": st.text(st.characters(codec="utf-8"), max_size=8),
    "float": st.floats(allow_nan=False),
    "double": st.floats(allow_nan=False),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
}


def spelled(data: st.DataObject, kind: str, tree: dict[str, list[Any]]) -> Iterator[str]:
    """Write a tree in prototxt, choosing among the spellings of everything."""
    for name, values in tree.items():
        field = fields(kind)[name]
        written = [spelled_value(data, field, value) for value in values]
        if field.repeated and data.draw(st.booleans()):
            written = [f"[{','.join(written)}]"]
        for text in written:
            colon = data.draw(st.sampled_from([":", " # '\n :", ""] if field.is_message else [":", " :"]))
            end = data.draw(st.sampled_from(["", ";", ",", "# } \n"]))
            yield f"{name}{colon} {text}{end}"


def spelled_value(data: st.DataObject, field: Field, value: Any) -> str:
    if field.is_message:
        opening, closing = data.draw(st.sampled_from(["{}", "<>"]))
        return f"{opening} {' '.join(spelled(data, field.kind, value))} {closing}"
    return str(data.draw(st.sampled_from(spellings(field, value))))


def spellings(field: Field, value: Any) -> list[Any]:
    """List the ways to write a scalar."""
    if is_enum(field.kind):
        number = enum_values(field.kind)[value]
        return [value, number, hex(number), octal(number)]
    if field.kind == "bool":
        return ["true", "True", "t", "1", "0x1"] if value else ["false", "False", "f", "0", "00"]
    if field.kind == "string":
        return [*spelled_strings(value)]
    if isinstance(value, float):
        return [value, f"{value}f", f"{value}F"] if math.isfinite(value) else [value, f"{value}inity"]
    return [value, hex(value), octal(value)]


def octal(value: int) -> str:
    return f"{'-' if value < 0 else ''}0{abs(value):o}"


def spelled_strings(value: str) -> Iterator[str]:
    encoded = "".join(f"\\{byte:03o}" for byte in value.encode())
    for quote in ('"', "'"):
        escaped = value.replace("\\", "\\\\").replace(quote, "\\" + quote)
        for inner in (encoded, escaped):
            yield f"{quote}{inner}{quote}"
            yield f"'' {quote}{inner}{quote}\"\""


def plain(message: Message) -> dict[str, list[Any]]:
    return {
        name: [plain(value) if isinstance(value, Message) else value for value in message.all(name)]
        for name in message.names()
    }


@given(st.binary(max_size=300))
def test_any_bytes_as_prototxt(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with contextlib.suppress(ConversionError):
        read_prototxt(path)


# Weights: any bytes, damaged files, and random nets in random encodings.


@given(st.binary(max_size=300))
def test_any_bytes_as_weights(path: Path, data: bytes) -> None:
    check_weights(path, data)


NUMBERS_OF_FIELDS = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 50, 100, 101, 2**29 - 1, 2**29])
SIZES = st.sampled_from([0, 1, 2, 3, 6, 127, 2**31 - 1, 2**31, 2**32, 2**63, 2**64 - 1, -1])
LEAVES = st.one_of(
    st.builds(files.number_field, NUMBERS_OF_FIELDS, SIZES),
    st.builds(files.tag, NUMBERS_OF_FIELDS, st.integers(0, 7)),
    st.builds(lambda number, size: files.tag(number, 2) + files.varint(size), NUMBERS_OF_FIELDS, SIZES),
    st.builds(files.shape, SIZES, SIZES),
    st.builds(files.legacy, SIZES, SIZES, SIZES, SIZES),
    st.builds(files.floats, st.lists(st.floats(width=32), max_size=6), NUMBERS_OF_FIELDS),
    st.builds(files.doubles, st.lists(st.floats(), max_size=6), NUMBERS_OF_FIELDS),
    st.builds(files.unpacked, st.lists(st.floats(width=32), max_size=40), NUMBERS_OF_FIELDS),
    st.binary(max_size=6),
)
NESTED = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda number, parts: files.bytes_field(number, b"".join(parts)), NUMBERS_OF_FIELDS, st.lists(inner, max_size=5)
    ),
    max_leaves=30,
)


@given(st.lists(NESTED, max_size=6))
@example([files.legacy(0, 0, 2**31 - 1, 2**31 - 1)])
@example([files.net(files.v2_layer("a", "b", files.unpacked([1.0])[:3]))])
def test_nested_messages_of_any_kind(path: Path, parts: list[bytes]) -> None:
    check_weights(path, b"".join(parts))


@cache
def weight_files() -> list[bytes]:
    names = ["fmt_v0", "fmt_v1_both", "fmt_v2", "fmt_unpacked", "fmt_double_data", "fmt_hdf5", "lstm", "scale_scalar"]
    return [cases.caffe_case(name).weights.read_bytes() for name in names if name in cases.caffe_cases()]


@given(st.data())
def test_damaged_weights(path: Path, data: st.DataObject) -> None:
    pieces = st.one_of(st.just(b""), st.binary(min_size=1, max_size=3), LEAVES)
    check_weights(path, damaged(data, data.draw(st.sampled_from(weight_files())), pieces))


SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
NAMED_SHAPES = st.tuples(st.text(st.characters(codec="utf-8"), max_size=5), st.lists(SHAPES, max_size=3))
ENCODINGS: list[Callable[[list[float]], bytes]] = [
    files.floats,
    files.doubles,
    files.unpacked,
    lambda values: files.floats(values[:2]) + files.unpacked(values[2:]),
    lambda values: files.unpacked(values, 6) + files.floats(values),
    lambda values: files.number_field(10, 1) + files.floats(values, 12),
]
LAYER_WRITERS: dict[str, Callable[..., bytes]] = {
    "V2": lambda name, *blobs: files.v2_layer(name, "Scale", *blobs),
    "V1": lambda name, *blobs: files.v1_layer(name, 4, *blobs),
    "V0": lambda name, *blobs: files.v0_layer(name, "conv", *blobs),
}


@given(st.data(), st.sampled_from(sorted(LAYER_WRITERS)))
def test_nets_survive_any_encoding(path: Path, data: st.DataObject, form: str) -> None:
    wanted = data.draw(st.lists(NAMED_SHAPES, min_size=1, max_size=4))
    rng = np.random.default_rng(0)
    arrays = [[rng.standard_normal(shape, np.float32) for shape in shapes] for _, shapes in wanted]
    layers = [
        LAYER_WRITERS[form](name, *[encoded(data, array) for array in blobs])
        for (name, _), blobs in zip(wanted, arrays, strict=True)
    ]
    path.write_bytes(files.net(*layers))
    found = read_weights(path)
    assert (found.format, [layer.name for layer in found.layers]) == (form, [name for name, _ in wanted])
    for layer, blobs in zip(found.layers, arrays, strict=True):
        for blob, array in zip(layer.blobs, blobs, strict=True):
            np.testing.assert_array_equal(blob.array.reshape(array.shape), array)


def encoded(data: st.DataObject, array: np.ndarray[Any, Any]) -> bytes:
    values = data.draw(st.sampled_from(ENCODINGS))(array.ravel().tolist())
    legacy = (1,) * (4 - array.ndim) + array.shape
    dims = data.draw(st.sampled_from([files.shape(*array.shape), files.legacy(*legacy)]))
    return dims + values if data.draw(st.booleans()) else values + dims
