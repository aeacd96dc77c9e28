"""Keras: what is written computes what NumPy computes, loads in plain Keras, and is the same file each time."""

import io
import json
import os
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import cases
from converters import ops, to_keras
from converters.errors import ConversionError, FormatError, ShapeError, UnsupportedError
from converters.from_caffe import read_caffe
from converters.ir import Graph, Node, Preprocessing, Source
from converters.keras_model.library import keras, plus, quietly
from converters.keras_model.names import keras_name
from converters.keras_model.tensorflow_library import tf
from converters.ops import Array, Op, Shape
from op_examples import EXAMPLES, NORMALIZATION, SAMPLING, SHAPES
from op_values import Example, assert_close
from op_window_examples import CONVOLUTIONS, POOLING
from small_graphs import convolution, face, graph, with_params

HALF_TOLERANCE = 2e-2
# No Keras model can express these, whatever their settings: how much they give depends on the values.
REFUSED: dict[type[Op], str] = {
    ops.DetectionOutput: "how many boxes remain depends on the values",
    ops.Filter: "how many items remain depends on the values",
}
SUPPORTED = [example for example in EXAMPLES if type(example.op) not in REFUSED]
ONE_PER_OP = list({type(example.op): example for example in reversed(SUPPORTED)}.values())


def alike(example: Example) -> Example | None:
    """The same op on axes that all have 4 cells, so that nothing but their order tells them apart."""
    same = replace(example, what=f"alike {example.what}", shapes=tuple((4,) * len(s) for s in example.shapes))
    try:
        same.graph().run(same.feeds())
    except (ShapeError, ValueError):  # an op, or what makes its inputs, wants other sizes
        return None
    return same


ALIKE = [example for example in map(alike, SUPPORTED) if example]


def stored(array: Array) -> Array:
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def check(model: Graph, path: Path, feeds: Mapping[str, Array], tolerance: float = 1e-5) -> dict[str, Array]:
    """Hold every value of what was written to the reference."""
    got, expected = to_keras.run(model, path, feeds), model.run(feeds)
    assert set(got) == set(expected)
    for name, array in got.items():
        assert_close(array, expected[name], tolerance)
    return got


def twice(feeds: Mapping[str, Array]) -> dict[str, Array]:
    return {name: np.concatenate([array, array[::-1]]) for name, array in feeds.items()}


def image_net(steps: Sequence[tuple[str, Op, str]], shape: Shape = (2, 4, 8, 8), **fields: Any) -> Graph:
    return graph({"data": shape}, steps, **fields)


def feeds_of(model: Graph, seed: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in model.inputs.items()}


@pytest.mark.parametrize("example", SUPPORTED, ids=str)
def test_every_op(example: Example, tmp_path: Path) -> None:
    model = example.graph()
    to_keras.save(model, tmp_path / "m.keras")
    check(model, tmp_path / "m.keras", example.feeds())


@pytest.mark.parametrize("example", ALIKE, ids=str)
def test_every_op_where_all_axes_have_one_length(example: Example, tmp_path: Path) -> None:
    model = example.graph()
    to_keras.save(model, tmp_path / "m.keras")
    check(model, tmp_path / "m.keras", example.feeds())


@pytest.mark.parametrize("example", [e for e in EXAMPLES if type(e.op) in REFUSED], ids=str)
def test_what_no_keras_model_can_express_is_refused_by_name(example: Example, tmp_path: Path) -> None:
    reason = REFUSED[type(example.op)]
    with pytest.raises(UnsupportedError, match=f"layer 'y': {type(example.op).__name__} has no .* Keras: {reason}"):
        to_keras.save(example.graph(), tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def test_every_op_is_either_built_or_refused_with_a_reason() -> None:
    assert set(to_keras.OPS) | set(to_keras.REFUSED) == {type(example.op) for example in EXAMPLES}
    assert set(to_keras.REFUSED) == set(REFUSED)
    assert not set(to_keras.OPS) & set(to_keras.REFUSED)


@pytest.mark.parametrize("example", ONE_PER_OP, ids=str)
def test_every_op_in_a_compiled_graph(example: Example, tmp_path: Path) -> None:
    model, feeds = example.graph(), example.feeds()
    to_keras.save(model, tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    whole = tf.function(lambda *x: loaded(list(x) if len(x) > 1 else x[0], training=False))
    with quietly():
        (y,) = keras.tree.flatten(whole(*(tf.constant(stored(array)) for array in feeds.values())))
    expected = stored(model.run(feeds)["y"])
    assert_close(np.asarray(y), expected)


# Their first axis is time, or they cut it at fixed places, or count what lies along it.
PIN_THE_BATCH = (ops.ArgMax, ops.Crop, ops.LSTM, ops.RNN, ops.Slice)


@pytest.mark.parametrize("example", SUPPORTED, ids=str)
def test_an_open_batch_takes_other_batches(example: Example, tmp_path: Path) -> None:
    model, feeds = example.graph(), example.feeds()
    to_keras.save(model, tmp_path / "m.keras")
    inputs = zip(model.inputs, keras.models.load_model(tmp_path / "m.keras").inputs, strict=True)
    opened = [name for name, tensor in inputs if tensor.shape[:1] == (None,)]
    if not opened:
        assert isinstance(example.op, PIN_THE_BATCH) or not fits_twice(model)
        return
    larger = model.with_inputs({name: (2 * model.inputs[name][0], *model.inputs[name][1:]) for name in opened})
    check(larger, tmp_path / "m.keras", feeds | twice({name: feeds[name] for name in opened}))


def fits_twice(model: Graph) -> bool:
    try:
        model.with_inputs({name: (2 * shape[0], *shape[1:]) for name, shape in model.inputs.items() if shape})
    except ShapeError:
        return False
    return any(model.inputs.values())


MAPS = [e for e in (*CONVOLUTIONS, *POOLING, *NORMALIZATION, *SAMPLING, *SHAPES) if len(e.shapes[0]) == 4]


@pytest.mark.parametrize("example", MAPS, ids=str)
def test_open_maps_take_other_sizes(example: Example, tmp_path: Path) -> None:
    model = example.graph()
    problems = to_keras.unsupported(model, dynamic=("height", "width"))
    if problems:
        words = ("is fixed", "cannot stay open", "several axes open", "form in Keras", "only fixed sizes tell")
        assert all(any(word in problem for word in words) for problem in problems), problems
        return
    to_keras.save(model, tmp_path / "m.keras", dynamic=("height", "width"))
    check(model, tmp_path / "m.keras", example.feeds())
    for more in ((1, 0), (0, 2), (3, 4), (11, 13)):
        grown = {n: (*s[:2], s[2] + more[0], s[3] + more[1]) for n, s in model.inputs.items() if len(s) == 4}
        try:
            other = model.with_inputs(grown)
        except ShapeError:  # two inputs, of which one alone is a map
            continue
        moved = {name: array for name, array in feeds_of(other).items() if other.inputs[name] != model.inputs[name]}
        check(other, tmp_path / "m.keras", example.feeds() | moved)


@pytest.mark.parametrize("example", list({str(e): e for e in (*ONE_PER_OP, *POOLING)}.values()), ids=str)
def test_half_precision(example: Example, tmp_path: Path) -> None:
    model, feeds = example.graph(), example.feeds()
    outside = isinstance(example.op, ops.Pooling) and np.abs(model.run(feeds)["y"]).max(initial=0) > 1e30
    if outside:
        with pytest.raises(UnsupportedError, match="half precision cannot hold"):
            to_keras.save(model, tmp_path / "m.keras", dtype="float16")
        return
    to_keras.save(model, tmp_path / "m.keras", dtype="float16")
    check(model, tmp_path / "m.keras", feeds, HALF_TOLERANCE)


def test_half_precision_stores_halves_and_keeps_inputs_and_outputs_float32(tmp_path: Path) -> None:
    model = face()
    to_keras.save(model, tmp_path / "m.keras", dtype="float16")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert {variable.dtype for layer in loaded.layers for variable in layer.weights[:2] if layer.name[:2] == "fc"} == {
        "float16"
    }
    assert [tensor.dtype for tensor in (*loaded.inputs, *loaded.outputs)] == ["float32", "float32"]
    assert loaded.output_names == ["prob"]


def test_half_precision_keeps_indices_whole(tmp_path: Path) -> None:
    model = graph(
        {"words": (2, 3)},
        [("same", ops.Identity(), "words"), ("rows", ops.Embedding(5000, 2), "same"), ("y", ops.Flatten(), "rows")],
    )
    feeds = {"words": np.array([[4999, 4097, 1], [2049, 3, 4095]], np.float32)}
    to_keras.save(model, tmp_path / "m.keras", dtype="float16")
    check(model, tmp_path / "m.keras", feeds, 1e-3)


def test_weights_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    model = image_net([("y", ops.Dense(2), "data")])
    weight = model.node("y").params["weight"].copy()
    weight[0, 0] = -70000
    with pytest.raises(UnsupportedError, match=r"layer 'y': a weight of 70000 is beyond float16"):
        to_keras.save(with_params(model, "y", weight=weight), tmp_path / "m.keras", dtype="float16")


@pytest.mark.parametrize("name", ["net_mini_resnet", "net_vggface_small", "lstm_static_expose", "shared_params"])
@pytest.mark.parametrize("target", ["m.keras", "m.weights.h5"])
def test_every_node_of_real_networks(name: str, target: str, tmp_path: Path) -> None:
    case = cases.caffe_case(name)
    model = read_caffe(case.prototxt, case.weights)
    written = to_keras.save(model, tmp_path / target)
    assert written == sorted(tmp_path.iterdir(), key=lambda path: path.suffix == ".json")
    check(model, tmp_path / target, {key: case.inputs[key] for key in model.inputs})


def test_layers_are_called_as_in_the_source(tmp_path: Path) -> None:
    case = cases.caffe_case("net_vggface_small")
    model = read_caffe(case.prototxt, case.weights)
    to_keras.save(model, tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert {node.layer for node in model.nodes} <= {layer.name for layer in loaded.layers}
    assert loaded.name == keras_name(model.name)
    assert loaded.input_shape == (None, 64, 64, 3)
    assert loaded.output_names == ["prob"]


def test_the_first_dense_layer_needs_no_transposition(tmp_path: Path) -> None:
    to_keras.save(face(), tmp_path / "m.keras")
    kinds = [type(o).__name__ for o in keras.models.load_model(tmp_path / "m.keras").operations]
    assert "Transpose" not in kinds
    assert "Permute" not in kinds
    assert kinds.count("Flatten") == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("inception_3a/1x1", "inception_3a_1x1"), ("a b", "a_b"), ("_split", "layer_split"), ("日本", "layer"),
        ("", "layer"), ("/", "layer"), ("x:0", "x_0"), ("1x1", "1x1"), (".5", ".5"), ("res2a_b", "res2a_b"),
    ],
)  # fmt: skip
def test_names_that_keras_forbids_are_replaced(text: str, name: str) -> None:
    assert keras_name(text) == name


def test_any_names_stay_apart(tmp_path: Path) -> None:
    words = [
        "a/b",
        "a b",
        "a_b",
        "A_B",
        "_x",
        "日本",
        "中国",
        "",
        " ",
        "relu_1",
        "data_2",
        "y_zero_padding2d",
        "conv2d",
    ]
    names = ["data", *(f"n{i}" for i in range(len(words)))]
    steps: list[tuple[str, Op, str]] = [(after, ops.ELU(), before) for before, after in pairwise(names)]
    model = image_net([*steps, ("y", convolution(3, pads=((2, 1), (0, 1))), names[-1])])
    nodes = [replace(node, layer=word) for node, word in zip(model.nodes, [*words, "y"], strict=True)]
    model = replace(model, nodes=tuple(nodes), name="a net/with: a name")
    to_keras.save(model, tmp_path / "m.keras")
    check(model, tmp_path / "m.keras", feeds_of(model))
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert {"a_b", "a_b_2", "a_b_3", "A_B_4"} <= {layer.name for layer in loaded.layers}
    assert loaded.name == "a_net_with__a_name"


def several_outputs() -> Graph:
    steps: list[tuple[str, Op, str]] = [
        ("conv", convolution(3), "data"),
        ("relu", ops.ReLU(), "conv"),
        ("pool", ops.GlobalPooling(), "relu"),
        ("z", ops.Flatten(), "pool"),
        ("a", ops.Dense(4), "other"),
    ]
    outputs = {"z": "z", "conv": "relu", "raw": "data", "same": "z", "a": "a"}
    return graph({"data": (2, 4, 8, 8), "other": (2, 5)}, steps, outputs=outputs)


@pytest.mark.parametrize("target", ["m.keras", "folder"])
def test_outputs_come_in_the_order_of_the_network(target: str, tmp_path: Path) -> None:
    model = several_outputs()
    feeds = feeds_of(model)
    to_keras.save(model, tmp_path / target)
    got = to_keras.run(model, tmp_path / target, feeds, model.outputs.values())
    expected = model.run(feeds)
    assert set(got) == set(model.outputs.values())
    for name, array in got.items():
        assert_close(array, expected[name])


def test_a_file_has_its_outputs_in_order_even_if_some_are_one_value(tmp_path: Path) -> None:
    model = several_outputs()
    feeds = feeds_of(model)
    to_keras.save(model, tmp_path / "m.keras")
    found = to_keras.run_file(tmp_path / "m.keras", {name: stored(array) for name, array in feeds.items()})
    assert list(found) == ["z", "relu", "raw", "same", "a"]
    expected = model.output_values(model.run(feeds))
    for array, wanted in zip(found.values(), expected.values(), strict=True):
        assert_close(array, stored(wanted))


def test_nodes_that_share_weights_share_a_layer(tmp_path: Path) -> None:
    shapes: dict[str, Shape] = {"left": (2, 5), "right": (2, 5)}
    one = graph(shapes, [("a", ops.Dense(4), "left"), ("b", ops.Dense(4), "right"), ("y", ops.Sum(), "a b")])
    shared = dict(one.node("a").params)
    model = replace(one, nodes=tuple(replace(n, params=shared) if n.name == "b" else n for n in one.nodes))
    to_keras.save(model, tmp_path / "m.keras")
    check(model, tmp_path / "m.keras", feeds_of(model))
    assert keras.models.load_model(tmp_path / "m.keras").count_params() == model.parameter_count() == 24


def described() -> Graph:
    mean = np.arange(3 * 13 * 11, dtype=np.float32).reshape(3, 13, 11)
    return face(
        preprocessing=Preprocessing("BGR", mean, (1.0, 1.0, 0.5), (13, 11)),
        labels=("Ann", "Bob", "Çelik"),
        source=Source("Caffe", {"/some/where/deploy.prototxt": "ab12", "weights.caffemodel": "cd34"}, "CC BY-NC 4.0"),
    )


def record(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        found: dict[str, Any] = json.loads(archive.read("metadata.json"))["faceport"]
    return found


def test_a_file_says_where_it_comes_from(tmp_path: Path) -> None:
    to_keras.save(described(), tmp_path / "m.keras")
    told = record(tmp_path / "m.keras")
    assert told["labels"] == ["Ann", "Bob", "Çelik"]
    assert told["licence"] == "CC BY-NC 4.0"
    assert told["source_format"] == "Caffe"
    assert told["source_sha256"] == {"deploy.prototxt": "ab12", "weights.caffemodel": "cd34"}
    assert told["preprocessing"]["channel_order"] == "BGR"
    assert told["preprocessing"]["scale"] == [1.0, 1.0, 0.5]
    assert told["preprocessing"]["size_height_width"] == [13, 11]
    assert told["preprocessing"]["mean"]["shape"] == [3, 13, 11]
    assert told["outputs"] == {"prob": "prob"}
    assert told["values"]["relu1"] == "relu1"
    assert told["producer"].startswith("faceport")


def test_weights_and_saved_models_say_the_same(tmp_path: Path) -> None:
    model = described()
    to_keras.save(model, tmp_path / "m.keras")
    to_keras.save(model, tmp_path / "m.weights.h5")
    to_keras.save(model, tmp_path / "folder")
    told = record(tmp_path / "m.keras")
    for path in (tmp_path / "m.json", tmp_path / "folder" / "assets.extra" / "faceport.json"):
        assert json.loads(path.read_text("utf-8"))["faceport"] == told


WRITE_ALL = """
import sys
from converters import to_keras
from test_converters_to_keras import described
from pathlib import Path
for name in ("m.keras", "m.weights.h5", "folder"):
    to_keras.save(described(), Path(sys.argv[1]) / name)
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run_python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a user would: without the settings that our modules make, wherever they are imported from."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**kept, **environment})


def test_the_same_network_is_the_same_file_in_another_process(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    for name in ("m.keras", "m.weights.h5", "folder"):
        to_keras.save(several_outputs(), here / "else.keras")  # what was converted before must not matter
        to_keras.save(described(), here / name)
    (here / "else.keras").unlink()
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parent.parent)])
    done = run_python(WRITE_ALL, str(there), PYTHONPATH=path, PYTHONHASHSEED="77")
    assert done.returncode == 0, done.stderr
    assert contents(here) == contents(there)
    assert len(contents(here)) == 7


def test_nothing_is_printed(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from converters import ops, to_keras
from converters.ir import Graph, Node
import numpy as np
weight = np.ones((4, 2, 3, 3), np.float32)
op = ops.Convolution(4, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 2, False)
graph = Graph("n", {{"x": (1, 4, 5, 5)}}, (Node("y", op, ("x",), {{"weight": weight}}),), {{"y": "y"}})
for name in ("m.keras", "m.weights.h5", "folder"):
    path = Path({str(tmp_path)!r}) / name
    to_keras.save(graph, path)
    to_keras.run(graph, path, {{"x": np.ones((1, 4, 5, 5), np.float32)}})
"""
    done = run_python(code, PYTHONPATH=str(Path(__file__).parent.parent))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


LOAD_ALONE = """
import sys, numpy, keras
for path, inputs, wanted in zip(sys.argv[1::3], sys.argv[2::3], sys.argv[3::3]):
    model = keras.models.load_model(path, safe_mode=True)
    feeds = list(numpy.load(inputs).values())
    given = feeds if len(feeds) > 1 else feeds[0]
    expected = list(numpy.load(wanted).values())
    for found in (model(given), model.predict(given, verbose=0) if "--" not in path else model(given)):
        for y, e in zip(keras.tree.flatten(found), expected, strict=True):
            assert numpy.abs(numpy.asarray(y) - e).max() <= 3e-5 * numpy.abs(e).max(), path
assert not any(name.split(".")[0] in ("converters", "faceport") for name in sys.modules)
print("loaded")
"""


def many_ops() -> Graph:
    """A network of most kinds of layers and operations, in one."""
    pooling = ops.Pooling((3, 3), (2, 2), ((1, 1), (1, 1)), ceil_mode=True)
    steps: list[tuple[str, Op, str]] = [
        ("scaled", ops.Scale(bias=True), "data"),
        ("norm", ops.BatchNormalization(affine=True), "scaled"),
        ("grouped/conv", convolution(6, groups=2), "norm"),
        ("prelu", ops.PReLU(), "grouped/conv"),
        ("max", pooling, "prelu"),
        ("average", replace(pooling, method="average"), "prelu"),
        ("lrn", ops.LocalResponseNormalization(2, 2, 0.1, 0.75), "max"),
        ("joined", ops.Concat(), "lrn average"),
        ("first", ops.Slice(1, 0, 7), "joined"),
        ("shuffled", ops.ShuffleChannels(7), "first"),
        ("up", ops.ConvolutionTranspose(7, (4, 4), (2, 2), ((1, 1), (1, 1)), (1, 1), 7, False), "shuffled"),
        ("larger", ops.BilinearResize((9, 11)), "up"),
        ("unit", ops.L2Normalization(), "larger"),
        ("best", ops.ArgMax(1, 2), "unit"),
        ("rows", ops.Reshape((0, 2, -1)), "best"),
        ("turned", ops.Permute((0, 2, 1)), "rows"),
        ("total", ops.Reduction("sum_squares", 2), "turned"),
        ("axis", ops.Scale(1, 1, bias=True), "total"),
        ("bias", ops.Bias(2, 1), "larger"),
        ("flat", ops.Flatten(), "bias"),
        ("fc", ops.Dense(5), "flat"),
        ("drop", ops.Dropout(), "fc"),
        ("power", ops.Power(2.0, 0.5, 1.0), "drop"),
        ("prob", ops.Softmax(), "power"),
    ]
    return image_net(steps, outputs={"prob": "prob", "axis": "axis"})


def test_plain_keras_loads_and_runs_it_in_a_process_without_us(tmp_path: Path) -> None:
    lstm = next(e for e in SUPPORTED if isinstance(e.op, ops.LSTM) and "both" in e.what)
    regions = next(e for e in SUPPORTED if isinstance(e.op, ops.RegionPooling))
    arguments = []
    for name, model, feeds in (
        ("many", many_ops(), feeds_of(many_ops())),
        ("lstm--", lstm.graph(), lstm.feeds()),  # predict wants one batch for all inputs
        ("regions--", regions.graph(), regions.feeds()),
        ("half", face(), feeds_of(face())),
    ):
        to_keras.save(model, tmp_path / f"{name}.keras")
        np.savez(tmp_path / f"{name}_in.npz", *map(stored, feeds.values()))
        found = model.output_values(model.run(feeds))
        np.savez(tmp_path / f"{name}_out.npz", *map(stored, found.values()))
        arguments += [str(tmp_path / f"{name}{end}") for end in (".keras", "_in.npz", "_out.npz")]
    done = run_python(LOAD_ALONE, *arguments)
    assert done.stdout.strip() == "loaded", done.stderr[-2000:]


def datasets(file: Any) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}

    def visit(name: str, item: Any) -> None:
        attributes = tuple(sorted(item.attrs.items()))
        is_array = isinstance(item, h5py.Dataset)
        found[name] = (attributes, item.shape, item.dtype, item[...].tobytes()) if is_array else (attributes,)

    file.visititems(visit)
    return found


@pytest.mark.parametrize("make", [many_ops, face, SUPPORTED[-3].graph])
def test_weights_lie_where_keras_itself_would_put_them(make: Callable[[], Graph], tmp_path: Path) -> None:
    to_keras.save(make(), tmp_path / "ours.keras")
    to_keras.save(make(), tmp_path / "ours.weights.h5")
    keras.models.load_model(tmp_path / "ours.keras").save_weights(tmp_path / "theirs.weights.h5")
    with h5py.File(tmp_path / "ours.weights.h5") as ours, h5py.File(tmp_path / "theirs.weights.h5") as theirs:
        assert datasets(ours) == datasets(theirs)
        with zipfile.ZipFile(tmp_path / "ours.keras") as archive:
            assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
            with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as packed:
                assert datasets(packed) == datasets(theirs)


@pytest.mark.parametrize("dense", [ops.Dense(2048), ops.Dense(2048, bias=False)])
def test_large_weights_are_streamed(dense: ops.Dense, tmp_path: Path) -> None:
    row = np.arange(2048, dtype=np.float32)[:, None]
    weight = np.broadcast_to(row, (2048, 1024 * 4 * 4))  # 134 MB, of which none is in memory
    params: dict[str, Array] = (
        {"weight": weight, "bias": np.ones(2048, np.float32)} if dense.bias else {"weight": weight}
    )
    model = Graph("large", {"data": (1, 1024, 4, 4)}, (Node("y", dense, ("data",), params),), {"y": "y"})
    tracemalloc.start()
    to_keras.save(model, tmp_path / "m.weights.h5")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < weight.nbytes
    with h5py.File(tmp_path / "m.weights.h5") as file:
        kernel = file["layers/dense/vars/0"]
        assert kernel.shape == (1024 * 16, 2048)
        np.testing.assert_array_equal(kernel[::4097], np.broadcast_to(row[:, 0], (4, 2048)))


def test_the_batch_stays_open_unless_something_pins_it(tmp_path: Path) -> None:
    to_keras.save(face(), tmp_path / "m.keras")
    assert keras.models.load_model(tmp_path / "m.keras").input_shape == (None, 13, 11, 3)
    to_keras.save(face(), tmp_path / "m.keras", dynamic=())
    assert keras.models.load_model(tmp_path / "m.keras").input_shape == (2, 13, 11, 3)
    folded = image_net([("y", ops.Dense(3, 0), "data")])
    to_keras.save(folded, tmp_path / "m.keras")
    assert keras.models.load_model(tmp_path / "m.keras").input_shape == (2, 8, 8, 4)


def test_batch_statistics_are_of_the_batch_at_hand(tmp_path: Path) -> None:
    model = image_net([("y", ops.BatchStatisticsNormalization(), "data")])
    to_keras.save(model, tmp_path / "m.keras")
    larger = model.with_inputs({"data": (5, 4, 8, 8)})
    check(larger, tmp_path / "m.keras", feeds_of(larger))


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (ops.Dense(3), "the height cannot stay open: layer 'y': parameter 'weight' has shape"),
        (ops.BilinearResize((4, 4)), r"layer 'y': has a form in Keras only where the size .* is fixed, here \[\?, 8\]"),
        (ops.Slice(2, 1, 3), "layer 'y': takes 1:3 of axis 2, so that axis cannot stay open"),
    ],
)
def test_what_pins_an_axis_is_named(op: Op, message: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=message):
        to_keras.save(image_net([("y", op, "data")]), tmp_path / "m.keras", dynamic=("height",))


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    steps: list[tuple[str, Op, str]] = [
        ("kept", ops.Filter(), "data flags"),
        ("rest", ops.ELU(), "kept"),
        ("again", ops.Filter(), "rest flags"),
    ]
    model = graph({"data": (2, 4, 8, 8), "flags": (2,)}, steps)
    problems = to_keras.unsupported(model)
    assert [problem.split(":")[0] for problem in problems] == ["layer 'kept'", "layer 'again'"]
    assert to_keras.unsupported(face()) == []
    with pytest.raises(UnsupportedError) as caught:
        to_keras.save(model, tmp_path / "m.keras")
    assert caught.value.problems == problems


def chain(length: int) -> Graph:
    names = ["data", *(f"n{i}" for i in range(length))]
    return graph({"data": (1, 2)}, [(after, ops.ELU(), before) for before, after in pairwise(names)])


def test_a_chain_that_keras_cannot_load_is_refused(tmp_path: Path) -> None:
    to_keras.save(chain(900), tmp_path / "m.keras")
    assert len(keras.models.load_model(tmp_path / "m.keras").layers) == 901
    with pytest.raises(UnsupportedError, match=r"a chain of 901 operations, but Keras, .* loads at most 900"):
        to_keras.save(chain(901), tmp_path / "m.keras")


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="'float64' is no number type that is written; choose float32 or float16"):
        to_keras.save(face(), tmp_path / "m.keras", dtype="float64")
    with pytest.raises(UnsupportedError, match="'depth' cannot be left open; choose from batch, height, width"):
        to_keras.save(face(), tmp_path / "m.keras", dynamic=("depth",))
    with pytest.raises(UnsupportedError, match="the height cannot stay open: no input has one"):
        to_keras.save(chain(1), tmp_path / "m.keras", dynamic=("height",))
    empty = Graph("e", {}, (Node("c", ops.Constant((2,)), (), {"value": np.ones(2, np.float32)}),), {"c": "c"})
    with pytest.raises(UnsupportedError, match="network 'e' has no input"):
        to_keras.save(empty, tmp_path / "m.keras")


def test_running_says_what_is_wrong(tmp_path: Path) -> None:
    to_keras.save(face(), tmp_path / "m.keras")
    feeds = feeds_of(face())
    with pytest.raises(ConversionError, match="input 'data' is not fed"):
        to_keras.run(face(), tmp_path / "m.keras", {})
    with pytest.raises(ConversionError, match="no value 'relu9'; did you mean 'relu"):
        to_keras.run(face(), tmp_path / "m.keras", feeds, ["relu9"])
    assert set(to_keras.run(face(), tmp_path / "m.keras", feeds, ["relu1", "prob"])) == {"relu1", "prob"}
    foreign = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    foreign.save(tmp_path / "foreign.keras")
    with pytest.raises(FormatError, match=r"foreign.keras: does not say which layer gives which value"):
        to_keras.run(face(), tmp_path / "foreign.keras", feeds)
    (tmp_path / "broken.keras").write_bytes(b"PK no zip")
    with pytest.raises(FormatError, match=r"broken.keras: not a Keras model"):
        to_keras.run(face(), tmp_path / "broken.keras", feeds)
    with pytest.raises(FormatError, match=r"broken.keras: Keras cannot load it"):
        to_keras.run_file(tmp_path / "broken.keras", feeds)


@pytest.fixture
def callers_settings() -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_dtype_policy(before)
    keras.config.set_image_data_format("channels_last")


@pytest.mark.usefixtures("callers_settings")
def test_the_callers_settings_of_keras_do_not_matter(tmp_path: Path) -> None:
    model = many_ops()
    to_keras.save(model, tmp_path / "m.keras")
    check(model, tmp_path / "m.keras", feeds_of(model))
    assert keras.config.dtype_policy().name == "mixed_bfloat16"


def test_a_sum_does_not_take_its_second_term_for_a_bias() -> None:
    x, y = np.arange(9, dtype=np.float32).reshape(3, 1, 1, 3), np.array([10, 20, 30], np.float32).reshape(3, 1, 1, 1)
    for first, second in ((x, y), (y, x)):
        np.testing.assert_array_equal(np.asarray(plus(*map(keras.ops.convert_to_tensor, (first, second)))), x + y)
        np.testing.assert_array_equal(np.asarray(plus(keras.ops.convert_to_tensor(first), second)), x + y)
