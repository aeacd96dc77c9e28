"""`.npz` files: zip archives of NumPy arrays. An array of objects is a pickle, and is refused."""

import io
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from converters.audit.names import split
from converters.audit.reading.archive import Archive
from converters.audit.tensors import Contents, Tensor
from converters.errors import FormatError
from converters.ops import Array, Shape
from converters.ops.base import size_of

_SUFFIX = ".npy"
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# A header says a type, a shape and an order; one of a megabyte is none.
_MAX_HEADER_BYTES = 1 << 20


def read(path: Path) -> Contents:
    """Read an `.npz` file; FormatError for what is none, damaged, or holds pickles."""
    archive = Archive(path, "a NumPy archive (.npz)")
    names = [name.removesuffix(_SUFFIX) for name in archive.members if name.endswith(_SUFFIX)]
    if not names:
        held = ", ".join(list(archive.members)[:4]) or "nothing"
        raise FormatError(f"{path}: holds no arrays (.npy), as an .npz file does, but {held}")
    found: list[Tensor] = []
    problems: list[str] = []
    for name in names:
        try:
            found.append(_tensor(archive, name, names))
        except FormatError as error:
            problems += error.problems
    if problems:
        raise FormatError(problems)
    strange = len(archive.members) - len(names)
    return Contents(path, "NumPy archive", tuple(found), (f"{strange} members are no arrays",) if strange else ())


def _tensor(archive: Archive, name: str, names: list[str]) -> Tensor:
    place = f"{archive.path}: '{name}'"
    content = archive.content(name + _SUFFIX)
    shape, columns_first, dtype, start = _header(place, content)
    if dtype.hasobject:
        raise FormatError(f"{place} holds Python objects as a pickle, which is never loaded; save plain arrays")
    if dtype.kind not in "fiub":
        raise FormatError(f"{place} holds {dtype} values, numbers are expected")
    size_bytes = size_of(shape) * dtype.itemsize
    if len(content) - start != size_bytes:
        raise FormatError(
            f"{place} claims {size_bytes} bytes for the shape {list(shape)}, holds {len(content) - start}"
        )
    load = partial(_values, content[start:], dtype, shape, "F" if columns_first else "C")
    return Tensor(name, shape, dtype.name, load, *split(name, names))


def _header(place: str, content: memoryview) -> tuple[Shape, bool, Any, int]:
    """Return shape, order, type, and where the values start."""
    start = io.BytesIO(bytes(content[:_MAX_HEADER_BYTES]))
    try:
        version = npy.read_magic(start)
        if version not in _HEADERS:
            raise FormatError(f"{place} is written in version {version[0]}.{version[1]} of the format; save it anew")
        shape, columns_first, dtype = _HEADERS[version](start)
    except (ValueError, TypeError, EOFError, OverflowError) as error:
        raise FormatError(f"{place} is no NumPy array: {error}") from error
    return tuple(shape), bool(columns_first), dtype, start.tell()


def _values(content: memoryview, dtype: Any, shape: Shape, order: Any) -> Array:
    return np.frombuffer(content, dtype).reshape(shape, order=order)
