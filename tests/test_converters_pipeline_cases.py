"""The whole pipeline over every network of the ground truth, at its own size and at another where axes stay open."""

from pathlib import Path

import keras
import onnx
import pytest
import torch

from cases import caffe_case, caffe_cases, matconvnet_case, matconvnet_cases
from converters.conversion import pipeline
from converters.errors import UnsupportedError
from converters.options import Options

LIBRARIES = (keras, onnx, torch)  # without them this file is left out
OUTPUTS = {"keras": "net.keras", "onnx": "net.onnx", "torch": "net"}
NOT_IN_KERAS = {"filter": "how many items remain depends on the values"}


@pytest.mark.parametrize("target", OUTPUTS)
@pytest.mark.parametrize("name", caffe_cases())
def test_every_caffe_network_goes_through(tmp_path: Path, target: str, name: str) -> None:
    case = caffe_case(name)
    sized = {"data": case.inputs["data"].shape} if name.startswith("trainval") else {}
    options = Options(out=tmp_path / OUTPUTS[target], stages=case.stages, input_shapes=tuple(sized.items()))
    words = [str(case.prototxt), str(case.weights)]
    if target == "keras" and name in NOT_IN_KERAS:
        with pytest.raises(UnsupportedError, match=NOT_IN_KERAS[name]):
            pipeline.convert(words, "caffe", target, options)
        assert list(tmp_path.iterdir()) == []
    else:
        check(pipeline.convert(words, "caffe", target, options))


@pytest.mark.parametrize("target", OUTPUTS)
@pytest.mark.parametrize("name", matconvnet_cases())
def test_every_matconvnet_network_goes_through(tmp_path: Path, target: str, name: str) -> None:
    case = matconvnet_case(name)
    options = Options(out=tmp_path / OUTPUTS[target], input_shapes=tuple(case.input_shapes.items()))
    check(pipeline.convert([str(case.files[0])], "matconvnet", target, options))


def check(done: pipeline.Conversion) -> None:
    assert all(path.exists() for path in (*done.files, done.certificate))
    assert [trial.title for trial in done.trials] == ["stated size", "another size"][: 1 + bool(done.open_axes.axes)]
    assert done.open_axes.axes or done.open_axes.reasons["batch"]
    for trial in done.trials:
        assert trial.report.ok and not set(done.graph.outputs.values()) & set(trial.report.not_compared)
