"""The NumPy meaning of every op, held to examples worked by hand and to plain loops."""

import inspect
import re
from dataclasses import replace

import numpy as np
import pytest

from converters import ops
from converters.errors import ShapeError
from converters.ops import Array
from op_examples import EXAMPLES
from op_values import Example, assert_close
from slow_ops import SLOW


def op_classes() -> set[type[ops.Op]]:
    found = {value for value in vars(ops).values() if inspect.isclass(value) and issubclass(value, ops.Op)}
    return {op for op in found if not inspect.isabstract(op)}


def test_every_op_has_an_example() -> None:
    missing = op_classes() - {type(example.op) for example in EXAMPLES}
    assert not missing, f"add examples to tests/op_examples.py for {sorted(op.__name__ for op in missing)}"


def test_names_of_examples_are_unique() -> None:
    names = [str(example) for example in EXAMPLES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_shape_and_dtype_are_as_promised(example: Example) -> None:
    graph, feeds = example.graph(), example.feeds()
    value = graph.run(feeds)["y"]
    promised = graph.shapes["y"]
    assert value.dtype == np.float32
    if example.op.data_dependent:
        axis = 2 if isinstance(example.op, ops.DetectionOutput) else 0
        assert value.shape[axis] <= max(promised[axis], graph.shapes["in0"][0])
        promised = (*promised[:axis], value.shape[axis], *promised[axis + 1 :])
    assert value.shape == promised


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_double_precision_agrees(example: Example) -> None:
    graph, feeds = example.graph(), example.feeds()
    single, double = graph.run(feeds)["y"], graph.run(feeds, np.float64)["y"]
    assert double.dtype == np.float64
    assert single.shape == double.shape
    np.testing.assert_allclose(single, double, rtol=2e-4, atol=2e-5)


def at_any_byte(array: Array) -> Array:
    memory = np.zeros(array.nbytes + 1, np.uint8)
    memory[1:] = np.frombuffer(array.tobytes(), np.uint8)
    moved = memory[1:].view(array.dtype).reshape(array.shape)
    assert not moved.flags.aligned or not moved.size
    return moved


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example.params()], ids=str)
def test_mapped_params_may_begin_at_any_byte(example: Example) -> None:
    inputs, params = example.inputs(), example.params()
    moved = example.op.compute(*inputs, **{name: at_any_byte(value) for name, value in params.items()})
    assert_close(moved, example.op.compute(*inputs, **params), 1e-6)


@pytest.mark.parametrize("example", [example for example in EXAMPLES if type(example.op) in SLOW], ids=str)
def test_agrees_with_plain_loops(example: Example) -> None:
    graph = example.graph()
    feeds = {name: value.astype(np.float64) for name, value in example.feeds().items()}
    params = {name: value.astype(np.float64) for name, value in example.params().items()}
    with np.errstate(over="ignore"):
        expected = SLOW[type(example.op)](example.op, params, *feeds.values())
    np.testing.assert_allclose(graph.run(feeds, np.float64)["y"], expected, rtol=1e-9, atol=1e-9)


ROW = np.arange(6.0).reshape(1, 6)
MAPS = np.arange(8.0).reshape(1, 2, 2, 2)
PLACED = [[[[0, 1, 0], [0, 0, 0]], [[0, 0, 5], [0, 0, 0]]]]

BY_HAND = [
    (ops.Threshold(2.0), [ROW], [[0, 0, 0, 1, 1, 1]]),
    (ops.Clip(1.5, 4.0), [ROW], [[1.5, 1.5, 2, 3, 4, 4]]),
    (ops.Power(2.0, 2.0, 1.0), [ROW], [[1, 9, 25, 49, 81, 121]]),
    (ops.Power(0.0, 1.0, 0.0), [ROW], [[1, 1, 1, 1, 1, 1]]),
    (ops.Power(2.0, 0.0, 3.0), [ROW * np.nan], [[9, 9, 9, 9, 9, 9]]),
    (ops.Exponential(2.0, 1.0, 1.0), [ROW], [[2, 4, 8, 16, 32, 64]]),
    (ops.Logarithm(2.0, 1.0, 1.0), [ROW[:, [0, 1, 3]]], [[0, 1, 2]]),
    (ops.AbsoluteValue(), [-ROW], ROW),
    (ops.TanH(), [np.array([[0.0, 1.0]])], [[0, (np.e - 1 / np.e) / (np.e + 1 / np.e)]]),
    (ops.Sum((1.0, -2.0)), [ROW, ROW], -ROW),
    (ops.Product(), [ROW, ROW, ROW], ROW**3),
    (ops.Maximum(), [ROW, ROW[:, ::-1]], [[5, 4, 3, 3, 4, 5]]),
    (ops.ScaleBy(1), [MAPS, np.array([10.0, 1.0])], [[[[0, 10], [20, 30]], [[4, 5], [6, 7]]]]),
    (ops.ScaleBy(-1), [MAPS, np.array([10.0, 1.0])], [[[[0, 1], [20, 3]], [[40, 5], [60, 7]]]]),
    (ops.BiasBy(0), [MAPS, np.array([[10.0, 20.0]])], [[[[10, 11], [12, 13]], [[24, 25], [26, 27]]]]),
    (ops.Concat(1), [ROW, ROW[:, :2]], [[0, 1, 2, 3, 4, 5, 0, 1]]),
    (ops.Slice(-1, 4, None), [ROW], [[4, 5]]),
    (ops.Flatten(1, 2), [MAPS], [[[0, 1], [2, 3], [4, 5], [6, 7]]]),
    (ops.Reshape((0, -1, 3)), [ROW], [[[0, 1, 2], [3, 4, 5]]]),
    (ops.Reshape((3, 1), 1, 1), [ROW[:, :3]], [[[0], [1], [2]]]),
    (ops.Permute((0, 1, 3, 2)), [MAPS], [[[[0, 2], [1, 3]], [[4, 6], [5, 7]]]]),
    (ops.Crop(3, (1,)), [MAPS, MAPS[..., :1]], [[[[1], [3]], [[5], [7]]]]),
    (ops.Tile(1, 2), [ROW[:, :3]], [[0, 1, 2, 0, 1, 2]]),
    (ops.BatchReindex(), [ROW.T, np.array([5.0, 0.0, 5.0])], [[5], [0], [5]]),
    (ops.Filter(), [ROW.T, np.array([1.0, 0, 0, -1, 0, 0.5])], [[0], [3], [5]]),
    (ops.ShuffleChannels(2), [ROW], [[0, 3, 1, 4, 2, 5]]),
    (ops.Pad(((1, 2),), -1.0), [ROW[:, :2]], [[-1, 0, 1, -1, -1]]),
    (ops.ArgMax(), [np.array([[1.0, 3, 3, 2]])], [[[2]]]),
    (ops.ArgMax(None, 3, "both"), [np.array([[1.0, 3, 3, 2]])], [[[2, 1, 3], [3, 3, 2]]]),
    (ops.GlobalPooling(), [MAPS], [[[[1.5]], [[5.5]]]]),
    (ops.GlobalPooling("max"), [-MAPS], [[[[0]], [[-4]]]]),
    (ops.MaxUnpooling((2, 3)), [MAPS[:, :, :1], np.array([[[[3.0, 1]], [[2, 2]]]])], PLACED),
    (ops.Identity(), [ROW], ROW),
    (ops.Dropout(), [ROW], ROW),
]


@pytest.mark.parametrize(("op", "inputs", "expected"), BY_HAND, ids=[str(op) for op, _, _ in BY_HAND])
def test_examples_worked_by_hand(op: ops.Op, inputs: list[Array], expected: list[float]) -> None:
    y = op.compute(*inputs)
    assert y.shape == np.shape(expected)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    if not op.data_dependent:
        assert op.output_shape(*(x.shape for x in inputs)) == y.shape


def test_params_repeat_along_the_other_axes() -> None:
    pair, two, one = np.array([10.0, 20.0]), np.array(2.0), np.array(1.0)
    np.testing.assert_array_equal(ops.Scale(2, 1).compute(MAPS, scale=pair)[0, 0], [[0, 10], [40, 60]])
    np.testing.assert_array_equal(ops.Scale(0, 0, bias=True).compute(ROW, scale=two, bias=one), 2 * ROW + 1)
    np.testing.assert_array_equal(ops.Bias(3).compute(MAPS, bias=pair)[0, 1], [[14, 25], [16, 27]])
    rows = ops.Embedding(2, 2).compute(np.array([1.0, 0]), weight=np.eye(2), bias=pair)
    np.testing.assert_array_equal(rows, [[10, 21], [11, 20]])
    np.testing.assert_array_equal(ops.Constant((2,)).compute(value=pair), pair)


def test_preprocess_turns_channels_before_it_takes_the_mean() -> None:
    image = np.array([10, 20, 30], np.uint8).reshape(1, 3, 1, 1)
    mean, scale = np.array([1, 2, 3], np.float32), np.array([1, 10, 100], np.float32)
    y = ops.Preprocess(reverse_channels=True).compute(image, mean=mean, scale=scale)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.reshape(-1), [29, 180, 700])


def test_prior_boxes_lie_around_their_cells() -> None:
    op = ops.PriorBox((20.0,), (45.0,), (4.0,), variances=(0.1, 0.1, 0.2, 0.2))
    y = op.compute(np.zeros((1, 1, 1, 2), np.float32), np.zeros((1, 3, 100, 200), np.float32))
    boxes, variances = y.reshape(2, 6, 4)
    # Two cells of 100 x 100 pixels, their centres at x 50 and 150; squares of 20 and 30, then 40 x 10.
    halves = np.array([[0.05, 0.1], [0.075, 0.15], [0.1, 0.05]])
    for cell, centre in enumerate(([0.25, 0.5], [0.75, 0.5])):
        expected = np.concatenate([centre - halves, centre + halves], 1)
        np.testing.assert_allclose(boxes[3 * cell : 3 * cell + 3], expected, rtol=1e-6)
    np.testing.assert_allclose(variances, np.tile([0.1, 0.1, 0.2, 0.2], (6, 1)), rtol=1e-6)


def test_detections_of_three_boxes() -> None:
    # The second box overlaps the first by 0.8, the third lies apart; class 0 is the background.
    first, second, third = corners = [0, 0, 0.5, 0.5], [0, 0, 0.5, 0.4], [0.6, 0.6, 0.9, 0.9]
    boxes = np.reshape(corners, (1, 1, -1))
    priors = np.concatenate([boxes, np.full_like(boxes, 0.1)], 1)
    scores = np.array([[0.1, 0.7, 0.2], [0.0, 0.9, 0.1], [0.2, 0.3, 0.5]]).reshape(1, -1)
    op = ops.DetectionOutput(3, nms_threshold=0.5, confidence_threshold=0.15)
    found = op.compute(np.zeros((1, 12)), scores, priors)[0, 0]
    expected = [[0, 1, 0.9, *second], [0, 1, 0.3, *third], [0, 2, 0.5, *third], [0, 2, 0.2, *first]]
    np.testing.assert_allclose(found, expected)
    best = replace(op, keep_top_k=2).compute(np.zeros((1, 12)), scores, priors)[0, 0]
    np.testing.assert_allclose(best, [expected[0], expected[2]])
    strict = replace(op, confidence_threshold=0.9)
    nothing = strict.compute(np.zeros((2, 12)), scores.repeat(2, 0), priors)[0, 0]
    np.testing.assert_allclose(nothing, [[0, *(-1,) * 6], [1, *(-1,) * 6]])


NO_PADS = ((0, 0), (0, 0))


@pytest.mark.parametrize(
    ("op", "shapes", "message"),
    [
        (ops.Concat(1), [(1, 2, 3), (1, 2, 4)], "differ in more than axis 1"),
        (ops.Sum(), [(1, 2), (1, 3)], "but all must be equal"),
        (ops.Sum((1.0,)), [(1, 2), (1, 2)], "1 coefficients for 2 inputs"),
        (ops.Slice(1, 2, 5), [(1, 4)], "slice 2:5 does not fit axis 1"),
        (ops.Reshape((4, -1)), [(3, 5)], "cannot be reshaped"),
        (ops.ScaleBy(1), [(2, 3), (4,)], "does not line up"),
        (ops.Softmax(2), [(2, 3)], "axis 2 does not exist in an input of 2 axes"),
        (ops.ArgMax(1, 4), [(2, 3)], "top_k is 4, but there are 3 values"),
        (ops.Dense(3, 4), [(2, 3)], "axis 4 does not exist"),
        (ops.Convolution(4, (3, 3), (1, 1), NO_PADS, (1, 1)), [(1, 2, 2, 5)], "larger than the padded input of 2"),
        (ops.Convolution(4, (3,), (1,), ((0, 0),), (1,)), [(1, 2, 5, 5)], "but the input has 2 spatial axes"),
        (ops.Convolution(4, (1, 1), (1, 1), NO_PADS, (1, 1), 3), [(1, 4, 5, 5)], "3 groups do not divide 4 input"),
        (ops.Crop(2, (0, 3)), [(1, 2, 5, 5), (1, 2, 3, 3)], "leaves the input"),
        (ops.MaxUnpooling((4, 4)), [(1, 2, 3, 3), (1, 2, 3, 4)], "differ in shape"),
        (ops.DetectionOutput(2), [(1, 8), (2, 4), (1, 2, 8)], "locations are of 1 images, confidences of 2"),
        (ops.DetectionOutput(2), [(1, 8), (1, 5), (1, 2, 8)], "expected 4 values per image for 2 priors"),
        (ops.LSTM(4), [(3, 2, 5), (3, 1)], "continuation has shape"),
    ],
)
def test_shapes_that_do_not_fit_are_told(op: ops.Op, shapes: list[ops.Shape], message: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(message)):
        op.output_shape(*shapes)
