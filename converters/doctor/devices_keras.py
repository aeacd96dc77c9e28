"""Whether TensorFlow's devices, and so Keras', really run: a product of matrices on each, and where its result lies."""

import numpy as np
import tensorflow as tf

SIZE = 8


def devices() -> list[str]:
    """Name the devices that TensorFlow claims to have."""
    return [device.name for device in tf.config.list_logical_devices()]


def trial(name: str) -> str:
    """Say what is wrong with a device; empty when it computed a product of matrices rightly."""
    a = np.arange(SIZE * SIZE, dtype=np.float32).reshape(SIZE, SIZE)
    with tf.device(name):
        y = tf.linalg.matmul(tf.constant(a), tf.constant(a.T.copy()))
    if not y.backing_device.endswith(name.removeprefix("/")):
        return f"fell back to {y.backing_device}"
    return "" if np.allclose(y.numpy(), a @ a.T, rtol=1e-2) else "computes wrong values"
