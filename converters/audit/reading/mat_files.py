"""`.mat` files: MatConvNet networks of both kinds, or plain variables.

Only arrays are looked at, so that a network whose layers nobody else knows can be audited as well.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from converters.audit.names import split
from converters.audit.tensors import Contents, Tensor
from converters.errors import FormatError
from converters.from_matconvnet.fields import described
from converters.from_matconvnet.reading import VARIABLES
from converters.matlab.files import StructArray, Value, read_mat
from converters.ops import Array

_SLOTS = {"bnorm": ("scale", "bias", "moments"), "scale": ("scale", "bias"), "normalize": ("scale",)}
_OTHERWISE = ("weight", "bias")
_OLD_FIELDS = ("filters", "biases")
_PREFIX = "dagnn."
_KINDS = {"batchnorm": "bnorm"}


def read(path: Path) -> Contents:
    """Read a MAT-file; FormatError for what is none, damaged, or holds weights that are no plain arrays."""
    variables = read_mat(path, VARIABLES)
    if not {"net", "layers"} & variables.keys():
        variables = read_mat(path)
        found = [value for value in variables.values() if isinstance(value, dict) and "layers" in value]
        if len(found) != 1:
            return _plain(path, variables)
        variables = {"net": found[0]}
    net = variables.get("net", variables)
    if not isinstance(net, dict):
        raise FormatError(f"{path}: 'net' is {described(net)}, expected a struct with the field 'layers'")
    layers = net.get("layers")
    simple = isinstance(layers, list) and not isinstance(layers, StructArray)
    reading = _Reading(str(path))
    tensors = tuple(reading.simplenn(_rows(layers)) if simple else reading.dagnn(_rows(layers), _params(net)))
    if reading.problems:
        raise FormatError(reading.problems)
    momenta = sum("momentum" in row for row in _rows(layers) if isinstance(row, dict))
    left_out = (f"the solver's momenta of {momenta} layers are left out",) if momenta else ()
    return Contents(path, "MatConvNet SimpleNN" if simple else "MatConvNet DagNN", tensors, left_out)


def _plain(path: Path, variables: Mapping[str, Value]) -> Contents:
    """Return the arrays of a file that holds no network, those inside structs included."""
    arrays = dict(_flattened(variables, ""))
    tensors = tuple(
        Tensor(name, array.shape, array.dtype.name, partial(_same, array), *split(name, arrays))
        for name, array in arrays.items()
    )
    return Contents(path, "MAT-file", tensors)


def _flattened(values: Mapping[str, Value], path: str) -> Iterator[tuple[str, Array]]:
    for name, value in values.items():
        if isinstance(value, np.ndarray) and value.size:
            yield f"{path}{name}", value
        elif isinstance(value, dict):
            yield from _flattened(value, f"{path}{name}.")


def _rows(value: Value | None) -> list[Value]:
    return [value] if isinstance(value, dict) else value if isinstance(value, list) else []


def _params(net: Mapping[str, Value]) -> dict[str, Value]:
    rows = [row for row in _rows(net.get("params")) if isinstance(row, dict)]
    return {str(row.get("name")): row.get("value", []) for row in rows}


class _Reading:
    """One network on its way to arrays; collects what cannot be read."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.problems: list[str] = []

    def simplenn(self, rows: list[Value]) -> Iterator[Tensor]:
        """Yield the arrays of a SimpleNN: the cell `weights`, or the fields of the first betas."""
        for number, row in enumerate(rows, 1):
            if not isinstance(row, dict):
                continue
            layer, kind = row.get("name"), str(row.get("type"))
            weights = row.get("weights", [row.get(name, []) for name in _OLD_FIELDS])
            listed = weights if isinstance(weights, list) else [weights]
            yield from self._layer(layer if isinstance(layer, str) and layer else f"layer{number}", kind, listed)

    def dagnn(self, rows: list[Value], params: Mapping[str, Value]) -> Iterator[Tensor]:
        """Yield the arrays of a DagNN, each once, in the order of the layers."""
        taken: set[str] = set()
        for number, row in enumerate(rows, 1):
            if not isinstance(row, dict):
                continue
            names = row.get("params")
            listed = [names] if isinstance(names, str) and names else names if isinstance(names, list) else []
            known = [str(name) for name in listed if name in params and name not in taken]
            taken.update(known)
            kind = str(row.get("type")).removeprefix(_PREFIX).lower()
            yield from self._layer(str(row.get("name") or f"layer{number}"), kind, [params[name] for name in known])

    def _layer(self, layer: str, kind: str, values: list[Value]) -> Iterator[Tensor]:
        slots = _SLOTS.get(_KINDS.get(kind, kind), _OTHERWISE)
        for index, value in enumerate(values):
            slot = slots[index] if index < len(slots) else str(index)
            if not isinstance(value, np.ndarray):
                if value:
                    self.problems.append(
                        f"{self._path}: layer '{layer}': the {slot} is {described(value)}, expected an array; bring "
                        "the network to the CPU (vl_simplenn_move, move) and save it again"
                    )
            elif value.size and slot == "moments":
                yield from _moments(layer, value)
            elif value.size:
                name = f"{layer}.{slot}"
                yield Tensor(name, value.shape, value.dtype.name, partial(_same, value), layer, slot)


def _moments(layer: str, moments: Array) -> Iterator[Tensor]:
    """Yield mean and variance from the two columns [mean sigma]."""
    shape = (moments.size // 2,)
    for column, slot in enumerate(("mean", "variance")):
        load = partial(_column, moments, column)
        yield Tensor(f"{layer}.moments:{slot}", shape, moments.dtype.name, load, layer, slot)


def _column(moments: Array, column: int) -> Array:
    half = moments.size // 2
    values: Array = moments.ravel(order="F")[column * half : (column + 1) * half]
    return np.square(values) if column else values


def _same(array: Array) -> Array:
    return array
