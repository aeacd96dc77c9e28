"""Convert a Keras model with tf2onnx, with or without its optimizers, which copy the whole graph again and again.

python -m benchmarks.studies.conversion_by_tf2onnx MODEL.keras OUT.onnx yes|no
"""

import sys

import keras
import tensorflow as tf
import tf2onnx


def main() -> None:
    """Load, convert, write; the file takes channels first, as the Caffe network does."""
    source, out, optimizers = sys.argv[1:]
    model = keras.saving.load_model(source, compile=False)
    (image,) = model.inputs
    tf2onnx.convert.from_keras(
        keras.Model(model.inputs, model.outputs),  # a Sequential model is refused
        [tf.TensorSpec(image.shape, tf.float32, name=image.name)],
        inputs_as_nchw=[image.name],
        output_path=out,
        optimizers=None if optimizers == "yes" else {},
    )


if __name__ == "__main__":
    main()
