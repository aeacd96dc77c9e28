"""Every network that real Caffe ran, layer by layer, and every network that it refuses."""

import numpy as np
import pytest
from cases import caffe_case, caffe_cases, caffe_reject, caffe_rejects

from converters.caffe_net import NetState
from converters.errors import ConversionError
from converters.from_caffe import read_caffe
from converters.ir import Graph


def read_case(case) -> Graph:
    shapes = {name: array.shape for name, array in case.inputs.items() if name == "data" and case.name.startswith("trainval")}
    return read_caffe(case.prototxt, case.weights, state=NetState(stages=case.stages), input_shapes=shapes)


def difference(got, wanted) -> float:
    """Largest difference over the largest value, after making sure that nothing is infinite or missing where it should not be."""
    assert got.shape == wanted.shape
    assert np.array_equal(np.isfinite(got), np.isfinite(wanted))
    scale = np.abs(wanted).max(initial=0) or 1.0
    return float(np.abs(got.astype(np.float64) - wanted).max(initial=0) / scale)


def value_of_step(graph: Graph, layer: str, top: str) -> str | None:
    """The node for one top of one layer: named after the top, or for an in-place layer after the layer."""
    found = [node.name for node in graph if node.layer == layer]
    if top in found:
        return top
    return next((name for name in found if name.split("/")[-1] == layer), None)


@pytest.mark.parametrize("name", caffe_cases())
def test_computes_what_caffe_computed(name: str) -> None:
    case = caffe_case(name)
    graph = read_case(case)
    values = graph.run({key: case.inputs[key] for key in graph.inputs})
    compared = 0
    for layer, kind, top, wanted in case.steps:
        value = value_of_step(graph, layer, top)
        if value is not None and kind not in ("Input", "Data"):
            assert difference(values[value], wanted) < 1e-5, f"{layer}: {top}"
            compared += 1
    assert compared
    for blob, value in graph.outputs.items():
        if blob in case.blobs:
            assert difference(values[value], case.blobs[blob]) < 1e-5, blob


@pytest.mark.parametrize("name", caffe_cases())
def test_outputs_are_caffes(name: str) -> None:
    case = caffe_case(name)
    graph = read_case(case)
    losses = {"trainval_as_input", "trainval_data_layers", "losses", "softmaxloss_spatial"}
    if name not in losses and name != "eltwise_inplace":
        assert tuple(graph.outputs) == case.outputs


@pytest.mark.parametrize("name", caffe_rejects())
def test_refuses_what_caffe_refuses(name: str) -> None:
    reject = caffe_reject(name)
    with pytest.raises(ConversionError) as caught:
        read_caffe(reject.path / "deploy.prototxt")
    assert "deploy.prototxt" in str(caught.value)
