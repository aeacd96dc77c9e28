"""The parts of an exported model, each against the code that training used."""

from typing import Any

import numpy as np
import onnxruntime  # noqa: F401 - backbones run in it
import pytest

import small_graphs
from converters import ops
from converters.errors import ShapeError
from converters.ir import Graph, Node
from heads.backbones.backbone import joined as joined_by_backbone
from heads.backbones.backbone import unit_length
from heads.errors import HeadsError, MismatchError
from heads.export.kinds import kind_of
from heads.export.pieces import joined, logit_to_probability, nodes_to_embedding, pixels_to_input, with_input_named
from heads.export.probes import drawn_images, drawn_vectors
from heads.export.sources import whole_graph
from heads.images.preprocessing import Preparation
from heads.models.inference import calibrated, logits
from trained_heads import NODES, embedded, head_on, images, network, plain_spec, said


@pytest.mark.parametrize("order", ["RGB", "BGR", "gray"])
def test_pixels_become_the_very_input(order: str) -> None:
    channels = 1 if order == "gray" else 3
    mean = np.array([93.594, 104.7624, 129.1863][:channels], np.float32)
    prepared = Preparation((6, 5), order, mean, (0.0078125, 0.01, 0.02)[:channels])
    for one in drawn_images((6, 5), 3):
        pixels = np.asarray(one.convert("L"))[None] if channels == 1 else np.asarray(one).transpose(2, 0, 1)
        graph = pixels_to_input(prepared, 1)
        made = graph.output_values(graph.run({"image": pixels[None]}))["input"]
        np.testing.assert_array_equal(made[0], prepared(one))


def test_a_mean_image_is_subtracted_where_it_lies() -> None:
    mean = np.random.default_rng(0).uniform(0, 255, (3, 6, 5)).astype(np.float32)
    prepared = Preparation((6, 5), "BGR", mean, (1.0, 1.0, 1.0))
    one = drawn_images((6, 5), 1)[0]
    graph = pixels_to_input(prepared, 1)
    made = graph.run({"image": np.asarray(one).transpose(2, 0, 1)[None]})["input"]
    np.testing.assert_array_equal(made[0], prepared(one))


def test_uint8_in_reverse_is_refused() -> None:
    zeros = np.zeros(3, np.float32)
    with pytest.raises(HeadsError, match="B, G, R"):
        pixels_to_input(Preparation((6, 5), "BGR", zeros, (1.0,) * 3, "uint8"), 1)


@pytest.mark.parametrize("normalized", [False, True])
def test_nodes_become_the_very_embedding(normalized: bool) -> None:
    rng = np.random.default_rng(3)
    values = {"maps": rng.normal(0, 1, (4, 6, 3, 5)), "embedding": rng.normal(0, 1, (4, 7))}
    values = {name: array.astype(np.float32) for name, array in values.items()}
    graph = nodes_to_embedding({name: array.shape for name, array in values.items()}, normalized=normalized)
    made = graph.output_values(graph.run(values))["embedding"]
    expected = joined_by_backbone(list(values.values()), list(values), 4)
    np.testing.assert_allclose(made, unit_length(expected) if normalized else expected, rtol=1e-6, atol=1e-7)


def test_maps_of_either_layout_give_one_embedding() -> None:
    maps = np.random.default_rng(3).normal(0, 1, (2, 6, 3, 5)).astype(np.float32)
    first = nodes_to_embedding({"maps": maps.shape}, normalized=False)
    last = nodes_to_embedding({"maps": (2, 3, 5, 6)}, normalized=False, channels_last=True)
    turned = np.ascontiguousarray(maps.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(
        first.run({"maps": maps})["embedding"], last.run({"maps": turned})["embedding"], atol=1e-6
    )


def test_neither_vector_nor_map_is_refused() -> None:
    with pytest.raises(HeadsError, match=r"node 'x' has shape \[1, 4, 5\]"):
        nodes_to_embedding({"x": (1, 4, 5)}, normalized=False)


def test_a_logit_becomes_the_calibrated_probability() -> None:
    logits = np.array([[-200.0], [-3.0], [0.0], [0.4], [90.0]], np.float32)
    graph = logit_to_probability(2.3, 5)
    found = graph.run({"logit": logits})["probability"]
    np.testing.assert_allclose(found, calibrated(logits, 2.3), atol=1e-7)
    assert found[0] == 0 and found[2] == 0.5 and found[4] == 1


def test_parts_that_use_the_same_names_are_joined() -> None:
    part = Graph("one", {"x": (1, 2)}, (Node("y", ops.ReLU(), ("x",)),), {"x": "y"})
    whole = joined("whole", [part, part, part])
    assert [node.name for node in whole.graph] == ["y", "y/2", "y/3"]
    assert [node.inputs for node in whole.graph] == [("x",), ("y",), ("y/2",)]
    assert whole.names == {"x": "y/3"}


def test_parts_that_do_not_meet_are_refused() -> None:
    with pytest.raises(ShapeError, match="'decision' reads 'logit', which 'one' does not give"):
        joined("whole", [Graph("one", {"x": (1, 2)}, (), {"x": "x"}), logit_to_probability(1)])


def test_an_input_gets_its_name_even_where_a_value_has_it() -> None:
    model = small_graphs.graph({"data": (1, 3)}, [("image", ops.ReLU(), "data"), ("end", ops.TanH(), "image")])
    named = with_input_named(model, "data", "image")
    given = np.array([[-1.0, 0.5, 2.0]], np.float32)
    assert list(named.inputs) == ["image"]
    np.testing.assert_array_equal(named.run({"image": given})["end"], model.run({"data": given})["end"])


def test_the_whole_graph_is_the_head_by_hand() -> None:
    head = head_on(plain_spec(nodes=NODES, dimensions=(8, 6)))
    whole = whole_graph(network(), network().preprocessing, head, "whole")
    pixels = images(3)
    found = [whole.graph.run({"image": one[None]})["probability"][0, 0] for one in pixels]
    np.testing.assert_allclose(found, said(head, embedded(pixels)), atol=1e-6)
    assert list(whole.graph.inputs) == ["image"] and not whole.graph.labels


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"nodes": ("fc9",)}, "the backbone is another one: .*'fc9'"),
        ({"nodes": ("fc7",), "dimensions": (9,)}, "'fc7' has 8 values in the backbone, 9 in the embeddings"),
    ],
)
def test_a_backbone_without_the_heads_nodes_is_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(MismatchError, match=message):
        whole_graph(network(), network().preprocessing, head_on(plain_spec(**spec)), "whole")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("vgg-face-tiny",), "sources"),
        (("deploy.prototxt", "net.caffemodel"), "sources"),
        (("vgg_face.mat",), "sources"),
        (("a.ONNX",), "onnx"),
        (("a.keras",), "keras"),
        (("a.h5",), "keras"),
        (("a.pt",), "torch"),
        (("a.py",), "torch"),
        (("inception-resnet-v1", "x.pt"), "sources"),
    ],
)
def test_what_words_name(words: tuple[str, ...], kind: str) -> None:
    assert kind_of(words) == kind


def test_probes_are_the_same_every_time_and_all_different() -> None:
    first, again = drawn_images((9, 7), 9), drawn_images((9, 7), 9)
    assert [one.size for one in first] == [(7, 9)] * 9
    pixels = [np.asarray(one) for one in first]
    np.testing.assert_array_equal(pixels, [np.asarray(one) for one in again])
    means = [one.mean() for one in pixels]
    assert len(set(means)) == 9 and max(means) - min(means) > 60


@pytest.mark.parametrize("kind", ["linear", "svm", "centroid"])
def test_drawn_embeddings_move_the_logit(kind: str) -> None:
    head = head_on(plain_spec(), kind)
    assert np.ptp(logits(head, drawn_vectors(head, 9))) > 0.05
