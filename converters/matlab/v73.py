"""MAT v7.3 files, which are HDF5: the same values as a v7 file gives, arrays turned back to MATLAB's axis order.

What tells the values apart is the attribute MATLAB_class, and its absence: a struct array is a group of reference
datasets without one. An empty array holds its dimensions in place of data. References and links stay inside the file;
only zlib's filters are run.
"""

from collections.abc import Container
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from converters.errors import FormatError
from converters.matlab.values import BEST_RATIO, MAX_DEPTH, Allowance, Opaque, StructArray, Value
from converters.ops import Array

_NUMBERS = {
    "double": "f8", "single": "f4", "logical": "?", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "int64": "i8", "uint64": "u8",
}  # fmt: skip
# Deflate, shuffle and Fletcher's checksum: what MATLAB uses, and nothing that would load a plugin.
_FILTERS = {1, 2, 3}
_STORED_KINDS = "fiub"


def read_v73(path: Path, size: int, wanted: Container[str] | None) -> dict[str, Value]:
    """Return all variables by name, those not `wanted` as Opaque; FormatError where the file is not sound."""
    try:
        with h5py.File(path, "r") as file:
            return _Reader(path, size, file).variables(wanted)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise FormatError(f"{path}: the HDF5 file cannot be read: {error}; it is truncated or corrupt") from error


class _Reader:
    """One open file; values that many references share are read once."""

    def __init__(self, path: Path, size: int, file: h5py.File) -> None:
        self._path = path
        self._file = file
        self._allowance = Allowance(size)
        self._values: dict[int, Value] = {}
        self._open: set[int] = set()

    def variables(self, wanted: Container[str] | None) -> dict[str, Value]:
        """Return the variables; what stands under '#refs#' and '#subsystem#' belongs to them."""
        found: dict[str, Value] = {}
        for name in self._file:
            if not name.startswith("#"):
                take = wanted is None or name in wanted
                found[name] = (
                    self._value(self._member(self._file, name)) if take else Opaque("a variable that was not read")
                )
        return found

    def _corrupt(self, where: h5py.HLObject, what: str) -> FormatError:
        return FormatError(f"{self._path}: '{where.name}' {what}; the file is corrupt")

    def _member(self, group: h5py.Group, name: str) -> h5py.HLObject:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise self._corrupt(group, f"holds '{name}' as a link to elsewhere")
        return group[name]

    def _value(self, item: h5py.HLObject) -> Value:
        address = h5py.h5o.get_info(item.id).addr
        if address in self._open or len(self._open) > MAX_DEPTH:
            raise self._corrupt(item, f"holds itself, or is nested deeper than {MAX_DEPTH}")
        if address not in self._values:
            self._open.add(address)
            self._values[address] = self._group(item) if isinstance(item, h5py.Group) else self._dataset(item)
            self._open.discard(address)
        return self._values[address]

    def _class(self, item: h5py.HLObject) -> str:
        name = item.attrs.get("MATLAB_class", b"")
        return name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)

    def _group(self, group: h5py.Group) -> Value:
        kind = self._class(group)
        if kind not in ("struct", ""):
            return _other(kind)
        members = {name: self._member(group, name) for name in group}
        if any(isinstance(item, h5py.Dataset) and not self._class(item) for item in members.values()):
            return self._struct_array(group, members)
        return {name: self._value(item) for name, item in members.items()}

    def _struct_array(self, group: h5py.Group, members: dict[str, h5py.HLObject]) -> Value:
        columns: dict[str, list[Value]] = {}
        for name, item in members.items():
            if not isinstance(item, h5py.Dataset) or self._class(item):
                raise self._corrupt(group, f"is a struct array, but its field '{name}' is not a list of references")
            columns[name] = self._referenced(item)
        lengths = {len(column) for column in columns.values()}
        if len(lengths) != 1:
            raise self._corrupt(group, f"is a struct array with fields of {sorted(lengths)} elements")
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return rows[0] if len(rows) == 1 else StructArray(rows)

    def _referenced(self, dataset: h5py.Dataset) -> list[Value]:
        if h5py.check_ref_dtype(dataset.dtype) is not h5py.Reference:
            raise self._corrupt(dataset, f"holds {dataset.dtype} where references should stand")
        # A dataset (n, 1) is a row of n: flat order in the file is MATLAB's column-major order.
        return [self._value(self._target(dataset, reference)) for reference in self._stored(dataset).ravel()]

    def _target(self, dataset: h5py.Dataset, reference: Any) -> h5py.HLObject:
        if not reference:
            raise self._corrupt(dataset, "holds an empty reference")
        target = self._file[reference]
        if not isinstance(target, h5py.Group | h5py.Dataset):
            raise self._corrupt(dataset, "refers to something that is no value")
        return target

    def _dataset(self, dataset: h5py.Dataset) -> Value:
        kind = self._class(dataset)
        if "MATLAB_empty" in dataset.attrs:
            return self._empty(dataset, kind)
        if kind == "cell":
            return self._referenced(dataset)
        if kind == "char":
            return self._char(dataset)
        if kind not in _NUMBERS or "MATLAB_object_decode" in dataset.attrs:
            return _other(kind)
        if "MATLAB_sparse" in dataset.attrs or dataset.dtype.names:
            return Opaque("a sparse or complex array")
        return self._plain(dataset).astype(_NUMBERS[kind], copy=False)

    def _plain(self, dataset: h5py.Dataset) -> Array:
        """Return a dataset of numbers in MATLAB's axis order, with two axes at least."""
        if dataset.dtype.kind not in _STORED_KINDS:
            raise self._corrupt(dataset, f"holds {dataset.dtype} where numbers should stand")
        stored = self._stored(dataset)
        return stored.T if stored.ndim > 1 else stored.reshape(-1, 1)

    def _stored(self, dataset: h5py.Dataset) -> Array:
        """Read a dataset after making sure that its size is no lie."""
        if dataset.shape is None or dataset.is_virtual or dataset.external:
            raise self._corrupt(dataset, "holds no data of its own")
        size, held = dataset.size * dataset.dtype.itemsize, dataset.id.get_storage_size()
        room = held * BEST_RATIO if dataset.chunks else held
        chunk = np.prod(dataset.chunks, dtype=np.float64) * dataset.dtype.itemsize if dataset.chunks else 0
        if size > room or chunk > max(4 * size, 1 << 20) or not self._allowance.spend(size):
            raise self._corrupt(dataset, f"claims {dataset.shape} values of {dataset.dtype}, but holds {held} bytes")
        properties = dataset.id.get_create_plist()
        used = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
        if not used <= _FILTERS:
            raise self._corrupt(dataset, f"is packed with the unknown filters {sorted(used - _FILTERS)}")
        return np.asarray(dataset[()])

    def _empty(self, dataset: h5py.Dataset, kind: str) -> Value:
        dims = tuple(int(n) for n in self._plain(dataset).ravel()[:32])
        if kind == "struct":
            # A struct without fields has elements all the same, and its dimensions say how many.
            return {} if dims and set(dims) == {1} else StructArray()
        if kind in _NUMBERS:
            if 0 not in dims:
                raise self._corrupt(dataset, f"is marked as empty, but has the dimensions {list(dims)}")
            return np.zeros(dims, _NUMBERS[kind])
        if kind in ("cell", "char"):
            return [] if kind == "cell" else ""
        return _other(kind)

    def _char(self, dataset: h5py.Dataset) -> Value:
        codes = self._plain(dataset).astype("<u2")
        rows = [row.tobytes().decode("utf-16-le", "replace") for row in codes.reshape(codes.shape[0], -1)]
        return rows[0] if len(rows) == 1 else list(rows)


def _other(kind: str) -> Value:
    return Opaque(
        "a function handle" if kind == "function_handle" else f"an object of class {kind or 'that is not stated'}"
    )
