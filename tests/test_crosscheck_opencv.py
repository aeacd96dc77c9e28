"""OpenCV 4 reads the same files by itself and computes the same: plain networks, and the packaged tiny VGG-Face."""

import cv2
import numpy as np
import pytest

import prototxt
from cases import Array, CaffeCase, caffe_case
from converters.from_caffe import read_caffe
from oracle_cases import OPENCV_CASES

# OpenCV's convolutions take short cuts (Winograd): up to 8e-6 away from Caffe on these networks, so 1e-5 is too tight.
TOLERANCE = 1e-4


def opencv_outputs(case: CaffeCase) -> dict[str, Array]:
    """Run a case in OpenCV, which calls a blob by its own name or by its layer's."""
    net = cv2.dnn.readNetFromCaffe(str(case.prototxt), str(case.weights))
    for name, value in case.inputs.items():
        net.setInput(value.astype(np.float32), name)
    known = net.getLayerNames()
    layers = {step.top: step.layer for step in case.steps}
    return {blob: net.forward(blob if blob in known else layers[blob]).copy() for blob in case.outputs}


def difference(got: Array, wanted: Array) -> float:
    """Largest difference over the largest value; OpenCV has no ranks below 2, so only sizes must be equal."""
    assert got.size == wanted.size
    return float(np.abs(got.ravel() - wanted.ravel()).max() / (np.abs(wanted).max() or 1))


@pytest.mark.parametrize("name", OPENCV_CASES)
def test_agrees_with_opencv(name: str) -> None:
    case = caffe_case(name)
    graph = read_caffe(case.prototxt, case.weights)
    values = graph.run(case.inputs)
    for blob, got in opencv_outputs(case).items():
        assert difference(got, values[graph.outputs[blob]]) < TOLERANCE, blob


def test_tiny_vgg_face_agrees_with_opencv_on_logits_and_before() -> None:
    deploy = prototxt.find("vgg-face-tiny")
    assert deploy.weights is not None
    graph = read_caffe(deploy.prototxt, deploy.weights)
    image = np.random.default_rng(5).uniform(-120, 130, (1, 3, 64, 64)).astype(np.float32)
    values = graph.run({"data": image})
    net = cv2.dnn.readNetFromCaffe(str(deploy.prototxt), str(deploy.weights))
    net.setInput(image)
    for blob in ("pool1", "pool5", "fc8", "prob"):
        assert difference(net.forward(blob), values[blob]) < TOLERANCE, blob
    assert 0.01 < values["prob"].max() < 0.9
