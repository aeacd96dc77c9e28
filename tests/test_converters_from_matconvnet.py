"""Every network that MatConvNet ran, layer by layer; and every one that is refused."""

import zipfile

import numpy as np
import pytest

from cases import DATA, MATCONVNET, caffe_case, matconvnet_case, matconvnet_cases, matconvnet_reject, matconvnet_rejects
from converters.errors import ConversionError
from converters.from_caffe import read_caffe
from converters.from_matconvnet import read_matconvnet
from converters.ir import Graph
from converters.ops import Softmax
from matconvnet_cases import difference, read_case
from matlab_files import Array

with zipfile.ZipFile(DATA / MATCONVNET) as archive:
    FILES = [tuple(name.split("/")) for name in archive.namelist() if name.endswith(".mat")]


def value_for(graph: Graph, values: dict[str, Array], key: str) -> Array:
    """What MatConvNet calls `key`: x1 .. of a SimpleNN, a variable, or the softmax before a dropped loss."""
    if key == "softmax" and "softmax" not in graph.aliases:
        return Softmax(1).compute(values[next(iter(graph.outputs.values()))])
    return values[graph.aliases.get(key, key)]


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
