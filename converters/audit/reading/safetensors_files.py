"""`.safetensors` files: arrays as views of the mapped file.

Source: the description of the format in the README of the safetensors library, which checks the file first.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from converters.audit.names import split
from converters.audit.reading.halves import widened
from converters.audit.tensors import Contents, Tensor
from converters.errors import FormatError, UnsupportedError
from converters.files.model_files import check_recognised, map_file
from converters.ops import Array

_LENGTH_BYTES = 8
_TYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip


def read(path: Path) -> Contents:
    """Read a `.safetensors` file; FormatError for what is none, or damaged."""
    mapped = map_file(path)
    check_recognised(path, mapped[:4096], "a safetensors file")
    try:
        with safe_open(path, framework="numpy") as opened:
            names = set(opened.keys())
        length = int.from_bytes(mapped[:_LENGTH_BYTES], "little")
        header = json.loads(mapped[_LENGTH_BYTES : _LENGTH_BYTES + length])
    except (SafetensorError, OSError, ValueError) as error:
        raise FormatError(f"{path}: is a damaged safetensors file, or none: {error}") from error
    content = memoryview(mapped)[_LENGTH_BYTES + length :]
    entries = {name: entry for name, entry in header.items() if name in names}
    strange = [f"{path}: '{name}' {_strange(entry)}" for name, entry in entries.items() if _strange(entry)]
    if strange:
        raise UnsupportedError(strange)
    return Contents(path, "safetensors", tuple(_tensor(name, entry, content, names) for name, entry in entries.items()))


def _strange(entry: dict[str, Any]) -> str:
    kind = entry["dtype"]
    return "" if kind == "BF16" or kind in _TYPES else f"holds {kind} values, which are not compared"


def _tensor(name: str, entry: dict[str, Any], content: memoryview, names: set[str]) -> Tensor:
    begin, end = entry["data_offsets"]
    wide = entry["dtype"] == "BF16"
    dtype = "uint16" if wide else _TYPES[entry["dtype"]]
    shape = tuple(entry["shape"])
    view: Callable[[], Array] = partial(_values, content[begin:end], dtype, shape, wide)
    return Tensor(name, shape, "bfloat16" if wide else dtype, view, *split(name, names))


def _values(content: memoryview, dtype: str, shape: tuple[int, ...], wide: bool) -> Array:
    array = np.frombuffer(content, np.dtype(dtype).newbyteorder("<")).reshape(shape)
    return widened(array) if wide else array
