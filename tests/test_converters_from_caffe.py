"""Every network that real Caffe ran, layer by layer, and every network that it refuses."""

import numpy as np
import pytest

from cases import Array, CaffeCase, caffe_case, caffe_cases, caffe_reject, caffe_rejects
from converters.caffe.net import NetState
from converters.errors import ConversionError
from converters.from_caffe import read_caffe
from converters.from_caffe.training import DATA_LAYERS, LOSS_LAYERS
from converters.ir import Graph

WITHOUT_NODE = {"Input", "Split", *DATA_LAYERS, *LOSS_LAYERS}
TRAINING = ("losses", "softmaxloss_spatial", "trainval_as_input", "trainval_data_layers")


def read_case(case: CaffeCase) -> Graph:
    return read_caffe(case.prototxt, case.weights, state=NetState(stages=case.stages))


def difference(got: Array, wanted: Array) -> float:
    """Largest difference over the largest value; what is infinite or not a number must stand at the same places."""
    assert got.shape == wanted.shape
    assert np.array_equal(np.isfinite(got), np.isfinite(wanted))
    scale = np.abs(wanted).max(initial=0) or 1.0
    return float(np.abs(got.astype(np.float64) - wanted).max(initial=0) / scale)


def value_of_step(graph: Graph, layer: str, top: str) -> str:
    """The node for one top of one layer: named after the top, or for an in-place layer after the layer."""
    found = [node.name for node in graph if node.layer == layer]
    return top if top in found else next(name for name in found if name.split("/")[-1] == layer)


@pytest.mark.parametrize("name", caffe_cases())
def test_computes_what_caffe_computed(name: str) -> None:
    case = caffe_case(name)
    graph = read_case(case)
    values = graph.run({key: case.inputs[key] for key in graph.inputs})
    steps = [step for step in case.steps if step.kind not in WITHOUT_NODE]
    assert steps or name == "softmaxloss_spatial"
    for layer, _, top, wanted in steps:
        assert difference(values[value_of_step(graph, layer, top)], wanted) < 1e-5, f"{layer}: {top}"
    for blob, value in graph.outputs.items():
        if blob in case.blobs:
            assert difference(values[value], case.blobs[blob]) < 1e-5, blob


@pytest.mark.parametrize("name", [name for name in caffe_cases() if name not in TRAINING])
def test_outputs_are_caffes(name: str) -> None:
    case = caffe_case(name)
    # The one output that overwrites an input cannot keep its name in a model where every value has one.
    wanted = ("e",) if name == "eltwise_inplace" else case.outputs
    assert tuple(read_case(case).outputs) == wanted


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("losses", ("slp", "t")),
        ("softmaxloss_spatial", ("prob",)),
        ("trainval_as_input", ("prob",)),
        ("trainval_data_layers", ("prob",)),
    ],
)
def test_training_networks_keep_what_leads_to_the_loss(name: str, outputs: tuple[str, ...]) -> None:
    graph = read_case(caffe_case(name))
    assert tuple(graph.outputs) == outputs
    assert "label" not in graph.inputs


def test_in_place_sum_warns() -> None:
    (warning,) = read_case(caffe_case("eltwise_inplace")).warnings
    assert "deploy.prototxt:2: layer 'e': works in place, so Caffe clears its first bottom 'a'" in warning


@pytest.mark.parametrize("name", caffe_rejects())
def test_refuses_what_caffe_refuses(name: str) -> None:
    reject = caffe_reject(name)
    with pytest.raises(ConversionError) as caught:
        read_caffe(reject.path / "deploy.prototxt")
    assert all("deploy.prototxt:" in problem for problem in caught.value.problems)
