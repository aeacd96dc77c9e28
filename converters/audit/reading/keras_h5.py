"""`.h5` files: Keras 2 (weights or a whole model), Keras 3 (`.weights.h5`), Caffe's own, or arrays under any names.

Keras 2 lists its layers and their arrays in the attributes layer_names and weight_names; a whole model has them under
model_weights. Keras 3 calls the arrays of a layer 0, 1 ... in `<layer's path>/vars`.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from converters.audit.names import split
from converters.audit.reading import caffe_files
from converters.audit.reading.hdf5 import Hdf5, is_hdf5
from converters.audit.tensors import Contents, Tensor, natural
from converters.errors import FormatError
from converters.files.model_files import check_recognised, map_file

OPTIMIZERS = ("optimizer_weights", "optimizer")
_MODEL = "model_weights"
_VARIABLE = re.compile(r"(?:(?P<path>.*)/)?vars/(?P<index>\d+)")
_BATCH_NORM = {4: ("gamma", "beta", "moving_mean", "moving_variance"), 2: ("moving_mean", "moving_variance")}


def read(path: Path) -> Contents:
    """Read any `.h5`; FormatError for what is none, or damaged."""
    mapped = map_file(path)
    content = memoryview(mapped)
    if not is_hdf5(content):
        check_recognised(path, mapped[:4096], "an HDF5 file")
        raise FormatError(f"{path}: is no HDF5 file (it begins with {mapped[:8]!r})")
    store = Hdf5(str(path), path, content)
    if store.names("", "layer_names") is None and any(name.startswith("data/") for name in store.datasets):
        return caffe_files.read(path)
    return contents(path, store)


def contents(path: Path, store: Hdf5, names: Mapping[str, str] | None = None) -> Contents:
    """Return the arrays of a Keras file; `names` says what layers are called whose groups do not."""
    for prefix in ("", _MODEL):
        known = prefix == "" or any(name.startswith(f"{prefix}/") for name in store.datasets)
        layers = store.names(prefix, "layer_names") if known else None
        if layers is not None:
            title = "Keras 2 model" if prefix else "Keras 2 weights"
            return _listed(path, store, f"{prefix}/" if prefix else "", layers, title)
    if any(_VARIABLE.fullmatch(name) for name in store.datasets):
        return _numbered(path, store, names or {})
    arrays = [store.tensor(name, *split(name, store.datasets)) for name in store.datasets]
    return Contents(path, "HDF5", tuple(arrays))


def _listed(path: Path, store: Hdf5, prefix: str, layers: list[str], title: str) -> Contents:
    found: list[Tensor] = []
    problems = []
    for layer in layers:
        group = f"{prefix}{layer}"
        listed = store.names(group, "weight_names") if any(n.startswith(f"{group}/") for n in store.datasets) else []
        names = [f"{group}/{name}" for name in listed or []]
        missing = [name for name in names if name not in store.datasets]
        problems += [f"{path}: layer '{layer}' lists '{name}', which is not in the file" for name in missing]
        if not missing:
            found += _of_group(store, layer, group, names)
    if problems:
        raise FormatError(problems)
    return Contents(path, title, tuple(found), _left_out(store, {tensor.name for tensor in found}))


def _of_group(store: Hdf5, layer: str, group: str, names: list[str]) -> list[Tensor]:
    """Return the arrays of a group: those of one layer, or of a model inside the model, whose layers have a path."""
    inside = [name.removeprefix(f"{group}/") for name in names]
    parts = [split(name, inside) for name in inside]
    nested = len({where for where, _ in parts}) > 1 and max(Counter(slot for _, slot in parts).values()) > 1
    return [
        store.tensor(name, where if nested else layer, slot) for name, (where, slot) in zip(names, parts, strict=True)
    ]


def _numbered(path: Path, store: Hdf5, names: Mapping[str, str]) -> Contents:
    groups: dict[str, list[str]] = {}
    for name in sorted(store.datasets, key=natural):
        variable = _VARIABLE.fullmatch(name)
        if variable and not _of_optimizer(name):
            groups.setdefault(variable["path"] or "", []).append(name)
    order = {group: place for place, group in enumerate(names)}
    found = [
        store.tensor(name, _layer_name(store, group, names), _slot(group, index, len(groups[group])))
        for group in sorted(groups, key=lambda group: order.get(group, len(order)))
        for index, name in enumerate(groups[group])
    ]
    return Contents(path, "Keras 3 weights", tuple(found), _left_out(store, {tensor.name for tensor in found}))


def _layer_name(store: Hdf5, group: str, names: Mapping[str, str]) -> str:
    variables = f"{group}/vars" if group else "vars"
    return store.text(variables, "name") or names.get(group) or group.rpartition("/")[2]


def _slot(group: str, index: int, count: int) -> str:
    """Return what the variable `index` of a layer is; the group is named after the layer's class."""
    kind = re.sub(r"_\d+$", "", group.rpartition("/")[2])
    if kind == "batch_normalization" and count in _BATCH_NORM:
        return _BATCH_NORM[count][index]
    return "" if kind == "batch_normalization" else str(index)


def _of_optimizer(name: str) -> bool:
    return name.partition("/")[0] in OPTIMIZERS


def _left_out(store: Hdf5, taken: set[str]) -> tuple[str, ...]:
    optimizer = [name for name in store.datasets if _of_optimizer(name)]
    others = [name for name in store.datasets if name not in taken and not _of_optimizer(name)]
    notes = [f"{len(optimizer)} arrays of the optimizer are left out"] if optimizer else []
    if others:
        notes.append(f"{len(others)} arrays that belong to no listed layer are left out, such as '{others[0]}'")
    return tuple(notes)
