"""Writing an ONNX file in one pass: the graph first, the weights streamed behind it from where they lie.

A protobuf message is a run of fields in any order, so the initializers can follow the nodes, and every length is known
beforehand. Nothing larger than a block is ever copied in memory. Source: protobuf's encoding, onnx.proto.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO

import numpy as np
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto

from converters.errors import FormatError
from converters.onnx_model.building import Initializer, onnx_type
from converters.ops.base import size_of

# Numbers of the fields ModelProto.graph, GraphProto.initializer, GraphProto.output and TensorProto.raw_data.
MODEL_GRAPH, GRAPH_INITIALIZER, GRAPH_OUTPUT, TENSOR_RAW_DATA = 7, 5, 12, 9
LARGEST_MESSAGE = 2**31 - 1
# The key of the metadata that maps values of the graph to tensors of the file, as JSON.
VALUES_KEY = "values"
BLOCK_BYTES = 2**21
# Where external data starts is rounded up to this, so that a runtime can map it.
ALIGNMENT = 4096
# What is smaller stays in the model file: shapes and constants that a reader of the graph wants to know.
SMALL_BYTES = 1024


@dataclass(frozen=True)
class _Field:
    """An initializer as it stands in the file: the bytes before its payload, and the payload unless it is elsewhere."""

    head: bytes
    payload: Initializer | None = None

    @property
    def size(self) -> int:
        """Return the number of bytes of the whole field."""
        return len(self.head) + (size_bytes(self.payload) if self.payload else 0)


def write(path: Path, model: ModelProto, initializers: Sequence[Initializer], *, external: bool = False) -> list[Path]:
    """Write `model` with `initializers` added to its graph; return the files written.

    `external`, or a size beyond protobuf's 2 GiB, puts the large arrays into `<name>.data` beside it.
    """
    shell = model.SerializeToString(deterministic=True)
    if external or len(shell) + sum(_embedded(i).size for i in initializers) > LARGEST_MESSAGE - 64:
        return _write_external(path, model, initializers)
    with path.open("wb") as file:
        _write_model(file, model, [_embedded(initializer) for initializer in initializers])
    return [path]


def _write_external(path: Path, model: ModelProto, initializers: Sequence[Initializer]) -> list[Path]:
    data = path.with_name(path.name + ".data")
    fields = []
    with data.open("wb") as file:
        for initializer in initializers:
            if size_bytes(initializer) < SMALL_BYTES:
                fields.append(_embedded(initializer))
                continue
            file.write(bytes(-file.tell() % ALIGNMENT))
            fields.append(_pointing(initializer, data.name, file.tell()))
            for block in blocks(initializer):
                file.write(block)
    with path.open("wb") as file:
        _write_model(file, model, fields)
    return [path, data]


def _write_model(file: IO[bytes], model: ModelProto, fields: Sequence[_Field]) -> None:
    shell = ModelProto()
    shell.CopyFrom(model)
    graph = shell.graph.SerializeToString(deterministic=True)
    shell.ClearField("graph")
    file.write(shell.SerializeToString(deterministic=True))
    file.write(_prefix(MODEL_GRAPH, len(graph) + sum(field.size for field in fields)))
    file.write(graph)
    for field in fields:
        file.write(field.head)
        for block in blocks(field.payload) if field.payload else ():
            file.write(block)


def size_bytes(initializer: Initializer) -> int:
    """Return how many bytes the values take."""
    return size_of(initializer.shape) * int(np.dtype(initializer.dtype).itemsize)


def blocks(initializer: Initializer) -> Iterator[memoryview]:
    """Yield the values in C order and little-endian: straight from the array where it lies so, else block by block."""
    wanted = np.dtype(initializer.dtype).newbyteorder("<")
    array = initializer.array
    if array.dtype == wanted and array.flags.c_contiguous:
        flat = array.reshape(-1).view(np.uint8)
        for start in range(0, flat.size, BLOCK_BYTES):
            yield flat[start : start + BLOCK_BYTES].data
        return
    step = BLOCK_BYTES // wanted.itemsize
    for start in range(0, array.size, step):
        yield array.flat[start : start + step].astype(wanted, copy=False).view(np.uint8).data


def _embedded(initializer: Initializer) -> _Field:
    head = _described(initializer).SerializeToString(deterministic=True)
    head += _prefix(TENSOR_RAW_DATA, size_bytes(initializer))
    return _Field(_prefix(GRAPH_INITIALIZER, len(head) + size_bytes(initializer)) + head, initializer)


def _pointing(initializer: Initializer, location: str, offset: int) -> _Field:
    tensor = _described(initializer)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", size_bytes(initializer))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    described = tensor.SerializeToString(deterministic=True)
    return _Field(_prefix(GRAPH_INITIALIZER, len(described)) + described)


def _described(initializer: Initializer) -> TensorProto:
    return TensorProto(name=initializer.name, dims=initializer.shape, data_type=onnx_type(initializer.dtype))


def _prefix(number: int, length: int) -> bytes:
    """Return what stands before the bytes of a field: its number and kind, and the length as a varint."""
    encoded = bytearray([number << 3 | 2])
    while length > 127:
        encoded.append(length & 127 | 128)
        length >>= 7
    return bytes([*encoded, length])


def read_frame(path: Path) -> ModelProto:
    """Return a model without nodes and initializers: versions, metadata, and the graph's outputs.

    Only what is returned is read, however large the file is. FormatError if it is no model, or cannot be read.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror}") from error
    with file:
        if not os.fstat(file.fileno()).st_size:
            raise FormatError(f"{path}: the file is empty, expected an ONNX model")
        with mmap(file.fileno(), 0, access=ACCESS_READ) as view:
            try:
                return _frame(view)
            except (DecodeError, IndexError, ValueError) as error:
                raise FormatError(f"{path}: this is no ONNX model, or it is truncated ({error})") from error


def _frame(view: mmap) -> ModelProto:
    kept = bytearray()
    for number, start, body, stop in _fields(view, 0, len(view)):
        if number != MODEL_GRAPH:
            kept += view[start:stop]
            continue
        outputs = b"".join(view[a:b] for field, a, _, b in _fields(view, body, stop) if field == GRAPH_OUTPUT)
        kept += _prefix(MODEL_GRAPH, len(outputs)) + outputs
    model = ModelProto()
    model.ParseFromString(bytes(kept))
    return model


def _fields(view: mmap, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield for each field of a message its number, where it starts, where its bytes start, and where it ends."""
    while start < stop:
        key, body = _varint(view, start)
        kind = key & 7
        if kind == 0:
            end = _varint(view, body)[1]
        elif kind == 2:
            length, body = _varint(view, body)
            end = body + length
        elif kind in (1, 5):
            end = body + (8 if kind == 1 else 4)
        else:
            raise ValueError(f"a field of kind {kind} at byte {start}")
        if end > stop:
            raise ValueError(f"a field at byte {start} reaches to byte {end} of {stop}")
        yield key >> 3, start, body, end
        start = end


def _varint(view: mmap, at: int) -> tuple[int, int]:
    value = 0
    for count in range(10):
        value |= (view[at + count] & 127) << (7 * count)
        if view[at + count] < 128:
            return value, at + count + 1
    raise ValueError(f"a number of more than 10 bytes at byte {at}")
