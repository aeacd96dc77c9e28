"""Every target held to the ground truth: each network is written, what was written is run, every value compared."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from cases import Array, caffe_case, caffe_cases, matconvnet_case, matconvnet_cases
from converters import to_keras, to_onnx, to_torch
from converters.errors import UnsupportedError
from converters.from_matconvnet import read_matconvnet
from converters.ir import Graph
from test_converters_from_caffe import WITHOUT_NODE, difference, read_case, value_of_step

TARGETS: dict[str, tuple[ModuleType, str]] = {
    "onnx": (to_onnx, "model.onnx"),
    "torch": (to_torch, "model"),
    "keras": (to_keras, "model.keras"),
}

# What no Keras model can express, with the words of the refusal.
NOT_IN_KERAS = {"filter": "how many items remain depends on the values"}


def written_and_run(target: str, graph: Graph, folder: Path, feeds: dict[str, Array]) -> dict[str, Array]:
    """Write a graph and run what was written, in the library it is for."""
    module, name = TARGETS[target]
    path = folder / name
    module.save(graph, path)
    run: Callable[..., dict[str, Array]] = module.run
    return run(graph, path, feeds)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", caffe_cases())
def test_computes_what_caffe_computed(target: str, name: str, tmp_path: Path) -> None:
    case = caffe_case(name)
    graph = read_case(case)
    feeds = {key: case.inputs[key] for key in graph.inputs}
    if target == "keras" and name in NOT_IN_KERAS:
        with pytest.raises(UnsupportedError, match=NOT_IN_KERAS[name]):
            written_and_run(target, graph, tmp_path, feeds)
        return
    values = written_and_run(target, graph, tmp_path, feeds)
    for layer, kind, top, wanted in case.steps:
        if kind not in WITHOUT_NODE:
            assert difference(values[value_of_step(graph, layer, top)], wanted) < 1e-5, f"{layer}: {top}"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", matconvnet_cases())
def test_computes_what_matconvnet_computed(target: str, name: str, tmp_path: Path) -> None:
    case = matconvnet_case(name)
    graph = read_matconvnet(case.files[0], input_shapes=case.input_shapes)
    values = written_and_run(target, graph, tmp_path, {key: case.inputs[key] for key in graph.inputs})
    for key, wanted in case.outputs.items():
        value = graph.aliases.get(key, key)
        # A trailing loss of unknown kind leaves no Softmax, though MatConvNet's score has one in the vectors.
        if key != "softmax" or value in graph.shapes:
            assert difference(np.asarray(values[value]), wanted) < 1e-5, key
