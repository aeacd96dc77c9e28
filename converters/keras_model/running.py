"""Running what was written: plain Keras loads the file, and nothing of the network it came from is used."""

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from converters import formats
from converters.errors import ConversionError, FormatError, did_you_mean
from converters.keras_model.files import METADATA, architecture_path, record_path
from converters.keras_model.layout import first, stored
from converters.keras_model.library import keras, ops, quietly
from converters.keras_model.record import INPUTS, KEY, OUTPUTS, VALUES
from converters.ops import Array

Feeds = Mapping[str, Array]


def run(path: Path, feeds: Feeds, wanted: Iterable[str] | None) -> dict[str, Array]:
    """Return values of the network by their names there, channels first: all that the file tells, or those `wanted`.

    A SavedModel tells only outputs apart. FormatError for a file that this package did not write.
    """
    told = read_record(path)
    inputs = [stored(_fed(feeds, name)) for name in told[INPUTS]]
    if path.is_dir():
        outputs = formats.load("converters.keras_model.saved_model").run(path, inputs)
        by_operation = {operation: outputs[name] for name, operation in told[OUTPUTS].items()}
    else:
        model = load(path)
        by_operation = _every_operation(model, inputs, set(_chosen(told[VALUES], wanted).values()))
    found = {value: by_operation[name] for value, name in _chosen(told[VALUES], wanted).items() if name in by_operation}
    return {value: first(_plain(array)) for value, array in found.items()}


def run_file(path: Path, feeds: Feeds) -> dict[str, Array]:
    """Run any model file of Keras and return its outputs by name; feeds and outputs have the model's own layout."""
    model = load(path)
    names = list(model.input_names) if hasattr(model, "input_names") else [x.name for x in model.inputs]
    with quietly():
        found = model({name: ops.convert_to_tensor(_fed(feeds, name)) for name in names}, training=False)
    return dict(zip(output_names(model), map(_plain, keras.tree.flatten(found)), strict=True))


def output_names(model: Any) -> list[str]:
    """Return a name for each output of a model, in order."""
    return [str(name) for name in model.output_names]


def load(path: Path) -> Any:
    """Load a model with plain Keras: a `.keras` file, or `.weights.h5` with the architecture beside it."""
    try:
        with quietly():
            if not path.name.endswith(".weights.h5"):
                return keras.models.load_model(path, compile=False)
            model = keras.models.model_from_json(architecture_path(path).read_text(encoding="utf-8"))
            model.load_weights(path)
            return model
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise FormatError(f"{path}: Keras cannot load it: {error}") from error


def read_record(path: Path) -> dict[str, Any]:
    """Return what a written model says of itself; FormatError where it says nothing."""
    try:
        if path.is_dir() or path.name.endswith(".weights.h5"):
            told = json.loads(record_path(path).read_text(encoding="utf-8"))
        else:
            with zipfile.ZipFile(path) as archive:
                told = json.loads(archive.read(METADATA))
    except (FileNotFoundError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path}: not a Keras model that this package wrote: {error}") from error
    if not isinstance(told, dict) or not isinstance(told.get(KEY), dict):
        raise FormatError(f"{path}: does not say which layer gives which value of a network; run its outputs alone")
    found: dict[str, Any] = told[KEY]
    return found


def _every_operation(model: Any, inputs: Sequence[Array], names: set[str]) -> dict[str, Array]:
    operations = [operation for operation in model.operations if operation.name in names]
    whole = keras.Model(model.inputs, [operation.output for operation in operations])
    with quietly():
        found = whole([ops.convert_to_tensor(array) for array in inputs], training=False)
    return {operation.name: array for operation, array in zip(operations, keras.tree.flatten(found), strict=True)}


def _chosen(values: Mapping[str, str], wanted: Iterable[str] | None) -> dict[str, str]:
    if wanted is None:
        return dict(values)
    missing = [name for name in wanted if name not in values]
    if missing:
        raise ConversionError([f"the model has no value '{name}'{did_you_mean(name, values)}" for name in missing])
    return {name: values[name] for name in wanted}


def _fed(feeds: Feeds, name: str) -> Array:
    if name not in feeds:
        raise ConversionError(f"input '{name}' is not fed")
    return feeds[name]


def _plain(tensor: Any) -> Array:
    array = np.asarray(ops.convert_to_numpy(tensor))
    return array.astype(np.float32) if array.dtype == np.float16 else array
