"""TensorFlow's SavedModel: a folder that serves a model without Keras."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from converters.errors import UnsupportedError
from converters.keras_model.library import keras, quietly
from converters.ops import Array


def write(model: Any, path: Path) -> None:
    """Export a Keras model into a folder."""
    if keras.backend.backend() != "tensorflow":
        raise UnsupportedError(f"a SavedModel is written with TensorFlow, but Keras runs on {keras.backend.backend()}")
    with quietly():
        model.export(str(path), format="tf_saved_model", verbose=False)
    # Holds a random number, and nothing needs it.
    (path / "fingerprint.pb").unlink(missing_ok=True)


def run(path: Path, inputs: Sequence[Array]) -> list[Any]:
    """Serve the inputs and return the outputs in the model's order."""
    with quietly():
        model = tf.saved_model.load(str(path))
        tensors = [tf.constant(array) for array in inputs]
        return list(keras.tree.flatten(model.serve(tensors[0] if len(tensors) == 1 else tensors)))
