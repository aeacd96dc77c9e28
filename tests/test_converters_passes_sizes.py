"""Networks at other input sizes, and what pins an axis to the size it has."""

from dataclasses import replace

import numpy as np
import pytest

from converters import ops, passes
from converters.errors import ConversionError, ShapeError
from converters.ir import Preprocessing
from converters.ops import Op
from small_graphs import NO_PADS, ONES, convolution, face, graph


def test_resizing_reports_every_wrong_input() -> None:
    with pytest.raises(ShapeError) as caught:
        passes.resize(face(), {"dat": (1, 3, 8, 8), "data": (1, 3, 8)})
    assert caught.value.problems == [
        "there is no input 'dat'; did you mean 'data'? (inputs: data)",
        "input 'data' has 4 axes, [2, 3, 13, 11], but [1, 3, 8] has 3",
    ]
    with pytest.raises(ShapeError, match="every size must be 1 or more"):
        passes.resize(face(), {"data": (1, 3, 0, 8)})


def test_resizing_names_the_layer_that_does_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"at input 'data' \[1, 3, 30, 30\]: layer 'fc6': parameter 'weight'"):
        passes.resize(face(), {"data": (1, 3, 30, 30)})


def test_resizing_moves_the_preprocessing_along() -> None:
    model = passes.cut(face(), ["pool1"])
    mean = np.arange(3 * 13 * 11, dtype=np.float32).reshape(3, 13, 11)
    model = replace(model, preprocessing=Preprocessing("RGB", mean, (1.0,) * 3, (13, 11)))
    smaller = passes.resize(model, {"data": (1, 3, 10, 11)})
    assert smaller.preprocessing.size == (10, 11)
    assert smaller.preprocessing.mean is not None
    np.testing.assert_array_equal(smaller.preprocessing.mean, mean[:, 1:11])
    larger = passes.resize(model, {"data": (1, 3, 20, 20)})
    assert larger.warnings[0].startswith("the mean image of [13, 11] is smaller than the input of [20, 20]")


@pytest.mark.parametrize(
    ("shape", "steps", "pinned"),
    [
        ((2, 3, 8, 8), [("c", convolution(4), "x"), ("p", ops.GlobalPooling(), "c"), ("f", ops.Dense(2), "p")], {}),
        ((2, 3, 8, 8), [("f", ops.Dense(2), "x")], {"height": "f", "width": "f"}),
        ((2, 3, 8, 8), [("s", ops.Scale(2), "x")], {"height": "s"}),
        ((1, 3, 8, 8), [("r", ops.Reshape((1, -1)), "x")], {"batch": "r"}),
        ((2, 3, 8, 8), [("r", ops.Reshape((2, 3, 64)), "x")], {"batch": "r", "height": "r", "width": "r"}),
        ((2, 3, 8, 8), [("r", ops.Reshape((0, 3, -1, 8)), "x")], {}),
        ((2, 3, 8, 8), [("r", ops.Flatten(0, 1), "x")], {"batch": "r"}),
        ((2, 3, 8, 8), [("t", ops.Permute((1, 0, 2, 3)), "x")], {"batch": "t"}),
        ((2, 3, 8, 8), [("one", ops.Slice(0, 0, 1), "x")], {"batch": "one"}),
        ((2, 3, 8, 8), [("top", ops.Slice(2, 0, 4), "x")], {"height": "top"}),
        ((2, 3, 8, 8), [("two", ops.Concat(0), "x x")], {"batch": "two"}),
        ((2, 3, 8, 8), [("all", ops.Reduction("mean", 0), "x")], {"batch": "all"}),
        ((2, 3, 8, 8), [("c", ops.Constant((2, 3, 8, 8)), ""), ("sum", ops.Sum(), "x c")],
            {"batch": "sum", "height": "sum", "width": "sum"}),
        ((1, 3, 8, 8), [("b", ops.PriorBox((3.0,)), "x x")], {"height": "b", "width": "b"}),
        ((2, 3, 8, 8), [("p", ops.Pooling((8, 8), (8, 8), NO_PADS), "x")], {"height": "p", "width": "p"}),
        ((2, 3, 8, 8), [("p", ops.Pooling((8, 8), ONES, NO_PADS), "x")], {}),
        ((2, 3, 8, 8), [("d", convolution(4), "x"), ("u", ops.BilinearResize((8, 8)), "d"), ("s", ops.Sum(), "u d")],
            {"height": "s", "width": "s"}),
    ],
)  # fmt: skip
def test_the_node_that_pins_an_axis_is_named(
    shape: tuple[int, ...], steps: list[tuple[str, Op, str]], pinned: dict[str, str]
) -> None:
    found = passes.open_axes(graph({"x": shape}, steps))
    assert {axis: reason.split("'")[1] for axis, reason in found.reasons.items()} == pinned
    assert set(found.axes) == {"batch", "height", "width"} - pinned.keys()
    for axis, reason in found.reasons.items():
        assert reason.startswith(f"{axis} is pinned by '")


def test_a_dense_layer_that_pins_a_size_hints_at_the_way_out() -> None:
    reasons = passes.open_axes(face()).reasons
    assert reasons["height"] == (
        "height is pinned by 'fc6' (Dense): its weight has shape [10, 72], but an input of [2, 6, 7, 3] needs "
        "[10, 126] (--dense-to-conv turns dense layers into convolutions)"
    )


def test_regions_and_indices_keep_their_own_rows() -> None:
    model = graph(
        {"x": (2, 3, 8, 8), "rois": (2, 5), "which": (2,)},
        [("again", ops.BatchReindex(), "x which"), ("pooled", ops.RegionPooling((2, 2)), "again rois")],
    )
    found = passes.open_axes(model, ("batch",))
    assert found.axes == ("batch",)
    assert passes.at_another_size(model, found.axes).inputs == {"x": (3, 3, 8, 8), "rois": (2, 5), "which": (2,)}


def test_the_first_axis_of_a_sequence_is_no_batch() -> None:
    model = graph({"x": (5, 2, 3), "cont": (5, 2)}, [("lstm", ops.LSTM(4), "x cont")])
    assert "no input counts images on its first axis" in passes.open_axes(model, ("batch",)).reasons["batch"]
    behind = graph({"x": (5, 3, 4, 4), "cont": (5, 3)}, [("relu", ops.ReLU(), "x"), ("lstm", ops.LSTM(4), "relu cont")])
    reason = passes.open_axes(behind, ("batch",)).reasons["batch"]
    assert reason.startswith("batch is pinned by 'lstm' (LSTM): ")


def test_several_inputs_move_together() -> None:
    model = graph({"a": (2, 4, 6, 6), "b": (2, 4, 6, 6)}, [("sum", ops.Sum(), "a b")])
    found = passes.open_axes(model)
    assert found.axes == ("batch", "height", "width")
    other = passes.at_another_size(model, found.axes)
    assert other.inputs["a"] == other.inputs["b"] == (3, 4, 7, 7)


def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(
        ConversionError, match="no axis 'hight'; known are batch, height, width; did you mean 'height'?"
    ):
        passes.open_axes(face(), ("hight",))


def test_another_size_is_one_that_fits() -> None:
    steps: list[tuple[str, Op, str]] = [
        ("half", ops.Pooling((2, 2), (2, 2), NO_PADS), "x"),
        ("whole", ops.NearestUpsampling((2, 2)), "half"),
        ("sum", ops.Sum(), "x whole"),
    ]
    other = passes.at_another_size(graph({"x": (1, 3, 10, 10)}, steps), ("height",))
    assert other.inputs["x"] == (1, 3, 20, 10)
