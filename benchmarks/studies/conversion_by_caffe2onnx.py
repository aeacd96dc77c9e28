"""Convert with caffe2onnx 2.0.1, in an environment of its own, since its pins clash with everything else.

python conversion_by_caffe2onnx.py PROTOTXT CAFFEMODEL OUT.onnx
"""

import sys

import onnx
from caffe2onnx.src.caffe2onnx import Caffe2Onnx  # type: ignore[import-not-found]  # never where mypy runs
from caffe2onnx.src.load_save_model import loadcaffemodel  # type: ignore[import-not-found]  # never where mypy runs
from caffe2onnx.src.utils import freeze  # type: ignore[import-not-found]  # never where mypy runs


def main() -> None:
    """Read, convert, and write so that a runtime of today takes it."""
    network, weights, out = sys.argv[1:]
    graph, params = loadcaffemodel(network, weights)
    model = Caffe2Onnx(graph, params, "network").createOnnxModel()
    freeze(model)  # otherwise the weights are inputs of the graph
    del model.opset_import[:]
    model.opset_import.add(version=11)  # it writes attributes of old operators under the newest opset
    model.ir_version = 6
    onnx.save(model, out)


if __name__ == "__main__":
    main()
