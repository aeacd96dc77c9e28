"""ONNX files and networks in memory become backbones: what their nodes give, and what is refused."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from PIL import Image

import small_graphs
from converters import ops, passes, to_onnx
from converters.files.hashing import sha256
from converters.ir import Graph, Preprocessing, Source
from converters.onnx_model.running import REFUSALS
from heads.backbones import Backbone, Stated, channel_swap_cost, open_backbone, sessions
from heads.backbones.artefact import Hardware
from heads.backbones.sources import from_graph
from heads.errors import HeadsError
from heads.provenance import Crop

MEAN = np.array([93.594, 104.7624, 129.1863], np.float32)
KNOWN = Preprocessing("BGR", MEAN, (0.01, 0.01, 0.02), (13, 11))


def face(**fields: Any) -> Graph:
    return small_graphs.face(**{"preprocessing": KNOWN, "source": Source(licence="MIT"), **fields})


def saved(graph: Graph, folder: Path, **options: Any) -> Path:
    path = folder / "face.onnx"
    to_onnx.save(graph, path, **{"dynamic": ("batch",), **options})
    return path


def images(count: int = 5, size: tuple[int, int] = (11, 13)) -> list[Image.Image]:
    rng = np.random.default_rng(7)
    return [Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), np.uint8)) for _ in range(count)]


def embedded(backbone: Backbone, pictures: list[Image.Image]) -> np.ndarray[Any, Any]:
    return backbone.run(np.stack([backbone.prepare(image) for image in pictures]))


def by_hand(graph: Graph, pictures: list[Image.Image], nodes: list[str]) -> np.ndarray[Any, Any]:
    """Embeddings by the reference interpreter and NumPy, from pixels."""
    scale = np.array(KNOWN.scale, np.float32).reshape(-1, 1, 1)
    batch = [
        (np.asarray(i, np.float32)[..., ::-1].transpose(2, 0, 1) - MEAN.reshape(-1, 1, 1)) * scale for i in pictures
    ]
    values = dict(graph.with_inputs({"data": (len(batch), 3, 13, 11)}).run({"data": np.stack(batch)}))
    return np.concatenate([values[n].mean(axis=(2, 3)) if values[n].ndim == 4 else values[n] for n in nodes], axis=1)


def near(found: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> bool:
    assert found.shape == wanted.shape
    assert found.dtype == np.float32
    return bool(np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("nodes", [["fc7"], ["pool2"], ["relu6", "conv1", "prob"], ["prob", "relu2", "fc6"]])
def test_nodes_are_averaged_and_joined_in_order(tmp_path: Path, nodes: list[str]) -> None:
    graph = face()
    backbone = open_backbone([str(saved(graph, tmp_path))], nodes)
    assert backbone.dimensions == tuple(graph.shapes[node][1] for node in nodes)
    assert near(embedded(backbone, images()), by_hand(graph, images(), nodes))


def test_without_nodes_the_only_output_is_taken(tmp_path: Path) -> None:
    backbone = open_backbone([str(saved(face(), tmp_path))])
    assert backbone.nodes == ("prob",)
    assert near(embedded(backbone, images()), by_hand(face(), images(), ["prob"]))


def test_everything_that_decides_the_values_is_recorded(tmp_path: Path) -> None:
    path = saved(face(), tmp_path)
    backbone = open_backbone([str(path)], ["fc7"], normalize=True)
    spec = backbone.spec(Crop("centre"))
    assert (spec.model, spec.model_sha256, spec.licence) == ("face.onnx", sha256(path), "MIT")
    assert (spec.nodes, spec.dimensions, spec.normalized, spec.dtype) == (("fc7",), (8,), True, "float32")
    assert spec.preprocessing["mean"] == [float(value) for value in MEAN]
    assert spec.preprocessing["size_height_width"] == [13, 11]
    assert spec.crop == Crop("centre")
    assert (backbone.device, backbone.input_shape, backbone.input_dtype) == ("cpu", (3, 13, 11), "float32")
    assert json.loads(json.dumps(spec.to_json())) == spec.to_json()


def test_normalised_embeddings_have_length_1(tmp_path: Path) -> None:
    path = [str(saved(face(), tmp_path))]
    plain, unit = (open_backbone(path, ["fc6", "fc7"], normalize=normalize) for normalize in (False, True))
    vectors = embedded(plain, images())
    wanted = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert near(embedded(unit, images()), wanted)
    assert plain.spec().key != unit.spec().key


def test_what_opens_it_again_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(face(preprocessing=Preprocessing()), tmp_path)
    monkeypatch.chdir(tmp_path)
    stated = Stated("RGB", (1.0, 2.0, 3.0), (0.5,))
    backbone = open_backbone(["face.onnx"], ["fc7"], normalize=True, stated=stated)
    monkeypatch.chdir("/")
    again = open_backbone(**backbone.opened_with)
    assert again.spec() == backbone.spec()
    assert (embedded(again, images()) == embedded(backbone, images())).all()


def test_only_what_the_nodes_need_is_run(tmp_path: Path) -> None:
    path = saved(face(), tmp_path)
    model = onnx.load(path)
    # What comes after fc6 cannot be run at all: nobody notices who does not ask for it.
    next(node for node in model.graph.node if node.name == "fc7").op_type = "NoSuchOperator"
    onnx.save(model, path)
    assert open_backbone([str(path)], ["fc6"]).dimension == 10
    with pytest.raises(HeadsError, match="onnxruntime cannot load it"):
        open_backbone([str(path)], ["fc7"])


def test_weights_beside_the_model_belong_to_it(tmp_path: Path) -> None:
    path = saved(face(), tmp_path, external_data=True)
    whole = tmp_path / "whole"
    whole.mkdir()
    first = open_backbone([str(path)], ["fc7"])
    assert near(embedded(first, images()), by_hand(face(), images(), ["fc7"]))
    data = tmp_path / "face.onnx.data"
    before = first.model_sha256
    assert before != sha256(path)
    content = bytearray(data.read_bytes())
    content[1] ^= 1
    data.write_bytes(content)
    assert open_backbone([str(path)], ["fc7"]).model_sha256 != before
    data.unlink()
    with pytest.raises(HeadsError, match="its weights lie in face.onnx.data, which is not beside it"):
        open_backbone([str(path)], ["fc7"])


def test_a_network_of_a_fixed_batch_takes_any_number(tmp_path: Path) -> None:
    fixed = open_backbone([str(saved(face(), tmp_path, dynamic=()))], ["fc7", "pool1"])
    assert fixed.engine.batch == 2
    for count in (1, 2, 5):
        assert near(embedded(fixed, images(count)), by_hand(face(), images(count), ["fc7", "pool1"]))


def test_half_precision_is_read_and_recorded(tmp_path: Path) -> None:
    half = open_backbone([str(saved(face(), tmp_path, dtype="float16"))], ["fc7", "relu2"])
    assert half.spec().dtype == "float16"
    found, wanted = embedded(half, images()), by_hand(face(), images(), ["fc7", "relu2"])
    assert found.dtype == np.float32
    assert 1e-6 < np.abs(found - wanted).max() / np.abs(wanted).max() < 5e-3


def test_a_half_precision_model_gives_its_output(tmp_path: Path) -> None:
    half = open_backbone([str(saved(face(), tmp_path, dtype="float16"))])
    assert np.allclose(embedded(half, images()), by_hand(face(), images(), ["prob"]), atol=2e-3)


def test_a_network_that_preprocesses_itself_takes_pixels(tmp_path: Path) -> None:
    backbone = open_backbone([str(saved(passes.bake_preprocessing(face()), tmp_path))], ["fc7"])
    assert backbone.input_dtype == "uint8"
    assert backbone.prepare(images()[0]).dtype == np.uint8
    assert backbone.spec().preprocessing["channel_order"] == "RGB"
    assert near(embedded(backbone, images()), by_hand(face(), images(), ["fc7"]))


def test_a_mean_image_is_subtracted_and_recorded_by_its_hash(tmp_path: Path) -> None:
    mean = np.random.default_rng(3).uniform(80, 130, (3, 13, 11)).astype(np.float32)
    backbone = open_backbone([str(saved(face(preprocessing=replace(KNOWN, mean=mean)), tmp_path))], ["fc7"])
    pixels = np.asarray(images()[0], np.float32)[..., ::-1].transpose(2, 0, 1)
    scale = np.array(KNOWN.scale, np.float32).reshape(-1, 1, 1)
    assert (backbone.prepare(images()[0]) == (pixels - mean) * scale).all()
    assert set(backbone.spec().preprocessing["mean"]) == {"shape", "float32_sha256"}


def test_a_grey_network_takes_grey(tmp_path: Path) -> None:
    steps: list[Any] = [("conv", small_graphs.convolution(4), "data"), ("fc", ops.Dense(6), "conv")]
    grey = Preprocessing("gray", np.array([100], np.float32), (0.5,), (8, 9))
    backbone = open_backbone(
        [str(saved(small_graphs.graph({"data": (1, 1, 8, 9)}, steps, preprocessing=grey), tmp_path))]
    )
    assert backbone.input_shape == (1, 8, 9)
    assert embedded(backbone, images()).shape == (5, 6)
    with pytest.raises(HeadsError, match="takes grey images"):
        channel_swap_cost(backbone, images())


def test_open_height_and_width_need_a_size(tmp_path: Path) -> None:
    steps: list[Any] = [("conv", small_graphs.convolution(4), "data")]
    known = replace(KNOWN, size=None)
    graph = small_graphs.graph({"data": (1, 3, 8, 9)}, steps, preprocessing=known)
    path = [str(saved(graph, tmp_path, dynamic=("batch", "height", "width")))]
    with pytest.raises(HeadsError, match="takes images of any size, and does not say which; give size"):
        open_backbone(path)
    backbone = open_backbone(path, stated=Stated(size=(20, 30)))
    assert backbone.input_shape == (3, 20, 30)
    assert embedded(backbone, images()).shape == (5, 4)


def test_what_a_person_states_stands_in_place_of_the_file(tmp_path: Path) -> None:
    backbone = open_backbone([str(saved(face(), tmp_path))], stated=Stated("RGB", (1.0, 2.0, 3.0), (0.5,)))
    pixels = np.asarray(images()[0], np.float32).transpose(2, 0, 1)
    wanted = (pixels - np.array([1, 2, 3], np.float32).reshape(-1, 1, 1)) * np.float32(0.5)
    assert (backbone.prepare(images()[0]) == wanted).all()


def test_stated_numbers_are_in_the_order_rgb(tmp_path: Path) -> None:
    path = [str(saved(face(preprocessing=Preprocessing()), tmp_path))]
    stated = Stated("BGR", MEAN[::-1].tolist(), KNOWN.scale and KNOWN.scale[::-1])
    assert near(embedded(open_backbone(path, ["fc7"], stated=stated), images()), by_hand(face(), images(), ["fc7"]))


def test_a_stated_mean_image_is_in_the_networks_order(tmp_path: Path) -> None:
    mean = np.random.default_rng(3).uniform(80, 130, (3, 13, 11)).astype(np.float32)
    backbone = open_backbone([str(saved(face(), tmp_path))], stated=Stated(mean=mean))
    assert backbone.preprocessing.mean is not None
    assert (backbone.preprocessing.mean == mean).all()


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (Stated(channel_order="gray"), "channel order gray has 1 channels, the image input 3"),
        (Stated(mean=(1.0, 2.0)), "2 numbers for an image of 3 channels"),
        (Stated(scale=(0.0,)), "a factor of 0 would blank out the image"),
        (Stated(size=(13, 12)), "the network takes 13x11 pixels (height x width), not 13x12"),
        (Stated(mean=np.zeros((3, 4, 4), np.float32)), "is smaller than the input"),
    ],
)
def test_what_does_not_fit_the_network_is_refused(tmp_path: Path, stated: Stated, message: str) -> None:
    with pytest.raises(HeadsError) as caught:
        open_backbone([str(saved(face(), tmp_path))], stated=stated)
    assert message in str(caught.value)


def test_all_problems_are_told_at_once_and_how_to_mend_them(tmp_path: Path) -> None:
    path = saved(face(preprocessing=Preprocessing()), tmp_path)
    with pytest.raises(HeadsError) as caught:
        open_backbone([str(path)], ["fc77", "pool2", "pool2"])
    order, mean, unknown, twice = caught.value.problems
    assert "the channel order is not known; give channel_order" in order
    assert "the mean is not known; give mean" in mean
    assert '"channel_order": "RGB"' in mean
    assert "there is no node 'fc77'; did you mean 'fc7'?" in unknown
    assert "the node 'pool2' is named twice" in twice
    assert all(problem.startswith(f"{path}: ") for problem in caught.value.problems)


def test_statistics_of_the_batch_are_found_out(tmp_path: Path) -> None:
    steps: list[Any] = [
        ("conv", small_graphs.convolution(4), "data"),
        ("bn", ops.BatchStatisticsNormalization(1e-5), "conv"),
        ("fc", ops.Dense(6), "bn"),
    ]
    path = saved(small_graphs.graph({"data": (2, 3, 13, 11)}, steps, preprocessing=KNOWN), tmp_path)
    assert open_backbone([str(path)], ["conv"]).dimension == 4
    with pytest.raises(HeadsError, match="'fc' gives an image another value when a second image is beside it"):
        open_backbone([str(path)])


def test_values_that_are_no_numbers_are_found_out(tmp_path: Path) -> None:
    broken = small_graphs.with_params(face(), "fc7", weight=np.full((8, 10), np.inf, np.float32))
    with pytest.raises(HeadsError, match="'fc7' gives values that are not finite numbers"):
        open_backbone([str(saved(broken, tmp_path))], ["fc7"])


def test_several_outputs_have_to_be_chosen_from(tmp_path: Path) -> None:
    path = [str(saved(face(outputs={"a": "fc7", "b": "fc8"}), tmp_path))]
    with pytest.raises(HeadsError, match="the model has 2 outputs; name the nodes: fc7, fc8"):
        open_backbone(path)
    assert open_backbone(path, ["fc8"]).dimension == 5


@pytest.mark.parametrize("shape", [[2, 3, 13, 12], [2, 13, 11], [0, 3, 13, 11]])
def test_a_batch_of_another_shape_is_refused(tmp_path: Path, shape: list[int]) -> None:
    backbone = open_backbone([str(saved(face(), tmp_path))])
    with pytest.raises(HeadsError, match="a batch of shape"):
        backbone.run(np.zeros(shape, np.float32))


def test_a_device_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = [str(saved(face(), tmp_path))]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [sessions.CPU])
    with pytest.raises(HeadsError, match="cuda:0 is not there: this onnxruntime runs on the CPU alone"):
        open_backbone(path, device="cuda:0")
    with pytest.raises(HeadsError, match="there is no device 'gpu'; choose cpu, or cuda:0"):
        open_backbone(path, device="gpu")
    with pytest.raises(HeadsError, match="0 threads were asked for"):
        open_backbone(path, threads=0)


def test_a_silent_fall_back_to_the_cpu_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = [str(saved(face(), tmp_path))]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [sessions.CUDA, sessions.CPU])
    monkeypatch.setattr(sessions, "_providers", lambda _hardware: [sessions.CPU])
    with pytest.raises(HeadsError, match="cuda:0 was asked for, but onnxruntime fell back to CPUExecutionProvider"):
        open_backbone(path, device="cuda:0")


def test_want_of_memory_is_told_as_such() -> None:
    class Session:
        def run(self, *_arguments: Any) -> None:
            raise REFUSALS[-1]("bfc_arena.cc: Failed to allocate memory for requested buffer of size 9")

    with pytest.raises(MemoryError, match="Failed to allocate"):
        sessions.results(Session(), [], {})


def test_threads_are_set(tmp_path: Path) -> None:
    backbone = open_backbone([str(saved(face(), tmp_path))], threads=1)
    assert near(embedded(backbone, images()), by_hand(face(), images(), ["prob"]))
    made = sessions.session(tmp_path / "face.onnx", Hardware(threads=1))
    assert made.get_session_options().intra_op_num_threads == 1


def foreign(folder: Path, *, last: bool = False, told: dict[str, Any] | None = None) -> Path:
    """A model as another tool writes one: the mean of each channel, and a map."""
    image = ["n", 6, 5, 3] if last else ["n", 3, 6, 5]
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2] if last else [2, 3])
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["x", "axes"], ["means"], keepdims=0), helper.make_node("Neg", ["x"], ["map"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, image)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("means", "map")],
        [axes],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    if told is not None:
        helper.set_model_props(model, {"preprocessing": json.dumps(told)})
    path = folder / "foreign.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("last", [False, True])
def test_a_model_of_others_is_taken_if_its_preprocessing_is_stated(tmp_path: Path, last: bool) -> None:
    pictures = images(3, (5, 6))
    wanted = np.stack([np.asarray(image, float)[..., ::-1].mean(axis=(0, 1)) / 2 for image in pictures])
    told = {"channel_order": "BGR", "mean": [0, 0, 0], "scale": [0.5, 0.5, 0.5]}
    for said, stated in ((told, None), (None, Stated("BGR", (0.0,), (0.5,)))):
        path = foreign(tmp_path, last=last, told=said)
        backbone = open_backbone([str(path)], ["means", "map"], stated=stated)
        assert np.allclose(embedded(backbone, pictures), np.concatenate([wanted, -wanted], axis=1), rtol=1e-5)


def test_a_model_of_others_tells_its_outputs_alone(tmp_path: Path) -> None:
    path = [str(foreign(tmp_path, told={"channel_order": "RGB", "mean": [0, 0, 0]}))]
    with pytest.raises(
        HeadsError, match=r"there is no output 'mean'; did you mean 'means'\? \(a model of others tells"
    ):
        open_backbone(path, ["mean"])


def test_the_known_network_gives_what_its_file_gives(tmp_path: Path) -> None:
    """By name, by sources and as a converted file: one network, one embedding."""
    import prototxt  # noqa: PLC0415 - beside its only use
    from converters import read_caffe  # noqa: PLC0415

    deploy = prototxt.find("vgg-face-tiny")
    assert deploy.weights is not None
    nodes = ["relu5_1", "fc7"]
    named = open_backbone(["vgg-face-tiny"], nodes)
    stated = Stated("BGR", deploy.mean[::-1], (1.0,), (64, 64))
    sourced = open_backbone([str(deploy.prototxt), str(deploy.weights)], nodes, stated=stated)
    path = tmp_path / "tiny.onnx"
    to_onnx.save(read_caffe(deploy.prototxt, deploy.weights), path, dynamic=("batch",))
    converted = open_backbone([str(path)], nodes, stated=stated)
    first, *others = (embedded(backbone, images(3)) for backbone in (named, sourced, converted))
    assert all((other == first).all() for other in others)
    assert named.spec().key == sourced.spec().key
    assert named.licence == deploy.licence


def test_a_full_folder_for_temporary_files_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object, **_settings: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(to_onnx, "save", full)
    with pytest.raises(HeadsError, match="vgg-face-tiny: the network cannot be written to .*: No space left .* TMPDIR"):
        open_backbone(["vgg-face-tiny"])


def test_a_blob_of_a_source_means_its_last_value() -> None:
    artefact = from_graph(face(), (), Hardware())
    assert artefact.chosen(["conv2", "fc7"]) == ("conv2", "fc7")
    named = open_backbone(["vgg-face-tiny"], ["conv5_1"])
    assert named.nodes == ("conv5_1",)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no model is named"),
        (["vgg-face-tyni"], "'vgg-face-tyni' is neither a file nor a known network; did you mean 'vgg-face-tiny'?"),
        (["inception-resnet"], "did you mean 'inception-resnet-v1'?"),
        (["vgg-face"], "comes without weights"),
        (["nowhere.onnx"], "nowhere.onnx: cannot be read: No such file or directory"),
        (["inception-resnet-v1"], "inception-resnet-v1 comes without weights; name one file of them after it"),
    ],
)
def test_words_that_name_no_model_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(HeadsError) as caught:
        open_backbone(words)
    assert message in str(caught.value)


def test_a_whole_model_takes_no_second_file(tmp_path: Path) -> None:
    path = str(saved(face(), tmp_path))
    with pytest.raises(HeadsError, match="is a whole model; b.caffemodel cannot be used with it"):
        open_backbone([path, "b.caffemodel"])


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"not a model at all")
    with pytest.raises(HeadsError, match="this is no ONNX model"):
        open_backbone([str(path)])


@pytest.mark.parametrize("inputs", [{"a": (1, 3, 4, 4), "b": (1, 3, 4, 4)}, {"a": (1, 7, 4, 4)}])
def test_a_backbone_has_one_image_as_input(tmp_path: Path, inputs: dict[str, Any]) -> None:
    steps: list[Any] = [("out", ops.Sum() if len(inputs) == 2 else ops.ReLU(), " ".join(inputs))]
    graph = small_graphs.graph(inputs, steps, preprocessing=KNOWN)
    with pytest.raises(HeadsError, match="has one input, the image|is no image of 1 or 3 channels"):
        open_backbone([str(saved(graph, tmp_path))])
    with pytest.raises(HeadsError, match="a backbone has one input, an image of 1 or 3 channels"):
        from_graph(graph, (), Hardware())


def test_the_cost_of_swapped_channels_by_hand(tmp_path: Path) -> None:
    path = foreign(tmp_path, told={"channel_order": "RGB", "mean": [0, 0, 0]})
    backbone = open_backbone([str(path)], ["means"])
    pictures = [Image.new("RGB", (5, 6), colour) for colour in ((3, 0, 4), (5, 5, 5), (0, 7, 0))]
    cost = channel_swap_cost(backbone, pictures)
    # (3, 0, 4) against (4, 0, 3): cosine 24/25; the other two do not change.
    assert cost.images == 3
    assert np.isclose(cost.moved_mean, (1 - 24 / 25) / 3)
    assert np.isclose(cost.moved_largest, 1 - 24 / 25)
    grey = 1 / np.sqrt(3)
    assert np.isclose(cost.apart_mean, 1 - (7 / 5 * grey + 0 + grey) / 3)
    assert np.isnan(channel_swap_cost(backbone, pictures[:1]).apart_mean)
