"""What a MatConvNet file says besides its layers: input size, preprocessing and labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cases import matconvnet_case
from converters.errors import ConversionError
from converters.from_matconvnet import read_matconvnet
from matlab_files import cell, simplenn, struct_array


def test_size_preprocessing_and_labels_of_a_published_layout() -> None:
    graph = read_matconvnet(matconvnet_case("net_vggface_new").files[0])
    assert graph.inputs == {"data": (1, 3, 64, 64)}
    assert graph.preprocessing.channel_order == "RGB"
    assert graph.preprocessing.size == (64, 64)
    assert np.allclose(graph.preprocessing.mean, [129.1863, 104.7624, 93.594])
    assert (len(graph.labels), graph.labels[-1]) == (40, "Renée Zellweger")
    assert graph.source.format == "MatConvNet"
    assert list(graph.source.files.values()) == [""]
    assert [node.name for node in graph][:3] == ["conv1_1", "relu1_1", "conv1_2"]


def test_average_image_of_the_first_versions_becomes_channels_first() -> None:
    case = matconvnet_case("old_filters_biases")
    graph = read_matconvnet(case.files[0])
    assert graph.inputs == {"data": (1, 3, 7, 6)}
    assert graph.preprocessing.mean.shape == (3, 7, 6)
    assert graph.labels == ("a", "b", "c, d", "e", "f", "g")


def one_relu(path: Path, **variables: Any) -> Path:
    return simplenn(path, [{"name": "r", "type": "relu"}], **variables)


@pytest.mark.parametrize(
    ("normalization", "mean", "scale"),
    [
        ({"averageImage": np.array([1.0, 2, 3])}, [1, 2, 3], None),
        ({"averageImage": np.array([[[7.0]]])}, [7, 7, 7], None),
        ({"averageImage": np.zeros((0, 0))}, None, None),
        ({"averageImage": np.array([10.0, 20, 30]), "imageStd": [2.0, 4, 8]}, [10, 20, 30], (0.5, 0.25, 0.125)),
        (
            {"averageImage": [0.5, 0.5, 0.25], "imageStd": [1.0, 0.5, 1]},
            [127.5, 127.5, 63.75],
            (1 / 255, 2 / 255, 1 / 255),
        ),
    ],
)
def test_mean_and_deviation(tmp_path: Path, normalization: Any, mean: Any, scale: Any) -> None:
    meta = {"normalization": {"imageSize": [4.0, 5, 3], **normalization}}
    read = read_matconvnet(one_relu(tmp_path / "m.mat", meta=meta)).preprocessing
    assert (read.mean is None) == (mean is None)
    assert mean is None or np.allclose(read.mean, mean)
    assert (read.scale is None) == (scale is None)
    assert scale is None or np.allclose(read.scale, scale)


def test_a_mean_that_does_not_fit_is_left_out_with_a_warning(tmp_path: Path) -> None:
    meta = {"normalization": {"imageSize": [4.0, 5, 3], "averageImage": np.ones((4, 5, 2))}}
    graph = read_matconvnet(one_relu(tmp_path / "m.mat", meta=meta))
    assert graph.preprocessing.mean is None
    assert "averageImage is left out: 4 x 5 x 2 does not fit 3 channels" in graph.warnings[0]


@pytest.mark.parametrize(
    "variables",
    [
        {"meta": {"inputs": struct_array([{"name": "data", "size": [4.0, 5, 3, 10]}])}},
        {"meta": {"inputSize": [4.0, 5, 3]}},
        {"meta": {"normalization": {"imageSize": [4.0, 5, 3, 10]}}},
        {"normalization": {"imageSize": [4.0, 5, 3]}, "meta": {"normalization": {"imageSize": [9.0, 9, 9]}}},
    ],
)
def test_places_that_state_the_input_size(tmp_path: Path, variables: dict[str, Any]) -> None:
    assert read_matconvnet(one_relu(tmp_path / "m.mat", **variables)).inputs == {"data": (1, 3, 4, 5)}


def test_a_network_without_a_size_says_how_to_give_one(tmp_path: Path) -> None:
    path = one_relu(tmp_path / "m.mat")
    with pytest.raises(
        ConversionError, match=r"does not state its input size; give it, as in --input-shape data=1x3x224"
    ):
        read_matconvnet(path)
    assert read_matconvnet(path, input_shapes={"data": (2, 1, 3, 3)}).shapes["r"] == (2, 1, 3, 3)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (
            {"daat": (1, 3, 4, 5)},
            "there is no input 'daat' to give a size to; the inputs are data; did you mean 'data'?",
        ),
        ({"data": (3, 4, 5)}, "input size data=3x4x5 must be batch x channels x height x width, all positive"),
        ({"data": (1, 3, 0, 5)}, "must be batch x channels x height x width, all positive"),
    ],
)
def test_refuses_sizes_that_fit_no_input(tmp_path: Path, sizes: Any, message: str) -> None:
    with pytest.raises(ConversionError) as caught:
        read_matconvnet(one_relu(tmp_path / "m.mat", meta={"inputSize": [4.0, 5, 3]}), input_shapes=sizes)
    assert message in str(caught.value)


@pytest.mark.parametrize(("classes", "labels"), [
    ({"name": cell(["a", "b"])}, ("a", "b")),
    ({"name": cell(["a", "b"]), "description": cell(["one", "zwölf"])}, ("one", "zwölf")),
    (cell(["x", "y"]), ("x", "y")),
    ({"name": cell(["a", 3.0])}, ()),
])  # fmt: skip
def test_labels(tmp_path: Path, classes: Any, labels: tuple[str, ...]) -> None:
    meta = {"inputSize": [4.0, 5, 3], "classes": classes}
    assert read_matconvnet(one_relu(tmp_path / "m.mat", meta=meta)).labels == labels
