"""Networks cut at a node, and their embeddings as unit vectors."""

from dataclasses import replace

import numpy as np
import pytest

from cases import caffe_case
from converters import ops, passes
from converters.errors import ConversionError, UnsupportedError
from converters.from_caffe import read_caffe
from op_values import assert_close
from passes_cases import PEOPLE
from small_graphs import convolution, face, graph, images, with_node


@pytest.mark.parametrize(
    ("name", "value", "nodes"),
    [("conv2", "conv2", 4), ("relu2", "relu2", 5), ("pool2", "pool2", 6), ("fc7", "fc7", 10), ("fc8", "fc8", 13)],
)
def test_a_cut_ends_the_network_at_the_node(name: str, value: str, nodes: int) -> None:
    model = face()
    part = passes.cut(model, [name])
    assert dict(part.outputs) == {name: value}
    assert len(part.nodes) == nodes
    feeds = images(model)
    np.testing.assert_array_equal(part.run(feeds)[value], model.run(feeds)[value])


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("fc7", "'fc7' is the value before relu7 (ReLU); --cut relu7 ends after it"),
        ("relu7", "'relu7' is the value after its ReLU; --cut fc7 ends before it"),
        ("fc8", "'fc8' is the value before prob (Softmax); --cut prob ends after it"),
    ],
)
def test_a_cut_says_on_which_side_of_the_activation_it_is(name: str, note: str) -> None:
    assert passes.cut(face(), [name]).warnings == (note,)


def test_a_cut_after_pooling_needs_no_note() -> None:
    assert passes.cut(face(), ["pool2"]).warnings == ()


def test_several_cuts_become_several_outputs_in_the_order_asked_for() -> None:
    part = passes.cut(face(), ["fc7", "pool1"])
    assert list(part.outputs) == ["fc7", "pool1"]
    assert part.nodes[-1].name == "fc7"


def test_a_cut_drops_what_nothing_needs_any_more() -> None:
    model = graph(
        {"a": (1, 3), "b": (1, 3)},
        [("da", ops.Dense(2), "a"), ("db", ops.Dense(2), "b"), ("sum", ops.Sum(), "da db")],
        aliases={"x": "da", "y": "db"},
        input_dtypes={"b": "uint8"},
    )
    part = passes.cut(model, ["da"])
    assert list(part.inputs) == ["a"]
    assert dict(part.aliases) == {"x": "da"}
    assert dict(part.input_dtypes) == {}


def test_a_cut_at_an_alias_is_named_after_it() -> None:
    model = replace(face(), aliases={"embedding": "relu7"})
    assert dict(passes.cut(model, ["embedding"]).outputs) == {"embedding": "relu7"}


def test_a_cut_at_a_layer_of_several_nodes_ends_at_its_last() -> None:
    model = graph(
        {"data": (1, 3, 4, 4)},
        [
            ("norm/unit", ops.L2Normalization(), "data"),
            ("scaled", ops.Scale(), "norm/unit"),
            ("r", ops.ReLU(), "scaled"),
        ],
    )
    model = with_node(with_node(model, "norm/unit", layer="norm"), "scaled", layer="norm")
    assert dict(passes.cut(model, ["norm"]).outputs) == {"norm": "scaled"}


def test_a_cut_at_a_layer_of_several_outputs_asks_which() -> None:
    model = graph(
        {"data": (1, 4)},
        [("a", ops.Slice(1, 0, 2), "data"), ("b", ops.Slice(1, 2, None), "data"), ("sum", ops.Sum(), "a b")],
    )
    model = with_node(with_node(model, "a", layer="cutter"), "b", layer="cutter")
    with pytest.raises(ConversionError, match="layer 'cutter' has 2 outputs, name one of them: a, b"):
        passes.cut(model, ["cutter"])


def test_all_wrong_names_are_reported_at_once_with_the_nearest() -> None:
    with pytest.raises(ConversionError) as caught:
        passes.cut(face(), ["fc9", "data", "relu_7"])
    first, second, third = caught.value.problems
    assert first.startswith("there is no value or layer 'fc9'; did you mean 'fc")
    assert "(near it: fc" in first
    assert second == "'data' is an input of the network: nothing would be left"
    assert "did you mean 'relu7'?" in third


def test_one_value_cannot_be_two_outputs() -> None:
    model = replace(face(), aliases={"embedding": "relu7"})
    with pytest.raises(ConversionError, match="'embedding' and 'relu7' are the same value"):
        passes.cut(model, ["embedding", "relu7"])


@pytest.mark.parametrize(("name", "kept"), [("prob", True), ("fc8", True), ("fc7", False), ("pool2", False)])
def test_labels_stay_with_the_classes(name: str, *, kept: bool) -> None:
    part = passes.cut(replace(face(), labels=PEOPLE), [name])
    assert part.labels == (PEOPLE if kept else ())


def test_five_channels_are_not_the_classes_because_there_are_five_labels() -> None:
    model = graph(
        {"data": (1, 3, 4, 4)},
        [("conv", convolution(5), "data"), ("fc", ops.Dense(5), "conv"), ("prob", ops.Softmax(), "fc")],
        labels=PEOPLE,
    )
    assert passes.cut(model, ["conv"]).labels == ()
    assert passes.cut(model, ["fc"]).labels == PEOPLE


@pytest.mark.parametrize("name", ["conv5_3", "pool5", "fc7", "fc8"])
def test_vgg_face_can_be_cut_where_people_cut_it(name: str) -> None:
    case = caffe_case("net_vggface_small")
    model = read_caffe(case.prototxt, case.weights)
    part = passes.cut(model, [name])
    own = next(step.value for step in case.steps if step.layer == name)
    assert_close(part.output_values(part.run(case.inputs))[name], own)


@pytest.mark.parametrize("name", ["pool2", "fc7"])
def test_embeddings_become_unit_vectors_per_image(name: str) -> None:
    part = passes.l2_normalize(passes.cut(face(labels=PEOPLE), [name]))
    assert list(part.outputs) == [f"{name}_normalized"]
    assert part.labels == ()
    feeds = images(part)
    embedding = part.output_values(part.run(feeds))[f"{name}_normalized"]
    plain = part.run(feeds)[name]
    lengths = np.sqrt(np.square(plain).sum(tuple(range(1, plain.ndim)), keepdims=True))
    assert_close(embedding, plain / lengths, 1e-6)


def test_unit_vectors_of_probabilities_are_warned_of() -> None:
    assert "holds probabilities" in passes.l2_normalize(face()).warnings[0]


def test_what_is_no_vector_per_image_is_not_normalized() -> None:
    model = graph(
        {"x": (3, 4), "keep": (3,)},
        [("all", ops.Reduction(), "x"), ("some", ops.Filter(), "x keep")],
        outputs={"all": "all", "some": "some"},
    )
    with pytest.raises(UnsupportedError) as caught:
        passes.l2_normalize(model)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "output 'all' has shape []",
        "output 'some' holds as many rows as its input decides",
    ]
