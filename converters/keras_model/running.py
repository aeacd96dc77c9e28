"""Running what was written: plain Keras loads the file, and nothing of the network it came from is used."""

import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from converters import formats
from converters.errors import ConversionError, FormatError, did_you_mean
from converters.ir import Feeds, Runner
from converters.keras_model.files import METADATA, WEIGHTS_SUFFIX, architecture_path, record_path
from converters.keras_model.layout import first, stored
from converters.keras_model.library import keras, ops, quietly
from converters.keras_model.names import Names
from converters.keras_model.record import INPUTS, KEY, OUTPUTS, VALUES
from converters.ops import Array


def opened(path: Path, wanted: Iterable[str] | None) -> Runner:
    """Load a model; return what gives its values by their names in the network, channels first: all, or those `wanted`.

    A SavedModel tells only its outputs (and inputs). FormatError for a file that this package did not write.
    """
    told = read_record(path)
    chosen = _chosen(told[VALUES], wanted)
    values_of = _saved_model(path, told) if path.is_dir() else _operations(load(path), set(chosen.values()))

    def run(feeds: Feeds) -> dict[str, Array]:
        found = values_of([stored(_fed(feeds, name)) for name in told[INPUTS]])
        return {value: first(_plain(found[name])) for value, name in chosen.items() if name in found}

    return run


def _saved_model(path: Path, told: Mapping[str, Any]) -> Callable[[Sequence[Array]], dict[str, Array]]:
    outputs_of = formats.load("converters.keras_model.saved_model").opened(path)

    def values_of(inputs: Sequence[Array]) -> dict[str, Array]:
        outputs = outputs_of(inputs)
        fed = {told[VALUES][name]: array for name, array in zip(told[INPUTS], inputs, strict=True)}
        return fed | {operation: outputs[name] for name, operation in told[OUTPUTS].items()}

    return values_of


def run_file(path: Path, feeds: Feeds) -> dict[str, Array]:
    """Run any model file of Keras and return its outputs by name; feeds and outputs have the model's own layout."""
    model = load(path)
    inputs = input_tensors(model, path)
    flat = keras.Model(inputs, model.outputs)
    with quietly():
        found = flat([ops.convert_to_tensor(_fed(feeds, tensor.name)) for tensor in inputs], training=False)
    return dict(zip(output_names(model), map(_plain, keras.tree.flatten(found)), strict=True))


def input_tensors(model: Any, path: Path) -> list[Any]:
    """Return the inputs of a model that knows them; FormatError for one that was saved before it was built."""
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise FormatError(f"{path}: the model does not know its inputs: build it, or call it once, before saving it")
    return list(inputs)


def output_names(model: Any) -> list[str]:
    """Return a name for each of `model.outputs`: the key it is returned under, or else the name of its layer."""
    if isinstance(getattr(model, "output", None), dict):
        names = ["/".join(map(str, keys)) for keys, _ in keras.tree.flatten_with_path(model.output)]
    else:
        names = list(getattr(model, "output_names", None) or [model.layers[-1].name])  # a Sequential has none
    unique = Names()
    return [unique.unique(name) for name in names]


def load(path: Path) -> Any:
    """Load a model with plain Keras: a `.keras` file, or `.weights.h5` with the architecture beside it."""
    try:
        with quietly():
            if not path.name.endswith(WEIGHTS_SUFFIX):
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
    told = record_or_nothing(path)
    if VALUES not in told:
        raise FormatError(f"{path}: does not say which layer gives which value of a network; run its outputs alone")
    return told


def record_or_nothing(path: Path) -> dict[str, Any]:
    """Return what a model says of itself, nothing if this package did not write it; FormatError for no model."""
    try:
        if path.is_dir() or path.name.endswith(WEIGHTS_SUFFIX):
            told = json.loads(record_path(path).read_text(encoding="utf-8"))
        else:
            with zipfile.ZipFile(path) as archive:
                told = json.loads(archive.read(METADATA))
    except (FileNotFoundError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path}: not a Keras model: {error}") from error
    found = told.get(KEY) if isinstance(told, dict) else None
    return found if isinstance(found, dict) else {}


def _operations(model: Any, names: set[str]) -> Callable[[Sequence[Array]], dict[str, Array]]:
    """Return what gives the values of these operations of a model."""
    operations = [operation for operation in model.operations if operation.name in names]
    whole = keras.Model(model.inputs, [operation.output for operation in operations])

    def values_of(inputs: Sequence[Array]) -> dict[str, Array]:
        with quietly():
            found = whole([ops.convert_to_tensor(array) for array in inputs], training=False)
        return {operation.name: array for operation, array in zip(operations, keras.tree.flatten(found), strict=True)}

    return values_of


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
