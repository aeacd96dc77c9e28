"""Keras models as backbones: those the converters wrote, whose every value has a name, and those of others."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from converters.description import preprocessing_read
from converters.keras_model.files import WEIGHTS_SUFFIX, architecture_path
from converters.keras_model.library import keras
from converters.keras_model.record import INPUTS, OUTPUTS, VALUES
from converters.keras_model.running import input_tensors, load, output_names, record_or_nothing
from converters.keras_model.tensorflow_library import tf
from heads.backbones.artefact import OTHERS, Artefact, Engine, Hardware, image_shape
from heads.backbones.tensorflow_functions import averaged, engine, placed, set_threads
from heads.errors import HeadsError


def found(path: Path, hardware: Hardware) -> Artefact:
    """Return what a Keras model is as a backbone; FormatError or HeadsError where it is none."""
    if keras.backend.backend() != "tensorflow":
        raise HeadsError(f"backbones run on TensorFlow, but Keras runs on {keras.backend.backend()}; set KERAS_BACKEND")
    set_threads(hardware)
    told = record_or_nothing(path) if path.suffix == ".keras" or path.name.endswith(WEIGHTS_SUFFIX) else {}
    with tf.device(placed(hardware)):
        model = load(path)
    inputs = input_tensors(model, path)
    if len(inputs) != 1:
        names = ", ".join(told.get(INPUTS) or (tensor.name for tensor in inputs))
        raise HeadsError(f"a backbone has one input, the image; this model has {len(inputs)}: {names}")
    image, last = image_shape(inputs[0].shape, inputs[0].name)
    tensors, outputs = _values(model, told)
    return Artefact(
        files=(path, architecture_path(path)) if path.name.endswith(WEIGHTS_SUFFIX) else (path,),
        image=image,
        input_dtype="uint8" if inputs[0].dtype == "uint8" else "float32",
        nodes=tuple(tensors),
        outputs=outputs,
        load=partial(_loaded, model, inputs[0], tensors, hardware, last),
        preprocessing=preprocessing_read(told),
        licence=str(told.get("licence", "")),
        only_outputs="" if VALUES in told else OTHERS,
    )


def _values(model: Any, told: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the tensors of a model by the names of nodes, and which of these are its outputs."""
    if VALUES not in told:
        named = dict(zip(output_names(model), keras.tree.flatten(model.outputs), strict=True))
        return named, tuple(named)
    made = {operation.name: operation.output for operation in model.operations}
    fed = {tensor.name for tensor in model.inputs}
    values: dict[str, str] = told[VALUES]
    tensors = {value: made[name] for value, name in values.items() if name in made and name not in fed}
    outputs = []
    for outside, operation in told[OUTPUTS].items():
        same = [value for value in tensors if values[value] == operation]
        outputs.append(outside if outside in same else same[0])
    return tensors, tuple(outputs)


def _loaded(
    model: Any, image: Any, tensors: Mapping[str, Any], hardware: Hardware, last: bool, nodes: Sequence[str]
) -> Engine:
    network = keras.Model(model.inputs, [tensors[node] for node in nodes])

    def forward(batch: Any) -> list[Any]:
        return [averaged(value, last) for value in keras.tree.flatten(network(batch, training=False))]

    traced = tf.function(forward, input_signature=[tf.TensorSpec(image.shape, image.dtype)])
    return engine(traced, image.shape, hardware, _weights_type(model), last=last)


def _weights_type(model: Any) -> str:
    counts: dict[str, int] = {}
    for weight in model.weights:
        counts[weight.dtype] = counts.get(weight.dtype, 0) + int(np.prod(weight.shape))
    return max(counts, key=lambda kind: counts[kind]) if counts else "float32"
