"""Trained Caffe and MatConvNet networks to Keras, PyTorch and ONNX, proved node by node.

    from converters import read_caffe, save, verify

    graph = read_caffe("deploy.prototxt", "weights.caffemodel")
    done = save(graph, "model.onnx", cut=["fc7"])
    print(done.trials[0].report.largest)
    report = verify(graph, "other.onnx")

Everything here is loaded on first use: `import converters` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from converters.api import save, verify
    from converters.errors import ConversionError
    from converters.from_caffe import read_caffe
    from converters.from_matconvnet import read_matconvnet
    from converters.ir import Graph, Node, Preprocessing

__all__ = ["ConversionError", "Graph", "Node", "Preprocessing", "read_caffe", "read_matconvnet", "save", "verify"]


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'converters' has no attribute '{name}'")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


HOMES = {
    "ConversionError": "converters.errors",
    "Graph": "converters.ir",
    "Node": "converters.ir",
    "Preprocessing": "converters.ir",
    "read_caffe": "converters.from_caffe",
    "read_matconvnet": "converters.from_matconvnet",
    "save": "converters.api",
    "verify": "converters.api",
}
