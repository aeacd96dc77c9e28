"""caffe2onnx, an independent converter, makes ONNX models of the same files that compute the same.

Its models come from an environment of its own: `tox -e caffe2onnx` writes them, and tox tells this test where.
"""

import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from cases import Array, CaffeCase, caffe_case
from converters.from_caffe import read_caffe
from oracle_cases import CAFFE2ONNX_CASES

FOLDER = Path(os.environ.get("CAFFE2ONNX_ORACLE", "not-set"))

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="tox -e caffe2onnx has not run")


def oracle_outputs(case: CaffeCase) -> dict[str, Array]:
    """Run caffe2onnx's model of a case. It renames the only input, and an inner product's output after its layer."""
    path = FOLDER / f"{case.name}.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (only,) = session.get_inputs()
    (value,) = case.inputs.values()
    tops = {step.layer: step.top for step in case.steps}
    names = [output.name for output in session.get_outputs()]
    blobs = [name if name in case.outputs else tops[name] for name in names]
    return dict(zip(blobs, session.run(names, {only.name: value}), strict=True))


@pytest.mark.parametrize("name", CAFFE2ONNX_CASES)
def test_agrees_with_caffe2onnx(name: str) -> None:
    case = caffe_case(name)
    graph = read_caffe(case.prototxt, case.weights)
    values = graph.run(case.inputs)
    outputs = oracle_outputs(case)
    assert set(outputs) == set(graph.outputs)
    for blob, got in outputs.items():
        wanted = values[graph.outputs[blob]]
        assert got.size == wanted.size  # its batch axis is lost in scale_axis0
        assert np.abs(got.ravel() - wanted.ravel()).max() <= 1e-5 * np.abs(wanted).max(), blob
