"""What roundings may add up to before a value counts as different."""

import numpy as np
import pytest

from converters.ir import Graph, Node
from converters.ops import Dense, ReLU, Sigmoid, Softmax
from converters.parity import compare

FEEDS = {"x": np.ones((1, 2), np.float32)}


def network() -> Graph:
    """Two dense layers, whose result is 20 and 8, and a softmax."""
    nodes = (
        Node("hidden", Dense(2, bias=False), ("x",), {"weight": np.float32([[1, 1], [2, 0]])}),
        Node("logits", Dense(2, bias=False), ("hidden",), {"weight": np.float32([[5, 5], [1, 3]])}),
        Node("prob", Softmax(1), ("logits",)),
    )
    return Graph("network", {"x": (1, 2)}, nodes, {"prob": "prob"})


def off(graph: Graph, by: float) -> dict[str, np.ndarray]:
    """What a target computes that is right everywhere, but for this relative difference in the first layer."""
    first, *rest = graph.nodes
    values = {"x": FEEDS["x"], first.name: graph.run(FEEDS)[first.name] * np.float32(1 + by)}
    for node in rest:
        values[node.name] = node.op.compute(*(values[name] for name in node.inputs), **node.params)
    return {name: value for name, value in values.items() if name != "x"}


def verdicts(got: dict[str, np.ndarray]) -> dict[str, bool]:
    return {node.node: node.ok for node in compare(network(), FEEDS, got, tolerance=1e-5).nodes}


def test_a_value_may_be_off_by_what_came_before_if_it_is_right_for_that() -> None:
    got = off(network(), 0.9e-5)
    got["logits"] = got["logits"] + np.float32([4e-5, 0])
    assert abs(got["logits"] / network().run(FEEDS)["logits"] - 1).max() > 1e-5
    assert verdicts(got) == {"hidden": True, "logits": True, "prob": True}
    (note,) = {node.note for node in compare(network(), FEEDS, got).nodes if node.note}
    assert note == "rounding before it adds up"


def test_a_value_that_is_wrong_for_its_inputs_differs() -> None:
    got = off(network(), 0)
    got["logits"] = got["logits"] * np.float32(1 + 3e-5)
    assert not verdicts(got)["logits"]


def test_the_first_value_has_no_room() -> None:
    assert not verdicts(off(network(), 3e-5))["hidden"]


def test_roundings_that_add_up_to_too_much_are_a_difference() -> None:
    assert not verdicts(off(network(), 2e-4))["logits"]


@pytest.mark.parametrize(("difference", "ok"), [(1e-4, True), (1e-3, False)])
def test_probabilities_alone_get_the_room_that_large_logits_ask_for(difference: float, ok: bool) -> None:
    prob = network().run(FEEDS)["prob"]
    assert verdicts({"prob": prob + np.float32([-difference, difference])}) == {"prob": ok}


@pytest.mark.parametrize(("by", "ok"), [(0.9e-5, True), (3e-5, False)])
def test_probabilities_that_are_right_for_large_logits_get_that_room_too(by: float, ok: bool) -> None:
    """0.9e-5 of 100 is the difference of two exponents, and 2e-4 of the probabilities that come of it."""
    nodes = (
        Node("logits", Dense(2, bias=False), ("x",), {"weight": np.float32([[50, 50], [49, 49.5]])}),
        Node("prob", Softmax(1), ("logits",)),
    )
    graph = Graph("network", {"x": (1, 2)}, nodes, {"prob": "prob"})
    logits = graph.run(FEEDS)["logits"] * np.float32([1 + by, 1])
    got = {"logits": logits, "prob": nodes[1].op.compute(logits)}
    report = compare(graph, FEEDS, got)
    assert [node.ok for node in report.nodes] == [ok, True]
    assert report.nodes[1].difference > 1e-4


def test_other_values_alone_get_none() -> None:
    nodes = (*network().nodes[:2], Node("relu", ReLU(), ("logits",)))
    graph = Graph("network", {"x": (1, 2)}, nodes, {"relu": "relu"})
    relu = graph.run(FEEDS)["relu"]
    assert not compare(graph, FEEDS, {"relu": relu * np.float32(1 + 3e-5)}).ok


@pytest.mark.parametrize(("by", "ok"), [(3e-8, True), (5e-6, False)])
def test_tiny_values_of_a_sigmoid_are_right_to_roundings_of_one(by: float, ok: bool) -> None:
    graph = Graph("network", {"x": (1, 2)}, (Node("y", Sigmoid(), ("x",)),), {"y": "y"})
    feeds = {"x": np.float32([[-14, -15]])}
    assert compare(graph, feeds, {"y": graph.run(feeds)["y"] + np.float32(by)}).ok == ok
