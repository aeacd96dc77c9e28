"""Dense layers turned into convolutions, and what follows them into maps."""

import pytest

from converters import ops, passes
from converters.errors import UnsupportedError
from converters.ops import Op
from op_values import assert_close
from passes_cases import PEOPLE, outputs_equal
from small_graphs import NO_PADS, convolution, face, graph, images


def test_dense_layers_become_convolutions() -> None:
    model = face(labels=PEOPLE)
    turned = passes.dense_to_conv(model)
    assert not any(isinstance(node.op, ops.Dense) for node in turned)
    assert turned.shapes["prob"] == (2, 5, 1, 1)
    assert turned.labels == PEOPLE
    outputs_equal(turned, model)


def test_a_larger_image_gives_a_map_of_what_its_windows_give() -> None:
    steps: list[tuple[str, Op, str]] = [
        ("conv", convolution(4, pads=NO_PADS), "data"),
        ("relu", ops.ReLU(), "conv"),
        ("fc", ops.Dense(3), "relu"),
        ("out", ops.Dense(2), "fc"),
        ("prob", ops.Softmax(-1), "out"),
    ]
    model = graph({"data": (1, 3, 6, 5)}, steps)
    larger = passes.resize(passes.dense_to_conv(model), {"data": (1, 3, 8, 6)})
    x = images(larger)["data"]
    values = larger.run({"data": x})["prob"]
    assert values.shape == (1, 2, 3, 2)
    window = model.run({"data": x[:, :, 2:8, 1:6]})["prob"]
    assert_close(values[:, :, 2, 1], window, 1e-6)


@pytest.mark.parametrize(
    "between",
    [
        [("row", ops.Flatten(), "data")],
        [("row", ops.Reshape((0, -1)), "data")],
        [("row", ops.Flatten(), "data"), ("row2", ops.Dropout(), "row"), ("row3", ops.ReLU(), "row2")],
        [("turned", ops.Permute((0, 2, 3, 1)), "data"), ("row", ops.Flatten(), "turned")],
        [("turned", ops.Permute((0, 1, 3, 2)), "data")],
        [("turned", ops.Permute((0, 3, 1, 2)), "data"), ("row", ops.Flatten(), "turned"), ("r", ops.ReLU(), "row")],
    ],
    ids=lambda steps: " ".join(type(op).__name__ for _, op, _ in steps),
)
def test_flattening_before_a_dense_layer_goes(between: list[tuple[str, Op, str]]) -> None:
    model = graph({"data": (2, 3, 4, 5)}, [*between, ("fc", ops.Dense(6), between[-1][0])])
    turned = passes.dense_to_conv(model)
    assert not any(isinstance(node.op, (ops.Flatten, ops.Reshape, ops.Permute)) for node in turned)
    outputs_equal(turned, model)
    assert passes.open_axes(turned).axes == ("batch", "height", "width")


@pytest.mark.parametrize(
    "op",
    [
        ops.Scale(-1, -1, bias=True), ops.Bias(), ops.Scale(0, 0), ops.BatchNormalization(affine=True), ops.PReLU(),
        ops.Scale(0), ops.Slice(-1, 2, 5), ops.Slice(0, 1, 2), ops.Flatten(), ops.Flatten(-1), ops.Concat(-1),
        ops.L2Normalization(), ops.ArgMax(1), ops.Softmax(0), ops.TanH(),
        ops.LocalResponseNormalization(1, 1, 0.1, 0.75),
    ],
    ids=lambda op: type(op).__name__,
)  # fmt: skip
def test_what_follows_a_dense_layer_follows_it_into_maps(op: Op) -> None:
    model = graph({"data": (2, 3, 4, 5)}, [("fc", ops.Dense(6), "data"), ("after", op, "fc")])
    outputs_equal(passes.dense_to_conv(model), model)


@pytest.mark.parametrize("op", [ops.Sum(), ops.Product(), ops.Maximum(), ops.Concat(-1)])
def test_vectors_that_all_became_maps_are_joined(op: Op) -> None:
    steps: list[tuple[str, Op, str]] = [("a", ops.Dense(6), "data"), ("b", ops.Dense(6), "data"), ("joined", op, "a b")]
    model = graph({"data": (2, 3, 4, 5)}, steps)
    outputs_equal(passes.dense_to_conv(model), model)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([("r", ops.ReLU(), "data")], "no dense layer reads a map"),
        ([("fc", ops.Dense(6), "data"), ("m", ops.Reshape((0, 2, 3)), "fc")], r"layer 'm' \(Reshape\): it reads 'fc'"),
        (
            [("fc", ops.Dense(6), "data"), ("s", ops.Scale(0, -1), "fc")],
            r"layer 's' \(Scale\): it reads 'fc', which becomes",
        ),
        (
            [("f", ops.Flatten(), "data"), ("fc", ops.Dense(60), "data"), ("sum", ops.Sum(), "f fc")],
            r"layer 'sum' \(Sum\): it joins a vector that becomes a map with one that does not",
        ),
        (
            [("f", ops.Flatten(), "data"), ("two", ops.Concat(), "f f"), ("fc", ops.Dense(6), "two")],
            r"layer 'fc' \(Dense\): it reads 'two', which is not one map with its axes in a row",
        ),
        ([("fc", ops.Dense(6, 2), "data")], "is not one map with its axes in a row"),
    ],
)
def test_what_has_no_form_for_maps_is_refused_with_its_reason(steps: list[tuple[str, Op, str]], message: str) -> None:
    with pytest.raises(UnsupportedError, match="cannot make the network fully convolutional: .*" + message):
        passes.dense_to_conv(graph({"data": (2, 3, 4, 5)}, steps))
