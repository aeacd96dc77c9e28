"""Arrays of an `.onnx` file (TensorProto): in the file itself in one of several forms, or in a file beside it.

Field numbers are those of onnx.proto.
"""

from math import prod
from mmap import mmap
from pathlib import Path
from typing import NamedTuple

import numpy as np

from converters.audit.reading.halves import widened
from converters.files.model_files import map_file
from converters.onnx_model.wire import TENSOR_RAW_DATA, fields
from converters.ops import Array, Shape

TENSOR_DIMS, TENSOR_TYPE, TENSOR_FLOATS, TENSOR_INT32, TENSOR_NAME, TENSOR_DOUBLES = 1, 2, 4, 5, 8, 10
TENSOR_EXTERNAL, TENSOR_LOCATION = 13, 14
ENTRY_KEY, ENTRY_VALUE = 1, 2
MAX_AXES = 32

# TensorProto.DataType -> NumPy's name; bfloat16 is read as the upper halves of float32.
_TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16",
}  # fmt: skip


class Part(NamedTuple):
    """Where the bytes of a field are."""

    start: int
    stop: int


def parts(view: mmap, start: int, stop: int) -> dict[int, list[Part]]:
    """Return the fields of a message by their numbers."""
    found: dict[int, list[Part]] = {}
    for number, _, body, end in fields(view, start, stop):
        found.setdefault(number, []).append(Part(body, end))
    return found


def texts(view: mmap, held: list[Part]) -> list[str]:
    """Return what fields of text say."""
    return [view[part.start : part.stop].decode("utf-8", "replace") for part in held]


def whole(view: mmap, part: Part) -> list[int]:
    """Return the whole numbers of a field, one or, packed, several."""
    found, value, shift = [], 0, 0
    for byte in view[part.start : part.stop]:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found.append(value - (1 << 64) if value >> 63 else value)
            value, shift = 0, 0
    return found


class Stored:
    """A TensorProto: its name (or that of the constant it is), shape and type, and where its values are."""

    def __init__(self, path: Path, view: mmap, part: Part, name: str = "") -> None:
        self._view = view
        self._parts = parts(view, part.start, part.stop)
        self.problems: list[str] = []
        self.name = name or "".join(texts(view, self._parts.get(TENSOR_NAME, []))[-1:])
        self._where = f"{path}: '{self.name}'"
        dims = self._parts.get(TENSOR_DIMS, [])
        self.shape: Shape = tuple(size for part in dims for size in whole(view, part))
        kind = self._last(TENSOR_TYPE)
        self.dtype = _TYPES.get(kind, "")
        self._values = memoryview(b"")
        if not self.dtype:
            # Strings and types of four bits or eight are no weights that a network of ours has.
            self.dtype, self.shape = "uint8", (0,)
        elif len(self.shape) > MAX_AXES or min(self.shape, default=1) < 0:
            self.problems.append(f"{self._where} has the impossible shape {list(self.shape)[:8]}")
        else:
            self._values = self._external(path) if self._last(TENSOR_LOCATION) else self._inside()
            self._check_size()

    def array(self) -> Array:
        """Return the values."""
        if self.dtype == "bfloat16":
            return widened(np.frombuffer(self._values, "<u2").reshape(self.shape))
        return np.frombuffer(self._values, np.dtype(self.dtype).newbyteorder("<")).reshape(self.shape)

    def _last(self, number: int) -> int:
        held = self._parts.get(number)
        return whole(self._view, held[-1])[-1] if held else 0

    def _check_size(self) -> None:
        expected = prod(self.shape) * (2 if self.dtype == "bfloat16" else np.dtype(self.dtype).itemsize)
        if len(self._values) != expected and not self.problems:
            self.problems.append(
                f"{self._where} has the shape {list(self.shape)} of {self.dtype}, which takes {expected} bytes; "
                f"{len(self._values)} are there"
            )

    def _inside(self) -> memoryview:
        """Return the values as bytes: raw, or in the list of their type."""
        if TENSOR_RAW_DATA in self._parts:
            part = self._parts[TENSOR_RAW_DATA][-1]
            return memoryview(self._view)[part.start : part.stop]
        listed = {"float32": TENSOR_FLOATS, "float64": TENSOR_DOUBLES}.get(self.dtype)
        if listed is not None:
            pieces = [memoryview(self._view)[part.start : part.stop] for part in self._parts.get(listed, [])]
            return pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))
        if self.dtype in ("float16", "bfloat16"):
            pieces = [memoryview(self._view)[part.start : part.stop] for part in self._parts.get(TENSOR_INT32, [])]
            return memoryview(_halves(b"".join(pieces)).tobytes())
        # Lists of whole numbers are shapes and axes: nothing to compare.
        self.shape = (0,)
        return memoryview(b"")

    def _external(self, path: Path) -> memoryview:
        entries = dict(self._entry(part) for part in self._parts.get(TENSOR_EXTERNAL, []))
        location = entries.get("location", "")
        folder = path.parent.resolve()
        file = (folder / location).resolve()
        if not location or not file.is_relative_to(folder):
            self.problems.append(f"{self._where} keeps its values in '{location}', outside the model's folder")
            return memoryview(b"")
        data = memoryview(map_file(file))
        start = int(entries.get("offset", "0"))
        stop = start + int(entries.get("length", str(len(data) - start)))
        if not 0 <= start <= stop <= len(data):
            self.problems.append(
                f"{self._where} keeps its values in bytes {start} to {stop} of {location}, which has {len(data)}"
            )
            return memoryview(b"")
        return data[start:stop]

    def _entry(self, part: Part) -> tuple[str, str]:
        inner = parts(self._view, part.start, part.stop)
        key, value = ("".join(texts(self._view, inner.get(number, []))[-1:]) for number in (ENTRY_KEY, ENTRY_VALUE))
        return key, value


def _halves(packed: bytes) -> Array:
    """Return 16-bit values from a list of numbers of one to three bytes each."""
    data = np.frombuffer(packed, np.uint8).astype(np.uint32)
    ends = np.flatnonzero(data < 128)
    lengths = np.diff(ends, prepend=-1)
    if int(lengths.max(initial=0)) > 3:
        raise ValueError("a list of 16-bit values holds larger numbers")
    starts = ends - lengths + 1
    padded = np.concatenate([data & 127, np.zeros(2, np.uint32)])
    values = np.zeros(ends.size, np.uint32)
    for place in range(3):
        values |= np.where(lengths > place, padded[starts + place] << np.uint32(7 * place), np.uint32(0))
    return values.astype("<u2")
