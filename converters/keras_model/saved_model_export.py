"""A script: load a `.keras` file and write it as a SavedModel, given the names of its outputs.

It runs in a process of its own and imports nothing of ours: TensorFlow counts the functions that it has traced, and
writes the numbers into the file.
"""

import json
import sys
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf


def export(source: str, target: str, outputs: list[str]) -> None:
    """Write `target`, which serves the model `source` as `serve` and as the signature `serving_default`.

    Keras' own `Model.export` writes the variables in another order each time, and calls outputs output_0, output_1 ...
    """
    model = keras.models.load_model(source, compile=False)
    inputs = [tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name) for tensor in model.inputs]

    @tf.function(input_signature=inputs)  # type: ignore[untyped-decorator]  # TensorFlow has no types here
    def serve(*tensors: Any) -> dict[str, Any]:
        found = model(list(tensors) if len(tensors) > 1 else tensors[0], training=False)
        return dict(zip(outputs, keras.tree.flatten(found), strict=True))

    served = tf.Module(name="served")
    # Not all variables: Dropout has random numbers of its own, other ones each time, that nothing here reads.
    served.weights = [variable.value for variable in model.weights]
    served.serve = serve
    tf.saved_model.save(served, target, signatures={"serving_default": serve})
    # Holds a random number, and nothing needs it.
    Path(target, "fingerprint.pb").unlink(missing_ok=True)


if __name__ == "__main__":
    export(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
