"""Every op with several settings, inputs and params: what every target has to compute as NumPy does.

    @pytest.mark.parametrize("example", EXAMPLES, ids=str)
    def test_target(example):
        graph, feeds = example.graph(), example.feeds()
        assert_close(what_the_target_gives(graph, feeds), graph.run(feeds)["y"])  # of op_values.py

`test_converters_ops.py` fails when an op class has no example here. All values are seeded by the example's name.
"""

from collections.abc import Callable
from typing import Any

from converters import ops
from converters.ops import Op, Shape
from op_values import (
    MAP,
    SYMMETRIC,
    Example,
    Maker,
    all_equal,
    below,
    bits,
    each_rank,
    large,
    normal,
    pixels,
    positive,
    prior_boxes,
    probabilities,
    sampling_points,
    small,
    tied,
    zeros,
)
from op_window_examples import CONVOLUTIONS, POOLING

ACTIVATIONS = [
    Example("plain", ops.Identity(), (MAP,)),
    Example("plain", ops.Dropout(0.7), (MAP,)),
    *each_rank(ops.ReLU()),
    Example("leaky", ops.ReLU(0.1), (MAP,)),
    Example("steep", ops.ReLU(1.5), (MAP,)),
    Example("falling slope", ops.ReLU(-0.3), (MAP,)),
    Example("rank 1", ops.ReLU(0.2), ((5,),)),
    *each_rank(ops.PReLU()),
    Example("shared", ops.PReLU(shared=True), (MAP,)),
    Example("steep", ops.PReLU(), (MAP,), (), {"slope": large}),
    *each_rank(ops.ELU()),
    Example("alpha", ops.ELU(0.4), (MAP,)),
    Example("large", ops.ELU(2.0), (MAP,), (large,)),
    *each_rank(ops.Sigmoid()),
    Example("large", ops.Sigmoid(), (MAP,), (large,)),
    *each_rank(ops.TanH()),
    *each_rank(ops.Softplus()),
    Example("large", ops.Softplus(), (MAP,), (large,)),
    *each_rank(ops.Swish()),
    Example("beta", ops.Swish(1.7), (MAP,)),
    Example("beta 0", ops.Swish(0.0), (MAP,)),
    *each_rank(ops.Clip(-0.5, 1.0)),
    Example("relu6", ops.Clip(0.0, 6.0), (MAP,), (large,)),
    *each_rank(ops.Threshold(0.25)),
    Example("equal values", ops.Threshold(1.0), (MAP,), (tied,)),
    *each_rank(ops.AbsoluteValue()),
    *each_rank(ops.Power(2.0, 0.5, 1.0)),
    Example("scale and shift", ops.Power(1.0, -2.0, 0.5), (MAP,)),
    Example("cube", ops.Power(3.0), (MAP,)),
    Example("root", ops.Power(0.5, 2.0, 0.1), (MAP,), (positive,)),
    Example("inverse", ops.Power(-1.0, 1.0, 0.1), (MAP,), (positive,)),
    Example("zero", ops.Power(0.0, 2.0, 1.0), (MAP,)),
    Example("scale zero", ops.Power(2.0, 0.0, 3.0), (MAP,)),
    Example("not a number", ops.Power(2.5), ((2, 3, 2, 2),)),
    *each_rank(ops.Exponential()),
    Example("base 2", ops.Exponential(2.0, 0.5, 1.5), (MAP,)),
    Example("falling", ops.Exponential(scale=-1.0, shift=0.5), (MAP,)),
    *each_rank(ops.Logarithm(), makers=(positive,)),
    Example("base 10", ops.Logarithm(10.0, 2.0, 1.0), (MAP,), (positive,)),
    Example("of zero", ops.Logarithm(), ((2, 3),), (bits,)),
    *each_rank(ops.Softmax()),
    Example("large", ops.Softmax(), (MAP,), (large,)),
    *(Example(f"axis {axis}", ops.Softmax(axis), (MAP,)) for axis in (0, 2, -1, -2)),
]

ARITHMETIC = [
    Example("two", ops.Sum(), (MAP, MAP)),
    Example("three", ops.Sum(), (MAP,) * 3),
    Example("one", ops.Sum(), (MAP,)),
    Example("coefficients", ops.Sum((1.0, -2.0, 0.5)), (MAP,) * 3),
    Example("one coefficient", ops.Sum((3.0,)), (MAP,)),
    Example("rank 2", ops.Sum((1.0, -1.0)), ((3, 4),) * 2),
    Example("three", ops.Product(), (MAP,) * 3),
    Example("one", ops.Product(), (MAP,)),
    Example("rank 2", ops.Product(), ((3, 4),) * 2),
    Example("three", ops.Maximum(), (MAP,) * 3),
    Example("one", ops.Maximum(), (MAP,)),
    Example("rank 5", ops.Maximum(), ((2, 3, 2, 3, 4),) * 2),
    *each_rank(ops.Scale()),
    *each_rank(ops.Scale(bias=True), "bias rank"),
    *(Example(f"axis {axis}", ops.Scale(axis, bias=True), (MAP,)) for axis in (0, 2, -1, -2)),
    Example("two axes", ops.Scale(1, 2, bias=True), (MAP,)),
    Example("rest", ops.Scale(1, -1), (MAP,)),
    Example("all", ops.Scale(0, -1, bias=True), (MAP,)),
    Example("single value", ops.Scale(0, 0, bias=True), (MAP,)),
    *each_rank(ops.Bias()),
    *(Example(f"axis {axis}", ops.Bias(axis), (MAP,)) for axis in (0, 2, -1)),
    Example("rest", ops.Bias(1, -1), (MAP,)),
    Example("single value", ops.Bias(0, 0), (MAP,)),
    *(
        Example(what, op(axis), (MAP, other))
        for op in (ops.ScaleBy, ops.BiasBy)
        for what, axis, other in (
            ("batch and channels", 0, MAP[:2]),
            ("channels", 1, MAP[1:2]),
            ("columns", -1, MAP[3:]),
            ("ones stretch", 0, (2, 6, 1, 1)),
            ("one image", 0, (1, 6, 5)),
            ("middle", 1, (6, 1)),
            ("all", 0, MAP),
            ("single value", 0, ()),
        )
    ),
    *(
        Example(f"{operation} axis {axis}", ops.Reduction(operation, axis, coefficient), (MAP,))
        for operation in ("sum", "mean", "sum_absolute", "sum_squares")
        for axis, coefficient in ((0, 1.0), (1, 0.5), (2, -2.0), (-1, 1.0))
    ),
    Example("rank 2", ops.Reduction("mean", 1), ((3, 5),)),
    Example("all of rank 1", ops.Reduction("sum_squares", 0), ((5,),)),
    *(Example(f"batch {output}", ops.ArgMax(None, 1, output), (MAP,)) for output in ("indices", "values", "both")),
    *(
        Example(f"batch top 4 {output}", ops.ArgMax(None, 4, output), (MAP,), (tied,))
        for output in ("indices", "values", "both")
    ),
    Example("rank 2", ops.ArgMax(None, 2, "both"), ((3, 5),)),
    *(Example(f"axis {axis} ties", ops.ArgMax(axis), (MAP,), (tied,)) for axis in (0, 1, 2, -1)),
    Example("axis all equal", ops.ArgMax(1, 3), (MAP,), (all_equal,)),
    Example("axis top 3 ties", ops.ArgMax(1, 3), (MAP,), (tied,)),
    Example("axis top 3 values", ops.ArgMax(2, 3, "values"), (MAP,)),
    Example("axis values", ops.ArgMax(1, 1, "values"), (MAP,)),
    *(Example(f"rank {len(shape)}", ops.Constant(shape), ()) for shape in ((), (3,), (2, 3), (2, 3, 4, 5))),
    Example("pixels reversed", ops.Preprocess(True), ((2, 3, 5, 4),), (pixels,)),
    Example("pixels", ops.Preprocess(), ((2, 3, 5, 4),), (pixels,)),
    Example("mean image", ops.Preprocess(True, True), ((2, 3, 5, 4),), (pixels,)),
    Example("floats of one channel", ops.Preprocess(), ((2, 1, 5, 4),)),
]

NORMALIZATION = [
    *each_rank(ops.BatchNormalization()),
    *each_rank(ops.BatchNormalization(1e-3, affine=True), "affine rank"),
    *each_rank(ops.BatchStatisticsNormalization()),
    *each_rank(ops.MeanVarianceNormalization()),
    Example("mean only", ops.MeanVarianceNormalization(False), (MAP,)),
    Example("across channels", ops.MeanVarianceNormalization(across_channels=True), (MAP,)),
    Example("mean across channels", ops.MeanVarianceNormalization(False, True), (MAP,)),
    Example("large epsilon", ops.MeanVarianceNormalization(epsilon=0.5), (MAP,)),
    *each_rank(ops.LocalResponseNormalization(2, 2, 0.2, 0.75)),
    Example("k", ops.LocalResponseNormalization(1, 1, 0.3, 0.5, 2.0), (MAP,)),
    Example("even window", ops.LocalResponseNormalization(1, 2, 0.3, 0.75, 2.0), (MAP,)),
    Example("one channel", ops.LocalResponseNormalization(0, 0, 0.3, 0.75, 0.5), (MAP,)),
    Example("wider than the input", ops.LocalResponseNormalization(7, 8, 0.1, 0.5, 1.0), (MAP,)),
    Example("plain", ops.SpatialResponseNormalization((3, 3), SYMMETRIC, 0.8, 0.75), (MAP,)),
    Example("not square", ops.SpatialResponseNormalization((5, 3), ((2, 2), (1, 1)), 0.8, 0.5), (MAP,)),
    Example(
        "even window inside", ops.SpatialResponseNormalization((4, 2), ((1, 2), (0, 1)), 0.8, 0.5, "inside"), (MAP,)
    ),
    Example("inside", ops.SpatialResponseNormalization((3, 5), ((1, 1), (2, 2)), 0.8, 0.75, "inside"), (MAP,)),
    *each_rank(ops.L2Normalization()),
    *each_rank(ops.L2Normalization(1e-3, root="max"), "max rank"),
    Example("across spatial", ops.L2Normalization(0.1, across_spatial=True), (MAP,)),
    Example("max across spatial", ops.L2Normalization(1e-3, True, "max"), (MAP,)),
    Example("max of zeros", ops.L2Normalization(1e-3, root="max"), (MAP,), (bits,)),
    *each_rank(ops.NormOffset(0.3, 0.5)),
    Example("of zeros", ops.NormOffset(0.3, 0.5), ((2, 2, 4, 4),), (bits,)),
]

SHAPES = [
    *(Example(f"axis {axis}", ops.Concat(axis), shapes) for axis, shapes in (
        (0, (MAP, (1, 6, 5, 7))), (1, (MAP, (2, 1, 5, 7), MAP)), (2, (MAP, (2, 6, 2, 7))), (-1, (MAP, (2, 6, 5, 1))),
    )),
    Example("one", ops.Concat(), (MAP,)),
    Example("vectors", ops.Concat(), ((3, 4), (3, 5))),
    Example("rank 3", ops.Concat(2), ((3, 4, 2), (3, 4, 5))),
    Example("channels", ops.Slice(1, 1, 4), (MAP,)),
    Example("to the end", ops.Slice(1, 2, None), (MAP,)),
    *(Example(f"axis {axis}", ops.Slice(axis, 1, 2), (MAP,)) for axis in (0, 2, -1)),
    Example("vectors", ops.Slice(1, 0, 3), ((3, 4),)),
    *(
        Example(f"axes {a} to {b}", ops.Flatten(a, b), (MAP,))
        for a, b in ((1, -1), (0, -1), (1, 2), (2, 3), (-2, -1), (0, 1), (1, 1))
    ),
    Example("vectors", ops.Flatten(), ((3, 4),)),
    *(
        Example(f"{'x'.join(map(str, dims))} axes {axis} {count}", ops.Reshape(dims, axis, count), (MAP,))
        for dims, axis, count in (
            ((0, -1), 0, -1), ((0, 2, -1, 7), 0, -1), ((-1,), 1, 2), ((0, 3, 2, 35), 0, -1), ((3, 2), 1, 1),
            ((1,), -1, 0), ((2, 3), 1, 1), ((-1, 4), 0, 3), ((12, -1), 0, -1), ((35,), 2, -1), ((1,), 0, 0),
            ((7, 5), -3, 2),
        )
    ),
    *(
        Example("x".join(map(str, order)), ops.Permute(order), (MAP,))
        for order in ((0, 2, 3, 1), (1, 0, 3, 2), (0, 1, 2, 3), (3, 2, 1, 0))
    ),
    Example("rank 3", ops.Permute((0, 2, 1)), ((2, 3, 4),)),
    Example("maps", ops.Crop(2, (1, 2)), (MAP, (2, 6, 3, 4))),
    Example("channels too", ops.Crop(1, (2, 0, 1)), (MAP, (2, 3, 5, 6))),
    Example("everything", ops.Crop(0, (1, 0, 2, 0)), (MAP, (1, 6, 3, 7))),
    Example("columns", ops.Crop(-1, (3,)), (MAP, (1, 2, 3, 4))),
    *(Example(f"axis {axis}", ops.Tile(axis, 3), (MAP,)) for axis in (0, 1, 2, -1)),
    Example("once", ops.Tile(1, 1), ((3, 4),)),
    Example("maps", ops.BatchReindex(), (MAP, (5,)), (normal, below(2))),
    Example("vectors", ops.BatchReindex(), ((4, 3), (3,)), (normal, below(4))),
    Example("maps", ops.Filter(), ((5, 3, 2, 2), (5,)), (normal, bits)),
    Example("rank 4 selector", ops.Filter(), ((5, 3), (5, 1, 1, 1)), (normal, bits)),
    Example("nothing kept", ops.Filter(), ((3, 2, 2, 2), (3, 1)), (normal, zeros)),
    Example("any number counts", ops.Filter(), ((6, 2), (6,)), (normal, tied)),
    *(Example(f"{groups} groups", ops.ShuffleChannels(groups), (MAP,)) for groups in (1, 2, 3, 6)),
    Example("vectors", ops.ShuffleChannels(2), ((3, 6),)),
    Example("rank 3", ops.ShuffleChannels(3), ((3, 6, 4),)),
    Example("maps", ops.Pad(((1, 2), (0, 3))), (MAP,)),
    Example("channels and value", ops.Pad(((1, 0), (0, 0), (2, 1)), -2.5), (MAP,)),
    Example("columns", ops.Pad(((3, 1),), 1.0), (MAP,)),
    Example("nothing", ops.Pad(((0, 0), (0, 0))), (MAP,)),
]  # fmt: skip

SAMPLING = [
    Example("larger", ops.BilinearResize((11, 15)), (MAP,)),
    Example("smaller", ops.BilinearResize((3, 4)), (MAP,)),
    Example("same", ops.BilinearResize((5, 7)), (MAP,)),
    Example("to one cell", ops.BilinearResize((1, 3)), (MAP,)),
    Example("from one pixel", ops.BilinearResize((4, 3)), ((2, 3, 1, 1),)),
    Example("zoom", ops.BilinearResize(zoom=3), (MAP,)),
    Example("shrink", ops.BilinearResize(shrink=2), (MAP,)),
    Example("shrink and zoom", ops.BilinearResize(zoom=2, shrink=3), ((1, 2, 8, 10),)),
    Example("cropped", ops.BilinearResize((9, 8), pads=((-1, 0), (-2, -1))), (MAP,)),
    Example("cropped zoom", ops.BilinearResize(zoom=2, pads=((0, -1), (-1, -1))), (MAP,)),
    *(Example(f"{r} by {c}", ops.NearestUpsampling((r, c)), (MAP,)) for r, c in ((2, 2), (3, 1), (1, 4), (1, 1))),
    *(Example(f"{r} by {c}", ops.AffineGrid((r, c)), ((3, 6, 1, 1),)) for r, c in ((4, 5), (1, 3), (6, 1))),
    Example("one grid each", ops.BilinearSampler(), (MAP, (2, 5, 2, 4)), (normal, sampling_points)),
    Example("two grids each", ops.BilinearSampler(), (MAP, (4, 3, 2, 6)), (normal, sampling_points)),
    Example("one pixel high", ops.BilinearSampler(), ((2, 3, 1, 6), (2, 3, 2, 4)), (normal, sampling_points)),
]


def _detections(
    what: str, batch: int, classes: int, priors: int, confidences: Maker = probabilities, **settings: Any
) -> Example:
    op = ops.DetectionOutput(classes, **settings)
    sets = 1 if op.share_location else classes
    shapes = ((batch, priors * 4 * sets), (batch, priors * classes), (1, 2, priors * 4))
    return Example(what, op, shapes, (small, confidences, prior_boxes))


_FEATURES: tuple[Shape, Shape] = ((2, 4, 3, 5), (2, 3, 30, 40))

DETECTION = [
    Example("one size", ops.PriorBox((10.0,)), _FEATURES),
    Example(
        "everything", ops.PriorBox((10.0, 14.0), (20.0, 25.0), (2.0, 0.5, 3.0), True, (0.1, 0.1, 0.2, 0.2)), _FEATURES
    ),
    Example("steps and size", ops.PriorBox((8.0,), (), (2.0,), False, (0.1,), 0.25, (8.0, 10.0), (32, 48)), _FEATURES),
    _detections("corner", 1, 3, 20, confidence_threshold=0.2),
    _detections("centre size", 2, 3, 20, code_type="center_size", nms_threshold=0.45, confidence_threshold=0.1),
    _detections("corner size", 2, 3, 20, code_type="corner_size", nms_threshold=0.4),
    _detections("own locations", 2, 4, 12, share_location=False, code_type="center_size", confidence_threshold=0.3),
    _detections("no background", 1, 3, 12, background=-1, confidence_threshold=0.3),
    _detections("other background", 2, 3, 12, background=1, confidence_threshold=0.3),
    _detections("variance in target", 1, 3, 20, variance_in_target=True, code_type="center_size"),
    _detections("top k", 2, 3, 30, top_k=5, code_type="center_size", nms_threshold=0.6),
    _detections("keep top k", 2, 4, 30, top_k=10, keep_top_k=6, code_type="center_size", nms_threshold=0.5),
    _detections("no threshold", 1, 2, 10, keep_top_k=200, nms_threshold=0.9),
    _detections("negative scores", 2, 3, 16, normal, nms_threshold=0.5),
    _detections("equal scores", 2, 3, 16, all_equal, nms_threshold=0.5, keep_top_k=5),
    _detections("nothing found", 3, 3, 16, confidence_threshold=2.0, keep_top_k=5),
    _detections("falling threshold", 1, 3, 30, eta=0.7, nms_threshold=0.9, code_type="center_size"),
]


def _sequence(op: Callable[..., Op], states: int, **settings: Any) -> list[Example]:
    time, batch, features, units, static = 5, 3, 4, 6, 3
    found = []
    for what, chosen in (
        ("plain", {}),
        ("static", {"static": True}),
        ("initial", {"initial": True}),
        ("both", {"static": True, "initial": True}),
    ):
        shapes: list[Shape] = [(time, batch, features), (time, batch)]
        shapes += [(batch, static)] if "static" in chosen else []
        shapes += [(1, batch, units)] * states if "initial" in chosen else []
        found.append(
            Example(
                " ".join([what, *settings.values()]), op(units, **chosen, **settings), tuple(shapes), (normal, bits)
            )
        )
    return found


RECURRENT = [
    *_sequence(ops.LSTM, 2),
    *_sequence(ops.LSTM, 2, returns="cell"),
    *_sequence(ops.RNN, 1),
    *_sequence(ops.RNN, 1, returns="hidden"),
    Example("rank 4 input", ops.LSTM(4), ((3, 2, 2, 3), (3, 2)), (normal, bits)),
    Example("one step", ops.LSTM(4), ((1, 2, 3), (1, 2)), (normal, bits)),
    Example("rank 4 input", ops.RNN(4), ((3, 2, 2, 3), (3, 2)), (normal, bits)),
]

EXAMPLES: list[Example] = [
    *ACTIVATIONS, *ARITHMETIC, *CONVOLUTIONS, *POOLING, *NORMALIZATION, *SHAPES, *SAMPLING, *DETECTION, *RECURRENT,
]  # fmt: skip
