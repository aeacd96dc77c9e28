"""Writing an ONNX file in one pass: the graph first, the weights streamed behind it from where they lie.

A protobuf message is a run of fields in any order, so the initializers can follow the nodes, and every length is known
beforehand. Nothing larger than a block is ever copied in memory. Source: protobuf's encoding, onnx.proto.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from onnx import ModelProto, TensorProto, helper

from converters.onnx_model.building import Initializer, onnx_type
from converters.onnx_model.wire import GRAPH_INITIALIZER, MODEL_GRAPH, TENSOR_RAW_DATA, prefix
from converters.ops.base import size_of

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


def write(
    path: Path,
    model: ModelProto,
    initializers: Sequence[Initializer],
    metadata: Callable[[], Mapping[str, str]] = dict,
    *,
    external: bool = False,
) -> list[Path]:
    """Write `model` with `initializers` added to its graph, and more metadata at the end; return the files written.

    `external`, or a size beyond protobuf's 2 GiB, puts the large arrays into `<name>.data` beside it.
    """
    shell = model.SerializeToString(deterministic=True)
    if external or len(shell) + sum(_embedded(i).size for i in initializers) > LARGEST_MESSAGE - 64:
        data = path.with_name(path.name + ".data")
        fields, files = _write_data(data, initializers), [path, data]
    else:
        fields, files = [_embedded(initializer) for initializer in initializers], [path]
    with path.open("wb") as file:
        _write_model(file, model, fields)
        more = ModelProto()
        helper.set_model_props(more, dict(metadata()))
        file.write(more.SerializeToString(deterministic=True))
    return files


def _write_data(data: Path, initializers: Sequence[Initializer]) -> list[_Field]:
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
    return fields


def _write_model(file: IO[bytes], model: ModelProto, fields: Sequence[_Field]) -> None:
    shell = ModelProto()
    shell.CopyFrom(model)
    graph = shell.graph.SerializeToString(deterministic=True)
    shell.ClearField("graph")
    file.write(shell.SerializeToString(deterministic=True))
    file.write(prefix(MODEL_GRAPH, len(graph) + sum(field.size for field in fields)))
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
    head += prefix(TENSOR_RAW_DATA, size_bytes(initializer))
    return _Field(prefix(GRAPH_INITIALIZER, len(head) + size_bytes(initializer)) + head, initializer)


def _pointing(initializer: Initializer, location: str, offset: int) -> _Field:
    tensor = _described(initializer)
    point(tensor, location, offset, size_bytes(initializer))
    described = tensor.SerializeToString(deterministic=True)
    return _Field(prefix(GRAPH_INITIALIZER, len(described)) + described)


def point(tensor: TensorProto, location: str, offset: int, length: int) -> None:
    """Say that the values of `tensor` lie in another file, whose name is relative to the model's folder."""
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)


def _described(initializer: Initializer) -> TensorProto:
    return TensorProto(name=initializer.name, dims=initializer.shape, data_type=onnx_type(initializer.dtype))
