"""MAT v5, v6 and v7 files: bounded, in one pass; arrays are views of the mapped file, or of what zlib unpacked.

v6 is v5 without zlib, v7 is v5 with zlib; all three say "MATLAB 5.0 MAT-file". Source: MathWorks, MAT-File Format.
MATLAB stores a double array of whole numbers as the smallest integer type: its class says what it is, and that is what
comes back.
"""

import struct
import zlib
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from converters.errors import FormatError
from converters.matlab.values import BEST_RATIO, MAX_DEPTH, Allowance, Opaque, StructArray, Value
from converters.ops import Array, Shape

HEADER_SIZE = 128
_CHUNK = 1 << 17
_PEEK = 1 << 12

_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "utf-8", 2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _FUNCTION, _OPAQUE = 1, 2, 3, 4, 5, 16, 17
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}


def is_v5(head: bytes) -> bool:
    """Tell whether the first 128 bytes are the header of a MAT v5, v6 or v7 file."""
    return len(head) == HEADER_SIZE and head[124:128] in (b"\x00\x01IM", b"\x01\x00MI")


def read_v5(path: str, data: memoryview, wanted: Container[str] | None) -> dict[str, Value]:
    """Return all variables by name, those not `wanted` as Opaque; FormatError where the file is not sound."""
    order = "<" if bytes(data[126:128]) == b"IM" else ">"
    cursor = _Cursor(path, data, HEADER_SIZE, len(data), order)
    allowance = Allowance(len(data))
    variables: dict[str, Value] = {}
    while cursor.left:
        start = cursor.at
        kind, inner = cursor.element(padded=False)
        if kind == _COMPRESSED:
            inner = _unpacked(inner, wanted, allowance)
        elif kind != _MATRIX:
            raise cursor.corrupt(f"an element of type {kind} at byte {start}, where a variable should begin")
        head = _header(inner)
        if wanted is None or head.name in wanted:
            variables[head.name] = _matrix(inner, head, 0)
        elif head.name:
            variables[head.name] = Opaque("a variable that was not read")
    return variables


@dataclass
class _Cursor:
    """A place in a buffer: bytes up to `end` may be read, no others."""

    path: str
    data: memoryview
    at: int
    end: int
    order: str

    @property
    def left(self) -> int:
        """Return how many bytes are left."""
        return self.end - self.at

    def corrupt(self, what: str) -> FormatError:
        """Return the error to raise for a file that holds `what`."""
        return FormatError(f"{self.path}: {what}; the file is truncated or corrupt")

    def element(self, padded: bool = True) -> tuple[int, "_Cursor"]:
        """Return the type of the next element and a cursor over its data; go on behind it and its padding."""
        if self.left < 8:
            raise self.corrupt(f"an element begins {self.left} bytes before the end at byte {self.end}")
        kind, size = struct.unpack_from(f"{self.order}II", self.data, self.at)
        start = self.at + 8
        behind = start + size + (-size % 8 if padded else 0)
        if kind >> 16:  # up to four bytes of data stand in the tag itself
            kind, size, start, behind = kind & 0xFFFF, kind >> 16, self.at + 4, self.at + 8
            if size > 4:
                raise self.corrupt(f"a short element at byte {self.at} claims {size} bytes")
        if size > self.end - start:
            raise self.corrupt(
                f"an element at byte {self.at} claims {size} bytes, but only {self.end - start} are left"
            )
        inner = _Cursor(self.path, self.data, start, start + size, self.order)
        self.at = min(behind, self.end)
        return kind, inner

    def numbers(self) -> Array:
        """Return the next element as a flat array of the type it is stored in."""
        kind, inner = self.element()
        if kind not in _NUMBERS:
            raise self.corrupt(f"an element of type {kind} at byte {inner.at}, where numbers should stand")
        dtype = np.dtype(self.order + _NUMBERS[kind])
        if inner.left % dtype.itemsize:
            raise self.corrupt(f"{inner.left} bytes at byte {inner.at} are no whole count of {dtype.name} numbers")
        return np.frombuffer(self.data[inner.at : inner.end], dtype)

    def text(self) -> str:
        """Return the next element as text."""
        kind, inner = self.element()
        if kind not in _TEXTS:
            raise self.corrupt(f"an element of type {kind} at byte {inner.at}, where text should stand")
        endless = {"<": "-le", ">": "-be"}[self.order] if _TEXTS[kind] != "utf-8" else ""
        return bytes(self.data[inner.at : inner.end]).decode(_TEXTS[kind] + endless, "replace")


@dataclass
class _Header:
    """What every value begins with; an object (`_OPAQUE`) has no dimensions."""

    kind: int
    complex: bool
    logical: bool
    dims: Shape
    name: str


def _header(cursor: _Cursor) -> _Header:
    if not cursor.left:  # MATLAB's way of writing [] inside a cell
        return _Header(6, False, False, (0, 0), "")
    flags = cursor.numbers()
    if flags.size != 2 or flags.dtype.kind not in "iu":
        raise cursor.corrupt(f"no array flags before byte {cursor.at}")
    word = int(flags[0])
    dims = () if word & 0xFF == _OPAQUE else tuple(int(n) for n in cursor.numbers())
    if word & 0xFF != _OPAQUE and (not 2 <= len(dims) <= 32 or min(dims) < 0):
        raise cursor.corrupt(f"dimensions {list(dims[:8])} before byte {cursor.at}")
    return _Header(word & 0xFF, bool(word & 0x800), bool(word & 0x200), dims, cursor.text())


def _matrix(cursor: _Cursor, head: _Header, depth: int) -> Value:
    if depth > MAX_DEPTH:
        raise cursor.corrupt(f"values nested deeper than {MAX_DEPTH}")
    if head.kind in _CLASSES:
        return _numeric(cursor, head)
    if head.kind not in _READERS:
        raise cursor.corrupt(f"a value of unknown class {head.kind} before byte {cursor.at}")
    return _READERS[head.kind](cursor, head, depth)


def _numeric(cursor: _Cursor, head: _Header) -> Value:
    if head.complex:
        return Opaque("a complex array")
    stored = cursor.numbers() if cursor.left else np.zeros(0)
    if stored.size != prod(head.dims):
        raise cursor.corrupt(
            f"an array of {' x '.join(map(str, head.dims))} with {stored.size} numbers before byte {cursor.at}"
        )
    dtype = np.dtype(bool if head.logical else _CLASSES[head.kind])
    return np.require(stored.astype(dtype, copy=False), requirements="A").reshape(head.dims, order="F")


def _char(cursor: _Cursor, head: _Header, _depth: int) -> Value:
    text = cursor.text() if cursor.left else ""
    rows = head.dims[0]
    if rows <= 1 or not text:
        return text
    if len(text) != prod(head.dims):
        raise cursor.corrupt(
            f"{len(text)} characters for a char array of {' x '.join(map(str, head.dims))} before byte {cursor.at}"
        )
    return [text[row::rows] for row in range(rows)]


def _child(cursor: _Cursor, depth: int) -> Value:
    kind, inner = cursor.element()
    if kind != _MATRIX:
        raise cursor.corrupt(f"an element of type {kind} at byte {inner.at}, where a value should begin")
    return _matrix(inner, _header(inner), depth + 1)


def _check_count(cursor: _Cursor, dims: Shape, each: int) -> int:
    """Return the number of elements. Each holds `each` values of 8 bytes or more, so a lie shows early."""
    count = prod(dims)
    if count * each * 8 > cursor.left:
        raise cursor.corrupt(f"{count} elements of {each} values in the {cursor.left} bytes from byte {cursor.at} on")
    return count


def _cell(cursor: _Cursor, head: _Header, depth: int) -> Value:
    return [_child(cursor, depth) for _ in range(_check_count(cursor, head.dims, 1))]


def _struct(cursor: _Cursor, head: _Header, depth: int) -> Value:
    lengths = cursor.numbers()
    _, packed = cursor.element()
    length = int(lengths[0]) if lengths.size == 1 and lengths.dtype.kind in "iu" else 0
    if length < 1 or packed.left % length:
        raise cursor.corrupt(f"{packed.left} bytes of field names in fields of {length} bytes before byte {cursor.at}")
    starts = range(packed.at, packed.end, length)
    names = [bytes(cursor.data[i : i + length]).split(b"\0")[0].decode("utf-8", "replace") for i in starts]
    if not names:
        return {} if prod(head.dims) == 1 else StructArray()
    rows: list[dict[str, Value]] = [
        {name: _child(cursor, depth) for name in names} for _ in range(_check_count(cursor, head.dims, len(names)))
    ]
    return rows[0] if len(rows) == 1 else StructArray(rows)


def _object(cursor: _Cursor, _head: _Header, _depth: int) -> Value:
    return Opaque(f"an object of class {cursor.text()}")


def _opaque(cursor: _Cursor, _head: _Header, _depth: int) -> Value:
    cursor.text()  # the system that objects belong to: MCOS, java ...
    return Opaque(f"an object of class {cursor.text()}")


def _sparse(_cursor: _Cursor, _head: _Header, _depth: int) -> Value:
    return Opaque("a sparse array")


def _function(_cursor: _Cursor, _head: _Header, _depth: int) -> Value:
    return Opaque("a function handle")


def _pieces(packed: _Cursor) -> Iterator[bytes]:
    """Unpack bit by bit, never holding more than a chunk; no piece is empty."""
    stream = zlib.decompressobj()
    try:
        # At the end an empty input brings out what the stream still holds.
        for start in range(packed.at, packed.end + _CHUNK, _CHUNK):
            rest = bytes(packed.data[start : min(start + _CHUNK, packed.end)])
            while piece := stream.decompress(rest, _CHUNK):
                yield piece
                rest = stream.unconsumed_tail
    except zlib.error as error:
        raise packed.corrupt(f"the compressed variable at byte {packed.at} does not unpack ({error})") from error


def _unpacked(packed: _Cursor, wanted: Container[str] | None, allowance: Allowance) -> _Cursor:
    """Return a cursor over the value in a compressed element; over its first bytes only when it is not wanted."""
    pieces = _pieces(packed)
    start = bytearray()
    while len(start) < _PEEK and (piece := next(pieces, b"")):
        start += piece
    kind, size = struct.unpack_from(f"{packed.order}II", start) if len(start) >= 8 else (0, 0)
    if kind != _MATRIX:
        raise packed.corrupt(f"the compressed variable at byte {packed.at} holds an element of type {kind}")
    peek = _Cursor(packed.path, memoryview(start), 8, min(len(start), size + 8), packed.order)
    if wanted is not None and _header(peek).name not in wanted:
        peek.at = 8
        return peek
    if size > BEST_RATIO * packed.left + _CHUNK or not allowance.spend(size):
        raise packed.corrupt(
            f"the compressed variable at byte {packed.at} claims to unpack {packed.left} bytes to {size}"
        )
    # np.empty takes memory page by page as it is filled, and begins at an aligned address.
    whole = np.empty(size + 8, np.uint8).data
    filled = _fill(whole, bytes(start), pieces)
    if filled != size + 8:
        held = "more" if filled > size + 8 else max(filled - 8, 0)
        raise packed.corrupt(f"the compressed variable at byte {packed.at} claims {size} bytes, but holds {held}")
    return _Cursor(packed.path, whole, 8, size + 8, packed.order)


def _fill(whole: memoryview, start: bytes, pieces: Iterator[bytes]) -> int:
    """Fill the buffer and return how much there was for it, at the first byte too much."""
    filled, piece = 0, start
    while piece and filled <= len(whole):
        used = min(len(piece), len(whole) - filled)
        whole[filled : filled + used] = piece[:used]
        filled, piece = filled + len(piece), next(pieces, b"")
    return filled


_READERS: dict[int, Callable[[_Cursor, _Header, int], Value]] = {
    _CELL: _cell,
    _STRUCT: _struct,
    _OBJECT: _object,
    _CHAR: _char,
    _SPARSE: _sparse,
    _FUNCTION: _function,
    _OPAQUE: _opaque,
}
