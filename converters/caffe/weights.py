"""Caffe weights files -> arrays by layer, straight from the mapped file.

Reads caffemodels of all three formats (V0, V1, V2) without a protobuf runtime, and hands HDF5 files, known by their
content as in Caffe, to `caffe/hdf5.py`. The field numbers are those of `src/caffe/proto/caffe.proto`; the rules of a
blob are those of `Blob::FromProto` in `src/caffe/blob.cpp`, and of NVIDIA's fork for `raw_data`.
"""

from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from converters.caffe.blobs import Blob, SourceLayer, Weights, as_float32, count, shape_problem, show_shape
from converters.caffe.layer_types import V0_TYPES, V1_TYPES
from converters.caffe.problems import Problems
from converters.caffe.schema import enum_names
from converters.caffe.wire import BYTES, FIXED32, FIXED64, VARINT, Entry, Wire, WireError, signed32
from converters.errors import FormatError
from converters.files.model_files import check_weights_file, is_hdf5, map_file, without_readahead

MAX_LAYERS = MAX_BLOBS = 100_000

NET_NAME, NET_V1_LAYER, NET_V2_LAYER = 1, 2, 100
V1_NESTED_V0 = 1
BLOB_LEGACY_DIMS = (1, 2, 3, 4)
BLOB_DATA, BLOB_SHAPE, BLOB_DOUBLE_DATA, BLOB_RAW_TYPE, BLOB_RAW_DATA = 5, 7, 8, 10, 12
# Gradients are passed over; known here only to step over unpacked ones quickly.
BLOB_DIFF, BLOB_DOUBLE_DIFF = 6, 9
SHAPE_DIM = 1
RAW_DTYPES = {"DOUBLE": "<f8", "FLOAT": "<f4", "FLOAT16": "<f2"}
DTYPES = {BLOB_DATA: "<f4", BLOB_DIFF: "<f4", BLOB_DOUBLE_DATA: "<f8", BLOB_DOUBLE_DIFF: "<f8"}
FIXED_WIRES = {"<f4": FIXED32, "<f8": FIXED64}


class _Form(NamedTuple):
    """Where a layer message of one format keeps its name, type and blobs."""

    format: str
    name: int
    type: int
    blobs: int


V0 = _Form("V0", 1, 2, 50)
V1 = _Form("V1", 4, 5, 6)
V2 = _Form("V2", 1, 2, 7)


def read_weights(path: str | Path) -> Weights:
    """Read a `.caffemodel` or `.caffemodel.h5`; raises `FormatError` for anything else, or a damaged file.

    A caffemodel's float values are views of the mapped file, so opening costs milliseconds whatever its size.
    """
    path = Path(path)
    buffer = map_file(path)
    if is_hdf5(buffer):
        from converters.caffe.hdf5 import read_hdf5  # noqa: PLC0415  h5py is loaded only where a file needs it

        return read_hdf5(path, buffer)
    check_weights_file(path, buffer)
    reader = _Reader(path, buffer)
    try:
        with without_readahead(buffer):
            return reader.net()
    except WireError as error:
        raise FormatError(f"{path}: {reader.place}{error}; the file is cut off, damaged or no caffemodel") from error


def read_blob(path: str | Path) -> Blob:
    """Read a file of one blob, such as `mean.binaryproto`."""
    path = Path(path)
    buffer = map_file(path)
    check_weights_file(path, buffer)
    try:
        return _Reader(path, buffer).lone_blob()
    except WireError as error:
        raise FormatError(f"{path}: {error}; the file is cut off, damaged or holds no blob") from error


class _Reader:
    def __init__(self, path: Path, buffer: Any) -> None:
        self._path = path
        self._wire = Wire(buffer)
        self._size = len(buffer)
        self.place = ""
        self._problems = Problems(str(path))
        self._blobs_left = MAX_BLOBS

    def net(self) -> Weights:
        name = ""
        formats: list[str] = []
        layers: list[SourceLayer] = []
        for entry in self._wire.entries(0, self._size):
            if entry.wire == VARINT and entry.number == NET_NAME:
                self._refuse_foreign()  # other messages of protobuf begin with a number, a network with its name
            if entry.wire == BYTES and entry.number == NET_NAME:
                name = self._wire.text(entry)
            elif entry.wire == BYTES and entry.number in (NET_V1_LAYER, NET_V2_LAYER):
                if len(layers) == MAX_LAYERS:
                    raise WireError(f"byte {entry.tag}: more than {MAX_LAYERS} layers")
                form, span = self._form(entry)
                formats.append(form.format)
                layers.append(self._layer(form, span, len(layers)))
        self._check_formats(set(formats))
        self._problems.check()
        return Weights(str(self._path), name, formats[0], layers)

    def lone_blob(self) -> Blob:
        blob = self._blob(Entry(0, BYTES, 0, 0, 0, self._size), "the blob")
        self._problems.check()
        if blob.problem:
            raise FormatError(blob.problem)
        return blob

    def _form(self, entry: Entry) -> tuple[_Form, Entry]:
        """Find out the format of a layer and the span of its message; a V0 layer stands inside a V1 layer."""
        if entry.number == NET_V2_LAYER:
            return V2, entry
        for inner in self._wire.entries(entry.start, entry.end):
            if inner.number == V1_NESTED_V0 and inner.wire == BYTES:
                return V0, inner
        return V1, entry

    def _layer(self, form: _Form, span: Entry, index: int) -> SourceLayer:
        name, kind = "", ""
        blobs: list[Entry] = []
        self.place = f"layer number {index + 1}: "
        for entry in self._wire.entries(span.start, span.end):
            if entry.number == form.name and entry.wire == BYTES:
                name = self._wire.text(entry)
                self.place = f"layer '{name}': "
            elif entry.number == form.type and entry.wire in (BYTES, VARINT):
                kind = self._type(form, entry)
            elif entry.number == form.blobs and entry.wire == BYTES:
                self._count_blob(entry)
                blobs.append(entry)
        place = f"layer '{name}', blob"
        arrays = [self._blob(blob, f"{place} {number}") for number, blob in enumerate(blobs)]
        self.place = f"after layer '{name}': "
        return SourceLayer(name, kind, arrays)

    def _count_blob(self, entry: Entry) -> None:
        self._blobs_left -= 1
        if self._blobs_left < 0:
            raise WireError(f"byte {entry.tag}: more than {MAX_BLOBS} blobs")

    def _type(self, form: _Form, entry: Entry) -> str:
        """The V2 name of a layer's type; an unknown number or name stays as it is, for it is only ever shown."""
        if form is V1:
            known = enum_names("LayerType").get(signed32(entry.value)) if entry.wire == VARINT else None
            return V1_TYPES[known] if known else str(entry.value)
        name = self._wire.text(entry) if entry.wire == BYTES else ""
        return V0_TYPES.get(name, name) if form is V0 else name

    def _blob(self, span: Entry, place: str) -> Blob:
        blob = _BlobFields()
        at = span.start
        while at < span.end:
            for entry in self._wire.entries(at, span.end):
                at = entry.end
                dtype = DTYPES.get(entry.number)
                if dtype and entry.wire == FIXED_WIRES[dtype]:
                    values, at = self._wire.unpacked(entry, dtype, span.end)
                    blob.add_values(entry.number, values)
                    break
                self._blob_field(blob, entry)
        return self._assembled(blob, place)

    def _blob_field(self, blob: "_BlobFields", entry: Entry) -> None:
        if entry.wire == BYTES and entry.number in DTYPES:
            blob.add_values(entry.number, self._wire.packed(entry, DTYPES[entry.number]))
        elif entry.wire == BYTES and entry.number == BLOB_SHAPE:
            blob.add_dims(self._dims(entry))
        elif entry.wire == VARINT and entry.number in BLOB_LEGACY_DIMS:
            blob.legacy[entry.number] = signed32(entry.value)
        elif entry.wire == VARINT and entry.number == BLOB_RAW_TYPE:
            blob.raw_type = enum_names("Precision").get(signed32(entry.value), str(entry.value))
        elif entry.wire == BYTES and entry.number == BLOB_RAW_DATA:
            blob.raw = entry

    def _dims(self, span: Entry) -> list[int]:
        dims: list[int] = []
        for entry in self._wire.entries(span.start, span.end):
            if entry.number == SHAPE_DIM and entry.wire in (BYTES, VARINT):
                dims += self._wire.integers(entry)
        return dims

    def _assembled(self, blob: "_BlobFields", place: str) -> Blob:
        shape = blob.shape()
        problem = shape_problem(shape)
        if problem:
            self._problem(f"{place} {problem}")
            return Blob(shape, blob.is_legacy)
        values = self._values(blob, place)
        if values is None:
            problem = f"{self._path}: {place} states the shape {show_shape(shape)} and holds no values"
            return Blob(shape, blob.is_legacy, problem=problem)
        if values.size != count(shape):
            self._problem(f"{place} holds {values.size} values, its shape {show_shape(shape)} asks for {count(shape)}")
            return Blob(shape, blob.is_legacy)
        return Blob(shape, blob.is_legacy, as_float32(values).reshape(shape))

    def _values(self, blob: "_BlobFields", place: str) -> NDArray[Any] | None:
        if blob.raw is not None and blob.raw.end > blob.raw.start:
            dtype = RAW_DTYPES.get(blob.raw_type)
            if dtype is None:
                known = ", ".join(RAW_DTYPES)
                self._problem(f"{place} holds raw data of type {blob.raw_type or 'unknown'}; known are {known}")
                return None
            return self._wire.packed(blob.raw, dtype)
        return blob.values()

    def _refuse_foreign(self) -> NoReturn:
        kinds = {(entry.number, entry.wire) for entry in self._wire.entries(0, self._size)}
        raise FormatError(f"{self._path}: holds no layers: {_guess(kinds)}")

    def _check_formats(self, formats: set[str]) -> None:
        if not formats:
            self._refuse_foreign()
        if len(formats) > 1:
            found = " and ".join(sorted(formats))
            raise FormatError(f"{self._path}: mixes layers of the formats {found}; Caffe refuses such a file")

    def _problem(self, text: str) -> None:
        self._problems.add(f"{self._path}: {text}")


class _BlobFields:
    """What a blob's message says, before the rules decide what counts."""

    def __init__(self) -> None:
        self.legacy: dict[int, int] = {}
        self.dims: list[int] = []
        self.raw: Entry | None = None
        self.raw_type = ""
        self._parts: dict[int, list[NDArray[Any]]] = {}

    @property
    def is_legacy(self) -> bool:
        return bool(self.legacy)

    def add_values(self, number: int, values: NDArray[Any]) -> None:
        if values.size and number in (BLOB_DATA, BLOB_DOUBLE_DATA):
            self._parts.setdefault(number, []).append(values)

    def add_dims(self, dims: list[int]) -> None:
        self.dims += dims

    def shape(self) -> tuple[int, ...]:
        """Any legacy dimension makes Caffe ignore `shape`; the others are then 0."""
        if self.legacy:
            return tuple(self.legacy.get(number, 0) for number in BLOB_LEGACY_DIMS)
        return tuple(self.dims)

    def values(self) -> NDArray[Any] | None:
        """Double precision counts when there is any; None when the blob holds no values at all."""
        parts = self._parts.get(BLOB_DOUBLE_DATA) or self._parts.get(BLOB_DATA)
        if parts is None:
            return None if count(self.shape()) else np.empty(0, np.float32)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _guess(kinds: set[tuple[int, int]]) -> str:
    """Say what a protobuf file without layers may be, by its outermost fields."""
    if {(1, VARINT), (5, BYTES)} <= kinds:
        return "it looks like a mean image (binaryproto), not a caffemodel"
    if {(1, VARINT), (7, BYTES)} <= kinds:
        return "it looks like an ONNX model, not a caffemodel"
    if {(1, VARINT), (3, BYTES)} <= kinds:
        return "it looks like a solverstate; the weights are in the .caffemodel beside it"
    return "it is no caffemodel"
