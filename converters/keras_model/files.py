"""Keras' files, written without a copy of the weights in memory, and the same byte for byte for the same network.

A `.keras` file is a zip archive: `metadata.json`, `config.json` and `model.weights.h5`, in which each layer has the
group `layers/<kind>_<number>/vars` and its variables are called 0, 1 ... Keras' own writer dates all of it, and holds
the weights in memory twice.
"""

import json
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from converters.keras_model.assembly import Assembly, Layer
from converters.keras_model.library import keras
from converters.keras_model.record import KEY
from converters.ops import Array

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
WEIGHTS_SUFFIX = ".weights.h5"
DATE = (1980, 1, 1, 0, 0, 0)
BLOCK_BYTES = 1 << 25
TILE = 64


def write_keras(path: Path, assembly: Assembly, told: Mapping[str, Any]) -> None:
    """Write a `.keras` file; the record goes into its metadata, which Keras does not read."""
    metadata = {"keras_version": keras.__version__, "date_saved": "1980-01-01@00:00:00", KEY: dict(told)}
    with tempfile.TemporaryFile(dir=path.parent) as weights:
        write_weights(weights, assembly)
        size = weights.seek(0, 2)
        weights.seek(0)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(_member(METADATA), json.dumps(metadata))
            archive.writestr(_member(CONFIG), config_json(assembly))
            with archive.open(_member(WEIGHTS), "w", force_zip64=size >= zipfile.ZIP64_LIMIT) as member:
                shutil.copyfileobj(weights, member, BLOCK_BYTES)


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, DATE)
    info.create_system = 3  # Unix, wherever this runs
    info.external_attr = 0o644 << 16
    return info


def config_json(assembly: Assembly, told: Mapping[str, Any] | None = None) -> str:
    """Return the model without its weights, as Keras stores it, with `told` beside it, which Keras skips."""
    return json.dumps({**keras.saving.serialize_keras_object(assembly.model), **(told or {})})


def architecture_path(weights: Path) -> Path:
    """Return where the architecture lies that belongs to a `.weights.h5` file."""
    return weights.with_name(weights.name.removesuffix(WEIGHTS_SUFFIX) + ".json")


def record_path(path: Path) -> Path:
    """Return the JSON file with the record of weights or of a SavedModel."""
    return path / "assets.extra" / f"{KEY}.json" if path.is_dir() else architecture_path(path)


def write_weights(file: Path | IO[bytes], assembly: Assembly) -> None:
    """Write the weights alone, as `Model.save_weights` lays them out."""
    with h5py.File(file, "w") as store:
        _write_layer(store, assembly.model, assembly)


def _write_layer(group: Any, layer: Layer, assembly: Assembly) -> None:
    variables = group.create_group("vars")
    variables.attrs["name"] = layer.name
    if hasattr(layer, "layers"):
        kinds: Counter[str] = Counter()
        for inner in layer.layers:
            kind = _snake_case(type(inner).__name__)
            number = f"_{kinds[kind]}" if kinds[kind] else ""
            kinds[kind] += 1
            _write_layer(group.create_group(f"layers/{kind}{number}"), inner, assembly)
    else:
        arrays = assembly.held.get(layer, [])
        for index, (variable, array) in enumerate(zip(layer.weights, arrays, strict=True)):
            dataset = variables.create_dataset(str(index), tuple(variable.shape), variable.dtype)
            _fill(dataset, array)


def _snake_case(name: str) -> str:
    """Return a class name as Keras writes it in its files."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def _fill(dataset: Any, array: Array) -> None:
    """Copy an array block by block; `array` may be a transposed view, and have the dataset's first axis in several."""
    if array.nbytes <= BLOCK_BYTES or array.ndim < 2:
        dataset[...] = np.ascontiguousarray(array, dataset.dtype).reshape(dataset.shape)
        return
    rows = dataset.shape[0] // array.shape[0]
    step = max(1, BLOCK_BYTES * array.shape[0] // array.nbytes)
    for start in range(0, array.shape[0], step):
        block = _contiguous(array[start : start + step], dataset.dtype)
        dataset[start * rows : start * rows + block.size // (dataset.size // dataset.shape[0])] = block.reshape(
            -1, *dataset.shape[1:]
        )


def _contiguous(view: Array, dtype: Any) -> Array:
    """Return a contiguous copy; tile by tile, since a transposition in one go waits for memory at every value."""
    copy = np.empty(view.shape, dtype)
    for start in range(0, view.shape[-1], TILE):
        copy[..., start : start + TILE] = view[..., start : start + TILE]
    return copy
