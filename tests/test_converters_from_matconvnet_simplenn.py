"""SimpleNN: names, losses, settings that are refused, and where a file keeps the network and its weights."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from cases import matconvnet_case
from converters.errors import ConversionError, FormatError
from converters.from_matconvnet import read_matconvnet
from matconvnet_cases import read_case
from matlab_files import cell, conv, simplenn


def test_names_are_made_unique_and_aliases_know_matconvnets() -> None:
    graph = read_case(matconvnet_case("names_missing_dup"))
    assert [node.name for node in graph] == ["c", "layer2", "c/2", "layer4", "a-b.c/d"]
    assert [node.layer for node in graph] == ["c", "layer2", "c", "layer4", "a-b.c/d"]
    assert graph.aliases == {"x0": "data", "x1": "c", "x2": "layer2", "x3": "c/2", "x4": "layer4", "x5": "a-b.c/d"}


def test_a_layer_called_data_or_x1_does_not_hide_a_value(tmp_path: Path) -> None:
    layers = [{"name": "data", "type": "relu"}, {"name": "x1", "type": "relu"}]
    graph = read_matconvnet(simplenn(tmp_path / "m.mat", layers), input_shapes={"data": (1, 2, 3, 4)})
    assert [node.name for node in graph] == ["data/2", "x1"]
    assert graph.aliases == {"x0": "data", "x2": "x1"} or "x1" not in graph.aliases


@pytest.mark.parametrize(
    ("last", "nodes", "warning"),
    [
        (["softmaxloss"], ["relu", "softmaxloss"], "layer 2 'softmaxloss' (softmaxloss): became a softmax"),
        (["loss"], ["relu"], "layer 2 'loss' (loss): left out"),
        (["softmax", "loss"], ["relu", "softmax"], "layer 3 'loss' (loss): left out"),
    ],
)
def test_losses_at_the_end(tmp_path: Path, last: list[str], nodes: list[str], warning: str) -> None:
    layers = [{"name": kind, "type": kind, "class": 1.0} for kind in ("relu", *last)]
    graph = read_matconvnet(simplenn(tmp_path / "m.mat", layers), input_shapes={"data": (1, 2, 3, 4)})
    assert [node.name for node in graph] == nodes
    assert warning in graph.warnings[0]


def test_collects_problems_of_all_layers(tmp_path: Path) -> None:
    layers = [
        conv("a", np.ones((3, 3, 2, 4), np.float32), pad=[1.0, 2], stride=[1.0, 2, 3]),
        {"name": "b", "type": "loss"},
        {"name": "c", "type": "pdist"},
        conv("d", np.ones((1, 1, 5, 4), np.float32), np.ones(3, np.float32)),
        {"name": "e", "type": "lrn", "param": [5.0, 1]},
        {"name": "f", "type": "convolution"},
    ]
    with pytest.raises(ConversionError) as caught:
        read_matconvnet(simplenn(tmp_path / "m.mat", layers), input_shapes={"data": (1, 2, 8, 8)})
    told = [problem.removeprefix(f"{tmp_path / 'm.mat'}: ") for problem in caught.value.problems]
    assert told == [
        "layer 1 'a' (conv): stride has 3 elements, expected 1 or 2: [rows columns], or one number for both",
        "layer 1 'a' (conv): pad has 2 elements, expected 1 or 4: [top bottom left right], or one number for all",
        "layer 2 'b' (loss): a loss can stand at the end only",
        "layer 3 'c' (pdist): pdist compares with a reference that is not in the file",
        "layer 4 'd' (conv): has 3 biases for 4 output channels",
        "layer 5 'e' (lrn): param has 2 elements, expected 4: [N kappa alpha beta]",
        told[-1],
    ]
    assert "'convolution' is none of the layers of a SimpleNN" in told[-1]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            conv("c", np.ones((1, 1, 2, 2), np.float32), dilate=np.zeros((0, 0))),
            "dilate has 0 elements, expected 1 or 2",
        ),
        (conv("c", np.ones((1, 1, 2, 2), np.float32), pad=-1.0), "pad is [-1], but no element may be below 0"),
        (conv("c", np.ones((1, 1, 2, 2), np.float32), stride=1.5), "stride is [1.5], expected whole numbers"),
        (conv("c", np.ones((1, 1, 2, 2), np.float32), stride=np.nan), "stride is [nan], which is not finite"),
        (conv("c", np.ones((1, 1, 2, 2), np.float32), stride="two"), "stride is text, expected numbers"),
        ({"name": "c", "type": "conv"}, "has no weights"),
        ({"name": "c", "type": "conv", "weights": 3.0}, "weights is an array of 1 x 1 float64, expected a cell"),
        ({"name": "c", "type": "conv", "weights": cell(["w", "b"])}, "the filters are text, expected an array"),
        ({"name": "c", "type": "convt", "weights": cell([[], []])}, "has no filters"),
        ({"name": "p", "type": "pool", "method": "max"}, "pool is missing"),
        (
            {"name": "p", "type": "pool", "method": "max", "pool": 2.0, "pad": 2.0},
            "pad [2, 2, 2, 2] must be smaller than",
        ),
        ({"name": "n", "type": "noffset"}, "param is missing, expected [alpha beta]"),
        (
            {"name": "n", "type": "spnorm", "param": [0.5, 3, 1, 1]},
            "param begins with [0.5 3], expected the rows and columns",
        ),
        ({"name": "n", "type": "lrn", "param": [0.0, 1, 1, 1]}, "its first number must be a count of channels"),
    ],
)
def test_refuses_settings(tmp_path: Path, layer: Any, message: str) -> None:
    path = simplenn(tmp_path / "m.mat", [layer])
    with pytest.raises(ConversionError) as caught:
        read_matconvnet(path, input_shapes={"data": (1, 2, 6, 6)})
    assert message in str(caught.value)


def test_weights_left_on_a_gpu(tmp_path: Path) -> None:
    path = tmp_path / "m.mat"
    path.write_bytes((matconvnet_case("conv_basic").path / "net_v73.mat").read_bytes())
    with h5py.File(path, "r+") as file:
        layer = file[file["layers"][0, 0]]
        filters = file[layer["weights"][0, 0]]
        filters.attrs["MATLAB_class"] = np.bytes_("gpuArray")
    with pytest.raises(
        ConversionError, match="the filters are an object of class gpuArray, expected an array; bring the"
    ):
        read_matconvnet(path)


def test_reads_a_network_under_another_name(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "m.mat", {"model": {"layers": cell([{"name": "r", "type": "relu"}])}, "info": 3.0})
    assert read_matconvnet(tmp_path / "m.mat", input_shapes={"data": (1, 1, 1, 1)}).outputs == {"r": "r"}
    scipy.io.savemat(tmp_path / "m.mat", {"info": 3.0, "stats": 4.0})
    with pytest.raises(FormatError, match="holds no network: there is neither 'net' nor 'layers', but 'info', 'stats'"):
        read_matconvnet(tmp_path / "m.mat")
