"""Runtimes behind one protocol, one file each; loaded in the measuring process only."""

from collections.abc import Mapping
from importlib import import_module

from benchmarks.errors import RunnerError, UsageError
from benchmarks.runners.runner import CallPath, Device, Runner
from converters.errors import did_you_mean

# Name -> where its class lies, and the extra that brings its library.
RUNNERS: Mapping[str, tuple[str, str]] = {
    "onnxruntime": ("benchmarks.runners.onnxruntime_runner:OnnxRuntime", "onnx"),
    "torch": ("benchmarks.runners.torch_runner:Torch", "torch"),
    "keras": ("benchmarks.runners.keras_runner:Keras", "keras"),
    "opencv": ("benchmarks.runners.opencv_runner:OpenCV", "crosscheck"),
    "openvino": ("benchmarks.runners.openvino_runner:OpenVINO", "openvino"),
    "numpy": ("benchmarks.runners.numpy_runner:NumPy", ""),
}


def load(name: str) -> type[Runner]:
    """Return a runner's class by its name, or by "module:Class"; no framework is imported by that.

    UsageError for an unknown name, RunnerError for what is no runner.
    """
    if ":" not in name and name not in RUNNERS:
        raise UsageError(f"there is no runner '{name}'{did_you_mean(name, RUNNERS)}; there are {', '.join(RUNNERS)}")
    module, _, attribute = (RUNNERS[name][0] if name in RUNNERS else name).partition(":")
    found = getattr(import_module(module), attribute, None)
    if not (isinstance(found, type) and issubclass(found, Runner)):
        raise RunnerError(
            f"{module}:{attribute} is no runner; a runner is a class derived from benchmarks.runners.Runner"
        )
    return found


__all__ = ["RUNNERS", "CallPath", "Device", "Runner", "load"]
