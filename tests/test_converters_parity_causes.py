from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from converters import ops, parity
from converters.errors import ShapeError
from converters.ir import Graph, Preprocessing
from converters.ops import Array, Op
from converters.parity.measure import measured
from converters.parity.mistakes import MISTAKES, Situation, attempts
from op_examples import EXAMPLES
from op_values import Example
from small_graphs import NO_PADS, ONES, convolution, face, graph, images, with_node, with_params, with_settings

FACTOR = 999.982


def normed() -> Graph:
    """A residual-like network with batch normalization as Caffe writes it."""
    return graph(
        {"data": (2, 3, 9, 8)},
        [
            ("conv1", convolution(4), "data"),
            ("bn1", ops.BatchNormalization(), "conv1"),
            ("scale1", ops.Scale(bias=True), "bn1"),
            ("relu1", ops.ReLU(), "scale1"),
            ("pool1", ops.Pooling((3, 3), (2, 2), NO_PADS, ceil_mode=True), "relu1"),
            ("conv2", convolution(4), "pool1"),
            ("bn2", ops.BatchNormalization(), "conv2"),
            ("sum", ops.Sum(), "bn2 pool1"),
            ("mean", ops.Pooling((2, 2), ONES, ((1, 1), (1, 1)), method="average"), "sum"),
            ("norm", ops.LocalResponseNormalization(1, 1, 0.2, 0.75), "mean"),
            ("fc", ops.Dense(5), "norm"),
        ],
    )


def cause_of(model: Graph, wrong: Graph, only: tuple[str, ...] = ()) -> str:
    """What is said about a target that computes `wrong` where `model` is meant; `only` are the values it returns."""
    feeds = images(model)
    values = wrong.run(feeds)
    got = {name: values[name] for name in only or values if name not in model.inputs}
    report = parity.compare(model, feeds, got)
    assert not report.ok
    return parity.likely_cause(model, feeds, got, report)


def changed_weight(model: Graph, name: str, turn: Any) -> Graph:
    return with_params(model, name, weight=turn(model.node(name).params["weight"]))


def without_factor(model: Graph, names: tuple[str, ...]) -> Graph:
    for name in names:
        params = model.node(name).params
        model = with_params(model, name, mean=params["mean"] * FACTOR, variance=params["variance"] * FACTOR)
    return model


def flat_order(weight: Array) -> Array:
    """Weights of fc6 whose rows run over height, width, channels."""
    return weight.reshape(-1, 6, 4, 3).transpose(0, 2, 3, 1).reshape(weight.shape)


def everywhere(model: Graph, kind: type[Op], turn: Any) -> Graph:
    return replace(model, nodes=tuple(turn(node) if isinstance(node.op, kind) else node for node in model.nodes))


FACES: Mapping[str, tuple[Graph, str]] = {
    "channels": (changed_weight(face(), "conv1", lambda w: w[:, ::-1]), "the channels of input 'data' are swapped"),
    "flipped": (changed_weight(face(), "conv2", lambda w: w[..., ::-1, ::-1]), "its kernel is flipped by 180 degrees"),
    "kernel axes": (changed_weight(face(), "conv2", lambda w: w.swapaxes(2, 3)), "height and width of its kernel are"),
    "first dense": (changed_weight(face(), "fc6", flat_order), "its weights are laid out as height, width, channels"),
    "dense axes": (
        changed_weight(face(), "fc7", lambda w: w.reshape(w.shape[::-1]).T),
        "its weights are read as (in, out)",
    ),
    "bias": (with_params(face(), "conv2", bias=np.zeros(6, np.float32)), "its bias is missing"),
    "dense bias": (with_params(face(), "fc8", bias=np.zeros(5, np.float32)), "its bias is missing"),
    "relu missing": (with_node(face(), "relu2", op=ops.Identity()), "the op is left out"),
    "leaky": (with_node(face(), "relu2", op=ops.ReLU(0.01)), "it has a slope of 0.01 for negative values"),
    "softmax axis": (with_node(face(), "prob", op=ops.Softmax(0)), "it runs along axis 0 instead of 1"),
    "average": (
        with_node(face(), "pool1", op=ops.Pooling((2, 2), (2, 2), NO_PADS, True, "average")),
        "it takes the mean instead of the maximum",
    ),
    "dropout": (with_node(face(), "drop6", op=ops.Power(1.0, 0.5)), "its values are 0.5 times the right ones"),
}


def changed_node(model: Graph, wrong: Graph) -> str:
    return next(
        a.name
        for a, b in zip(model, wrong, strict=True)
        if a.op != b.op or any((array != b.params[name]).any() for name, array in a.params.items())
    )


@pytest.mark.parametrize(("wrong", "told"), FACES.values(), ids=FACES)
def test_a_planted_fault_is_named_at_its_node(wrong: Graph, told: str) -> None:
    model = face()
    told_of = cause_of(model, wrong)
    assert told in told_of
    assert told_of.startswith(f"'{changed_node(model, wrong)}'")


@pytest.mark.parametrize("fault", [name for name in FACES if name != "dropout"])
def test_a_planted_fault_is_named_when_only_outputs_are_known(fault: str) -> None:
    wrong, told = FACES[fault]
    assert told in cause_of(face(), wrong, ("fc8", "prob"))


def test_the_same_mistake_in_all_layers_is_told_as_one() -> None:
    def flipped(node: Any) -> Any:
        return replace(node, params={**node.params, "weight": node.params["weight"][..., ::-1, ::-1]})

    wrong = everywhere(face(), ops.Convolution, flipped)
    assert cause_of(face(), wrong, ("prob",)) == (
        "'prob': the values match when, in 'conv1' and 1 more like it, its kernel is flipped by 180 degrees"
    )


def floor_pooling() -> Graph:
    """A pooling whose size does not change with its rounding only at one axis, and a dense-free network after it."""
    return graph(
        {"data": (1, 3, 8, 8)},
        [("pool", ops.Pooling((3, 3), (2, 2), NO_PADS, ceil_mode=True), "data"), ("conv", convolution(2), "pool")],
    )


def test_floor_for_ceil_is_told_by_shape_and_values() -> None:
    model = floor_pooling()
    wrong = with_settings(model, "pool", ceil_mode=False)
    assert cause_of(model, wrong) == (
        "'pool' (layer 'pool'): the values match when its output size is rounded down instead of up (floor for ceil)"
    )
    assert "floor for ceil" in cause_of(model, wrong, ("conv",))


NORMED: Mapping[str, tuple[Graph, str]] = {
    "factor": (without_factor(normed(), ("bn1",)), "both 1000 times too large (the factor of Caffe's"),
    "variance": (
        with_params(normed(), "bn2", variance=normed().node("bn2").params["variance"] * 4),
        "its variance alone is 4 times too large",
    ),
    "mean": (
        with_params(normed(), "bn2", mean=normed().node("bn2").params["mean"] * 3),
        "its mean alone is 3 times too large",
    ),
    "epsilon": (with_node(normed(), "bn1", op=ops.BatchNormalization(1e-2)), "its epsilon is about 0.01 instead of 1e"),
    "scale bias": (with_params(normed(), "scale1", bias=np.zeros(4, np.float32)), "its bias is missing"),
    "divisor": (
        with_settings(normed(), "mean", divisor="inside"),
        "its mean leaves the padding out of the divisor",
    ),
    "alpha": (
        with_node(normed(), "norm", op=ops.LocalResponseNormalization(1, 1, 0.2 / 3, 0.75)),
        "its alpha is divided by the window size once more",
    ),
    "sum": (with_node(normed(), "sum", op=ops.Product()), "its inputs are multiplied"),
}


@pytest.mark.parametrize(("wrong", "told"), NORMED.values(), ids=NORMED)
def test_a_planted_fault_around_a_norm_is_named(wrong: Graph, told: str) -> None:
    assert told in cause_of(normed(), wrong)


def test_the_ignored_factor_is_named_where_every_norm_ignores_it() -> None:
    told = cause_of(normed(), without_factor(normed(), ("bn1", "bn2")))
    assert told.startswith("'bn1'")
    assert "the factor of Caffe's BatchNorm is ignored" in told


def test_a_window_always_divided_by_in_full_is_named() -> None:
    op = ops.Pooling((3, 3), (2, 2), ((1, 1), (1, 1)), ceil_mode=True, method="average")
    model = graph({"data": (1, 3, 8, 8)}, [("mean", op, "data")])
    feeds = images(model)
    got = {"mean": model.run(feeds)["mean"] * op.divisors((1, 3, 8, 8)) / 9}
    report = parity.compare(model, feeds, got)
    assert "its mean always divides by the whole window" in parity.likely_cause(model, feeds, got, report)


@pytest.mark.parametrize(
    ("pads", "wrong", "told"),
    [
        (((0, 1), (0, 1)), ((1, 0), (1, 0)), "its padding is on the other side"),
        (((1, 1), (1, 1)), ((0, 2), (0, 2)), "its padding is all at the end"),
        (((1, 1), (1, 1)), NO_PADS, "its padding is left out"),
    ],
)
def test_padding_on_the_wrong_side_is_named(pads: Any, wrong: Any, told: str) -> None:
    model = graph({"data": (1, 3, 8, 8)}, [("conv", ops.Convolution(4, (3, 3), (2, 2), pads, ONES), "data")])
    assert told in cause_of(model, with_settings(model, "conv", pads=wrong))


@pytest.mark.parametrize(
    ("subtracted", "scale", "told"),
    [
        ([0, 0, 0], 1, "without its mean and scale"),
        ([0, 0, 0], 1 / 128, "without its mean subtracted"),
        ([90, 100, 130], 1, "without its scale"),
        ([130, 100, 90], 1 / 128, "with its mean in the reverse channel order"),
    ],
)
def test_a_forgotten_preprocessing_is_named(subtracted: list[float], scale: float, told: str) -> None:
    mean = np.array([90, 100, 130], np.float32)
    model = face(preprocessing=Preprocessing("BGR", mean, (1 / 128,) * 3))
    x = np.random.default_rng(0).uniform(0, 255, (2, 3, 13, 11)).astype(np.float32)
    feeds = {"data": ((x - mean[:, None, None]) / 128).astype(np.float32)}
    got = model.run({"data": ((x - np.reshape(subtracted, (3, 1, 1))) * scale).astype(np.float32)})
    del got["data"]
    report = parity.compare(model, feeds, got)
    assert f"input 'data' comes {told}" in parity.likely_cause(model, feeds, got, report)


def test_a_baked_preprocessing_with_swapped_channels_is_named() -> None:
    params = {"mean": np.array([90, 100, 130], np.float32), "scale": np.ones(3, np.float32)}
    model = graph({"data": (1, 3, 4, 4)}, [("pre", ops.Preprocess(True), "data"), ("conv", convolution(2), "pre")])
    model = with_node(model, "pre", params=params)
    assert "the channels of the image are swapped" in cause_of(model, with_node(model, "pre", op=ops.Preprocess()))
    turned = with_params(model, "pre", mean=params["mean"][::-1])
    assert "its mean is in the reverse channel order" in cause_of(model, turned)


def test_gates_in_another_order_are_named() -> None:
    model = graph({"x": (3, 2, 4), "cont": (3, 2)}, [("lstm", ops.LSTM(5), "x cont")])
    wrong = with_node(
        model,
        "lstm",
        params={
            name: array.reshape(4, 5, -1)[[0, 1, 3, 2]].reshape(array.shape)
            for name, array in model.node("lstm").params.items()
        },
    )
    assert "its gates stand in the order i, f, g, o instead of i, f, o, g" in cause_of(model, wrong)


def test_reduced_precision_is_recognized() -> None:
    model = face()
    feeds = images(model)
    got = {name: array.astype(np.float16) for name, array in model.run(feeds).items() if name != "data"}
    report = parity.compare(model, feeds, got)
    assert "as with float16, TF32 or another reduced precision" in parity.likely_cause(model, feeds, got, report)


def test_another_bias_is_recognized() -> None:
    wrong = with_params(face(), "conv2", bias=np.arange(6, dtype=np.float32))
    assert "its values differ by one number per channel" in cause_of(face(), wrong)


def test_what_nothing_explains_is_said_to_be_so() -> None:
    noise = np.random.default_rng(0).normal(0, 1, face().node("fc7").params["weight"].shape).astype(np.float32)
    assert cause_of(face(), with_params(face(), "fc7", weight=noise)) == (
        "'fc7' (Dense): no known mistake explains its values"
    )
    told = cause_of(face(), with_params(face(), "fc7", weight=noise), ("pool2", "prob"))
    assert told.endswith("the fault may lie in the 7 nodes before it that were not compared")


def test_nothing_differs_nothing_is_told() -> None:
    model = face()
    feeds = images(model)
    got = model.run(feeds)
    assert parity.likely_cause(model, feeds, got, parity.compare(model, feeds, got)) == ""


def test_a_known_reference_is_used() -> None:
    model = face()
    feeds = images(model)
    got = {"prob": changed_weight(model, "conv1", lambda w: w[:, ::-1]).run(feeds)["prob"]}
    reference = model.run(feeds)
    report = parity.compare(model, feeds, got, reference=reference)
    told = parity.likely_cause(model, feeds, got, report, reference=reference)
    assert "in 'conv1', the channels of input 'data' are swapped" in told


def possible(example: Example) -> list[tuple[str, Array]]:
    """The wrong values that the known mistakes give for an example and that differ from the right ones."""
    model, feeds = example.graph(), example.feeds()
    values = model.run(feeds)
    node = model.node("y")
    found = []
    for what, attempt in attempts(Situation(model, node, tuple(values[name] for name in node.inputs))):
        try:
            with np.errstate(all="ignore"):
                wrong = attempt()
        except (ShapeError, ValueError, IndexError):
            continue
        if measured(wrong, values["y"]).difference > 1e-3:
            found.append((what, wrong))
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_known_mistake_is_recognized(example: Example) -> None:
    model, feeds = example.graph(), example.feeds()
    for what, wrong in possible(example):
        report = parity.compare(model, feeds, {"y": wrong})
        assert not report.ok, what
        told = parity.likely_cause(model, feeds, {"y": wrong}, report)
        assert "the values match when" in told, what


def test_every_kind_of_mistake_is_tried_on_some_example() -> None:
    tried = {type(example.op) for example in EXAMPLES if possible(example)}
    assert MISTAKES.keys() <= tried
