"""Weights in a safetensors file, copied from where they lie, mostly mapped files, without a stop in memory."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from converters.ops import Array

CHUNK_BYTES = 2**21  # about a processor's cache
_NAMES = {"float32": "F32", "float16": "F16", "int64": "I64"}


def stored_dtype(array: Array, floating: str) -> np.dtype[np.generic]:
    """Return the little-endian type in which an array is stored: floats as `floating`, others as they are."""
    return np.dtype(floating if array.dtype.kind == "f" else array.dtype).newbyteorder("<")


class Metadata(Protocol):
    """What gives the facts that a file tells of itself."""

    def __call__(self, *, hashed: bool = True) -> Mapping[str, str]:
        """Return them; without `hashed` at once, and not shorter."""


def write_safetensors(path: Path, tensors: Mapping[str, Array], metadata: Metadata, floating: str) -> None:
    """Write a safetensors file; floats become `floating` ("float32", "float16"). The same input gives the same bytes.

    Source: the description of the format in the README of the safetensors library.
    """
    header: dict[str, object] = {}
    offset = 0
    # The widest type first, so that every tensor is aligned.
    ordered = sorted(tensors.items(), key=lambda item: -stored_dtype(item[1], floating).itemsize)
    for name, array in ordered:
        dtype = stored_dtype(array, floating)
        end = offset + array.size * dtype.itemsize
        header[name] = {"dtype": _NAMES[dtype.name], "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    room = len(_header(metadata(hashed=False), header, 0))
    with path.open("wb") as file:
        file.seek(room)
        for _, array in ordered:
            file.writelines(_pieces(array, stored_dtype(array, floating)))
        file.seek(0)
        file.write(_header(metadata(), header, room))


def _header(metadata: Mapping[str, str], tensors: Mapping[str, object], room: int) -> bytes:
    """Return the length of the header and the header, padded to fill the `room`, or else so that data is aligned."""
    whole = {"__metadata__": dict(sorted(metadata.items())), **tensors}
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    text += b" " * (room - 8 - len(text) if room else -len(text) % 8)
    if room and len(text) + 8 != room:
        raise AssertionError(f"the header takes {len(text) + 8} bytes, and only {room} were left for it")
    return len(text).to_bytes(8, "little") + text


def _pieces(array: Array, dtype: np.dtype[np.generic]) -> Iterator[memoryview]:
    for piece in chunks(array):
        yield np.ascontiguousarray(piece, dtype).reshape(-1).data.cast("B")


def chunks(array: Array) -> Iterator[Array]:
    """Yield an array in pieces along its first axes, in order, each of at most `CHUNK_BYTES` if it can be cut."""
    if array.nbytes <= CHUNK_BYTES or array.ndim == 0:
        yield array
    elif array[:1].nbytes > CHUNK_BYTES:
        for item in array:
            yield from chunks(item)
    else:
        step = CHUNK_BYTES // array[:1].nbytes
        for start in range(0, len(array), step):
            yield array[start : start + step]
