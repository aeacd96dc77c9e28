"""PyTorch: what is written computes what NumPy computes, node by node, in every form and at every size."""

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import cases
from converters import ops, passes, to_torch
from converters.errors import ConversionError, ShapeError, UnsupportedError
from converters.from_caffe import read_caffe
from converters.ir import Graph, Node, Preprocessing, Source
from converters.ops import Array, Shape
from converters.torch_model.weights import CHUNK_BYTES, chunks, write_safetensors
from op_examples import EXAMPLES
from op_values import Example, assert_close

HALF_TOLERANCE = 2e-2
CASES = ["net_vggface_small", "net_mini_resnet", "lstm_static_expose", "shared_params", "inplace_chain", "slice_points"]


def module_of(folder: Path) -> Path:
    (module,) = folder.glob("*.py")
    return module


def check(graph: Graph, path: Path, feeds: dict[str, Array]) -> dict[str, Array]:
    """Hold every value of what was written to the reference."""
    got, expected = to_torch.run(graph, path, feeds), graph.run(feeds)
    assert set(got) == {node.name for node in graph.nodes}
    for name, array in got.items():
        assert_close(array, expected[name])
    return got


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_op(example: Example, tmp_path: Path) -> None:
    graph = example.graph()
    to_torch.save(graph, tmp_path / "net")
    check(graph, tmp_path / "net", example.feeds())


def test_every_op_is_written() -> None:
    concrete = {op for op in vars(ops).values() if isinstance(op, type) and issubclass(op, ops.Op)}
    assert {op for op in concrete if not op.__abstractmethods__} - {ops.Op, ops.Elementwise} == set(to_torch.LAYERS)


def in_half(array: Array) -> Array:
    return array.astype(np.float16).astype(np.float32) if array.dtype == np.float32 else array


def test_every_op_in_float16(tmp_path: Path) -> None:
    off = {}
    for index, example in enumerate(EXAMPLES):
        graph, feeds = passes.rounded_to_half(example.graph()), {n: in_half(a) for n, a in example.feeds().items()}
        to_torch.save(graph, tmp_path / str(index), dtype="float16")
        got, expected = to_torch.run(graph, tmp_path / str(index), feeds)["y"], graph.run(feeds)["y"]
        assert (got.dtype, got.shape) == (np.float16, expected.shape), example
        sound = np.isfinite(expected) & (np.abs(expected) < np.finfo(np.float16).max)
        largest = np.abs(expected[sound]).max(initial=1e-9)
        off[str(example)] = float(np.abs(got[sound] - expected[sound]).max(initial=0) / largest)
    assert {name: round(value, 4) for name, value in off.items() if value > HALF_TOLERANCE} == {}


GROWTH: tuple[Shape, ...] = ((1, 0, 0, 0, 0), (0, 0, 1, 2, 1), (0, 0, 6, 5, 3), (2, 0, 4, 9, 2), (0, 0, -1, -2, 0))
# Their second input cannot be made at random for another size.
FIXED = (ops.MaxUnpooling,)


def other_sizes(example: Example) -> Iterator[tuple[Graph, dict[str, Array]]]:
    """Yield the example at the sizes that it allows."""
    graph = example.graph()
    for growth in GROWTH:
        grown = zip(graph.inputs.items(), [growth] * len(graph.inputs), strict=True)
        shapes = {name: tuple(n + d if n + d > 0 else n for n, d in zip(s, g, strict=False)) for (name, s), g in grown}
        try:
            larger = graph.with_inputs(shapes)
        except ShapeError:
            continue
        feeds = replace(example, shapes=tuple(shapes.values())).feeds()
        yield larger, feeds


def test_modules_fit_every_size(tmp_path: Path) -> None:
    tried = 0
    for index, example in enumerate(e for e in EXAMPLES if e.shapes and not isinstance(e.op, FIXED)):
        folder = tmp_path / str(index)
        to_torch.save(example.graph(), folder)
        for graph, feeds in other_sizes(example):
            check(graph, folder, feeds)
            tried += 1
    assert tried > 1000


@pytest.mark.parametrize("name", CASES)
def test_networks(name: str, tmp_path: Path) -> None:
    case = cases.caffe_case(name)
    graph = read_caffe(case.prototxt, case.weights)
    to_torch.save(graph, tmp_path / "net")
    check(graph, tmp_path / "net", dict(case.inputs))


def small_vgg() -> tuple[Graph, dict[str, Array]]:
    case = cases.caffe_case("net_vggface_small")
    graph = read_caffe(case.prototxt, case.weights)
    mean = np.array([93.594, 104.7624, 129.1863], np.float32)
    graph = replace(
        graph,
        preprocessing=Preprocessing("BGR", mean, (1.0, 1.0, 1.0), (64, 64)),
        labels=tuple(f"person {i}" for i in range(40)),
        source=Source("Caffe", {"deploy.prototxt": "ab" * 32}, "for research"),
    )
    return graph, dict(case.inputs)


@pytest.mark.parametrize("name", ["net", "net.pt", "net.pt2"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_same_graph_gives_the_same_bytes(name: str, dtype: str, tmp_path: Path) -> None:
    graph, _ = small_vgg()
    written = []
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        files = to_torch.save(graph, tmp_path / folder / f"{folder}_{name}", dtype=dtype)
        written.append([path.read_bytes() for path in files])
        assert sorted(path for path in (tmp_path / folder).rglob("*") if path.is_file()) == sorted(files)
    assert written[0] == written[1]


def test_a_state_dict_is_plain(tmp_path: Path) -> None:
    graph, feeds = small_vgg()
    assert to_torch.save(graph, tmp_path / "face.pt") == [tmp_path / "face.pt", tmp_path / "face.py"]
    state = torch.load(tmp_path / "face.pt", weights_only=True)
    assert type(state) is dict
    assert state["fc8.weight"].shape == (40, 256)
    check(graph, tmp_path / "face.pt", feeds)


def test_an_exported_program_stands_alone(tmp_path: Path) -> None:
    graph, feeds = small_vgg()
    assert to_torch.save(graph, tmp_path / "face.pt2") == [tmp_path / "face.pt2"]
    extra = {"faceport.json": ""}
    program = torch.export.load(tmp_path / "face.pt2", extra_files=extra)
    batch = torch.from_numpy(np.concatenate([feeds["data"]] * 3))
    assert_close(program.module()(batch)[:1].detach().numpy(), graph.run(feeds)["prob"])
    assert json.loads(json.loads(extra["faceport.json"])["labels"])[1] == "person 1"


def test_open_axes_of_an_exported_program(tmp_path: Path) -> None:
    axes = ("batch", "height", "width")
    example = next(e for e in EXAMPLES if str(e) == "Pooling-average_padded_ceil")
    to_torch.save(example.graph(), tmp_path / "net.pt2", dynamic=axes)
    other = passes.at_another_size(example.graph(), axes)
    feeds = replace(example, shapes=tuple(other.inputs.values())).feeds()
    assert_close(to_torch.run(other, tmp_path / "net.pt2", feeds)["y"], other.run(feeds)["y"])
    to_torch.save(example.graph(), tmp_path / "closed.pt2", dynamic=())
    with pytest.raises(ConversionError, match="closed.pt2: PyTorch cannot run it"):
        to_torch.run(other, tmp_path / "closed.pt2", feeds)
    with pytest.raises(ConversionError, match="no axis 'depth'; choose from batch, height, width"):
        to_torch.save(example.graph(), tmp_path / "net.pt2", dynamic=("depth",))


def test_what_a_program_cannot_hold_is_named_at_once(tmp_path: Path) -> None:
    example = next(e for e in EXAMPLES if str(e) == "RegionPooling-max_plain")
    inputs = dict(zip(("x", "regions"), example.shapes, strict=True))
    nodes = [Node(f"roi{i}", example.op, ("x", "regions")) for i in range(2)]
    graph = Graph("rois", inputs, tuple(nodes), {node.name: node.name for node in nodes})
    with pytest.raises(UnsupportedError, match="layer 'roi0': RegionPooling loops as often as the values say") as told:
        to_torch.save(graph, tmp_path / "net.pt2")
    assert len(told.value.problems) == 2
    fixed = Graph("fixed", {"a": (2, 6)}, (Node("b", ops.Reshape((3, 4)), ("a",)),), {"b": "b"})
    with pytest.raises(UnsupportedError, match='torch.export cannot write network .* with open axes {"a": .0.}'):
        to_torch.save(fixed, tmp_path / "net.pt2", dynamic=("batch",))
    assert not list(tmp_path.iterdir())


def test_the_weights_explain_themselves(tmp_path: Path) -> None:
    graph, _ = small_vgg()
    _, weights = to_torch.save(graph, tmp_path / "net")
    with safe_open(weights, "np") as file:
        told = file.metadata()
    assert told["format"] == "pt"
    assert told["producer"].startswith("faceport")
    assert told["licence"] == "for research"
    assert json.loads(told["source_sha256"]) == {"deploy.prototxt": "ab" * 32}
    assert json.loads(told["labels"]) == list(graph.labels)
    preprocessing = json.loads(told["preprocessing"])
    assert preprocessing["channel_order"] == "BGR"
    np.testing.assert_allclose(preprocessing["mean"], [93.594, 104.7624, 129.1863], rtol=1e-6)
    assert preprocessing["size_height_width"] == [64, 64]


ALONE = """
import sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("converters", "faceport", "prototxt"):
            raise ImportError(name)

sys.meta_path.insert(0, Refusing())
sys.path.insert(0, sys.argv[1])
import torch
import vgg_face_16_layers as module

model = module.load()
image = torch.arange(64 * 64 * 3).reshape(64, 64, 3) % 256
with torch.inference_mode():
    prob = model(module.preprocess(image.numpy()))
model.train()(torch.rand(2, 3, 64, 64)).sum().backward()
assert model.conv1_1.weight.grad is not None
print(module.LABELS[int(prob.argmax())], float(prob.max()))
"""


def test_a_module_needs_nothing_of_ours(tmp_path: Path) -> None:
    graph, _ = small_vgg()
    to_torch.save(graph, tmp_path / "net")
    image = (np.arange(64 * 64 * 3) % 256).reshape(64, 64, 3).astype(np.float32)
    mean = np.asarray(graph.preprocessing.mean)[:, None, None]
    prob = graph.run({"data": (image.transpose(2, 0, 1)[::-1] - mean)[None]})["prob"]
    run = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, tmp_path / "net"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    label, _, probability = run.stdout.rpartition(" ")
    assert label == graph.labels[int(prob.argmax())]
    assert float(probability) == pytest.approx(float(prob.max()), rel=1e-5)


def test_running_leaves_no_trace(tmp_path: Path) -> None:
    graph, feeds = small_vgg()
    to_torch.save(graph, tmp_path / "net")
    modules, files = set(sys.modules), sorted(tmp_path.rglob("*"))
    got = to_torch.run(graph, tmp_path / "net", feeds, wanted=["pool5", "relu1_1"])
    assert set(got) == {"pool5", "relu1_1", "prob"}
    assert not {name for name in set(sys.modules) - modules if "vgg" in name}
    assert sorted(tmp_path.rglob("*")) == files


def test_what_was_written_is_what_runs(tmp_path: Path) -> None:
    graph, feeds = small_vgg()
    module, _ = to_torch.save(graph, tmp_path / "net")
    text = module.read_text()
    module.write_text(text.replace("self.pool3(x)", "2 * self.pool3(x)"))
    got, expected = to_torch.run(graph, tmp_path / "net", feeds), graph.run(feeds)
    assert_close(got["relu3_3"], expected["relu3_3"])
    with pytest.raises(AssertionError, match="differs by"):
        assert_close(got["conv4_1"], expected["conv4_1"])
    module.write_text(text.replace("nn.Linear(256, 40)", "nn.Linear(256, 41)"))
    with pytest.raises(ConversionError, match="vgg_face_16_layers.py: PyTorch cannot run it: RuntimeError"):
        to_torch.run(graph, tmp_path / "net", feeds)


def test_where_a_module_is_looked_for(tmp_path: Path) -> None:
    graph, feeds = small_vgg()
    with pytest.raises(ConversionError, match="there is no module net.py to load it with"):
        to_torch.run(graph, tmp_path / "net.pt", feeds)
    (tmp_path / "net").mkdir()
    with pytest.raises(ConversionError, match="expected the module vgg_face_16_layers.py there, found no module"):
        to_torch.run(graph, tmp_path / "net", feeds)
    module, weights = to_torch.save(graph, tmp_path / "net")
    check(graph, module, feeds)
    module.rename(tmp_path / "net" / "renamed.py")
    weights.rename(tmp_path / "net" / "renamed.safetensors")
    check(graph, tmp_path / "net", feeds)
    other = Graph("other", {"image": (1, 2)}, (Node("y", ops.ReLU(), ("image",)),), {"y": "y"})
    with pytest.raises(ConversionError, match="the module's inputs are data; those of the network are image"):
        to_torch.run(other, tmp_path / "net", {"image": np.ones((1, 2), np.float32)})


def test_what_cannot_be_written_is_named_at_once(tmp_path: Path) -> None:
    shape = (1, 2, 3, 3, 3, 3)
    op = ops.Convolution(2, (1,) * 4, (1,) * 4, ((0, 0),) * 4, (1,) * 4, bias=False)
    weight = {"weight": np.ones((2, 2, 1, 1, 1, 1), np.float32)}
    nodes = (Node("a", op, ("x",), weight), Node("b", op, ("a",), weight))
    graph = Graph("deep", {"x": shape}, nodes, {"b": "b"})
    expected = "Convolution over 4 spatial axes has no form in PyTorch, which has at most 3"
    assert to_torch.unsupported(graph) == [f"layer '{name}': {expected}" for name in "ab"]
    with pytest.raises(UnsupportedError, match="layer 'b'"):
        to_torch.save(graph, tmp_path / "net")
    assert not list(tmp_path.iterdir())


def test_float16_has_limits(tmp_path: Path) -> None:
    scale = {"scale": np.array([1.0, 70000.0], np.float32)}
    graph = Graph("net", {"x": (1, 2)}, (Node("y", ops.Scale(), ("x",), scale),), {"y": "y"})
    with pytest.raises(UnsupportedError, match="'y.weight' holds values beyond 65504, float16's limit"):
        to_torch.save(graph, tmp_path / "net", dtype="float16")
    with pytest.raises(ConversionError, match="dtype is 'int8'; choose float32 or float16"):
        to_torch.save(graph, tmp_path / "net", dtype="int8")


def test_float16_modules_say_so(tmp_path: Path) -> None:
    graph, feeds = small_vgg()
    module, _ = to_torch.save(graph, tmp_path / "net", dtype="float16")
    scope: dict[str, object] = {"__file__": str(module), "__name__": "net"}
    exec(module.read_text(), scope)  # noqa: S102 - what was just written
    model, preprocess = scope["load"](), scope["preprocess"]  # type: ignore[operator]
    assert scope["DTYPE"] == torch.float16
    image = preprocess(np.zeros((80, 70, 3), np.uint8))  # type: ignore[operator]
    assert (image.dtype, image.shape) == (torch.float16, (1, 3, 64, 64))
    assert model(image).dtype == torch.float16
    assert "Weights and computation are float16: so must be the inputs." in module.read_text()
    assert_close(to_torch.run(graph, tmp_path / "net", feeds)["prob"], graph.run(feeds)["prob"], HALF_TOLERANCE)


def odd_metadata(*, hashed: bool = True) -> dict[str, str]:
    return {"note": "\ud800", "hash": "12" if hashed else "00"}


def test_weights_are_copied_in_pieces(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "large.npy", rng.random((3, 4, 2**20), np.float32))
    large = np.load(tmp_path / "large.npy", mmap_mode="r")
    tensors = {"a": large, "b": large.transpose(2, 0, 1), "c": np.ones((), np.float64), "d": np.zeros((0, 3))}
    assert all(piece.nbytes <= CHUNK_BYTES for array in tensors.values() for piece in chunks(array))
    tracemalloc.start()
    write_safetensors(tmp_path / "w.safetensors", tensors, odd_metadata, "float32")
    assert tracemalloc.get_traced_memory()[1] < 2 * CHUNK_BYTES
    tracemalloc.stop()
    for name, tensor in load_file(tmp_path / "w.safetensors").items():
        np.testing.assert_array_equal(tensor.numpy(), tensors[name])
    assert int.from_bytes((tmp_path / "w.safetensors").read_bytes()[:8], "little") % 8 == 0


def test_mean_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mean = rng.random((3, 6, 5)).astype(np.float32) * 255
    known = Preprocessing("RGB", mean, (0.5, 1.0, 2.0), (6, 5))
    graph = Graph("net", {"x": (1, 3, 6, 5)}, (Node("y", ops.ReLU(), ("x",)),), {"y": "y"}, known)
    module, weights = to_torch.save(graph, tmp_path / "net")
    np.testing.assert_array_equal(load_file(weights)["mean_image"].numpy(), mean)
    scope: dict[str, object] = {"__file__": str(module), "__name__": "net"}
    exec(module.read_text(), scope)  # noqa: S102 - what was just written
    image = rng.integers(0, 256, (6, 5, 3)).astype(np.uint8)
    model = scope["load"]()  # type: ignore[operator]
    got = scope["preprocess"](image, model.mean_image)  # type: ignore[operator]
    expected = (image.transpose(2, 0, 1) - mean) * np.array([0.5, 1.0, 2.0], np.float32)[:, None, None]
    assert_close(got.numpy(), expected[None])
    assert_close(to_torch.run(graph, tmp_path / "net", {"x": -expected[None]})["y"], np.maximum(-expected[None], 0))


def test_gray_images_and_whole_numbers(tmp_path: Path) -> None:
    known = Preprocessing("gray", None, (0.25,), None)
    graph = Graph("net", {"x": (1, 1, 4, 4)}, (Node("y", ops.ReLU(), ("x",)),), {"y": "y"}, known)
    text = to_torch.save(graph, tmp_path / "net")[0].read_text()
    scope: dict[str, object] = {"__file__": "net.py", "__name__": "net"}
    exec(text, scope)  # noqa: S102 - what was just written
    image = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert_close(scope["preprocess"](image).numpy(), image[None, None] * np.float32(0.25))  # type: ignore[operator]
    baked = next(e for e in EXAMPLES if str(e) == "Preprocess-pixels_reversed")
    text = to_torch.save(baked.graph(), tmp_path / "baked")[0].read_text()
    assert "Input in0: (N, 3, 5, 4), uint8, values 0..255" in text
    assert "def preprocess" not in text
