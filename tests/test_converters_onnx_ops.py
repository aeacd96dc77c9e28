"""ONNX: every op against NumPy, at several opsets and at sizes that were left open."""

import inspect
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from converters import ops, to_onnx
from converters.errors import ConversionError, UnsupportedError
from converters.ir import Graph, Node
from converters.onnx_model.sizes import OpenSizes, open_sizes
from converters.ops import Array
from onnx_models import optimised, random_feeds, run, saved, shape_of
from op_examples import EXAMPLES
from op_values import Example, assert_close
from small_graphs import convolution, face, graph

AXES = ("batch", "height", "width")
REFUSED = {"DetectionOutput-falling_threshold": "eta 0.7 lowers the overlap threshold on the way"}
WRITTEN = [example for example in EXAMPLES if str(example) not in REFUSED]

# What standard operators cannot say without turning axes; everything else has no Transpose.
TURNING = (ops.AffineGrid, ops.BilinearSampler, ops.DetectionOutput, ops.Permute, ops.RegionPooling)


# The ops.


def test_every_op_is_in_the_table() -> None:
    concrete = {
        op for op in vars(ops).values() if inspect.isclass(op) and issubclass(op, ops.Op) and not inspect.isabstract(op)
    }
    assert concrete == set(to_onnx.OPS)


@pytest.mark.parametrize("example", WRITTEN, ids=str)
def test_op_computes_what_numpy_computes(example: Example, tmp_path: Path) -> None:
    model, feeds = example.graph(), example.feeds()
    file = saved(model, tmp_path)
    expected = model.run(feeds)
    values = run(model, tmp_path, feeds)
    assert set(values) == set(expected)
    assert_close(values["y"], expected["y"])
    assert_close(optimised(tmp_path, feeds)["y"], expected["y"])
    assert {node.domain for node in file.graph.node} <= {""}
    assert isinstance(example.op, TURNING) or "Transpose" not in {node.op_type for node in file.graph.node}


@pytest.mark.parametrize("example", [e for e in EXAMPLES if str(e) in REFUSED], ids=str)
def test_op_without_a_faithful_form_is_refused(example: Example, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=f"layer 'y': {type(example.op).__name__} {REFUSED[str(example)]}"):
        to_onnx.save(example.graph(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


NEEDS_18 = ("MaxUnpooling", "Pad", "Pooling", "PoolingIndices")
NEEDS_16 = ("BilinearSampler",)


@pytest.mark.parametrize("opset", [13, 17, 19, 20, 21])
def test_ops_at_other_opsets(opset: int, tmp_path: Path) -> None:
    refused = set()
    for example in WRITTEN:
        model, feeds = example.graph(), example.feeds()
        problems = to_onnx.unsupported(model, opset=opset)
        if problems:
            assert f"or later, not {opset}" in problems[0]
            refused.add(type(example.op).__name__)
            continue
        to_onnx.save(model, tmp_path / "model.onnx", opset=opset)
        assert_close(run(model, tmp_path, feeds)["y"], model.run(feeds)["y"])
    assert refused == ({*NEEDS_18} if opset < 18 else set()) | ({*NEEDS_16} if opset < 16 else set())


def test_opset_and_version_are_stated(tmp_path: Path) -> None:
    for opset, version in ((None, 8), (13, 7), (19, 9), (21, 10)):
        file = saved(face(), tmp_path, opset=opset)
        assert [(entry.domain, entry.version) for entry in file.opset_import] == [("", opset or 18)]
        assert file.ir_version == version


@pytest.mark.parametrize("example", WRITTEN, ids=str)
def test_op_computes_the_same_in_half_precision(example: Example, tmp_path: Path) -> None:
    model, feeds = example.graph(), example.feeds()
    expected = model.run(feeds)["y"]
    if (expected[np.isfinite(expected)] < -1e30).any():
        with pytest.raises(UnsupportedError, match="-FLT_MAX float16 cannot hold"):
            to_onnx.save(model, tmp_path / "model.onnx", dtype="float16")
        return
    file = saved(model, tmp_path, dtype="float16")
    assert {i.type.tensor_type.elem_type for i in file.graph.output} == {TensorProto.FLOAT}
    assert_close(run(model, tmp_path, feeds)["y"], expected, 5e-3)


# Open axes.


def at_size(model: Graph, growth: int, sizes: OpenSizes) -> Graph | None:
    """The graph with every open axis of the inputs `growth` larger, None if it refuses that size."""
    shapes = {
        name: tuple(n + growth * (s is not None) for n, s in zip(shape, sizes.symbols[name], strict=True))
        for name, shape in model.inputs.items()
    }
    try:
        return model.with_inputs(shapes)
    except ConversionError:
        return None


@pytest.mark.parametrize("example", [e for e in WRITTEN if e.shapes and e.what != "no index twice"], ids=str)
def test_op_at_sizes_that_were_left_open(example: Example, tmp_path: Path) -> None:
    model = example.graph()
    pinned = to_onnx.pinned_axes(model)
    axes = tuple(axis for axis in AXES if axis not in pinned)
    if not axes:
        assert all(
            f"the {axis} cannot stay open" in pinned[axis] or f"pins the {axis}" in pinned[axis] for axis in AXES
        )
        return
    saved(model, tmp_path, dynamic=axes)
    sizes = open_sizes(model, axes)
    tried = 0
    for growth in (0, 1, 2, 3, 10):
        grown = at_size(model, growth, sizes)
        if grown is not None:
            feeds = replace(example, shapes=tuple(grown.inputs.values())).feeds()
            assert_close(run(model, tmp_path, feeds)["y"], grown.run(feeds)["y"])
            tried += 1
    assert tried > 1


@pytest.mark.parametrize(
    ("op", "axis", "reason"),
    [
        (ops.PriorBox((10.0,)), "height", "PriorBox pins the height: its boxes are stored for one size"),
        (
            ops.Pooling((1, 1), (2, 2), ((0, 0),) * 2, True, "average"),
            "width",
            "Pooling pins the width: it has windows",
        ),
        (ops.Dense(3), "height", "the height cannot stay open: layer 'y': parameter 'weight' has shape"),
        (ops.Scale(0, 1), "batch", "the batch cannot stay open: layer 'y': parameter 'scale' has shape"),
        (ops.Reshape((4, -1)), "batch", "the batch cannot stay open: layer 'y': .* cannot be reshaped"),
    ],
)
def test_what_pins_an_axis_is_named(op: ops.Op, axis: str, reason: str, tmp_path: Path) -> None:
    count = op.inputs_wanted or 1
    shapes = {f"in{i}": (2, 3, 5, 6) for i in range(count)}
    params = {name: np.ones(shape, np.float32) for name, shape in op.param_shapes(*shapes.values()).items()}
    model = Graph("pinned", shapes, (Node("y", op, tuple(shapes), params),), {"y": "y"})
    with pytest.raises(UnsupportedError, match=reason):
        to_onnx.save(model, tmp_path / "model.onnx", dynamic=(axis,))
    assert axis in to_onnx.pinned_axes(model)
    assert not to_onnx.unsupported(model)


def test_a_size_that_fits_by_rounding_only_is_not_open() -> None:
    halved = ops.Pooling((2, 2), (2, 2), ((0, 0), (0, 0)))
    model = graph({"data": (1, 1, 6, 6)}, [("pool", halved, "data"), ("fc", ops.Dense(2), "pool")])
    assert set(to_onnx.pinned_axes(model)) == {"height", "width"}


def test_open_axes_are_named(tmp_path: Path) -> None:
    model = graph({"data": (2, 3, 8, 9)}, [("conv", convolution(4), "data"), ("pool", ops.GlobalPooling(), "conv")])
    model = replace(model, outputs={"map": "conv", "vector": "pool"})
    file = saved(model, tmp_path, dynamic=AXES)
    assert shape_of(file.graph.input[0]) == ["batch", 3, "height", "width"]
    assert [shape_of(output) for output in file.graph.output] == [["batch", 4, "height", "width"], ["batch", 4, 1, 1]]


def test_open_sizes_that_are_no_inputs_are_named_after_their_output(tmp_path: Path) -> None:
    halved = ops.Pooling((2, 2), (2, 2), ((0, 0), (0, 0)), ceil_mode=True)
    file = saved(graph({"data": (1, 3, 8, 9)}, [("pool", halved, "data")]), tmp_path, dynamic=AXES)
    assert shape_of(file.graph.output[0]) == ["batch", 3, "pool_height", "pool_width"]


def test_inputs_that_move_together_share_a_name(tmp_path: Path) -> None:
    inputs = {"a": (2, 3, 4, 5), "regions": (2, 5), "b": (2, 3, 4, 5)}
    steps = [("sum", ops.Sum(), "a b"), ("crops", ops.RegionPooling((2, 2)), "sum regions")]
    model = graph(inputs, steps, outputs={"sum": "sum", "crops": "crops"})
    file = saved(model, tmp_path, dynamic=("batch",))
    assert [shape_of(value)[0] for value in file.graph.input] == ["batch", "regions_batch", "batch"]
    assert [shape_of(value)[0] for value in file.graph.output] == ["batch", "regions_batch"]


def test_an_input_that_moves_along_at_its_own_size_has_its_own_name(tmp_path: Path) -> None:
    inputs = {"large": (1, 2, 9, 8), "small": (1, 2, 6, 5)}
    model = graph(inputs, [("cut", ops.Crop(2, (1, 2)), "large small")])
    file = saved(model, tmp_path, dynamic=AXES)
    first, second = (shape_of(value) for value in file.graph.input)
    assert first == ["batch", 2, "height", "width"]
    assert second == ["small_batch", 2, "small_height", "small_width"]
    assert shape_of(file.graph.output[0]) == ["batch", 2, "small_height", "small_width"]


def test_what_follows_a_filter_is_open(tmp_path: Path) -> None:
    inputs = {"x": (4, 3, 2, 2), "keep": (4,)}
    steps = [("kept", ops.Filter(), "x keep"), ("flat", ops.Flatten(1, 2), "kept"), ("fc", ops.Dense(5, 2), "flat")]
    model = graph(inputs, steps)
    file = saved(model, tmp_path)
    assert shape_of(file.graph.output[0]) == ["fc_batch", 6, 5]
    feeds = random_feeds(model)
    for keep in ([1, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]):
        feeds["keep"] = np.array(keep, np.float32)
        assert_close(run(model, tmp_path, feeds)["fc"], model.run(feeds)["fc"])


def test_a_number_of_items_that_depends_on_values_cannot_be_fixed(tmp_path: Path) -> None:
    steps = [("kept", ops.Filter(), "x keep"), ("sum", ops.Sum(), "kept x")]
    model = graph({"x": (4, 3), "keep": (4,)}, steps)
    with pytest.raises(
        UnsupportedError, match="how much 'kept' keeps depends on the values, but layer 'sum': inputs have"
    ):
        to_onnx.save(model, tmp_path / "model.onnx")


# Detection.


def detection_case(seed: int) -> tuple[Graph, dict[str, Array]]:
    """Random settings and boxes; in some cases many scores and corners are equal, or boxes are inside out."""
    rng = np.random.default_rng(seed)
    images, priors, classes = (int(rng.integers(*limits)) for limits in ((1, 4), (1, 40), (2, 6)))
    share = bool(rng.integers(0, 2))
    op = ops.DetectionOutput(
        classes, share, int(rng.integers(-1, classes)), float(rng.choice([0.0, 0.3, 0.45, 1.0])),
        int(rng.choice([-1, 1, 5, 400])), int(rng.choice([-1, 1, 3, 200])), (None, 0.01, 0.5, 2.0)[rng.integers(0, 4)],
        ("corner", "center_size", "corner_size")[rng.integers(0, 3)], bool(rng.integers(0, 2)),
    )  # fmt: skip
    locations = rng.normal(0, rng.choice([0.1, 1, 3]), (images, priors * 4 * (1 if share else classes)))
    confidences = rng.uniform(0, 1, (images, priors * classes))
    centres, halves = rng.uniform(0.2, 0.8, (priors, 2)), rng.uniform(0.05, 0.3, (priors, 2))
    boxes = np.concatenate([centres - halves, centres + halves], 1).reshape(-1)
    stored = np.stack([boxes, np.tile([0.1, 0.1, 0.2, 0.2], priors)])[None]
    arrays = [array.round(seed % 4) if seed % 4 else array for array in (locations, confidences, stored)]
    feeds = {name: array.astype(np.float32) for name, array in zip("lcp", arrays, strict=True)}
    shapes = {name: array.shape for name, array in feeds.items()}
    return Graph("ssd", shapes, (Node("y", op, ("l", "c", "p")),), {"y": "y"}), feeds


@pytest.mark.parametrize("seed", range(0, 60, 4))
def test_detection_with_random_settings(seed: int, tmp_path: Path) -> None:
    for offset in range(4):
        model, feeds = detection_case(seed + offset)
        to_onnx.save(model, tmp_path / "model.onnx", dynamic=("batch",))
        with np.errstate(over="ignore"):
            expected = model.run(feeds)["y"]
        got = run(model, tmp_path, feeds)["y"]
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_detection_says_for_each_image_that_nothing_was_found(tmp_path: Path) -> None:
    model, feeds = detection_case(0)
    node = replace(model.nodes[0], op=replace(model.nodes[0].op, confidence_threshold=2.0))
    model = replace(model, nodes=(node,))
    to_onnx.save(model, tmp_path / "model.onnx", dynamic=("batch",))
    images = len(feeds["l"])
    expected = [[[[image, *(-1.0,) * 6] for image in range(images)]]]
    np.testing.assert_array_equal(run(model, tmp_path, feeds)["y"], expected)
