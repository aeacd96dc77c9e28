"""HDF5 weights files of Caffe (`.caffemodel.h5`): /data/<layer>/<index> -> arrays by layer.

The layout is that of `Net::ToHDF5` in `src/caffe/net.cpp`. A layer that only shares another's parameters has an empty
group.
"""

import mmap
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from converters.caffe.blobs import Blob, FloatArray, SourceLayer, Weights, as_float32, shape_problem, show_shape
from converters.caffe.problems import Problems
from converters.errors import FormatError

MAX_LAYERS = 100_000
MAX_DEPTH = 16
# Caffe writes plain arrays; a compressed one may unpack to this much more than the file, and no further.
MAX_EXPANSION = 20
FREE_BYTES = 16 * 2**20


def read_hdf5(path: Path, buffer: mmap.mmap) -> Weights:
    """Read all layers of a Caffe HDF5 file, which is also mapped; raises `FormatError` with every problem.

    Plain float32 arrays are views of the mapped file, all others are copies.
    """
    try:
        with h5py.File(path, "r") as file:
            return _Reader(path, file, buffer).weights()
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, MemoryError) as error:
        raise FormatError(f"{path}: is a damaged HDF5 file: {error}") from error


class _Reader:
    def __init__(self, path: Path, file: h5py.File, buffer: mmap.mmap) -> None:
        self._path = path
        self._file = file
        self._buffer = buffer
        self._problems = Problems(str(path))
        self._layers: list[SourceLayer] = []
        self._bytes_left = len(buffer) * MAX_EXPANSION + FREE_BYTES

    def weights(self) -> Weights:
        data = self._member(self._file, "data")
        if not isinstance(data, h5py.Group):
            raise FormatError(
                f"{self._path}: is an HDF5 file without the group /data, so not Caffe's; is it a Keras model?"
            )
        self._walk(data, "", 0)
        if not self._layers:
            self._problem("holds no layers in the group /data")
        self._problems.check()
        return Weights(str(self._path), "", "HDF5", self._layers)

    def _walk(self, group: h5py.Group, name: str, depth: int) -> None:
        """Collect the layers of a group; a layer name with slashes is a path of groups."""
        if depth > MAX_DEPTH or len(self._layers) > MAX_LAYERS:
            raise FormatError(f"{self._path}: groups are nested too deep, or are too many, at '{name}'")
        members = {key: self._member(group, key) for key in group}
        indexed = {key: member for key, member in members.items() if isinstance(member, h5py.Dataset)}
        inner = {key: member for key, member in members.items() if isinstance(member, h5py.Group)}
        if depth and (indexed or not inner):
            self._layers.append(SourceLayer(name, "", self._blobs(name, indexed)))
        for key, member in inner.items():
            self._walk(member, f"{name}/{key}" if depth else key, depth + 1)

    def _member(self, group: h5py.Group, key: str) -> Any:
        """A member of a group; links may lead out of the file and are refused."""
        link = group.get(key, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            self._problem(f"'{group.name}/{key}' is a link to elsewhere; copy the data into the file")
            return None
        return group[key]

    def _blobs(self, name: str, found: dict[str, h5py.Dataset]) -> list[Blob]:
        """The blobs of a layer in the order of their indices, which must be 0, 1, 2 and so on."""
        wanted = [str(number) for number in range(len(found))]
        if sorted(found) != sorted(wanted):
            self._problem(
                f"layer '{name}' holds {', '.join(sorted(found))} where blobs 0 to {len(found) - 1} are expected"
            )
            return []
        return [blob for key in wanted if (blob := self._blob(f"layer '{name}', blob {key}", found[key])) is not None]

    def _blob(self, place: str, data: h5py.Dataset) -> Blob | None:
        problem = _refusal(data)
        size_bytes = 0 if problem else data.size * data.dtype.itemsize
        if size_bytes > self._bytes_left:
            problem = f"claims {data.size} values, far more than the file can hold"
        if problem:
            self._problem(f"{place} {problem}")
            return None
        self._bytes_left -= size_bytes
        return Blob(tuple(data.shape), values=self._values(data))

    def _values(self, data: h5py.Dataset) -> FloatArray:
        offset = data.id.get_offset()  # None unless the values lie in one piece, as they are
        if offset is not None and data.dtype == np.dtype("<f4"):
            return np.frombuffer(self._buffer, "<f4", data.size, offset).reshape(data.shape)
        values = as_float32(np.asarray(data[()]))
        values.setflags(write=False)
        return values

    def _problem(self, text: str) -> None:
        self._problems.add(f"{self._path}: {text}")


def _refusal(data: h5py.Dataset) -> str:
    """Say why a data set cannot be a blob, or return an empty string."""
    if data.shape is None:
        return "is an empty data set"
    if data.is_virtual or data.external:
        return "keeps its values in other files; copy them into this one"
    if data.dtype.kind not in "fiu":
        return f"holds {data.dtype} values, numbers are expected"
    if data.size and data.id.get_storage_size() == 0:
        return f"states the shape {show_shape(data.shape)} and holds no values"
    return shape_problem(tuple(data.shape))
