"""Two releases of one network: what counts as the same, what is told of it, and what contradicts."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from converters import ops, passes
from converters.crosscheck import Crosscheck, arrays, channel_orders, crosscheck
from converters.crosscheck.arrays import distance
from converters.ir import Graph, Node, Preprocessing
from converters.ops import Array
from releases import other_form
from small_graphs import NO_PADS, ONES, PADS, convolution, face, graph, params, with_node, with_params, with_settings

TITLES = ("caffe", "mat")
BGR_MEAN = np.array([93.5940, 104.7624, 129.1863], np.float32)
RGB_MEAN = np.array([129.186279296875, 104.76238250732422, 93.59396362304688], np.float32)
BGR = Preprocessing("BGR", BGR_MEAN)
RGB = Preprocessing("RGB", RGB_MEAN)


def checked(first: Graph, second: Graph, **settings: Any) -> Crosscheck:
    return crosscheck(first, second, TITLES, **settings)


def flipped(model: Graph) -> Graph:
    return with_params(model, "conv1", weight=model.node("conv1").params["weight"][:, ::-1])


# What counts as the same


def test_a_network_is_the_same_as_itself() -> None:
    found = checked(face(), face())
    assert found.ok and found.same and found.problems() == []
    assert found.verdict == (
        "the same network; first convolution equal: both take the same channel order; which cannot be told from the "
        "weights alone; outputs agree within 0.0e+00"
    )
    assert [layer.verdict for layer in found.layers] == ["identical"] * 5
    assert len(found.pairs) == 12 and found.lines == ()


def test_the_forms_of_two_formats_are_one_network() -> None:
    found = checked(face(preprocessing=BGR), other_form(face(), preprocessing=RGB))
    assert found.ok, found.problems()
    verdict = "the same network; first convolution flipped: caffe takes BGR, mat takes RGB; outputs agree within "
    assert found.verdict.startswith(verdict)
    assert found.computed is not None and found.computed.fed == "as each states"
    assert 0 < found.computed.outputs_within < 1e-4  # the means are rounded differently
    assert [layer.verdict for layer in found.layers] == [
        "identical, input channels flipped",
        "identical",
        *["identical, dense as convolution"] * 3,
    ]
    assert found.lines == (
        "12 of 12 nodes have other names",
        "only caffe has Dropout (drop6, drop7), which changes no value",
        "dense on one side, a convolution on the other: 'fc6' and 'layer7', 'fc7' and 'layer9', 'fc8' and 'layer11'",
    )
    assert found.statements.lines == (
        "means agree (within 3.8e-05): B 93.594, G 104.7624, R 129.1863, in reverse order as their channels are",
    )


def test_the_order_of_the_two_does_not_matter() -> None:
    found = checked(other_form(face(), preprocessing=RGB), face(preprocessing=BGR))
    assert found.ok
    assert "first convolution flipped: caffe takes RGB, mat takes BGR" in found.verdict
    assert "means agree (within 3.8e-05): R 129.1863, G 104.7624, B 93.59396" in found.statements.lines[0]


@pytest.mark.parametrize("at", [0, 1])
def test_a_softmax_that_only_one_has_makes_no_difference(at: int) -> None:
    both = [face(), face()]
    both[at] = passes.cut(face(), ["fc8"])
    found = checked(*both)
    assert found.ok, found.problems()
    assert found.lines == (f"only {TITLES[1 - at]} ends in a softmax, 'prob'; compared is what comes before it (fc8)",)
    assert found.pairs[-1] == ("fc8", "fc8", "Dense")


def test_a_batch_normalization_may_be_folded_on_one_side() -> None:
    steps: list[tuple[str, ops.Op, str]] = [
        ("conv", convolution(4, bias=False), "data"),
        ("bn", ops.BatchNormalization(), "conv"),
        ("scale", ops.Scale(1, 1, bias=True), "bn"),
        ("relu", ops.ReLU(), "scale"),
    ]
    whole = graph({"data": (1, 3, 6, 6)}, steps)
    found = checked(whole, passes.fold_batch_norm(whole))
    assert found.ok, found.problems()
    assert found.lines == ("batch normalization was folded on both sides to compare them",)
    assert [layer.verdict for layer in found.layers] == ["identical"]


def branches(*order: str) -> Graph:
    """Two convolutions of one image, added up and written down in an order."""
    known = {
        "left": Node("left", convolution(4), ("data",), face().node("conv1").params),
        "right": Node("right", convolution(4), ("data",), params("right", {"weight": (4, 3, 3, 3), "bias": (4,)})),
    }
    total = Node("total", ops.Sum(), tuple(order))
    return Graph("b", {"data": (1, 3, 5, 5)}, (*(known[name] for name in order), total), {"total": "total"})


def renamed(model: Graph) -> Graph:
    def name(old: str) -> str:
        return old if old in model.inputs else f"n{sum(old.encode())}"

    nodes = [replace(n, name=name(n.name), inputs=tuple(map(name, n.inputs)), layer="") for n in model]
    return replace(model, nodes=tuple(nodes), outputs={"out": name(next(iter(model.outputs.values())))}, aliases={})


@pytest.mark.parametrize("change", [lambda model: model, renamed])
def test_branches_may_stand_in_another_order(change: Callable[[Graph], Graph]) -> None:
    found = checked(branches("left", "right"), change(branches("right", "left")))
    assert found.ok, found.problems()
    assert [layer.difference for layer in found.layers] == [0.0, 0.0]


def test_a_bias_of_zeros_is_none() -> None:
    def made(*, bias: bool) -> Graph:
        model = graph({"data": (1, 3, 5, 5)}, [("conv", convolution(4, bias=bias), "data")])
        return with_params(model, "conv", bias=np.zeros(4, np.float32)) if bias else model

    assert checked(made(bias=True), made(bias=False)).ok


def test_a_batch_in_the_prototxt_is_one_image_here() -> None:
    found = checked(face(), face().with_inputs({"data": (7, 3, 13, 11)}))
    assert found.ok and found.lines == ()


def test_another_input_size_is_taken_where_it_fits() -> None:
    small = graph({"data": (1, 3, 6, 6)}, [("conv1", convolution(4), "data")])
    found = checked(small, small.with_inputs({"data": (1, 3, 8, 8)}))
    assert found.ok
    assert found.lines == ("caffe takes 1x3x6x6, mat 1x3x8x8; compared at the first one's size",)


def test_a_setting_without_effect_at_this_size_is_told() -> None:
    def made(*, ceil_mode: bool) -> Graph:
        pool = ops.Pooling((2, 2), (2, 2), NO_PADS, ceil_mode=ceil_mode)
        return graph({"data": (1, 3, 8, 8)}, [("pool1", pool, "data"), ("pool2", pool, "pool1")])

    found = checked(made(ceil_mode=True), made(ceil_mode=False))
    assert found.ok
    assert found.lines == ("'pool1', 'pool2': ceil_mode True against False, which changes nothing at this size",)


# What does not


def test_other_weights_are_named_with_how_far_they_are_apart() -> None:
    other = with_params(face(), "fc7", weight=face().node("fc7").params["weight"] * 1.01)
    found = checked(face(), other)
    assert not found.ok and not found.same
    assert (
        found.verdict
        == "not the same network: 1 of 5 layers differ, first 'fc7': weight differs by 0.01 of its largest value"
    )
    assert found.problems()[0] == "'fc7': weight differs by 0.01 of its largest value"
    assert found.problems()[1].startswith("computed values: 'fc7' (Dense) differs: by 0.0")
    assert checked(face(), other, tolerance=0.1).ok


def kernels(turn: Callable[[Array], Array]) -> tuple[Graph, Graph]:
    """A network, and one whose second convolution was turned."""
    model = graph({"data": (1, 3, 6, 6)}, [("conv1", convolution(4), "data"), ("conv2", convolution(5), "conv1")])
    return model, with_params(model, "conv2", weight=turn(model.node("conv2").params["weight"]))


def rows(turn: Callable[[Array], Array]) -> tuple[Graph, Graph]:
    """A network, and one whose first dense layer was turned."""
    fc6 = face().node("fc6").params["weight"]
    return face(), with_params(face(), "fc6", weight=turn(fc6.reshape(10, 6, 4, 3)).reshape(10, 72))


@pytest.mark.parametrize(
    ("pair", "explained"),
    [
        (kernels(lambda w: w.swapaxes(2, 3)), "equal with height and width exchanged"),
        (kernels(lambda w: w[..., ::-1, ::-1]), "equal with its kernels turned by 180 degrees"),
        (kernels(lambda w: w[:, ::-1]), "equal with its input channels in reverse"),
        (rows(lambda w: w.transpose(0, 2, 3, 1)), "equal with its inputs in the order height, width, channels"),
        (kernels(lambda w: w.astype(np.float16).astype(np.float32)), "equal once both are rounded to float16"),
    ],
    ids=["transposed", "turned", "channels", "rows", "float16"],
)
def test_a_layer_that_was_rearranged_is_another_one_but_the_cause_is_told(
    pair: tuple[Graph, Graph], explained: str
) -> None:
    found = checked(*pair)
    assert not found.ok
    assert [layer.problem.split(": ")[-1] for layer in found.layers if layer.problem] == [explained]


def test_layers_without_any_relation_have_no_explanation() -> None:
    found = checked(*kernels(lambda w: w + 0.5))
    assert re.fullmatch(r"weight differs by [0-9.]+ of its largest value", found.layers[1].problem)


def test_a_setting_that_changes_values_is_the_verdict() -> None:
    found = checked(face(), with_settings(face(), "pool1", method="average"))
    assert found.verdict == "not the same network: 'pool1': method max against average"
    assert any("computed values: 'pool1' (Pooling) differs" in problem for problem in found.problems())
    assert all(not layer.problem for layer in found.layers)


def test_a_layer_more_is_named_and_the_others_still_find_their_pairs() -> None:
    norm = ops.LocalResponseNormalization(2, 2, 1e-4, 0.75)
    nodes = list(face())
    nodes.insert(2, Node("norm1", norm, ("relu1",)))
    more = with_node(replace(face(), nodes=tuple(nodes)), "pool1", inputs=("norm1",))
    found = checked(face(), more)
    assert found.verdict == "not the same network: only mat has 'norm1' (LocalResponseNormalization)"
    assert len(found.pairs) == 12 and found.computed is None
    assert all(layer.verdict == "identical" for layer in found.layers)


def test_sizes_that_come_out_apart_are_named_with_their_setting() -> None:
    one = graph({"data": (1, 3, 8, 8)}, [("conv", convolution(4), "data")])
    stride = ops.Convolution(4, (3, 3), (2, 2), PADS, ONES)
    found = checked(one, with_node(one, "conv", op=stride))
    assert "'conv' give [1, 4, 8, 8] and [1, 4, 4, 4] (stride (1, 1) against (2, 2))" in found.verdict


def test_an_input_that_does_not_fit_is_a_problem() -> None:
    small = graph({"data": (1, 3, 4, 4)}, [("fc", ops.Dense(5), "data")])
    large = graph({"data": (1, 3, 8, 8)}, [("fc", ops.Dense(5), "data")])
    found = checked(small, large)
    assert found.computed is None
    assert any("mat cannot take the input of caffe: " in problem for problem in found.problems())
    assert "'fc': weight has the shapes [5, 48] and [5, 192]" in found.problems()


def test_another_number_of_inputs_is_a_problem() -> None:
    two = Graph("two", {"a": (1, 3, 5, 5), "b": (1, 3, 5, 5)}, (Node("s", ops.Sum(), ("a", "b")),), {"s": "s"})
    one = graph({"a": (1, 3, 5, 5)}, [("s", ops.ReLU(), "a")])
    assert "caffe has 2 inputs, mat 1" in checked(two, one).problems()


# Which takes RGB


@pytest.mark.parametrize(
    ("stated", "orders", "text"),
    [
        ((None, "RGB"), ("BGR", "RGB"), "first convolution flipped: caffe takes BGR, mat takes RGB"),
        (("BGR", None), ("BGR", "RGB"), "first convolution flipped: caffe takes BGR, mat takes RGB"),
        (
            (None, None),
            (None, None),
            "first convolution flipped: one takes RGB and the other BGR; which cannot be told from the weights alone",
        ),
    ],
)
def test_the_order_is_told_as_far_as_one_release_states_it(
    stated: tuple[str | None, str | None], orders: tuple[str | None, str | None], text: str
) -> None:
    first, second = (face(preprocessing=Preprocessing(order)) for order in stated)
    found = channel_orders(first, flipped(second), TITLES)
    assert (found.relation, (found.first, found.second), found.text) == ("flipped", orders, text)
    assert checked(first, flipped(second)).ok


def test_equal_first_convolutions_take_one_order() -> None:
    found = channel_orders(face(preprocessing=BGR), face(), TITLES)
    assert (found.relation, found.second) == ("same", "BGR")
    assert found.text == "first convolution equal: caffe takes BGR, mat takes BGR"


def test_statements_that_contradict_the_weights_are_a_problem_of_the_statements() -> None:
    found = checked(face(preprocessing=RGB), flipped(face(preprocessing=RGB)))
    assert found.same and not found.ok
    assert found.channels.problem == (
        "first convolution flipped, so they take opposite orders, but caffe is said to take RGB, mat to take RGB: "
        "one of the two statements is wrong"
    )
    assert found.verdict.startswith(f"the same network, but {found.channels.problem}; ")
    assert found.computed is not None and found.computed.as_stated is not None and found.computed.as_stated > 1e-3


def test_first_convolutions_that_tell_nothing() -> None:
    weight = face().node("conv1").params["weight"]
    symmetric = with_params(face(preprocessing=BGR), "conv1", weight=weight + weight[:, ::-1])
    found = channel_orders(symmetric, symmetric, TITLES)
    assert (found.relation, found.first, found.second) == ("unknown", "BGR", "BGR")
    assert found.text.startswith("first convolution the same for red and blue: the channel order cannot be told")
    other = with_params(face(), "conv1", weight=weight * 2)
    assert channel_orders(face(), other, TITLES).text == (
        "first convolutions differ: the channel order cannot be told from the weights alone"
    )


def test_gray_images_have_no_order_to_tell() -> None:
    gray = graph({"data": (1, 1, 6, 6)}, [("conv1", convolution(4), "data")], preprocessing=Preprocessing("gray"))
    assert channel_orders(gray, gray, TITLES).text == ""
    assert checked(gray, gray).verdict == "the same network; outputs agree within 0.0e+00"


# What they say of images and classes


def test_a_mean_in_the_wrong_order_is_recognised() -> None:
    found = checked(face(preprocessing=BGR), face(preprocessing=Preprocessing("BGR", RGB_MEAN)))
    assert found.same and not found.ok
    [problem] = found.statements.problems
    assert problem == (
        "one of the means is in the wrong channel order: caffe subtracts B 93.594, G 104.7624, R 129.1863, "
        "mat B 129.1863, G 104.7624, R 93.59396"
    )
    assert found.computed is not None and found.computed.as_stated is not None and found.computed.as_stated > 1e-3
    assert "; fed as each states, their outputs are " in found.verdict


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        (BGR, replace(BGR, mean=BGR_MEAN + 2), "means differ by up to 2 of 0..255: caffe subtracts B 93.594"),
        (
            replace(BGR, scale=(1.0,) * 3),
            replace(BGR, scale=(1 / 256,) * 3),
            "scales differ: caffe multiplies by 1, 1, 1, mat by 0.00390625, 0.00390625, 0.00390625",
        ),
        (
            BGR,
            replace(BGR, mean=BGR_MEAN[:, None, None] + np.linspace(-9, 9, 13 * 11).reshape(13, 11)),
            "means differ by up to 9 of 0..255: caffe subtracts B 93.594, G 104.7624, R 129.1863, mat an image of av",
        ),
    ],
    ids=["mean", "scale", "image"],
)
def test_statements_that_contradict_each_other(first: Preprocessing, second: Preprocessing, problem: str) -> None:
    found = checked(face(preprocessing=first), face(preprocessing=second))
    assert found.same and not found.ok
    assert len(found.problems()) == 1 and found.problems()[0].startswith(problem)


def test_a_mean_image_of_equal_pixels_is_the_same_mean() -> None:
    image = np.broadcast_to(BGR_MEAN[:, None, None], (3, 13, 11))
    found = checked(face(preprocessing=BGR), face(preprocessing=replace(BGR, mean=image)))
    assert found.ok and found.statements.lines[0].startswith("means agree: B 93.594")


def test_what_only_one_states_is_taken_for_both() -> None:
    found = checked(face(), other_form(face(), preprocessing=replace(RGB, scale=(1.0,) * 3)))
    assert found.ok, found.problems()
    assert found.statements.lines == ("only mat states a mean", "only mat states a scale")
    assert found.computed is not None
    assert found.computed.fed == "as the one that states a mean says, both alike"
    assert found.computed.outputs_within < 1e-12  # one mean, turned: nothing is rounded differently


def labelled(*labels: str) -> Graph:
    return face(labels=labels)


def test_labels_are_compared() -> None:
    ours = labelled("Ann_Lee", "Ben", "Zoë", "D", "E")
    assert checked(ours, ours).statements.lines == ("labels are equal (5)",)
    spelled = checked(ours, labelled("Ann Lee", "Ben", "Zoe", "D", "E"))
    assert spelled.ok and spelled.statements.lines == ("labels are equal but for spelling: 'Ann_Lee' and 'Ann Lee'",)
    assert checked(ours, face()).statements.lines == ("only caffe names its classes (5)",)
    moved = checked(ours, labelled("Ann_Lee", "Zoë", "Ben", "D", "E"))
    assert moved.same and moved.problems() == [
        "the same labels stand in another order (2 of 5): class 1 is 'Ben' in caffe, 'Zoë' in mat"
    ]
    other = checked(ours, labelled("Ann_Lee", "Ben", "Zoë", "D", "F"))
    assert other.problems() == ["labels differ (1 of 5): class 4 is 'E' in caffe, 'F' in mat"]
    assert checked(ours, labelled("A", "B")).problems() == ["caffe names 5 classes, mat 2"]


# The result as values, and the measure


def test_the_result_is_plain_json() -> None:
    told = json.loads(json.dumps(checked(face(preprocessing=BGR), other_form(face())).as_json(), allow_nan=False))
    assert told["ok"] is True and told["models"] == ["caffe", "mat"]
    assert told["channel_order"]["relation"] == "flipped" and told["channel_order"]["second"] == "RGB"
    assert told["layers"][0]["rearranged"] == ["input channels flipped"]
    assert told["nodes"][0] == {"first": "conv1", "second": "layer1", "op": "Convolution"}
    assert told["values"]["nodes"]["prob"] < 1e-9
    small = graph({"data": (1, 3, 4, 4)}, [("fc", ops.Dense(5), "data")])
    wrong = json.loads(json.dumps(checked(small, face()).as_json(), allow_nan=False))
    assert wrong["ok"] is False and wrong["values"] is None and wrong["problems"]


def test_differences_are_found_in_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "PART_VALUES", 10)
    ours = np.arange(60, dtype=np.float32).reshape(12, 5)
    for row in range(12):
        theirs = ours.copy()
        theirs[row, 3] += 2.5
        assert distance(theirs, ours) == pytest.approx(2.5 / 59)
    assert distance(ours, ours) == 0.0
    assert distance(ours, ours.T) == float("inf")


def test_values_that_are_no_numbers_must_stand_at_the_same_places() -> None:
    odd = np.array([1.0, np.nan, 3.0], np.float32)
    assert distance(odd, odd) == 0.0
    assert distance(odd, np.array([1.0, 2.0, 3.0], np.float32)) == float("inf")
    assert distance(np.full((), 2.0), np.ones(())) == 1.0
    assert distance(np.ones(3), np.zeros(3)) == 1.0
