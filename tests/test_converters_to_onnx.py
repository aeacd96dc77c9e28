"""ONNX: what a written file says, how it is written, how it is run, and what is refused."""

import base64
import json
import tracemalloc
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from converters import ops, to_onnx
from converters.errors import ConversionError, FormatError, UnsupportedError
from converters.ir import Graph, Node, Preprocessing, Source
from converters.onnx_model import file as onnx_model_file
from converters.onnx_model.frame import LARGE_BYTES, read_frame
from converters.ops import Array, Shape
from onnx_models import initializers, optimised, random_feeds, run, saved
from op_values import assert_close
from small_graphs import convolution, face, graph

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
    monkeypatch.setattr(onnx_model_file, "LARGEST_MESSAGE", 4000)
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
    frame = read_frame(tmp_path / "model.onnx")
    assert [output.name for output in frame.graph.output] == ["prob", "fc7"]
    assert not frame.graph.node and not frame.graph.initializer
    assert {entry.key for entry in frame.metadata_props} >= {"values"}


# Running, and what is refused.


@pytest.mark.parametrize("external", [False, True])
def test_what_is_run_has_the_very_weights_of_the_file(external: bool, tmp_path: Path) -> None:
    """Large arrays are not copied: the bytes that lie in the file are what decides."""
    array = np.random.default_rng(0).normal(0, 1, (512, 600)).astype(np.float32)
    assert array.nbytes >= LARGE_BYTES
    model = dense_on(array)
    path = tmp_path / "model.onnx"
    (*_, holder) = to_onnx.save(model, path, external_data=external)
    x = np.random.default_rng(1).normal(0, 1, (1, 600)).astype(np.float32)
    assert_close(run(model, tmp_path, {"x": x})["fc"], x @ array.T)
    place = holder.read_bytes().index(array.tobytes())
    with holder.open("r+b") as file:
        file.seek(place)
        file.write((-array).tobytes())
    assert_close(run(model, tmp_path, {"x": x})["fc"], -x @ array.T)
    assert sorted(tmp_path.iterdir()) == sorted({path, holder})


def test_a_model_is_run_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = dense_on(np.ones((512, 600), np.float32))
    to_onnx.save(model, tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o555)
    try:
        got = to_onnx.run(model, "model.onnx", {"x": np.ones((1, 600), np.float32)})
    finally:
        tmp_path.chmod(0o755)
    assert (got["fc"] == 600).all()


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


def test_files_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"model\.onnx: cannot be read: No such file"):
        run(face(), tmp_path, random_feeds(face()))
    with pytest.raises(FormatError, match=r"model\.onnx: onnxruntime cannot load it"):
        optimised(tmp_path, random_feeds(face()))


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
