"""Every network that MatConvNet ran, layer by layer; every one that is refused; and what no vector shows.

The last is compared with NumPy in MATLAB's order of axes, H x W x C x N.
"""

import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from cases import (
    DATA,
    MATCONVNET,
    MatCase,
    caffe_case,
    channels_first,
    matconvnet_case,
    matconvnet_cases,
    matconvnet_reject,
    matconvnet_rejects,
)
from converters.errors import ConversionError, FormatError
from converters.from_caffe import read_caffe
from converters.from_matconvnet import LAYERS, read_matconvnet
from converters.from_matconvnet.dagnn import BLOCK_FIELDS
from converters.ir import Graph
from converters.ops import Softmax
from matlab_files import Array, block, cell, conv, dagnn, simplenn, struct_array

with zipfile.ZipFile(DATA / MATCONVNET) as archive:
    FILES = [tuple(name.split("/")) for name in archive.namelist() if name.endswith(".mat")]
RNG = np.random.default_rng(20150401)


def difference(got: Array, wanted: Array) -> float:
    """Largest difference over the largest value."""
    assert got.shape == wanted.shape
    assert np.isfinite(got).all()
    return float(np.abs(got.astype(np.float64) - wanted).max() / (np.abs(wanted).max() or 1.0))


def value_for(graph: Graph, values: dict[str, Array], key: str) -> Array:
    """What MatConvNet calls `key`: x1 .. of a SimpleNN, a variable, or the softmax before a dropped loss."""
    if key == "softmax" and "softmax" not in graph.aliases:
        return Softmax(1).compute(values[next(iter(graph.outputs.values()))])
    return values[graph.aliases.get(key, key)]


def read_case(case: MatCase, file: str = "net.mat") -> Graph:
    return read_matconvnet(case.path / file, input_shapes=case.input_shapes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "file"), FILES)
def test_computes_what_matconvnet_computed(name: str, file: str, dtype: type) -> None:
    case = matconvnet_case(name)
    graph = read_case(case, file)
    values = graph.run(case.inputs, dtype)
    for key, wanted in case.outputs.items():
        assert difference(value_for(graph, values, key), wanted) < 1e-5, key


@pytest.mark.parametrize("name", matconvnet_cases())
def test_outputs_are_matconvnets(name: str) -> None:
    case = matconvnet_case(name)
    graph = read_case(case)
    final = [graph.aliases.get(key, key) for key in case.final]
    assert list(graph.outputs.values()) in (final, [graph.aliases.get("softmax")])
    assert all(array.dtype == np.float32 for node in graph for array in node.params.values())


REFUSALS = {
    "bnorm_count": "layer 1 'b' (bnorm): the multipliers are an array of 3 x 1 float32, expected 4 for 4 channels",
    "bnorm_two_weights": "layer 1 'b' (bnorm): has no moments",
    "convt_crop_two": "layer 1 'd' (convt): crop has 2 elements, expected 1 or 4: [top bottom left right]",
    "convt_depth": "the filters are 3 x 3 x 2 x 3: their fourth axis is 3, but the input has 4 channels",
    "custom": "layer 1 'k' (custom): a custom layer's code is not in the file",
    "depth_not_dividing": "the filters are 3 x 3 x 3 x 2: their depth 3 does not divide the 4 channels of the input",
    "filter_too_big": "layer 1 'c' (conv): kernel of 7 is larger than the padded input of 6",
    "format_dag_cycle": "the layers 'a', 'b' stand in a circle, or behind one",
    "format_dag_object": "'net' is an object of class dagnn.DagNN",
    "format_dag_unknown_block": "layer 1 'a' (dagnn.MyLayer): 'dagnn.MyLayer' is none of the blocks",
    "format_layer_no_type": "type is missing, expected a struct with a type such as 'conv'",
    "format_layers_not_cell": "'layers' is an array of 1 x 3 float64, expected a cell (SimpleNN) or a struct array",
    "format_not_mat": "is not a MAT-file",
    "format_truncated": "an element at byte 128 claims 801 bytes, but only 476 are left; the file is truncated",
    "groups_not_dividing": "the filters are 3 x 3 x 2 x 3 on 4 channels: 2 groups do not divide 3 filters",
    "mixed_class": "the filters are of class double, the biases of class single",
    "pad_single_class": "layer 1 'c' (conv): pad is of class single, expected double",
    "pad_two": "layer 1 'c' (conv): pad has 2 elements, expected 1 or 4: [top bottom left right]",
    "pool_method": "layer 1 'p' (pool): method is 'sum', expected 'max' or 'avg'",
    "pool_no_method": "layer 1 'p' (pool): method is missing, expected 'max' or 'avg'",
    "pool_too_big": "layer 1 'p' (pool): pooling window of 7 does not fit the padded input of 6",
    "scale_simplenn": "layer 1 'k' (scale): 'scale' is none of the layers of a SimpleNN (conv, convt,",
    "stride_zero": "layer 1 'c' (conv): stride is [0], but no element may be below 1",
    "unknown_type": "layer 1 'k' (concat): 'concat' is none of the layers of a SimpleNN (conv, convt,",
}


@pytest.mark.parametrize("name", matconvnet_rejects())
def test_refuses_what_matconvnet_refuses(name: str) -> None:
    reject = matconvnet_reject(name)
    file = reject.files[0]
    sizes = {"data": (1, 4, 6, 5)} if "input" in reject.info else None
    with pytest.raises(ConversionError) as caught:
        read_matconvnet(file, input_shapes=sizes)
    assert all(problem.startswith(str(file)) for problem in caught.value.problems)
    assert REFUSALS[name] in str(caught.value)


def test_vgg_face_is_the_same_network_in_both_formats() -> None:
    caffe = caffe_case("net_vggface_small")
    ours, theirs = read_caffe(caffe.prototxt, caffe.weights), read_case(matconvnet_case("net_vggface_caffe"))
    learned = [[node for node in graph if node.params] for graph in (ours, theirs)]
    assert len(learned[0]) == len(learned[1]) == 16
    for index, (one, other) in enumerate(zip(*learned, strict=True)):
        weight, bias = other.params["weight"], other.params["bias"]
        if index == 0:
            weight = weight[:, ::-1]  # RGB in MatConvNet, BGR in Caffe
        assert np.array_equal(one.params["weight"].reshape(weight.shape), weight), one.name
        assert np.array_equal(one.params["bias"], bias), one.name
    fed = caffe.inputs["data"]
    there = theirs.run({"data": np.ascontiguousarray(fed[:, ::-1])})
    here = ours.run({"data": fed})
    assert difference(there["prob"].reshape(here["prob"].shape), here["prob"]) < 1e-5


# What the file says besides its layers


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


# SimpleNN


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


def test_a_negative_or_missing_sigma(tmp_path: Path) -> None:
    x = RNG.standard_normal((2, 3, 4, 5)).astype(np.float32)
    gain, bias, mean = (RNG.standard_normal(3).astype(np.float32) for _ in range(3))
    sigma = np.array([0.5, -2, 3], np.float32)

    def write(moments: Array) -> Path:
        return simplenn(tmp_path / "m.mat", [{"name": "b", "type": "bnorm", "weights": cell([gain, bias, moments])}])

    columns = write(np.stack([mean, sigma], 1))
    got = read_matconvnet(columns, input_shapes={"data": x.shape}).run({"data": x})["b"]
    wanted = gain[:, None, None] * (x - mean[:, None, None]) / sigma[:, None, None] + bias[:, None, None]
    assert difference(got, wanted) < 1e-6
    flat = read_matconvnet(write(np.concatenate([mean, sigma])[:, None]), input_shapes={"data": x.shape})
    assert np.array_equal(flat.run({"data": x})["b"], got)
    with pytest.raises(ConversionError, match="sigma of channel 2 is -0, which leaves Inf, NaN or 0 in the output"):
        read_matconvnet(write(np.stack([mean, sigma * [1, 0, 1]], 1)), input_shapes={"data": x.shape})


def test_a_weights_cell_of_one_array_has_no_bias(tmp_path: Path) -> None:
    filters = maps(1, 1, 2, 3)
    layers = [
        {"name": "new", "type": "conv", "weights": cell([filters])},
        {"name": "old", "type": "conv", "filters": maps(1, 1, 3, 2)},
    ]
    graph = read_matconvnet(simplenn(tmp_path / "m.mat", layers), input_shapes={"data": (1, 2, 4, 4)})
    assert [list(node.params) for node in graph] == [["weight"], ["weight"]]
    assert np.array_equal(graph.node("new").params["weight"], filters.transpose(3, 2, 0, 1))


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


def test_leak_below_zero_counts_in_a_dagnn_only(tmp_path: Path) -> None:
    x = RNG.standard_normal((1, 2, 3, 4)).astype(np.float32)
    simple = simplenn(tmp_path / "s.mat", [{"name": "y", "type": "relu", "leak": -0.5}])
    graph = dagnn(tmp_path / "d.mat", [block("r", "ReLU", ["data"], ["y"], leak=-0.5)])
    got = [read_matconvnet(path, input_shapes={"data": x.shape}).run({"data": x})["y"] for path in (simple, graph)]
    assert np.array_equal(got[0], np.maximum(x, 0))
    assert np.allclose(got[1], np.where(x > 0, x, -0.5 * x))


def test_options_of_the_first_dagnns(tmp_path: Path) -> None:
    x = maps(3, 4, 2, 1)
    harmless = cell(["cuDNN", "CudnnWorkspaceLimit", 2.0**31, "NoDerData"])
    layers = [
        block("a", "ReLU", ["x"], ["y"], opts=cell(["Leak", 0.25]), leak=0.5),
        block("b", "Conv", ["x"], ["z"], ["f"], hasBias=False, opts=harmless),
    ]
    got = run_blocks(tmp_path, layers, {"x": x}, {"f": maps(1, 1, 2, 2)})
    assert np.array_equal(got["y"], np.where(x > 0, x, 0.25 * x))
    layers[1]["block"]["opts"] = cell(["cuDNN", "Dilate", 2.0])
    with pytest.raises(ConversionError, match="opts holds the option 'dilate', which is not read from there"):
        run_blocks(tmp_path, layers, {"x": x}, {"f": maps(1, 1, 2, 2)})


def test_reads_a_network_under_another_name(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "m.mat", {"model": {"layers": cell([{"name": "r", "type": "relu"}])}, "info": 3.0})
    assert read_matconvnet(tmp_path / "m.mat", input_shapes={"data": (1, 1, 1, 1)}).outputs == {"r": "r"}
    scipy.io.savemat(tmp_path / "m.mat", {"info": 3.0, "stats": 4.0})
    with pytest.raises(FormatError, match="holds no network: there is neither 'net' nor 'layers', but 'info', 'stats'"):
        read_matconvnet(tmp_path / "m.mat")


# DagNN


def run_blocks(
    tmp_path: Path, layers: list[Any], inputs: dict[str, Array], params: dict[str, Array] | None = None
) -> dict[str, Array]:
    """Feed H x W x C x N arrays and return every variable as such."""
    fed = {name: channels_first(array) for name, array in inputs.items()}
    path = dagnn(tmp_path / "m.mat", layers, params)
    graph = read_matconvnet(path, input_shapes={name: array.shape for name, array in fed.items()})
    return {name: value.transpose(2, 3, 1, 0) for name, value in graph.run(fed).items() if value.ndim == 4}


def maps(*size: int) -> Array:
    return RNG.standard_normal(size).astype(np.float32)


def test_roi_pooling_by_mean_with_a_scale_and_flattened(tmp_path: Path) -> None:
    x = maps(9, 8, 3, 2)
    rois = np.array([[1, 1, 1, 32, 20], [2, 5, 9, 60, 70], [1, 17, 33, 18, 34], [2, 100, 100, 140, 140]], np.float32).T
    layers = [
        block("m", "ROIPooling", ["x", "r"], ["mean"], method="avg", subdivisions=[2.0, 3], transform=0.25),
        block("f", "ROIPooling", ["x", "r"], ["flat"], subdivisions=[2.0, 3], transform=[0.25, 0.125], flatten=True),
        block(
            "s", "ROIPooling", ["x", "r"], ["same"], subdivisions=2.0, transform=[[0.25, 0, 0.75], [0, 0.125, 0.875]]
        ),
        block("a", "ROIPooling", ["x", "r"], ["axes"], subdivisions=[2.0, 2], transform=[0.25, 0.125]),
    ]
    got = run_blocks(tmp_path, layers, {"x": x, "r": rois.reshape(1, 1, 5, 4, order="F")})
    flat = roi_reference(x, rois, (2, 3), (0.25, 0.125), np.max).reshape(1, 1, -1, 4, order="F")
    assert difference(got["mean"], roi_reference(x, rois, (2, 3), (0.25, 0.25), np.mean)) < 1e-6
    assert difference(got["flat"], flat) < 1e-6
    assert np.array_equal(got["same"], got["axes"])
    matrix = run_blocks(tmp_path, layers[:1], {"x": x, "r": rois.reshape(5, 4, 1, 1)})
    assert np.array_equal(matrix["mean"], got["mean"])


def roi_reference(x: Array, rois: Array, size: tuple[int, int], scales: tuple[float, float], summary: Any) -> Array:
    """vl_nnroipool on a matrix of 5 x count, loop by loop."""
    y = np.zeros((*size, x.shape[2], rois.shape[1]))
    for number, (image, *corners) in enumerate(rois.T):
        u1, v1, u2, v2 = (
            int(np.floor(s * (c - 1) + 1 + 0.5)) - 1 for c, s in zip(corners, (*scales, *scales), strict=True)
        )
        spans = []
        for first, last, bins, limit in ((v1, v2, size[0], x.shape[0]), (u1, u2, size[1], x.shape[1])):
            width = max(last - first + 1, 1) / bins
            edges = [(int(np.floor(b * width)) + first, int(np.ceil((b + 1) * width)) + first) for b in range(bins)]
            spans.append([(min(max(low, 0), limit), min(max(high, 0), limit)) for low, high in edges])
        for row, (top, bottom) in enumerate(spans[0]):
            for column, (left, right) in enumerate(spans[1]):
                window = x[top:bottom, left:right, :, int(image) - 1]
                if window.size:
                    y[row, column, :, number] = summary(window, axis=(0, 1))
    return y


def test_two_paddings_of_a_block_are_rows_and_columns(tmp_path: Path) -> None:
    x, filters = maps(5, 6, 2, 1), maps(3, 3, 2, 4)
    layers = [
        block("c", "Conv", ["x"], ["two"], ["f"], pad=[1.0, 2], hasBias=False),
        block("d", "Conv", ["x"], ["four"], ["f"], pad=[1.0, 1, 2, 2], hasBias=0.0, dilate=np.zeros((0, 0))),
        block("t", "ConvTranspose", ["four"], ["back"], ["t"], crop=[1.0, 2], hasBias=False, upsample=1.0),
    ]
    got = run_blocks(tmp_path, layers, {"x": x}, {"f": filters, "t": maps(3, 3, 2, 4)})
    assert got["two"].shape == (5, 8, 4, 1)
    assert np.array_equal(got["two"], got["four"])
    assert got["back"].shape == (5, 6, 2, 1)


def test_uniform_scaling_grid_and_grids_of_one_row(tmp_path: Path) -> None:
    theta, affine = maps(1, 1, 3, 2), maps(1, 1, 6, 2)
    layers = [
        block("u", "UniformScalingGridGenerator", ["t"], ["grid"], Ho=4.0, Wo=5.0),
        block("o", "AffineGridGenerator", ["a"], ["row"], Ho=1.0, Wo=5.0),
        block("p", "AffineGridGenerator", ["a"], ["column"], Ho=3.0, Wo=1.0),
    ]
    got = run_blocks(tmp_path, layers, {"t": theta, "a": affine})
    y, x = np.meshgrid(np.linspace(-1, 1, 4), np.linspace(-1, 1, 5), indexing="ij")
    scale, down, right = theta[0, 0]
    wanted = np.stack([scale * y[..., None] + down, scale * x[..., None] + right])
    assert difference(got["grid"], wanted) < 1e-6
    c = affine[0, 0]
    along = np.linspace(-1, 1, 5)[:, None]
    row = np.stack([c[0] + c[1] * along + c[4], c[2] + c[3] * along + c[5]])[:, None]
    assert difference(got["row"], row) < 1e-6
    along = np.linspace(-1, 1, 3)[:, None]
    column = np.stack([c[0] * along + c[1] + c[4], c[2] * along + c[3] + c[5]])[:, :, None]
    assert difference(got["column"], column) < 1e-6


def test_slice_and_concat_count_axes_from_one(tmp_path: Path) -> None:
    x = maps(2, 3, 7, 4)
    layers = [
        block("s", "Slice", ["x"], ["a", "b", "c"], slicePoint=[2.0, 3]),
        block("n", "Slice", ["x"], ["d", "e"], dim=4.0, slicePoint=1.0),
        block("w", "Concat", ["a", "a"], ["wide"], dim=2.0),
        block("m", "Concat", ["d", "e"], ["many"], dim=4.0),
    ]
    got = run_blocks(tmp_path, layers, {"x": x})
    for name, part in (("a", x[:, :, :2]), ("b", x[:, :, 2:3]), ("c", x[:, :, 3:]), ("d", x[..., :1]), ("many", x)):
        assert np.array_equal(got[name], part), name
    assert np.array_equal(got["wide"], np.concatenate([x[:, :, :2]] * 2, 1))


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_flatten_goes_column_by_column_to_any_axis(tmp_path: Path, axis: int) -> None:
    x = maps(2, 3, 4, 5)
    got = run_blocks(tmp_path, [block("f", "Flatten", ["x"], ["y"], axis=float(axis), firstAxis=1.0)], {"x": x})
    size = [1, 1, 1, 5]
    size[axis - 1] = 24
    assert np.array_equal(got["y"], x.reshape(size, order="F"))


def test_permute_and_reshape_as_matlab_does(tmp_path: Path) -> None:
    x = maps(2, 3, 4, 5)
    layers = [
        block("a", "Permute", ["x"], ["p"], order=[3.0, 1, 2, 4]),
        block("b", "Permute", ["x"], ["q"], order=[4.0, 3, 2, 1]),
        block("c", "Reshape", ["x"], ["r"], shape=[0.0, -1, 2]),
        block("d", "Reshape", ["x"], ["s"], shape=cell([[], 2.0, 1.0])),
    ]
    got = run_blocks(tmp_path, layers, {"x": x})
    assert np.array_equal(got["p"], x.transpose(2, 0, 1, 3))
    assert np.array_equal(got["q"], x.transpose(3, 2, 1, 0))
    assert np.array_equal(got["r"], x.reshape(2, 6, 2, 5, order="F"))
    assert np.array_equal(got["s"], x.reshape(12, 2, 1, 5, order="F"))


@pytest.mark.parametrize(
    "size", [(1, 1, 4), (5, 6), (5, 6, 4), (1, 6), (5, 1), (5, 1, 4), (1, 6, 4), (1, 1), (1, 1, 4, 2), (5, 6, 4, 2)]
)
def test_scale_repeats_singleton_axes(tmp_path: Path, size: tuple[int, ...]) -> None:
    x, factor, shift = maps(5, 6, 4, 2), maps(*size), maps(1, 1, 4)
    layers = [
        block("p", "Scale", ["x"], ["scaled"], ["f"], hasBias=False),
        block("b", "Scale", ["x"], ["shifted"], ["f", "s"]),
        block("r", "Scale", ["x"], ["other"], ["s", "f"]),
    ]
    got = run_blocks(tmp_path, layers, {"x": x}, {"f": factor, "s": shift})
    full = factor.reshape(size + (1,) * (4 - len(size)))
    assert np.array_equal(got["scaled"], x * full)
    assert difference(got["shifted"], x * full + shift[..., None]) < 1e-6
    assert difference(got["other"], x * shift[..., None] + full) < 1e-6


def test_values_of_different_sizes_meet(tmp_path: Path) -> None:
    x, weight, y = maps(5, 6, 4, 2), maps(1, 1, 4, 2), maps(5, 6, 4, 2)
    layers = [
        block("s", "Sum", ["w", "x", "y"], ["sum"]),
        block("f", "Scale", ["w", "x"], ["product"], hasBias=False),
        block("a", "Axpy", ["w", "x", "y"], ["axpy"], pad=[0.0, 0, 0, 0], stride=[1.0, 1]),
        block("b", "Scale", ["x", "w", "y"], ["same"]),
        block("m", "Max", ["x", "y"], ["max"]),
    ]
    got = run_blocks(tmp_path, layers, {"x": x, "w": weight, "y": y})
    assert difference(got["sum"], weight + x + y) < 1e-6
    assert np.array_equal(got["product"], weight * x)
    assert difference(got["axpy"], weight * x + y) < 1e-6
    assert np.array_equal(got["same"], got["axpy"])
    assert np.array_equal(got["max"], np.maximum(x, y))


def test_normalizations_of_blocks(tmp_path: Path) -> None:
    x, scales = maps(5, 6, 4, 2), maps(1, 1, 4)
    layers = [
        block("s", "SpatialNorm", ["x"], ["spatial"]),
        block("o", "NormOffset", ["x"], ["offset"]),
        block("n", "Normalize", ["x"], ["each"], ["w"], channelShared=False, acrossSpatial=[]),
        block("m", "Normalize", ["x"], ["one"], ["v"], channelShared=True),
        block("u", "L2Norm", ["x"], ["unit"], param=0.5),
        block("l", "LRN", ["x"], ["lrn"], param=[2.0, 0.5, 2, 0.75]),
        block("t", "SoftMaxTranspose", ["x"], ["rows"], dim=1.0),
    ]
    got = run_blocks(tmp_path, layers, {"x": x}, {"w": scales, "v": maps(1, 1)})
    squares, lengths = x**2, np.sqrt((x**2).sum(2, keepdims=True))
    means = np.stack([[squares[r : r + 2, c : c + 2].mean((0, 1)) for c in range(6)] for r in range(5)])
    assert difference(got["spatial"], x * (1 + 10 * means) ** -2.0) < 1e-5
    assert difference(got["offset"], x - np.maximum(lengths, 1e-4)) < 1e-6
    assert difference(got["each"], scales[..., None] * x / lengths) < 1e-6
    assert difference(got["unit"], x / np.sqrt(lengths**2 + 0.5)) < 1e-6
    windows = np.concatenate([squares[:, :, :-1] + squares[:, :, 1:], squares[:, :, -1:]], 2)
    assert difference(got["lrn"], x * (0.5 + 2 * windows) ** -0.75) < 1e-6
    assert difference(got["rows"], np.exp(x) / np.exp(x).sum(0)) < 1e-6


def test_caffe_pooling_counts_the_padding_even_a_large_one(tmp_path: Path) -> None:
    x = maps(4, 5, 2, 1)
    layers = [
        block(
            "a", "CaffePooling", ["x"], ["mean"], method="avg", poolSize=[2.0, 2], pad=[2.0, 2, 2, 2], stride=[1.0, 1]
        ),
        block("m", "CaffePooling", ["x"], ["max"], poolSize=[2.0, 2], pad=[1.0, 0, 1, 0], stride=[2.0, 2]),
        block("g", "GlobalPooling", ["x"], ["global"]),
    ]
    got = run_blocks(tmp_path, layers, {"x": x})
    padded = np.pad(x, ((2, 2), (2, 2), (0, 0), (0, 0)))
    means = sum(padded[r : r + 7, c : c + 8] for r in range(2) for c in range(2)) / 4
    assert difference(got["mean"], means) < 1e-6
    shifted = np.pad(x, ((1, 0), (1, 0), (0, 0), (0, 0)))
    tops = np.max([shifted[r : r + 3 : 2, c : c + 5 : 2] for r in range(2) for c in range(2)], 0)
    assert np.array_equal(got["max"], tops)
    assert difference(got["global"], x.mean((0, 1), keepdims=True)) < 1e-6


def test_interp_resizes_with_corners_on_corners(tmp_path: Path) -> None:
    x = maps(4, 5, 2, 1)
    layers = [
        block("z", "Interp", ["x"], ["zoomed"], zoomFactor=2.0),
        block("s", "Interp", ["x"], ["shrunk"], shrinkFactor=2.0, zoomFactor=1.0, padBeg=0.0, padEnd=0.0),
    ]
    got = run_blocks(tmp_path, layers, {"x": x})
    assert (got["zoomed"].shape, got["shrunk"].shape) == ((7, 9, 2, 1), (3, 3, 2, 1))
    assert np.allclose(got["zoomed"][::2, ::2], x)
    assert np.allclose(got["zoomed"][1::2, ::2], (x[:-1] + x[1:]) / 2, atol=1e-6)
    assert np.allclose(got["shrunk"][:, :, 0, 0][::2, ::2], x[::3, ::4, 0, 0])


def test_crop_never_takes_more_than_there_is(tmp_path: Path) -> None:
    large, small = maps(8, 8, 2, 1), maps(6, 5, 1, 1)
    path = dagnn(tmp_path / "m.mat", [block("c", "Crop", ["l", "s"], ["y"], crop=[1.0, 5])])
    fed = {"l": channels_first(large), "s": channels_first(small)}
    graph = read_matconvnet(path, input_shapes={name: array.shape for name, array in fed.items()})
    assert np.array_equal(graph.run(fed)["y"], channels_first(large[1:7, 3:8]))
    assert "crop [1, 5] is cut down to [1, 3] at this input size" in graph.warnings[0]


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
