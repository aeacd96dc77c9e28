"""TensorFlow's SavedModel: a folder that serves a model without Keras."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from converters.errors import ConversionError, UnsupportedError
from converters.keras_model.library import keras, quietly
from converters.keras_model.tensorflow_library import tf
from converters.ops import Array

EXPORT = Path(__file__).with_name("saved_model_export.py")


def write(source: Path, target: Path, outputs: Sequence[str]) -> None:
    """Write a `.keras` file as a SavedModel whose outputs have these names."""
    if keras.backend.backend() != "tensorflow":
        raise UnsupportedError(f"a SavedModel is written with TensorFlow, but Keras runs on {keras.backend.backend()}")
    command = [sys.executable, str(EXPORT), str(source), str(target), json.dumps(list(outputs))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ConversionError(f"{target}: TensorFlow cannot write it: {reason}")


def opened(path: Path) -> Callable[[Sequence[Array]], dict[str, Any]]:
    """Load a SavedModel; return what serves inputs and gives the outputs by name."""
    with quietly():
        model = tf.saved_model.load(str(path))

    def serve(inputs: Sequence[Array]) -> dict[str, Any]:
        with quietly():
            return dict(model.serve(*(tf.constant(array) for array in inputs)))

    return serve
