"""ONNX: every op against NumPy at several opsets and sizes, and what the written file says and how it is written."""

import base64
import inspect
import json
import tracemalloc
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from converters import onnx_file, ops, to_onnx
from converters.errors import ConversionError, FormatError, UnsupportedError
from converters.ir import Graph, Node, Preprocessing, Source
from converters.onnx_ops.sizes import OpenSizes, open_sizes
from converters.ops import Array, Shape
from op_examples import EXAMPLES
from op_values import Example, assert_close
from small_graphs import convolution, face, graph

AXES = ("batch", "height", "width")
REFUSED = {"DetectionOutput-falling_threshold": "eta 0.7 lowers the overlap threshold on the way"}
WRITTEN = [example for example in EXAMPLES if str(example) not in REFUSED]

# What standard operators cannot say without turning axes; everything else has no Transpose.
TURNING = (ops.AffineGrid, ops.BilinearSampler, ops.DetectionOutput, ops.Permute, ops.RegionPooling)


def saved(model: Graph, folder: Path, **options: Any) -> onnx.ModelProto:
    """Write, check and load a model."""
    to_onnx.save(model, folder / "model.onnx", **options)
    onnx.checker.check_model(str(folder / "model.onnx"), full_check=True)
    return onnx.load(folder / "model.onnx")


def run(model: Graph, folder: Path, feeds: dict[str, Array], wanted: list[str] | None = None) -> dict[str, Array]:
    return to_onnx.run(model, folder / "model.onnx", feeds, wanted)


def optimised(folder: Path, feeds: dict[str, Array]) -> dict[str, Array]:
    return to_onnx.run_file(folder / "model.onnx", feeds)


def shape_of(info: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in info.type.tensor_type.shape.dim]


def initializers(model: onnx.ModelProto) -> dict[str, Array]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def random_feeds(model: Graph, seed: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in model.inputs.items()}


# The ops.


def test_every_op_is_in_the_table() -> None:
    concrete = {
        op for op in vars(ops).values() if inspect.isclass(op) and issubclass(op, ops.Op) and not inspect.isabstract(op)
    }
    assert concrete == set(to_onnx.OPS)


@pytest.mark.parametrize("example", WRITTEN, ids=str)
def test_op_computes_what_numpy_computes(example: Example, tmp_path: Path) -> None:
    model, feeds = example.graph(), example.feeds()
    file = saved(model, tmp_path)
    expected = model.run(feeds)
    values = run(model, tmp_path, feeds)
    assert set(values) == set(expected)
    assert_close(values["y"], expected["y"])
    assert_close(optimised(tmp_path, feeds)["y"], expected["y"])
    assert {node.domain for node in file.graph.node} <= {""}
    assert isinstance(example.op, TURNING) or "Transpose" not in {node.op_type for node in file.graph.node}


@pytest.mark.parametrize("example", [e for e in EXAMPLES if str(e) in REFUSED], ids=str)
def test_op_without_a_faithful_form_is_refused(example: Example, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=f"layer 'y': {type(example.op).__name__} {REFUSED[str(example)]}"):
        to_onnx.save(example.graph(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


NEEDS_18 = ("MaxUnpooling", "Pad", "Pooling", "PoolingIndices")
NEEDS_16 = ("BilinearSampler",)


@pytest.mark.parametrize("opset", [13, 17, 19, 20, 21])
def test_ops_at_other_opsets(opset: int, tmp_path: Path) -> None:
    refused = set()
    for example in WRITTEN:
        model, feeds = example.graph(), example.feeds()
        problems = to_onnx.unsupported(model, opset=opset)
        if problems:
            assert f"or later, not {opset}" in problems[0]
            refused.add(type(example.op).__name__)
            continue
        to_onnx.save(model, tmp_path / "model.onnx", opset=opset)
        assert_close(run(model, tmp_path, feeds)["y"], model.run(feeds)["y"])
    assert refused == ({*NEEDS_18} if opset < 18 else set()) | ({*NEEDS_16} if opset < 16 else set())


def test_opset_and_version_are_stated(tmp_path: Path) -> None:
    for opset, version in ((None, 8), (13, 7), (19, 9), (21, 10)):
        file = saved(face(), tmp_path, opset=opset)
        assert [(entry.domain, entry.version) for entry in file.opset_import] == [("", opset or 18)]
        assert file.ir_version == version


@pytest.mark.parametrize("example", WRITTEN, ids=str)
def test_op_computes_the_same_in_half_precision(example: Example, tmp_path: Path) -> None:
    model, feeds = example.graph(), example.feeds()
    expected = model.run(feeds)["y"]
    if (expected[np.isfinite(expected)] < -1e30).any():
        with pytest.raises(UnsupportedError, match="-FLT_MAX float16 cannot hold"):
            to_onnx.save(model, tmp_path / "model.onnx", dtype="float16")
        return
    file = saved(model, tmp_path, dtype="float16")
    assert {i.type.tensor_type.elem_type for i in file.graph.output} == {TensorProto.FLOAT}
    assert_close(run(model, tmp_path, feeds)["y"], expected, 5e-3)


# Open axes.


def at_size(model: Graph, growth: int, sizes: OpenSizes) -> Graph | None:
    """The graph with every open axis of the inputs `growth` larger, None if it refuses that size."""
    shapes = {
        name: tuple(n + growth * (s is not None) for n, s in zip(shape, sizes.symbols[name], strict=True))
        for name, shape in model.inputs.items()
    }
    try:
        return model.with_inputs(shapes)
    except ConversionError:
        return None


@pytest.mark.parametrize("example", [e for e in WRITTEN if e.shapes and e.what != "no index twice"], ids=str)
def test_op_at_sizes_that_were_left_open(example: Example, tmp_path: Path) -> None:
    model = example.graph()
    pinned = to_onnx.pinned_axes(model)
    axes = tuple(axis for axis in AXES if axis not in pinned)
    if not axes:
        assert all(
            f"the {axis} cannot stay open" in pinned[axis] or f"pins the {axis}" in pinned[axis] for axis in AXES
        )
        return
    saved(model, tmp_path, dynamic=axes)
    sizes = open_sizes(model, axes)
    tried = 0
    for growth in (0, 1, 2, 3, 10):
        grown = at_size(model, growth, sizes)
        if grown is not None:
            feeds = replace(example, shapes=tuple(grown.inputs.values())).feeds()
            assert_close(run(model, tmp_path, feeds)["y"], grown.run(feeds)["y"])
            tried += 1
    assert tried > 1


@pytest.mark.parametrize(
    ("op", "axis", "reason"),
    [
        (ops.PriorBox((10.0,)), "height", "PriorBox pins the height: its boxes are stored for one size"),
        (
            ops.Pooling((1, 1), (2, 2), ((0, 0),) * 2, True, "average"),
            "width",
            "Pooling pins the width: it has windows",
        ),
        (ops.Dense(3), "height", "the height cannot stay open: layer 'y': parameter 'weight' has shape"),
        (ops.Scale(0, 1), "batch", "the batch cannot stay open: layer 'y': parameter 'scale' has shape"),
        (ops.Reshape((4, -1)), "batch", "the batch cannot stay open: layer 'y': .* cannot be reshaped"),
    ],
)
def test_what_pins_an_axis_is_named(op: ops.Op, axis: str, reason: str, tmp_path: Path) -> None:
    count = op.inputs_wanted or 1
    shapes = {f"in{i}": (2, 3, 5, 6) for i in range(count)}
    params = {name: np.ones(shape, np.float32) for name, shape in op.param_shapes(*shapes.values()).items()}
    model = Graph("pinned", shapes, (Node("y", op, tuple(shapes), params),), {"y": "y"})
    with pytest.raises(UnsupportedError, match=reason):
        to_onnx.save(model, tmp_path / "model.onnx", dynamic=(axis,))
    assert axis in to_onnx.pinned_axes(model)
    assert not to_onnx.unsupported(model)


def test_open_axes_are_named(tmp_path: Path) -> None:
    model = graph({"data": (2, 3, 8, 9)}, [("conv", convolution(4), "data"), ("pool", ops.GlobalPooling(), "conv")])
    model = replace(model, outputs={"map": "conv", "vector": "pool"})
    file = saved(model, tmp_path, dynamic=AXES)
    assert shape_of(file.graph.input[0]) == ["batch", 3, "height", "width"]
    assert [shape_of(output) for output in file.graph.output] == [["batch", 4, "height", "width"], ["batch", 4, 1, 1]]


def test_open_sizes_that_are_no_inputs_are_named_after_their_output(tmp_path: Path) -> None:
    halved = ops.Pooling((2, 2), (2, 2), ((0, 0), (0, 0)), ceil_mode=True)
    file = saved(graph({"data": (1, 3, 8, 9)}, [("pool", halved, "data")]), tmp_path, dynamic=AXES)
    assert shape_of(file.graph.output[0]) == ["batch", 3, "pool_height", "pool_width"]


def test_inputs_that_move_together_share_a_name(tmp_path: Path) -> None:
    inputs = {"a": (2, 3, 4, 5), "regions": (2, 5), "b": (2, 3, 4, 5)}
    steps = [("sum", ops.Sum(), "a b"), ("crops", ops.RegionPooling((2, 2)), "sum regions")]
    model = graph(inputs, steps, outputs={"sum": "sum", "crops": "crops"})
    file = saved(model, tmp_path, dynamic=("batch",))
    assert [shape_of(value)[0] for value in file.graph.input] == ["batch", "regions_batch", "batch"]
    assert [shape_of(value)[0] for value in file.graph.output] == ["batch", "regions_batch"]


def test_what_follows_a_filter_is_open(tmp_path: Path) -> None:
    inputs = {"x": (4, 3, 2, 2), "keep": (4,)}
    steps = [("kept", ops.Filter(), "x keep"), ("flat", ops.Flatten(1, 2), "kept"), ("fc", ops.Dense(5, 2), "flat")]
    model = graph(inputs, steps)
    file = saved(model, tmp_path)
    assert shape_of(file.graph.output[0]) == ["fc_batch", 6, 5]
    feeds = random_feeds(model)
    for keep in ([1, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]):
        feeds["keep"] = np.array(keep, np.float32)
        assert_close(run(model, tmp_path, feeds)["fc"], model.run(feeds)["fc"])


def test_a_number_of_items_that_depends_on_values_cannot_be_fixed(tmp_path: Path) -> None:
    steps = [("kept", ops.Filter(), "x keep"), ("sum", ops.Sum(), "kept x")]
    model = graph({"x": (4, 3), "keep": (4,)}, steps)
    with pytest.raises(
        UnsupportedError, match="how much 'kept' keeps depends on the values, but layer 'sum': inputs have"
    ):
        to_onnx.save(model, tmp_path / "model.onnx")


# The file.


def test_names_are_the_sources(tmp_path: Path) -> None:
    model = face(outputs={"prob": "prob", "embedding": "relu7"})
    file = saved(model, tmp_path)
    assert [value.name for value in file.graph.input] == ["data"]
    assert [value.name for value in file.graph.output] == ["prob", "embedding"]
    assert [node.name for node in file.graph.node if "/" not in node.name] == [node.name for node in model]
    assert {"conv1.weight", "conv1.bias", "fc6.weight"} <= set(initializers(file))
    assert "relu7" not in {output for node in file.graph.node for output in node.output}


def test_every_output_has_its_name_even_two_for_one_value(tmp_path: Path) -> None:
    steps = [("relu", ops.ReLU(), "data"), ("neg", ops.Power(1.0, -1.0), "relu")]
    model = graph({"data": (2, 3)}, steps, outputs={"a": "relu", "b": "relu", "same": "data", "data": "neg"})
    names = [value.name for value in saved(model, tmp_path).graph.output]
    assert names == ["a", "b", "same", "data/2"]
    feeds = random_feeds(model)
    values = model.run(feeds)
    got = optimised(tmp_path, feeds)
    for name, value in zip(names, ("relu", "relu", "data", "neg"), strict=True):
        assert_close(got[name], values[value])


def test_values_are_found_by_our_names(tmp_path: Path) -> None:
    model, feeds = face(outputs={"out": "prob"}), random_feeds(face())
    saved(model, tmp_path)
    expected = model.run(feeds)
    everything = run(model, tmp_path, feeds)
    assert list(everything) == list(expected)
    some = run(model, tmp_path, feeds, ["fc7", "data", "prob"])
    assert list(some) == ["fc7", "data", "prob"]
    for name, value in (everything | some).items():
        assert_close(value, expected[name])
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_names_that_look_like_ours_do_no_harm(tmp_path: Path) -> None:
    steps = [
        ("y", ops.Power(2.0, 3.0), "y/Mul"),
        ("y.weight", ops.ReLU(), "y"),
        ("y/power", convolution(3), "y.weight"),
        ("y/Pow", ops.Sum(), "y/power y"),
    ]
    model = graph({"y/Mul": (1, 3, 4, 4)}, steps)
    saved(model, tmp_path)
    feeds = random_feeds(model)
    expected = model.run(feeds)
    for name, value in run(model, tmp_path, feeds).items():
        assert_close(value, expected[name])


def test_same_graph_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        to_onnx.save(face(labels=("x", "y")), tmp_path / name, dynamic=("batch",))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_shared_array_is_stored_once(tmp_path: Path) -> None:
    weight = np.ones((4, 4), np.float32)
    nodes = [
        Node(f"fc{i}", ops.Dense(4, bias=False), (f"fc{i - 1}" if i else "x",), {"weight": weight}) for i in range(3)
    ]
    model = Graph("siamese", {"x": (2, 4)}, tuple(nodes), {"y": "fc2"})
    assert list(initializers(saved(model, tmp_path))) == ["fc0.weight"]
    feeds = random_feeds(model)
    assert_close(optimised(tmp_path, feeds)["y"], model.run(feeds)["fc2"])


def test_the_file_explains_itself(tmp_path: Path) -> None:
    model = face(
        preprocessing=Preprocessing("BGR", np.array([93.6, 104.8, 129.2], np.float32), (1.0, 1.0, 0.5), (13, 11)),
        labels=("Anna", "Zoë"),
        source=Source("caffe", {"a.prototxt": "00ff", "a.caffemodel": "11ee"}, "CC-BY-4.0"),
    )
    file = saved(model, tmp_path)
    told = {entry.key: entry.value for entry in file.metadata_props}
    assert json.loads(told["preprocessing"]) == {
        "channel_order": "BGR",
        "scale": [1.0, 1.0, 0.5],
        "size_height_width": [13, 11],
        "mean": pytest.approx([93.6, 104.8, 129.2]),
    }
    assert json.loads(told["labels"]) == ["Anna", "Zoë"]
    assert json.loads(told["source_sha256"]) == {"a.prototxt": "00ff", "a.caffemodel": "11ee"}
    assert (told["source_format"], told["licence"]) == ("caffe", "CC-BY-4.0")
    assert file.producer_name == "faceport"
    assert file.producer_version


def test_a_mean_image_is_packed(tmp_path: Path) -> None:
    mean = np.random.default_rng(0).uniform(0, 255, (3, 13, 11)).astype(np.float32)
    told = {e.key: e.value for e in saved(face(preprocessing=Preprocessing(mean=mean)), tmp_path).metadata_props}
    packed = json.loads(told["preprocessing"])["mean"]
    stored = np.frombuffer(base64.b64decode(packed["float32_base64"]), "<f4").reshape(packed["shape"])
    np.testing.assert_array_equal(stored, mean)


def test_half_precision_keeps_what_counts(tmp_path: Path) -> None:
    inputs = {"data": (1, 3, 8, 8), "words": (1, 4)}
    steps = [
        ("conv", convolution(4), "data"),
        ("pool", ops.Pooling((2, 2), (2, 2), ((0, 0), (0, 0))), "conv"),
        ("prob", ops.Softmax(), "pool"),
        ("flat", ops.Flatten(0), "words"),
        ("rows", ops.Embedding(5000, 3), "flat"),
    ]
    model = graph(inputs, steps, outputs={"pool": "pool", "prob": "prob", "rows": "rows"})
    file = saved(model, tmp_path, dtype="float16")
    stored = initializers(file)
    assert stored["conv.weight"].dtype == np.float16
    assert {entry.type.tensor_type.elem_type for entry in (*file.graph.input, *file.graph.output)} == {
        TensorProto.FLOAT
    }
    feeds = random_feeds(model) | {"words": np.array([[4097, 2049, 4999, 3]], np.float32)}
    expected, got = model.run(feeds), run(model, tmp_path, feeds)
    for name in ("conv", "pool", "prob"):
        assert got[name].dtype == np.float32
        assert_close(got[name], expected[name], 5e-3)
    np.testing.assert_array_equal(got["rows"], expected["rows"])


def test_weights_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    model = graph({"x": (1, 2)}, [("fc", ops.Dense(2, bias=False), "x")])
    model = replace(model, nodes=(replace(model.nodes[0], params={"weight": np.full((2, 2), 7e4, np.float32)}),))
    with pytest.raises(UnsupportedError, match="layer 'fc': Dense cannot be stored as float16: weight reaches 70000"):
        to_onnx.save(model, tmp_path / "model.onnx", dtype="float16")


def test_bytes_as_input(tmp_path: Path) -> None:
    steps = [("pre", ops.Preprocess(True), "image"), ("conv", convolution(2), "pre")]
    model = graph({"image": (1, 3, 6, 6)}, steps, input_dtypes={"image": "uint8"})
    feeds = {"image": np.random.default_rng(0).integers(0, 256, (1, 3, 6, 6), dtype=np.uint8)}
    for dtype, tolerance in (("float32", 1e-5), ("float16", 5e-3)):
        file = saved(model, tmp_path, dtype=dtype)
        assert file.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
        assert_close(optimised(tmp_path, feeds)["conv"], model.run(feeds)["conv"], tolerance)


# Writing.


def external_names(file: onnx.ModelProto) -> set[str]:
    return {tensor.name for tensor in file.graph.initializer if tensor.data_location == TensorProto.EXTERNAL}


def test_external_data_on_demand(tmp_path: Path) -> None:
    model, feeds = face(), random_feeds(face())
    files = to_onnx.save(model, tmp_path / "model.onnx", external_data=True)
    assert [path.name for path in files] == ["model.onnx", "model.onnx.data"]
    onnx.checker.check_model(str(files[0]), full_check=True)
    file = onnx.load(files[0], load_external_data=False)
    assert external_names(file) == {"fc6.weight"}
    (tensor,) = (t for t in file.graph.initializer if t.name == "fc6.weight")
    told = {entry.key: entry.value for entry in tensor.external_data}
    assert told == {
        "location": "model.onnx.data",
        "offset": "0",
        "length": str(model.node("fc6").params["weight"].nbytes),
    }
    expected = model.run(feeds)
    for name, value in run(model, tmp_path, feeds).items():
        assert_close(value, expected[name])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "model.onnx.data"]


def test_external_data_where_a_file_would_be_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "LARGEST_MESSAGE", 4000)
    model = graph({"x": (1, 30)}, [("a", ops.Dense(40), "x"), ("b", ops.Dense(50), "a"), ("c", ops.Dense(2), "b")])
    files = to_onnx.save(model, tmp_path / "model.onnx")
    assert len(files) == 2
    file = onnx.load(files[0], load_external_data=False)
    assert external_names(file) == {"a.weight", "b.weight"}
    offsets = [int(e.value) for t in file.graph.initializer for e in t.external_data if e.key == "offset"]
    assert all(offset % 4096 == 0 for offset in offsets) and len(set(offsets)) == 2
    feeds = random_feeds(model)
    assert_close(optimised(tmp_path, feeds)["c"], model.run(feeds)["c"])


def dense_on(array: Array) -> Graph:
    node = Node("fc", ops.Dense(array.shape[0], bias=False), ("x",), {"weight": array})
    return Graph("large", {"x": (1, array.shape[1])}, (node,), {"fc": "fc"})


def test_weights_are_streamed_from_where_they_lie(tmp_path: Path) -> None:
    shape = (4096, 4096)
    np.arange(np.prod(shape), dtype=np.float32).tofile(tmp_path / "weights")
    mapped = np.memmap(tmp_path / "weights", np.float32, "r", shape=shape)
    for array in (mapped, mapped.T, mapped[::2], mapped.view(np.int32).view(np.float32)[:, ::-1]):
        tracemalloc.start()
        to_onnx.save(dense_on(array), tmp_path / "model.onnx")
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak_bytes < array.nbytes / 2
        np.testing.assert_array_equal(initializers(onnx.load(tmp_path / "model.onnx"))["fc.weight"], array)


@pytest.mark.parametrize("dtype", [np.float64, ">f4", np.float16])
def test_weights_of_other_types_become_single_precision(dtype: Any, tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(0, 1, (3, 5)).astype(dtype)
    stored = initializers(saved(dense_on(array), tmp_path))["fc.weight"]
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored, array.astype(np.float32))


def test_a_frame_is_read_without_the_weights(tmp_path: Path) -> None:
    saved(face(outputs={"prob": "prob", "fc7": "fc7"}), tmp_path)
    frame = onnx_file.read_frame(tmp_path / "model.onnx")
    assert [output.name for output in frame.graph.output] == ["prob", "fc7"]
    assert not frame.graph.node and not frame.graph.initializer
    assert {entry.key for entry in frame.metadata_props} >= {"values"}


# Running, and what is refused.


def test_any_onnx_file_can_be_run(tmp_path: Path) -> None:
    entries = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n", 2]) for name in ("x", "y", "z")]
    nodes = [helper.make_node("Neg", ["x"], ["y"]), helper.make_node("Abs", ["x"], ["z"])]
    foreign = helper.make_graph(nodes, "foreign", entries[:1], entries[1:])
    imports = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(foreign, opset_imports=imports, ir_version=7), tmp_path / "model.onnx")
    got = optimised(tmp_path, {"x": np.array([[-1.0, 2.0]], np.float32)})
    assert {name: value.tolist() for name, value in got.items()} == {"y": [[1.0, -2.0]], "z": [[1.0, 2.0]]}
    with pytest.raises(FormatError, match=r"model\.onnx: the file does not say which tensor is which value"):
        run(face(), tmp_path, {"x": np.ones((1, 2), np.float32)})


def test_wrong_feeds_and_names_are_told(tmp_path: Path) -> None:
    model = face()
    saved(model, tmp_path)
    data = random_feeds(model)["data"]
    with pytest.raises(ConversionError) as caught:
        run(model, tmp_path, {"dat": data})
    assert [problem.split(": ", 1)[1] for problem in caught.value.problems] == [
        "input 'data' is not fed",
        "there is no input 'dat'; did you mean 'data'?",
    ]
    with pytest.raises(ConversionError, match="there is no value 'conv3'; did you mean 'conv2'"):
        run(model, tmp_path, {"data": data}, ["conv3"])
    with pytest.raises(ConversionError, match="onnxruntime cannot run it on these inputs"):
        run(model, tmp_path, {"data": data[:, :2]})


def test_files_that_are_no_models_are_told(tmp_path: Path) -> None:
    saved(face(), tmp_path)
    path = tmp_path / "model.onnx"
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"\xff" * 50, b"PK\x03\x04" * 9):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"model\.onnx: "):
            run(face(), tmp_path, random_feeds(face()))
        with pytest.raises(FormatError, match=r"model\.onnx: "):
            optimised(tmp_path, random_feeds(face()))


@dataclass(frozen=True)
class Unheard(ops.Elementwise):
    """An op that no target knows."""

    def compute(self, x: Array) -> Array:
        return x


def test_everything_that_is_refused_is_listed_at_once(tmp_path: Path) -> None:
    shapes: dict[str, Shape] = {"loc": (1, 8), "conf": (1, 4), "priors": (1, 2, 8)}
    steps = [
        ("strange", Unheard(), "loc"),
        ("found", ops.DetectionOutput(2, eta=0.5), "strange conf priors"),
        ("stranger", Unheard(), "found"),
    ]
    model = graph(shapes, steps)
    problems = to_onnx.unsupported(model)
    assert problems[0] == "layer 'strange': Unheard has no faithful form in ONNX"
    assert problems[1].startswith("layer 'found': DetectionOutput eta 0.5 lowers")
    assert problems[2:] == ["layer 'stranger': Unheard has no faithful form in ONNX"]
    with pytest.raises(UnsupportedError) as caught:
        to_onnx.save(model, tmp_path / "model.onnx")
    assert caught.value.problems == problems


def test_options_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError) as caught:
        to_onnx.save(face(), tmp_path / "model.onnx", opset=9, dynamic=("depth",), dtype="int8")
    assert caught.value.problems == [
        "'depth' is no axis that can stay open; choose from batch, height, width",
        "opset 9 is not written; choose one from 13 to 21",
        "'int8' is no number type that is written; choose float32 or float16",
    ]


# Detection.


def detection_case(seed: int) -> tuple[Graph, dict[str, Array]]:
    """Random settings and boxes; in some cases many scores and corners are equal, or boxes are inside out."""
    rng = np.random.default_rng(seed)
    images, priors, classes = (int(rng.integers(*limits)) for limits in ((1, 4), (1, 40), (2, 6)))
    share = bool(rng.integers(0, 2))
    op = ops.DetectionOutput(
        classes, share, int(rng.integers(-1, classes)), float(rng.choice([0.0, 0.3, 0.45, 1.0])),
        int(rng.choice([-1, 1, 5, 400])), int(rng.choice([-1, 1, 3, 200])), (None, 0.01, 0.5, 2.0)[rng.integers(0, 4)],
        ("corner", "center_size", "corner_size")[rng.integers(0, 3)], bool(rng.integers(0, 2)),
    )  # fmt: skip
    locations = rng.normal(0, rng.choice([0.1, 1, 3]), (images, priors * 4 * (1 if share else classes)))
    confidences = rng.uniform(0, 1, (images, priors * classes))
    centres, halves = rng.uniform(0.2, 0.8, (priors, 2)), rng.uniform(0.05, 0.3, (priors, 2))
    boxes = np.concatenate([centres - halves, centres + halves], 1).reshape(-1)
    stored = np.stack([boxes, np.tile([0.1, 0.1, 0.2, 0.2], priors)])[None]
    arrays = [array.round(seed % 4) if seed % 4 else array for array in (locations, confidences, stored)]
    feeds = {name: array.astype(np.float32) for name, array in zip("lcp", arrays, strict=True)}
    shapes = {name: array.shape for name, array in feeds.items()}
    return Graph("ssd", shapes, (Node("y", op, ("l", "c", "p")),), {"y": "y"}), feeds


@pytest.mark.parametrize("seed", range(0, 60, 4))
def test_detection_with_random_settings(seed: int, tmp_path: Path) -> None:
    for offset in range(4):
        model, feeds = detection_case(seed + offset)
        to_onnx.save(model, tmp_path / "model.onnx", dynamic=("batch",))
        with np.errstate(over="ignore"):
            expected = model.run(feeds)["y"]
        got = run(model, tmp_path, feeds)["y"]
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_detection_says_for_each_image_that_nothing_was_found(tmp_path: Path) -> None:
    model, feeds = detection_case(0)
    node = replace(model.nodes[0], op=replace(model.nodes[0].op, confidence_threshold=2.0))
    model = replace(model, nodes=(node,))
    to_onnx.save(model, tmp_path / "model.onnx", dynamic=("batch",))
    images = len(feeds["l"])
    expected = [[[[image, *(-1.0,) * 6] for image in range(images)]]]
    np.testing.assert_array_equal(run(model, tmp_path, feeds)["y"], expected)


def test_onnxruntime_runs_on_the_cpu() -> None:
    assert "CPUExecutionProvider" in onnxruntime.get_available_providers()
