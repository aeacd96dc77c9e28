"""DagNN: shared parameters, branches, inputs and losses, and blocks that are refused."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cases import matconvnet_case
from converters.errors import ConversionError
from converters.from_matconvnet import LAYERS, read_matconvnet
from converters.from_matconvnet.dagnn import BLOCK_FIELDS
from matconvnet_cases import normal, read_case
from matlab_files import block, dagnn

maps = partial(normal, np.random.default_rng(20150401))


def test_shared_parameters_stay_one_array() -> None:
    graph = read_case(matconvnet_case("dag_shared_params"))
    first, second = (node.params for node in list(graph)[:2])
    assert first["weight"] is second["weight"]
    assert first["bias"] is second["bias"]
    assert graph.parameter_count() == first["weight"].size + first["bias"].size


def test_layer_names_are_aliases_of_variables() -> None:
    graph = read_case(matconvnet_case("dag_stn"))
    assert graph.aliases == {"aff": "grid", "bs": "y"}
    assert graph.node("grid").layer == "aff"


def test_branches_without_an_input_are_left_out_with_a_warning() -> None:
    case = matconvnet_case("dag_dead_branch")
    graph = read_case(case)
    assert list(graph.inputs) == ["x"]
    assert list(graph.outputs) == ["y"]
    assert "layer 2 'dead' (dagnn.Conv): left out: it depends on aux, whose size is not given" in graph.warnings[0]
    whole = read_matconvnet(case.files[0], input_shapes={"x": (1, 2, 4, 5), "aux": (1, 7, 4, 5)})
    assert list(whole.outputs) == ["deadout", "y"]


def test_an_input_that_all_outputs_need_must_have_a_size() -> None:
    case = matconvnet_case("dag_order")
    given, missing = case.inputs
    with pytest.raises(ConversionError) as caught:
        read_matconvnet(case.files[0], input_shapes={given: case.input_shapes[given]})
    assert f"does not state the size of '{missing}', and all outputs depend on it" in str(caught.value)
    assert f"--input-shape {missing}=1x3x224x224" in str(caught.value)


def test_losses_and_labels_go() -> None:
    graph = read_case(matconvnet_case("dag_loss_dropped"))
    assert list(graph.inputs) == ["input"]
    assert [node.name for node in graph] == ["prediction"]
    assert len(graph.warnings) == 3
    assert "layer 2 'loss' (dagnn.Loss): left out: a loss needs labels" in graph.warnings[0]


REFUSED_BLOCKS: list[tuple[list[Any], str]] = [
    ([block("a", "PDist", ["x", "r"], ["y"])], "layer 1 'a' (dagnn.PDist): PDist compares with a reference"),
    ([block("a", "Relu", ["x"], ["y"])], "'dagnn.Relu' is none of the blocks that can be converted; did you mean"),
    ([block("a", "ReLU", ["x"], ["y"], slope=1.0)], "has the property 'slope', which dagnn.ReLU does not have"),
    ([block("a", "ReLU", ["x", "x"], ["y"])], "layer 1 'a' (dagnn.ReLU): has 2 inputs, expected 1"),
    ([block("a", "ReLU", ["x"], ["y", "z"])], "has 2 outputs, expected 1"),
    ([block("a", "ReLU", ["x"], [])], "layer 1 'a': has no outputs"),
    ([block(name, "ReLU", ["x"], ["y"]) for name in "ab"], "layer 2 'b' (dagnn.ReLU): writes the variable 'y', which"),
    ([block("a", "ReLU", ["y"], ["x"]), block("b", "ReLU", ["x"], ["y"])], "the layers 'a', 'b' stand in a circle"),
    ([block("a", "Conv", ["x"], ["y"], ["w1"])], "'w1' is not among the file's params; did you mean 'w'?"),
    ([block("a", "Conv", ["x"], ["y"], ["w"])], "hasBias is true, but there is one parameter only"),
    ([block("a", "ConvTranspose", ["x"], ["y"], ["w", "w"], dilate=2.0)], "dilate is set"),
    ([block("a", "Loss", ["x", "l"], ["y"])], "the network has no layers but losses"),
    ([block("a", "Slice", ["x"], ["y", "z"], slicePoint=[1.0, 2])], "has 2 outputs, but slicePoint cuts 3 parts"),
    ([block("a", "Slice", ["x"], ["y", "z"])], "slicePoint is missing, expected growing indices"),
    ([block("a", "Concat", ["x"], ["y"], dim=5.0)], "dim is 5, expected one of 1, 2, 3, 4"),
    ([block("a", "Permute", ["x"], ["y"], order=[1.0, 1, 2, 3])], "order is [1, 1, 2, 3], expected each axis"),
    ([block("a", "Reshape", ["x"], ["y"], shape=[5.0, 1, 1])], "shape is [5, 1, 1], but 8 values of [2, 2, 2]"),
    ([block("a", "Reshape", ["x"], ["y"])], "shape is missing, expected [rows columns channels]"),
    ([block("a", "Normalize", ["x"], ["y"], ["w"], acrossSpatial=True)], "acrossSpatial is true"),
    ([block("a", "Pooling", ["x"], ["y"], method="stochastic")], "method is 'stochastic', expected 'max' or 'avg'"),
    ([block("a", "Scale", ["x"], ["y"], hasBias=False)], "has 1 inputs and 0 parameters, expected 2 in all"),
    ([block("a", "Interp", ["x"], ["y"], shrinkFactor=9.0)], "resizes [2, 2] to [1, 1], where corners have no place"),
]


@pytest.mark.parametrize(("layers", "message"), REFUSED_BLOCKS)
def test_refuses_blocks(tmp_path: Path, layers: list[Any], message: str) -> None:
    path = dagnn(tmp_path / "m.mat", layers, {"w": maps(1, 1, 2, 2)})
    with pytest.raises(ConversionError) as caught:
        read_matconvnet(path, input_shapes={"x": (1, 2, 2, 2)} if layers[0]["inputs"][0, 0] == "x" else None)
    assert message in str(caught.value)


def test_every_block_has_its_properties_listed() -> None:
    assert BLOCK_FIELDS.keys() <= LAYERS.keys()
    without = {kind for kind in LAYERS if kind.startswith("dagnn.")} - BLOCK_FIELDS.keys()
    names = ("BatchNorm", "BilinearSampler", "Max", "Sigmoid", "SoftMax", "Sum")
    assert without == {f"dagnn.{name}" for name in names}
