"""Keras on TensorFlow: the model called, traced, compiled by XLA, or asked to predict."""

import os
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks.cells import Settings
from benchmarks.errors import RunnerError
from benchmarks.runners import subnormals
from benchmarks.runners.runner import (
    Array,
    CallPath,
    Device,
    Runner,
    as_float32,
    either,
    page_in,
    refuse_unknown,
)

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
WITH_ONEDNN = ("function-onednn",)
LAYOUTS = {"channels_last": "channels-last", "channels_first": "channels-first"}


def _path(extra: str) -> CallPath:
    return CallPath("channels-last", ("fp32-strict", "tf32"), ("cpu", "cuda"), extra)


class Keras(Runner):
    """The .keras file on TensorFlow.

    Without oneDNN's own operators unless the call path says so: TensorFlow turns them on by default, but they round
    more coarsely than Eigen's (1.8e-5 of the maximum instead of 7e-6 on full-size VGG-Face's prob).
    """

    packages: ClassVar = ("keras", either("tensorflow", "tensorflow-cpu"))
    call_paths: ClassVar = {
        "function": _path("model in a tf.function of one signature; oneDNN off"),
        "function-onednn": _path("model in a tf.function of one signature; oneDNN on, TensorFlow's default"),
        "call": _path("model(x): eager; oneDNN off"),
        "xla": _path("tf.function with jit_compile=True; oneDNN off"),
        "predict": _path("model.predict(x); oneDNN off"),
    }
    # TensorFlow's threads flush them always, and have no switch for it.
    denormals: ClassVar = ("flush",)

    @classmethod
    def artefact(cls, settings: Settings) -> str:
        """Return the kind for a .keras file."""
        del settings
        return "keras"

    @classmethod
    def environment(cls, settings: Settings) -> dict[str, str]:
        """Return what TensorFlow reads once, when it is loaded."""
        return {
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            ONEDNN: str(int(settings.call_path in WITH_ONEDNN)),
            # Or it takes a GPU's whole memory, and no peak can be told.
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        }

    @classmethod
    def devices(cls) -> list[Device]:
        """Return TensorFlow's devices, with what came of a product of matrices on each."""
        from converters.doctor import devices_keras

        found = []
        for name in devices_keras.devices():
            kind = name.removeprefix("/device:").partition(":")[0]
            known = ("fp32-strict",) if kind == "CPU" else ("fp32-strict", "tf32")
            if kind in ("CPU", "GPU"):
                found.append(Device(_plain_device(name), known, devices_keras.trial(name)))
        return found

    def import_library(self) -> None:
        """Import Keras with TensorFlow, and set threads and TF32 for the process."""
        self.refuse_impossible()
        if "tensorflow" not in sys.modules:
            os.environ.update(self.environment(self.settings))
        import keras
        import tensorflow as tf

        self._keras, self._tf = keras, tf
        self._refuse_other_onednn()
        number, count = self.device_number, len(tf.config.list_physical_devices("GPU"))
        if number is not None and number >= count:
            raise RunnerError(f"{self.settings.device} is not there: TensorFlow finds {count or 'no'} GPUs; choose cpu")
        self._set_threads()
        self._place = "/CPU:0" if number is None else f"/GPU:{number}"
        tf.config.experimental.enable_tensor_float_32_execution(self.settings.precision == "tf32")

    def _refuse_other_onednn(self) -> None:
        wanted = self.settings.call_path in WITH_ONEDNN
        if _onednn() != wanted:
            raise RunnerError(
                f"call path '{self.settings.call_path}' needs oneDNN {'on' if wanted else 'off'}, but TensorFlow was "
                f"loaded with it {'off' if wanted else 'on'}; set {ONEDNN}={int(wanted)} before it is imported"
            )

    def _set_threads(self) -> None:
        threading, wanted = self._tf.config.threading, self.settings.threads
        self._pool_threads: int | None = None
        if (threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads()) == (wanted, 1):
            return
        before = _unnamed_threads()
        try:
            threading.set_intra_op_parallelism_threads(wanted)
            threading.set_inter_op_parallelism_threads(1)
        except RuntimeError as error:
            raise RunnerError(
                f"TensorFlow takes a number of threads ({wanted} here) only before it does its first work"
            ) from error
        self._tf.config.list_logical_devices()  # starts the pools
        self._pool_threads = _unnamed_threads() - before

    def read_weights(self) -> None:
        """Load the model; Keras makes its variables and fills them in one step."""
        path = self.files["model"]
        page_in(path)
        with self._on_device():
            self._loaded = self._keras.models.load_model(path, compile=False)

    def build(self) -> None:
        """End the model at the nodes, and trace it; XLA compiles in the first call only, for the shape it sees."""
        model = self._ended()
        with self._on_device():
            self._called = self._callable(model)

    def _on_device(self) -> AbstractContextManager[Any]:
        place: AbstractContextManager[Any] = self._tf.device(self._place)
        return place

    def _ended(self) -> Any:
        """Return the model that gives the nodes, in their order."""
        from converters.keras_model.record import OUTPUTS, VALUES
        from converters.keras_model.running import read_record

        told = read_record(self.files["model"])
        known: Mapping[str, str] = {**told[VALUES], **told[OUTPUTS]}
        refuse_unknown(self.nodes, list(known), self.files["model"])
        operations = {operation.name: operation for operation in self._loaded.operations}
        (x,) = self._loaded.inputs
        self._model = self._keras.Model(x, [operations[known[name]].output for name in self.nodes])
        return self._model

    def _callable(self, model: Any) -> Any:
        path, tf = self.settings.call_path, self._tf
        if path == "predict":
            return lambda x: model.predict(x, batch_size=len(x), verbose=0)
        if path == "call":
            return lambda x: model(x, training=False)
        (x,) = model.inputs
        signature = [tf.TensorSpec((None, *x.shape[1:]), x.dtype)]
        traced = tf.function(
            lambda x: model(x, training=False), input_signature=signature, jit_compile=path == "xla", autograph=False
        )
        return traced.get_concrete_function() if path != "xla" else traced

    def prepare(self, batch: Array) -> Any:
        """Return the batch channels-last."""
        return np.ascontiguousarray(batch.transpose(0, 2, 3, 1), np.float32)

    def run(self, feed: Any) -> Any:
        """Compute, from an array to arrays; fetching an answer waits for it."""
        with self._on_device():
            if self.settings.call_path == "predict":
                return _listed(self._called(feed))
            answers = _listed(self._called(self._tf.constant(feed)))
            self._ran_on = answers[0].device
            return [answer.numpy() for answer in answers]

    def values(self, answer: Any) -> dict[str, Array]:
        """Return the answers by node, maps channels first."""
        turned = [value.transpose(0, 3, 1, 2) if value.ndim == 4 else value for value in answer]
        return {name: as_float32(value) for name, value in zip(self.nodes, turned, strict=True)}

    def read_back(self) -> dict[str, Any]:
        """Ask TensorFlow, the layers, and the last answer for the device that it lay on."""
        tf = self._tf
        device = _plain_device(self._ran_on) if self.settings.call_path != "predict" else self._weights_device()
        layouts = {LAYOUTS[layer.data_format] for layer in self._model.layers if hasattr(layer, "data_format")}
        tf32 = device != "cpu" and tf.config.experimental.tensor_float_32_execution_enabled()
        kinds = {weight.dtype for weight in self._model.weights}
        told = {
            "device": device,
            "threads": tf.config.threading.get_intra_op_parallelism_threads(),
            "precision": ("tf32" if tf32 else "fp32-strict") if kinds == {"float32"} else "+".join(sorted(kinds)),
        }
        denormals = {"denormals": self._flushing()} if device == "cpu" else {}
        return told | denormals | ({"layout": "+".join(sorted(layouts))} if layouts else {})

    def _weights_device(self) -> str:
        """Return where the weights lie: `predict` gives arrays, which do not tell where they were computed."""
        return "+".join(sorted({_plain_device(weight.value.device) for weight in self._model.weights}))

    def _flushing(self) -> str:
        with self._tf.device("/CPU:0"):
            numbers = self._tf.fill((subnormals.PROBE_SIZE,), np.float32(subnormals.PROBE_VALUE))
            return subnormals.treatment((numbers * 0.5).numpy())

    def facts(self) -> dict[str, Any]:
        """Return the switches that decide how TensorFlow computes, and how often the model turns axes."""
        layers = Counter(type(layer).__name__ for layer in self._model.operations)
        return {
            "onednn": _onednn(),
            "pool_threads": self._pool_threads,
            "inter_op_threads": self._tf.config.threading.get_inter_op_parallelism_threads(),
            "transposes": layers["Transpose"] + layers["Permute"],
            "backend": self._keras.backend.backend(),
        }


def _onednn() -> bool:
    """Return whether TensorFlow uses oneDNN's own operators; it has no public name for the question."""
    from tensorflow.python.util import _pywrap_util_port

    return bool(_pywrap_util_port.IsMklEnabled())


def _unnamed_threads() -> int:
    """Return how many threads bear the interpreter's own name, as those of TensorFlow's pool for operators do."""
    tasks = Path("/proc/self/task")
    own = Path("/proc/self/comm").read_text() if tasks.is_dir() else ""
    return sum(comm.read_text() == own for comm in tasks.glob("*/comm"))


def _plain_device(name: str) -> str:
    """Return our name of a device that TensorFlow calls /job:localhost/replica:0/task:0/device:GPU:0."""
    kind, _, number = name.rpartition("/device:")[2].partition(":")
    return "cpu" if kind == "CPU" else f"cuda:{number}"


def _listed(found: Any) -> list[Any]:
    return list(found) if isinstance(found, list | tuple) else [found]
