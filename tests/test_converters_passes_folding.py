"""Batch normalization, scales and biases folded into the layer before, or into one another."""

from typing import Any

import numpy as np
import pytest

from cases import caffe_case
from converters import ops, passes
from converters.from_caffe import read_caffe
from converters.ops import Op
from op_values import assert_close
from passes_cases import outputs_equal
from small_graphs import NO_PADS, ONES, PADS, convolution, graph, with_node, with_params


def linear_layers() -> list[Any]:
    """Layers that batch normalization can melt into, each with the shape it reads."""
    shape = (2, 4, 6, 5)
    transposed = ops.ConvolutionTranspose
    return [
        pytest.param(convolution(6), shape, id="convolution"),
        pytest.param(convolution(6, bias=False), shape, id="convolution without bias"),
        pytest.param(convolution(6, groups=2), shape, id="groups"),
        pytest.param(convolution(4, groups=4), shape, id="depthwise"),
        pytest.param(ops.Convolution(6, (3,), (1,), ((1, 1),), (1,)), (2, 4, 7), id="one axis"),
        pytest.param(transposed(6, (3, 2), (2, 1), NO_PADS, ONES), shape, id="transposed"),
        pytest.param(transposed(6, (3, 3), (2, 2), PADS, ONES, groups=2, bias=False), shape, id="transposed groups"),
        pytest.param(ops.Dense(6), shape, id="dense"),
        pytest.param(ops.Dense(6, bias=False), (3, 5), id="dense on vectors"),
    ]


@pytest.mark.parametrize(("layer", "shape"), linear_layers())
@pytest.mark.parametrize(
    "followers",
    [
        [ops.BatchNormalization()],
        [ops.BatchNormalization(1e-3, affine=True)],
        [ops.BatchNormalization(), ops.Scale(bias=True)],
        [ops.Scale(), ops.Bias()],
        [ops.Scale(0, 0, bias=True)],
        [ops.BatchNormalization(), ops.Scale(), ops.Bias(), ops.BatchNormalization()],
    ],
    ids=lambda run: "+".join(type(op).__name__ for op in run),
)
def test_batch_normalization_melts_into_the_layer_before(
    layer: Op, shape: tuple[int, ...], followers: list[Op]
) -> None:
    steps = [("layer", layer, "data")]
    for index, op in enumerate(followers):
        steps.append((f"after{index}", op, steps[-1][0]))
    model = graph({"data": shape}, [*steps, ("relu", ops.ReLU(), steps[-1][0])])
    folded = passes.fold_batch_norm(model)
    assert [node.name for node in folded] == [steps[-1][0], "relu"]
    assert folded.nodes[0].layer == "layer"
    assert folded.nodes[0].params["weight"].dtype == np.float32
    outputs_equal(folded, model, 2e-6)


def test_a_scale_along_another_axis_is_not_melted() -> None:
    steps: list[tuple[str, Op, str]] = [("conv", convolution(4), "data"), ("rows", ops.Scale(2), "conv")]
    model = graph({"data": (1, 3, 4, 4)}, steps)
    assert [node.name for node in passes.fold_batch_norm(model)] == ["conv", "rows"]


def test_a_layer_that_others_read_too_is_not_touched() -> None:
    norm = ops.BatchNormalization()
    read_twice = graph(
        {"data": (1, 3, 4, 4)},
        [("conv", convolution(3), "data"), ("bn", norm, "conv"), ("sum", ops.Sum(), "conv bn")],
    )
    assert len(passes.fold_batch_norm(read_twice).nodes) == 3
    an_output = graph(
        {"data": (1, 3, 4, 4)},
        [("conv", convolution(3), "data"), ("bn", norm, "conv")],
        outputs={"raw": "conv", "bn": "bn"},
    )
    assert dict(passes.fold_batch_norm(an_output).outputs) == {"raw": "conv", "bn": "bn"}


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ([ops.BatchNormalization(), ops.Scale(bias=True)], ops.BatchNormalization(affine=True)),
        ([ops.BatchNormalization(1e-3, affine=True), ops.Scale()], ops.BatchNormalization(1e-3, affine=True)),
        ([ops.Scale(), ops.Bias()], ops.Scale(1, 1, bias=True)),
        ([ops.Bias(), ops.BatchNormalization(), ops.Scale()], ops.Scale(1, 1, bias=True)),
    ],
)
def test_a_run_without_a_layer_before_it_becomes_one_node(run: list[Op], expected: Op) -> None:
    steps: list[tuple[str, Op, str]] = [("pre", ops.ReLU(), "data")]
    for index, op in enumerate(run):
        steps.append((f"n{index}", op, steps[-1][0]))
    model = graph({"data": (2, 4, 3, 3)}, steps)
    folded = passes.fold_batch_norm(model)
    assert [node.op for node in folded] == [ops.ReLU(), expected]
    outputs_equal(folded, model, 2e-6)


def test_layers_that_share_weights_share_the_folded_ones() -> None:
    steps: list[tuple[str, Op, str]] = []
    for side in ("a", "b"):
        steps += [(f"conv_{side}", convolution(4), side), (f"bn_{side}", ops.BatchNormalization(), f"conv_{side}")]
    model = graph({"a": (1, 3, 4, 4), "b": (1, 3, 4, 4)}, [*steps, ("sum", ops.Sum(), "bn_a bn_b")])
    for name in ("conv", "bn"):
        model = with_node(model, f"{name}_b", params=model.node(f"{name}_a").params)
    folded = passes.fold_batch_norm(model)
    assert folded.node("bn_a").params["weight"] is folded.node("bn_b").params["weight"]
    outputs_equal(folded, model, 2e-6)


def test_a_variance_without_a_finite_factor_stays_and_is_named() -> None:
    steps: list[tuple[str, Op, str]] = [("conv", convolution(2), "data"), ("bn", ops.BatchNormalization(0.0), "conv")]
    model = with_params(graph({"data": (1, 3, 4, 4)}, steps), "bn", variance=np.array([0, 1], np.float32))
    folded = passes.fold_batch_norm(model)
    assert len(folded.nodes) == 2
    assert folded.warnings == ("layer 'bn': not folded, its variance gives no finite factor",)


def test_folding_a_real_residual_network_changes_nothing_else() -> None:
    case = caffe_case("net_mini_resnet")
    model = read_caffe(case.prototxt, case.weights)
    folded = passes.fold_batch_norm(model)
    assert not any(isinstance(node.op, (ops.BatchNormalization, ops.Scale)) for node in folded)
    before, after = model.run(case.inputs), folded.run(case.inputs)
    for node in folded:
        assert_close(after[node.name], before[node.name], 5e-6)
