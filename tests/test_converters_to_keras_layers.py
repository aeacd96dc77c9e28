"""Keras: what layers are called, which there are, and the order of a network's outputs."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

import cases
from converters import ops, to_keras
from converters.from_caffe import read_caffe
from converters.keras_model.library import keras
from converters.keras_model.names import keras_name
from converters.ops import Op, Shape
from keras_cases import check, feeds_of, image_net, several_outputs, stored
from op_values import assert_close
from small_graphs import convolution, face, graph


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
