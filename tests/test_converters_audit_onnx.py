"""ONNX files under audit: every way to hold an array, whoever exported them; no library of ONNX is needed to read."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from audit_cases import BGR, RGB, WHOSE, against_tiny
from audited_files import DENSE, FLATTENED, Layers, caffe_form, flipped, keras_form
from converters.audit.reading.opening import read_tensors
from converters.errors import ConversionError
from converters.ops import Array


def saved(path: Path, nodes: list[Any], initializers: list[Any], **settings: Any) -> Path:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 64, 64])
    last = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "net", [value], [last], initializers)
    onnx.save(helper.make_model(graph), path, **settings)
    return path


def exported(path: Path, layers: Layers, names: Any, **settings: Any) -> Path:
    """A chain of Conv and Gemm, the arrays as initializers called `names(layer, slot)`."""
    nodes, initializers, value = [], [], "x"
    for layer, arrays in layers.items():
        kind, attributes = ("Gemm", {"transB": 1}) if layer in DENSE else ("Conv", {"pads": [1, 1, 1, 1]})
        held = [names(layer, slot) for slot in ("weight", "bias")]
        initializers += [
            numpy_helper.from_array(arrays[slot], name) for slot, name in zip(("weight", "bias"), held, strict=True)
        ]
        nodes.append(helper.make_node(kind, [value, *held], [f"{layer}_out"], f"/{layer}/{kind}", **attributes))
        value = f"{layer}_out"
    return saved(path, nodes, initializers, **settings)


def test_parameters_under_their_names(tmp_path: Path) -> None:
    found = against_tiny(exported(tmp_path / "a.onnx", flipped(caffe_form()), lambda layer, slot: f"{layer}.{slot}"))
    assert found.same and found.conclusion == f"{WHOSE}, first convolution flipped to RGB: {RGB}"
    assert {array.how for layer in found.layers for array in layer.arrays} == {"name"}


def test_numbered_initializers_are_called_after_the_nodes_that_use_them(tmp_path: Path) -> None:
    count = iter(range(100))
    path = exported(tmp_path / "a.onnx", caffe_form(), lambda _layer, _slot: f"onnx::Conv_{next(count)}")
    tensors = read_tensors(path).tensors
    assert {tensor.slot for tensor in tensors} == {"weight", "bias"}
    assert tensors[0].layer == tensors[1].layer == "conv1_1"
    assert against_tiny(path).conclusion == f"{WHOSE}, unchanged: {BGR}"


def test_matmul_and_add_of_a_keras_export_and_arrays_behind_a_transposition(tmp_path: Path) -> None:
    first, dense = caffe_form()["conv1_1"], keras_form(caffe_form())[FLATTENED]
    nodes = [
        helper.make_node("Transpose", ["k"], ["kt"], "turn", perm=[3, 2, 0, 1]),
        helper.make_node("Conv", ["x", "kt", "conv1_1/BiasAdd/ReadVariableOp:0"], ["c"], "conv1_1"),
        helper.make_node("Flatten", ["c"], ["f"], "flat"),
        helper.make_node("MatMul", ["f", "fc6/MatMul/ReadVariableOp:0"], ["m"], "fc6/MatMul"),
        helper.make_node("Add", ["m", "fc6/BiasAdd/ReadVariableOp:0"], ["y"], "fc6/BiasAdd"),
    ]
    arrays = {
        "k": first["weight"].transpose(2, 3, 1, 0), "conv1_1/BiasAdd/ReadVariableOp:0": first["bias"],
        "fc6/MatMul/ReadVariableOp:0": dense["kernel"], "fc6/BiasAdd/ReadVariableOp:0": dense["bias"],
    }  # fmt: skip
    initializers = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in arrays.items()]
    found = {tensor.name: tensor for tensor in read_tensors(saved(tmp_path / "a.onnx", nodes, initializers)).tensors}
    assert (found["k"].layer, found["k"].slot) == ("conv1_1", "weight")
    assert {(found[name].layer, found[name].slot) for name in arrays if name.startswith("fc6")} == {
        ("fc6", "weight"), ("fc6", "bias"),
    }  # fmt: skip
    assert found["fc6/BiasAdd/ReadVariableOp:0"].constant and not found["k"].constant


def test_constants_of_the_graph_are_named_but_no_difference(tmp_path: Path) -> None:
    value = numpy_helper.from_array(np.float32([1, 2, 3]).reshape(1, 3, 1, 1))
    layers = caffe_form()
    path = exported(tmp_path / "a.onnx", layers, lambda layer, slot: f"{layer}.{slot}")
    model = onnx.load(path)
    model.graph.node.insert(0, helper.make_node("Constant", [], ["mean"], "c", value=value))
    model.graph.node.insert(1, helper.make_node("Sub", ["x", "mean"], ["centred"], "sub"))
    onnx.save(model, path)
    found = against_tiny(path)
    assert found.same
    assert found.left_out == ("1 constants of the graph, which no layer with weights reads, are left out: mean",)


def test_weights_in_constant_nodes(tmp_path: Path) -> None:
    first = caffe_form()["conv1_1"]
    nodes = [
        helper.make_node("Constant", [], [name], f"c{name}", value=numpy_helper.from_array(first[name]))
        for name in ("weight", "bias")
    ]
    nodes.append(helper.make_node("Conv", ["x", "weight", "bias"], ["y"], "conv1_1"))
    tensors = read_tensors(saved(tmp_path / "a.onnx", nodes, [])).tensors
    assert [tensor.slot for tensor in tensors] == ["weight", "bias"]
    np.testing.assert_array_equal(tensors[0].array, first["weight"])


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (TensorProto.FLOAT, True), (TensorProto.FLOAT, False), (TensorProto.DOUBLE, False),
        (TensorProto.FLOAT16, True), (TensorProto.FLOAT16, False), (TensorProto.BFLOAT16, False),
        (TensorProto.INT64, False),
    ],
)  # fmt: skip
def test_every_way_to_hold_values(tmp_path: Path, kind: int, raw: bool) -> None:
    values = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 60000.0 if kind == TensorProto.FLOAT16 else 96.0]])
    held = values.astype(np.float16).tobytes() if kind == TensorProto.FLOAT16 else values.astype("<f4").tobytes()
    listed = [1, 2, 3, 4, 5, 6] if kind == TensorProto.INT64 else values.ravel().tolist()
    tensor = helper.make_tensor("w", kind, (2, 3), held if raw else listed, raw=raw)
    weight = numpy_helper.from_array(np.ones((2, 2), np.float32), "other")
    node = helper.make_node("Gemm", ["x", "w"], ["y"], "fc")
    found = {t.name: t for t in read_tensors(saved(tmp_path / "a.onnx", [node], [tensor, weight])).tensors}
    if kind == TensorProto.INT64:
        assert found["w"].counts
    else:
        np.testing.assert_array_equal(found["w"].array.astype(np.float64), values)


def test_external_data_is_mapped(tmp_path: Path) -> None:
    path = exported(
        tmp_path / "a.onnx", caffe_form(), lambda layer, slot: f"{layer}.{slot}",
        save_as_external_data=True, location="a.data", size_threshold=0,
    )  # fmt: skip
    assert (tmp_path / "a.data").stat().st_size > 700_000 and path.stat().st_size < 20_000
    assert against_tiny(path).conclusion == f"{WHOSE}, unchanged: {BGR}"


def pointing(array: Array, **entries: str) -> TensorProto:
    tensor = TensorProto(name="w", dims=array.shape, data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"location": "../secret.bin"}, "keeps its values in '../secret.bin', outside the model's folder"),
        ({"location": "/etc/hostname"}, "outside the model's folder"),
        ({}, "keeps its values in '', outside the model's folder"),
        ({"location": "gone.bin"}, "cannot be read: No such file"),
        ({"location": "w.bin", "offset": "8", "length": "24"}, "in bytes 8 to 32 of w.bin, which has 24"),
        ({"location": "w.bin", "offset": "8"}, "which takes 24 bytes; 16 are there"),
        ({"location": "w.bin", "offset": "x"}, "is a damaged ONNX model"),
    ],
)
def test_external_data_elsewhere_or_of_another_size_is_refused(
    tmp_path: Path, entries: dict[str, str], message: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "w.bin").write_bytes(bytes(24))
    (tmp_path / "secret.bin").write_bytes(bytes(24))
    node = helper.make_node("Gemm", ["x", "w"], ["y"], "fc")
    graph = helper.make_graph([node], "net", [], [], [pointing(np.zeros((2, 3), np.float32), **entries)])
    (folder / "a.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(ConversionError) as refused:
        read_tensors(folder / "a.onnx")
    assert message in str(refused.value)


def test_a_file_that_is_cut_off_or_lies_is_refused(tmp_path: Path) -> None:
    path = exported(tmp_path / "a.onnx", caffe_form(), lambda layer, slot: f"{layer}.{slot}")
    whole = path.read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConversionError, match="is a damaged ONNX model, or none"):
        read_tensors(tmp_path / "cut.onnx")
    model = onnx.load(path)
    model.graph.initializer[0].dims[0] = 1 << 40
    onnx.save(model, tmp_path / "lies.onnx")
    with pytest.raises(ConversionError, match=r"'conv1_1\.weight' has the shape .* which takes .* are there"):
        read_tensors(tmp_path / "lies.onnx")
