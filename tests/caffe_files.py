"""A tiny writer of Caffe's binary files for tests: wire format by hand, so that broken files can be written as well."""

import struct
from collections.abc import Iterable, Sequence

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(value: int) -> bytes:
    """Encode a number; a negative one as 64-bit two's complement."""
    value %= 2**64
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def tag(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def number_field(number: int, value: int) -> bytes:
    return tag(number, VARINT) + varint(value)


def bytes_field(number: int, data: bytes | str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return tag(number, BYTES) + varint(len(data)) + data


def floats(values: Iterable[float], number: int = 5, letter: str = "f") -> bytes:
    """A packed field of floats, or of doubles with the letter d."""
    values = list(values)
    return bytes_field(number, struct.pack(f"<{len(values)}{letter}", *values))


def doubles(values: Iterable[float], number: int = 8) -> bytes:
    return floats(values, number, "d")


def unpacked(values: Iterable[float], number: int = 5) -> bytes:
    """A field of floats with a tag before each."""
    return b"".join(tag(number, FIXED32) + struct.pack("<f", value) for value in values)


def shape(*dims: int) -> bytes:
    return bytes_field(7, bytes_field(1, b"".join(map(varint, dims))))


def legacy(*dims: int) -> bytes:
    """num, channels, height and width."""
    return b"".join(number_field(number, dim) for number, dim in enumerate(dims, 1))


def v2_layer(name: str, kind: str, *blobs: bytes) -> bytes:
    return bytes_field(100, _layer(name, bytes_field(2, kind), 1, 7, blobs))


def v1_layer(name: str, kind: int, *blobs: bytes) -> bytes:
    return bytes_field(2, _layer(name, number_field(5, kind), 4, 6, blobs))


def v0_layer(name: str, kind: str, *blobs: bytes) -> bytes:
    inner = _layer(name, bytes_field(2, kind), 1, 50, blobs)
    return bytes_field(2, bytes_field(1, inner) + bytes_field(2, "data") + bytes_field(3, name))


def net(*layers: bytes, name: str = "net") -> bytes:
    return bytes_field(1, name) + b"".join(layers)


def _layer(name: str, kind: bytes, name_number: int, blobs_number: int, blobs: Sequence[bytes]) -> bytes:
    return bytes_field(name_number, name) + kind + b"".join(bytes_field(blobs_number, blob) for blob in blobs)
