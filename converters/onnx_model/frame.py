"""Reading an ONNX file without its weights: they stay where they lie, however large the file is."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path

from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto

from converters.errors import FormatError
from converters.onnx_model.file import point
from converters.onnx_model.wire import (
    GRAPH_INITIALIZER,
    GRAPH_OUTPUT,
    MODEL_GRAPH,
    TENSOR_RAW_DATA,
    fields,
    prefix,
)

# Arrays from this size on are left in the file.
LARGE_BYTES = 2**20


def read_frame(path: Path) -> ModelProto:
    """Return a model without nodes and initializers: versions, metadata, and the graph's outputs.

    FormatError if it is no model, or cannot be read.
    """
    with _mapped(path) as view:
        kept = bytearray()
        for number, start, body, stop in fields(view, 0, len(view)):
            if number == MODEL_GRAPH:
                outputs = b"".join(view[a:b] for field, a, _, b in fields(view, body, stop) if field == GRAPH_OUTPUT)
                kept += prefix(MODEL_GRAPH, len(outputs)) + outputs
            else:
                kept += view[start:stop]
        return ModelProto.FromString(bytes(kept))


def revealing(path: Path, tensors: Sequence[str]) -> bytes:
    """Return the model as bytes, with these tensors as further outputs, and its large arrays left in the file.

    They become external data of the model, at the place where they lie in `path`: what is run has the very bytes that
    the file has, and nothing is copied. FormatError if it is no model, or cannot be read.
    """
    with _mapped(path) as view:
        kept = bytearray()
        for number, start, body, stop in fields(view, 0, len(view)):
            if number == MODEL_GRAPH:
                graph = b"".join(_part(view, path.name, *field) for field in fields(view, body, stop))
                graph += GraphProto(output=[ValueInfoProto(name=name) for name in tensors]).SerializeToString()
                kept += prefix(MODEL_GRAPH, len(graph)) + graph
            else:
                kept += view[start:stop]
        return bytes(kept)


def _part(view: mmap, location: str, number: int, start: int, body: int, stop: int) -> bytes:
    """Return a field of the graph, an initializer with the place of its values instead of the values."""
    if number != GRAPH_INITIALIZER or stop - body < LARGE_BYTES:
        return view[start:stop]
    kept = bytearray()
    place: tuple[int, int] | None = None
    for field, a, values, b in fields(view, body, stop):
        if field == TENSOR_RAW_DATA:
            place = values, b - values
        else:
            kept += view[a:b]
    tensor = TensorProto.FromString(bytes(kept))
    if place is not None:
        point(tensor, location, *place)
    described: bytes = tensor.SerializeToString()
    return prefix(GRAPH_INITIALIZER, len(described)) + described


@contextmanager
def _mapped(path: Path) -> Iterator[mmap]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror}") from error
    with file:
        if not os.fstat(file.fileno()).st_size:
            raise FormatError(f"{path}: the file is empty, expected an ONNX model")
        with mmap(file.fileno(), 0, access=ACCESS_READ) as view:
            try:
                yield view
            except (DecodeError, IndexError, ValueError) as error:
                raise FormatError(f"{path}: this is no ONNX model, or it is truncated ({error})") from error
