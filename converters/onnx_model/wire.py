"""The wire format of protobuf as far as ONNX files need it: finding the fields of a message, and writing their heads.

Source: protobuf's encoding, onnx.proto.
"""

from collections.abc import Iterator
from mmap import mmap

# Numbers of the fields ModelProto.graph, GraphProto.initializer and .output, and TensorProto.raw_data.
MODEL_GRAPH, GRAPH_INITIALIZER, GRAPH_OUTPUT, TENSOR_RAW_DATA = 7, 5, 12, 9


def prefix(number: int, length: int) -> bytes:
    """Return what stands before the bytes of a field: its number and kind, and the length as a varint."""
    encoded = bytearray([number << 3 | 2])
    while length > 127:
        encoded.append(length & 127 | 128)
        length >>= 7
    return bytes([*encoded, length])


def fields(view: mmap, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield for each field of a message its number, where it starts, where its bytes start, and where it ends.

    ValueError for what is no message, IndexError where the file ends before a field does.
    """
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
