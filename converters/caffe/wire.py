"""Protobuf's wire format, read in place: tags, lengths and numbers of a mapped file, without a schema.

https://protobuf.dev/programming-guides/encoding/ states the format. A message is walked over its bytes only, nested
messages are spans of the file, so nothing is copied and no length field is believed before it is checked.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)
MAX_ENTRIES = 500_000
MAX_GROUP_DEPTH = 100
_FIXED_SIZES = {FIXED64: 8, FIXED32: 4}


class WireError(Exception):
    """The bytes are no protobuf message; says at which byte and why."""


class Entry(NamedTuple):
    """One field of a message: its number, wire type, value (of a varint) and the span of its bytes.

    `tag` is where its tag begins; a group's span is all that it holds.
    """

    number: int
    wire: int
    value: int
    tag: int
    start: int
    end: int


class Wire:
    """A buffer in wire format, with a bound on the entries read from it."""

    def __init__(self, buffer: Any) -> None:
        self.buffer = memoryview(buffer)
        self._left = MAX_ENTRIES

    def entries(self, start: int, end: int) -> Iterator[Entry]:
        """Walk over the fields of the message between two bytes."""
        at = start
        while at < end:
            entry = self._entry(at, end)
            yield entry
            at = entry.end

    def text(self, entry: Entry) -> str:
        """Return a string field: UTF-8, or Latin-1 where it is not."""
        data = bytes(self.buffer[entry.start : entry.end])
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("latin-1")

    def integers(self, entry: Entry) -> list[int]:
        """Return the values of a repeated int64 field, packed or one alone."""
        if entry.wire == VARINT:
            return [signed(entry.value)]
        values = []
        at = entry.start
        while at < entry.end:
            self._count(at)
            value, at = self._varint(at, entry.end)
            values.append(signed(value))
        return values

    def packed(self, entry: Entry, dtype: str) -> NDArray[Any]:
        """Return a view of a packed field of fixed-size numbers."""
        size = np.dtype(dtype).itemsize
        length = entry.end - entry.start
        if length % size:
            raise WireError(f"byte {entry.start}: {length} bytes of values are not a multiple of {size}")
        return np.frombuffer(self.buffer, dtype, length // size, entry.start)

    def unpacked(self, entry: Entry, dtype: str, end: int) -> tuple[NDArray[Any], int]:
        """Return the values of an unpacked field, one tag before each, and the byte behind the last.

        Runs of entries with the tag of the first are taken in growing blocks, up to `end`.
        """
        head = entry.start - entry.tag
        stride = entry.end - entry.tag
        tag = np.frombuffer(self.buffer, np.uint8, head, entry.tag)
        parts: list[NDArray[Any]] = []
        at, block = entry.tag, 16
        while rows := min(block, (end - at) // stride):
            run = np.frombuffer(self.buffer, np.uint8, rows * stride, at).reshape(rows, stride)
            same = (run[:, :head] == tag).all(axis=1)
            taken = rows if same.all() else int(same.argmin())
            parts.append(np.ascontiguousarray(run[:taken, head:]).view(dtype)[:, 0])
            at += taken * stride
            if taken < rows:
                break
            block *= 4
        return np.concatenate(parts), at

    def _entry(self, at: int, end: int) -> Entry:
        self._count(at)
        tag, start = self._varint(at, end)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 2**29:
            raise WireError(f"byte {at}: {number} is no field number")
        if wire == VARINT:
            value, stop = self._varint(start, end)
            return Entry(number, wire, value, at, start, stop)
        if wire == BYTES:
            length, start = self._varint(start, end)
            return self._span(number, wire, at, start, start + length, end)
        if wire in _FIXED_SIZES:
            return self._span(number, wire, at, start, start + _FIXED_SIZES[wire], end)
        if wire == GROUP:
            return Entry(number, wire, 0, at, start, self._group_end(number, start, end))
        raise WireError(f"byte {at}: {wire} is no wire type that can stand here")

    def _span(self, number: int, wire: int, tag: int, start: int, stop: int, end: int) -> Entry:
        if stop > end:
            raise WireError(f"byte {tag}: field {number} claims {stop - start} bytes, only {end - start} are left")
        return Entry(number, wire, 0, tag, start, stop)

    def _group_end(self, number: int, at: int, end: int) -> int:
        """Pass over a group, the wire format's old nested message, and the groups in it."""
        open_groups = [number]
        while open_groups:
            if at >= end:
                raise WireError(f"byte {at}: group {open_groups[-1]} is never closed")
            tag, inner = self._varint(at, end)
            if tag & 7 == GROUP:
                self._count(at)
                open_groups.append(tag >> 3)
                at = inner
            elif tag & 7 == GROUP_END:
                if tag >> 3 != open_groups.pop():
                    raise WireError(f"byte {at}: group {tag >> 3} ends here and was not open")
                at = inner
            else:
                at = self._entry(at, end).end
            if len(open_groups) > MAX_GROUP_DEPTH:
                raise WireError(f"byte {at}: groups are nested more than {MAX_GROUP_DEPTH} deep")
        return at

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                raise WireError(f"byte {at}: the data ends inside a number")
            byte = self.buffer[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & (2**64 - 1), at
        raise WireError(f"byte {at}: a number is longer than ten bytes")

    def _count(self, at: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise WireError(f"byte {at}: more than {MAX_ENTRIES} fields; no network has that many")


def signed(value: int) -> int:
    """Read a varint as a signed 64-bit number."""
    return value - 2**64 if value >= 2**63 else value


def signed32(value: int) -> int:
    """Read a varint as an int32 field does: the low 32 bits, signed."""
    low = value & (2**32 - 1)
    return low - 2**32 if low >= 2**31 else low
