"""HDF5 files as data sets by path: hard links alone are followed, and sizes are checked before memory is taken.

Values that lie in one piece are views of the mapped file.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from converters.audit.reading.archive import Window
from converters.audit.tensors import Tensor
from converters.errors import FormatError
from converters.files.model_files import HDF5_OFFSETS, HDF5_SIGNATURE
from converters.ops import Array

MAX_DEPTH = 32
MAX_DATASETS = 100_000
# Trained weights hardly compress: a file that claims to unpack to more is none.
MAX_EXPANSION = 20
FREE_BYTES = 16 << 20
# Deflate, shuffle, Fletcher's checksum, szip, n-bit, scale-offset, lzf: those that load no plugin.
_FILTERS = {1, 2, 3, 4, 5, 6, 32000}
_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, MemoryError)


class Hdf5:
    """An open HDF5 file; `datasets` holds all numeric data sets by their paths, group by group."""

    def __init__(self, place: str, source: Path | memoryview, content: memoryview) -> None:
        """`source` is what is opened, `content` its bytes; messages begin with `place`."""
        self.place = place
        self._content = content
        self._left_bytes = len(content) * MAX_EXPANSION + FREE_BYTES
        self._problems: list[str] = []
        self.datasets: dict[str, Any] = {}
        try:
            # What is opened stays open as long as an array may be asked for.
            self.file = h5py.File(Window(source) if isinstance(source, memoryview) else source, "r")
            self._walk(self.file, "", 0)
        except _DAMAGE as error:
            raise FormatError(f"{place}: is a damaged HDF5 file: {error}") from error
        if self._problems:
            raise FormatError(self._problems)

    def tensor(self, path: str, layer: str, slot: str, name: str = "") -> Tensor:
        """Return a data set as an array of a layer."""
        data = self.datasets[path]
        return Tensor(name or path, tuple(data.shape), data.dtype.name, partial(self._values, data), layer, slot)

    def names(self, path: str, attribute: str) -> list[str] | None:
        """Return a list of names that a group has as an attribute, maybe in several pieces; None for no such list."""
        try:
            attributes = self.file[path or "/"].attrs
            if attribute in attributes:
                return _texts([attributes[attribute]])
            pieces: list[Any] = []
            while f"{attribute}{len(pieces)}" in attributes:
                pieces.append(attributes[f"{attribute}{len(pieces)}"])
            return _texts(pieces) if pieces else None
        except _DAMAGE as error:
            raise FormatError(f"{self.place}: is a damaged HDF5 file: '{path}': {error}") from error

    def text(self, path: str, attribute: str) -> str:
        """Return an attribute that is text, "" where there is none."""
        found = self.names(path, attribute) or [""]
        return found[0]

    def _walk(self, group: Any, path: str, depth: int) -> None:
        if depth > MAX_DEPTH or len(self.datasets) > MAX_DATASETS:
            raise FormatError(f"{self.place}: groups are nested too deep, or are too many, at '{path}'")
        for key in group:
            inner = f"{path}/{key}" if path else key
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                self._problems.append(f"{self.place}: '{inner}' is a link to elsewhere; copy the values into the file")
                continue
            item = group[key]
            if isinstance(item, h5py.Group):
                self._walk(item, inner, depth + 1)
            elif isinstance(item, h5py.Dataset):
                self._take(item, inner)

    def _take(self, data: Any, path: str) -> None:
        if data.shape is None or data.dtype.kind not in "fiu":
            return  # text and the like is no trained array
        problem = self._refusal(data)
        if problem:
            self._problems.append(f"{self.place}: '{path}' {problem}")
        else:
            self.datasets[path] = data

    def _refusal(self, data: Any) -> str:
        if data.is_virtual or data.external:
            return "keeps its values in other files; copy them into this one"
        settings = data.id.get_create_plist()
        if not {settings.get_filter(i)[0] for i in range(settings.get_nfilters())} <= _FILTERS:
            return "is packed with a filter that is not run; write it with gzip, or plain"
        size_bytes = data.size * data.dtype.itemsize
        if data.size and not data.id.get_storage_size():
            return f"states the shape {list(data.shape)} and holds no values"
        if size_bytes > self._left_bytes:
            return f"claims {data.size} values, far more than the file can hold"
        self._left_bytes -= size_bytes
        return ""

    def _values(self, data: Any) -> Array:
        try:
            offset = data.id.get_offset()  # None unless the values lie in one piece, as they are
            if offset is None or self.file.userblock_size or not data.size:
                return np.asarray(data[()])
            return np.frombuffer(self._content, data.dtype, data.size, offset).reshape(data.shape)
        except _DAMAGE as error:
            raise FormatError(f"{self.place}: '{data.name}' cannot be read: {error}") from error


def is_hdf5(content: memoryview) -> bool:
    """Tell whether bytes are an HDF5 file."""
    return any(content[at : at + len(HDF5_SIGNATURE)] == HDF5_SIGNATURE for at in HDF5_OFFSETS)


def _texts(pieces: Iterable[Any]) -> list[str]:
    items = [item for piece in pieces for item in np.ravel(np.asarray(piece, object))]
    return [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in items]
