from typing import Any

import numpy as np
import pytest

from cases import caffe_case, caffe_cases
from converters import ops, parity
from converters.caffe.net import NetState
from converters.errors import ParityError, ShapeError
from converters.from_caffe import read_caffe
from converters.ir import Graph, Preprocessing
from converters.ops import Array
from converters.parity.measure import measured
from op_examples import EXAMPLES
from op_values import Example
from small_graphs import face, graph, images, with_params

LOWEST = float(np.finfo(np.float32).min)


def computed(model: Graph, feeds: dict[str, Array]) -> dict[str, Array]:
    """What a target without any fault gives."""
    return {name: array for name, array in model.run(feeds).items() if name not in model.inputs}


def report_on(model: Graph, got: dict[str, Array], **settings: Any) -> parity.Report:
    return parity.compare(model, images(model), got, **settings)


def test_a_run_without_fault_is_clean() -> None:
    model = face()
    report = report_on(model, computed(model, images(model)))
    assert report.ok
    assert report.problems() == []
    assert report.first_different is None
    assert report.largest == 0
    assert [node.node for node in report.nodes] == [node.name for node in model]
    assert report.not_compared == report.warnings == ()


def test_a_flipped_sign_is_found_where_it_is() -> None:
    model = face()
    got = computed(model, images(model))
    got["conv2"] = -got["conv2"]
    report = report_on(model, got)
    assert not report.ok
    assert report.first_different is not None
    assert report.first_different.node == "conv2"
    assert report.first_different.difference == pytest.approx(2)
    assert report.problems() == ["'conv2' (Convolution) differs: by 2 of its largest value, more than 1e-05"]


def test_everything_after_the_first_difference_is_counted() -> None:
    model = face()
    wrong = with_params(model, "fc8", bias=np.full(5, 9, np.float32))
    problem = report_on(model, computed(wrong, images(model))).problems()[0]
    assert problem.startswith("'fc8' (Dense) differs")
    assert problem.endswith("; 1 values after it differ too")


@pytest.mark.parametrize(("error", "ok"), [(0.9e-5, True), (1.1e-5, False)])
def test_the_tolerance_is_a_share_of_the_largest_value(error: float, *, ok: bool) -> None:
    model = graph({"x": (1, 4)}, [("y", ops.Scale(), "x")])
    got = computed(model, images(model))
    got["y"] = got["y"].astype(np.float64)
    got["y"][0, 0] += error * np.abs(got["y"]).max()
    report = report_on(model, got)
    assert report.ok is ok
    assert report.largest == pytest.approx(error, rel=1e-3)
    assert report_on(model, got, tolerance=2e-5).ok


def test_an_output_that_was_not_returned_proves_nothing() -> None:
    model = face()
    got = computed(model, images(model))
    del got["prob"], got["fc6"]
    report = report_on(model, got)
    assert report.not_compared == ("fc6", "prob")
    assert report.problems() == ["output 'prob' was not returned, so nothing is proved about it"]
    assert not report.ok


def test_a_value_of_another_network_is_refused() -> None:
    with pytest.raises(ParityError, match="the target returned 'fc9', which is no value of the network 'small'"):
        report_on(face(), {"fc9": np.zeros(1)})


def test_other_shapes_are_told_with_both_shapes() -> None:
    model = face()
    got = computed(model, images(model))
    got["fc8"] = got["fc8"][:1]
    report = report_on(model, got)
    assert report.problems() == ["'fc8' (Dense) differs: shape [1, 5] instead of [2, 5]"]
    assert report.rows()[-2][3:] == ("-", "shape [1, 5] instead of [2, 5]")


def test_a_given_reference_takes_the_place_of_the_computed_one() -> None:
    model = face()
    got = computed(model, images(model))
    reference = {name: array * 2 for name, array in got.items()}
    assert not report_on(model, got, reference=reference).ok
    assert report_on(model, reference, reference=reference).ok


def test_feeds_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match="input 'data' has shape"):
        parity.compare(face(), {"data": np.zeros((1, 3, 4, 4), np.float32)}, {})


@pytest.mark.parametrize(
    ("got", "expected", "difference"),
    [
        ([1.0, -4.0], [1.0, -4.0], 0.0),
        ([1.0, -3.0], [1.0, -4.0], 0.25),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([0.0, 1e-7], [0.0, 0.0], 1e-7),
        ([np.nan, 2.0], [np.nan, 2.0], 0.0),
        ([np.inf, -np.inf, 2.0], [np.inf, -np.inf, 4.0], 0.5),
        ([LOWEST, 2.0], [LOWEST, 4.0], 0.5),
        ([LOWEST, 4.0], [LOWEST * 0.9, 4.0], 1 / 9),
        ([], [], 0.0),
    ],
)
def test_differences_are_measured_against_the_largest_plain_value(
    got: list[float], expected: list[float], difference: float
) -> None:
    result = measured(np.array(got), np.array(expected))
    assert result.difference == pytest.approx(difference)
    assert result.note == ""


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        ([1.0, np.nan], [1.0, 2.0]),
        ([1.0, 2.0], [1.0, np.nan]),
        ([1.0, np.inf], [1.0, -np.inf]),
        ([1.0, np.inf], [1.0, np.nan]),
        ([1.0, -np.inf], [1.0, LOWEST]),
    ],
)
def test_values_that_are_no_numbers_stand_at_the_same_places(got: list[float], expected: list[float]) -> None:
    result = measured(np.array(got), np.array(expected))
    assert result.difference == np.inf
    assert result.note == f"{got[1]!r} instead of {expected[1]!r} at [1], one of 1 places where not both are finite"


def test_a_huge_value_in_the_target_alone_is_no_match() -> None:
    assert measured(np.array([LOWEST, 1.0]), np.array([0.5, 1.0])).difference > 1e38


def test_rounding_around_zeros_is_compared_with_what_was_read() -> None:
    model = graph({"x": (1, 4)}, [("y", ops.ReLU(), "x")])
    feeds = {"x": np.full((1, 4), -100, np.float32)}
    assert parity.compare(model, feeds, {"y": np.full((1, 4), 1e-5)}).nodes[0].difference == pytest.approx(1e-7)
    assert not parity.compare(model, feeds, {"y": np.full((1, 4), 1e-2)}).ok


def test_probabilities_of_one_class_alone_are_warned_of() -> None:
    model = with_params(face(), "fc8", bias=np.array([1000, 0, 0, 0, 0], np.float32))
    got = computed(model, images(model))
    assert report_on(model, got).warnings == (
        "'prob' is one-hot for this input, so it hides differences: judge by 'fc8' before it",
    )
    del got["fc8"]
    assert report_on(model, got).warnings[0].endswith("and 'fc8' before it could not be compared")


def test_the_table_is_for_people() -> None:
    model = face()
    rows = report_on(model, computed(model, images(model))).rows()
    assert rows[0] == ("conv1", "Convolution", "2x4x13x11", "0.0e+00", "ok")
    single = graph({"x": (3,)}, [("sum", ops.Reduction(), "x")])
    assert report_on(single, computed(single, images(single))).rows()[0][2] == "single value"


def test_large_logits_do_not_excuse_other_probabilities() -> None:
    model = with_params(face(), "fc8", bias=np.array([1e6, 0, 0, 0, 0], np.float32))
    wrong = np.zeros((2, 5), np.float32)
    wrong[:, 1] = 1
    assert not report_on(model, {"prob": wrong}).ok


def near_tie() -> tuple[Graph, dict[str, Array]]:
    """Two largest values so close that rounding decides between them, and what is computed from the choice."""
    model = graph(
        {"x": (1, 4)},
        [("scaled", ops.Scale(), "x"), ("best", ops.ArgMax(1), "scaled"), ("row", ops.Embedding(4, 3), "best")],
    )
    model = with_params(model, "scaled", scale=np.ones(4, np.float32))
    return model, {"x": np.array([[0.1, 0.7, 0.7000001, 0.2]], np.float32)}


def test_an_index_that_rounding_tipped_over_is_right_for_its_own_input() -> None:
    model, feeds = near_tie()
    got = computed(model, feeds)
    got["scaled"] = got["scaled"] + np.array([[0, 2e-7, 0, 0]], np.float32)
    got["best"] = np.array([[1]], np.float32)
    got["row"] = model.node("row").op.compute(got["best"], **model.node("row").params)
    report = parity.compare(model, feeds, got)
    assert report.ok
    assert [node.note for node in report.nodes] == ["", "right for what the target computed before it", ""]


def test_a_wrong_index_is_not_excused() -> None:
    model, feeds = near_tie()
    got = computed(model, feeds)
    got["best"] = np.array([[3]], np.float32)
    report = parity.compare(model, feeds, got)
    assert report.first_different is not None
    assert report.first_different.node == "best"
    del got["scaled"]
    assert not parity.compare(model, feeds, got).ok


def filtered() -> tuple[Graph, dict[str, Array]]:
    """Rows that are kept where a flag, computed from another input, is just above a threshold."""
    model = graph(
        {"x": (3, 2), "y": (3, 1)},
        [("z", ops.Power(1.0, 0.3), "y"), ("flag", ops.Threshold(0.3), "z"), ("kept", ops.Filter(), "x flag"),
            ("twice", ops.Power(1, 2), "kept")],
    )  # fmt: skip
    feeds = {"x": np.arange(6, dtype=np.float32).reshape(3, 2), "y": np.array([[0.9], [1.0], [2]], np.float32)}
    return model, feeds


def test_rows_that_rounding_let_through_are_followed() -> None:
    model, feeds = filtered()
    got = computed(model, feeds)
    assert got["twice"].shape == (1, 2)
    got["z"] = got["z"] + np.array([[0], [1e-7], [0]], np.float32)
    got["flag"] = np.array([[0], [1], [1]], np.float32)
    got["kept"], got["twice"] = feeds["x"][1:], feeds["x"][1:] * 2
    report = parity.compare(model, feeds, got)
    assert report.ok, report.problems()
    got["twice"] = got["twice"] * 1.001
    assert not parity.compare(model, feeds, got).ok


def test_a_wrong_flag_is_not_excused() -> None:
    model, feeds = filtered()
    got = computed(model, feeds)
    got["flag"] = np.ones((3, 1), np.float32)
    report = parity.compare(model, feeds, got)
    assert report.first_different is not None
    assert report.first_different.node == "flag"


# What is fed.


def test_the_same_seed_feeds_the_same() -> None:
    model = face()
    np.testing.assert_array_equal(parity.sample_feeds(model)["data"], parity.sample_feeds(model)["data"])
    assert (parity.sample_feeds(model, 1)["data"] != parity.sample_feeds(model, 2)["data"]).any()


def test_images_are_fed_as_their_preprocessing_says() -> None:
    mean, scale = np.array([10, 20, 30], np.float32), (0.5, 1.0, 2.0)
    model = face(preprocessing=Preprocessing("BGR", mean, scale))
    x = parity.sample_feeds(model)["data"]
    assert x.dtype == np.float32
    pixels = x / np.reshape(scale, (3, 1, 1)) + mean[:, None, None]
    assert pixels.min() >= 0
    assert pixels.max() <= 255
    assert pixels.std() > 60


def test_images_of_unknown_preprocessing_spread_around_zero() -> None:
    x = parity.sample_feeds(face())["data"]
    assert -120 <= x.min() < -100
    assert 110 < x.max() <= 130


def test_baked_inputs_are_fed_bytes() -> None:
    x = parity.sample_feeds(face(input_dtypes={"data": "uint8"}))["data"]
    assert x.dtype == np.uint8
    assert x.max() > 240


def test_recurrent_networks_are_fed_flags() -> None:
    model = graph({"x": (20, 4, 3), "cont": (20, 4)}, [("lstm", ops.LSTM(4), "x cont")])
    flags = parity.sample_feeds(model)["cont"]
    assert set(np.unique(flags)) == {0, 1}
    assert not flags[0].any()


def test_numbers_with_a_logarithm_are_fed_to_one() -> None:
    model = graph({"x": (20, 4)}, [("log", ops.Logarithm(shift=1.0, scale=-2.0), "x")])
    assert np.isfinite(model.run(parity.sample_feeds(model))["log"]).all()


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_op_can_be_fed_and_compared_with_itself(example: Example) -> None:
    model = example.graph()
    feeds = parity.sample_feeds(model, 3)
    assert {name: array.shape for name, array in feeds.items()} == dict(model.inputs)
    report = parity.compare(model, feeds, computed(model, feeds))
    assert report.ok, report.problems()


@pytest.mark.parametrize("name", caffe_cases())
def test_every_network_can_be_fed(name: str) -> None:
    case = caffe_case(name)
    model = read_caffe(case.prototxt, case.weights, state=NetState(stages=case.stages))
    feeds = parity.sample_feeds(model)
    report = parity.compare(model, feeds, computed(model, feeds))
    assert report.ok, report.problems()
