"""Functions of TensorFlow as engines: where they run, and on how many threads."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from converters.keras_model.library import quietly
from converters.keras_model.tensorflow_library import tf
from heads.backbones.artefact import Array, Engine, Hardware
from heads.errors import HeadsError


def placed(hardware: Hardware) -> str:
    """Return TensorFlow's name of a device; HeadsError where it is not there."""
    if hardware.gpu is None:
        return "/CPU:0"
    count = len(tf.config.list_physical_devices("GPU"))
    if hardware.gpu >= count:
        raise HeadsError(f"{hardware.device} is not there: TensorFlow finds {count or 'no'} GPUs; choose cpu")
    return f"/GPU:{hardware.gpu}"


def set_threads(hardware: Hardware) -> None:
    """Set the number of threads of this process; HeadsError where TensorFlow has begun to work with another one."""
    if hardware.threads is None or tf.config.threading.get_intra_op_parallelism_threads() == hardware.threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(hardware.threads)
    except RuntimeError as error:
        raise HeadsError("TensorFlow takes a number of threads only before it does its first work") from error


def averaged(value: Any, last: bool) -> Any:
    """Return a map (n, height, width, channels), or (n, channels, height, width), averaged in float32."""
    if len(value.shape) != 4:
        return value
    return tf.reduce_mean(tf.cast(value, tf.float32), axis=(1, 2) if last else (2, 3))


def engine(
    function: Callable[[Any], list[Any]], shape: Sequence[int | None], hardware: Hardware, dtype: str, *, last: bool
) -> Engine:
    """Return what runs a function that takes one tensor of this shape, with the channels last where that is said."""
    place = placed(hardware)
    ran_on: list[str] = []

    def compute(batch: Array) -> list[Array]:
        turned = np.ascontiguousarray(batch.transpose(0, 2, 3, 1)) if last else batch
        try:
            with quietly(), tf.device(place):
                values = function(tf.constant(turned))
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(str(error).partition("\n")[0]) from error
        ran_on[:] = [_device(values[0].device)]
        return [value.numpy() for value in values]

    return Engine(compute, lambda: ran_on[0], dtype, shape[0])


def _device(name: str) -> str:
    """Return our name for a device that TensorFlow calls /job:localhost/replica:0/task:0/device:GPU:0."""
    kind, _, number = name.rpartition("/device:")[2].partition(":")
    return "cpu" if kind == "CPU" else f"cuda:{number}"
