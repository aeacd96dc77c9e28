"""Examples of ops that look through windows: convolutions, dense layers, pooling."""

from collections.abc import Callable
from typing import Any

from converters import ops
from converters.ops import Op, Shape
from op_values import (
    NO_PADS,
    ONES,
    SYMMETRIC,
    Example,
    below,
    distinct_below,
    each_rank,
    negative,
    normal,
    regions,
    tied,
)

IMAGE: Shape = (2, 6, 9, 8)


def _windows(op: Callable[..., Op], *first: Any) -> list[Example]:
    """Convolution-like ops with the settings that all of them share."""
    settings: list[tuple[str, Shape, Any]] = [
        ("plain", IMAGE, ((3, 3), ONES, SYMMETRIC, ONES)),
        ("no padding", IMAGE, ((2, 2), ONES, NO_PADS, ONES)),
        ("one pixel", IMAGE, ((1, 1), ONES, NO_PADS, ONES)),
        ("stride", IMAGE, ((3, 3), (2, 2), SYMMETRIC, ONES)),
        ("asymmetric pads", IMAGE, ((3, 2), (2, 1), ((0, 1), (1, 0)), ONES)),
        ("more pads", (1, 6, 7, 7), ((3, 3), (2, 2), ((2, 0), (0, 1)), ONES)),
        ("not square", IMAGE, ((1, 5), (1, 3), ((0, 0), (2, 2)), ONES)),
        ("dilation", IMAGE, ((3, 3), ONES, ((2, 2), (2, 2)), (2, 2))),
        ("uneven dilation", IMAGE, ((3, 2), (2, 1), ((1, 2), (0, 1)), (1, 3))),
        ("stride beyond kernel", IMAGE, ((2, 2), (3, 4), NO_PADS, ONES)),
        ("one axis", (3, 6, 11), ((3,), (2,), ((1, 0),), (2,))),
        ("three axes", (1, 6, 5, 6, 4), ((2, 3, 1), (1, 2, 1), ((1, 0), (1, 1), (0, 0)), (1, 1, 2))),
    ]
    return [Example(what, op(*first, *rest), (shape,)) for what, shape, rest in settings]


def _conv(what: str, out: int, shape: Shape = IMAGE, *, kernel: Shape = (3, 3), **settings: Any) -> Example:
    return Example(what, ops.Convolution(out, kernel, ONES, SYMMETRIC, ONES, **settings), (shape,))


CONVOLUTIONS = [
    *_windows(ops.Convolution, 4),
    _conv("no bias", 4, bias=False),
    _conv("groups", 4, groups=2),
    _conv("depthwise", 6, groups=6),
    _conv("depthwise no bias", 6, groups=6, bias=False),
    _conv("depthwise multiplier", 12, groups=6),
    _conv("channels on axis 2", 4, (2, 3, 2, 6, 7), axis=2),
    _conv("channels on axis 0", 4, (2, 6, 7), axis=0),
    Example("full kernel", ops.Convolution(5, (9, 8), ONES, NO_PADS, ONES), (IMAGE,)),
    Example("depthwise with everything", ops.Convolution(12, (3, 2), (2, 1), ((0, 1), (1, 2)), (2, 1), 6), (IMAGE,)),
    Example("groups on one axis", ops.Convolution(4, (3,), (1,), ((1, 1),), (1,), 2), ((2, 6, 9),)),
    Example("stride wider than input", ops.Convolution(3, (2, 2), (7, 7), NO_PADS, ONES), ((1, 2, 5, 6),)),
    *(example for example in _windows(ops.ConvolutionTranspose, 4) if example.what != "one pixel"),
    Example("one pixel", ops.ConvolutionTranspose(4, (1, 1), (2, 2), NO_PADS, ONES), ((2, 3, 4, 5),)),
    Example("groups", ops.ConvolutionTranspose(4, (4, 4), (2, 2), SYMMETRIC, ONES, 2), (IMAGE,)),
    Example("bilinear", ops.ConvolutionTranspose(6, (4, 4), (2, 2), SYMMETRIC, ONES, 6, bias=False), (IMAGE,)),
    Example("crop beyond kernel", ops.ConvolutionTranspose(3, (3, 3), (2, 2), ((4, 3), (3, 5)), ONES), (IMAGE,)),
    Example(
        "depthwise multiplier", ops.ConvolutionTranspose(12, (3, 3), (2, 1), ((1, 0), (0, 2)), (1, 2), 6), (IMAGE,)
    ),
    Example("maps", ops.Dense(7), (IMAGE,)),
    Example("vectors", ops.Dense(7), ((3, 5),)),
    Example("no bias", ops.Dense(7, bias=False), (IMAGE,)),
    *(Example(f"axis {axis}", ops.Dense(4, axis), (IMAGE,)) for axis in (0, 2, 3, -1)),
    Example("vector on axis 0", ops.Dense(4, 0), ((5,),)),
    Example("sequence", ops.Embedding(9, 4), ((3, 5),), (below(9),)),
    Example("vector without bias", ops.Embedding(9, 4, bias=False), ((6,),), (below(9),)),
    Example("rank 4", ops.Embedding(9, 4), ((2, 1, 3, 2),), (below(9),)),
    *_windows(ops.Im2col),
]

_POOLS: list[tuple[str, Shape, dict[str, Any]]] = [
    ("plain", IMAGE, {"kernel": (2, 2), "stride": (2, 2), "pads": NO_PADS}),
    ("overlap", IMAGE, {"kernel": (3, 3), "stride": ONES, "pads": SYMMETRIC}),
    ("ceil", IMAGE, {"kernel": (3, 3), "stride": (2, 2), "pads": NO_PADS, "ceil_mode": True}),
    ("floor leaves a rest", (2, 3, 7, 8), {"kernel": (3, 2), "stride": (3, 3), "pads": NO_PADS}),
    ("ceil with pads", (2, 3, 8, 9), {"kernel": (3, 3), "stride": (2, 2), "pads": SYMMETRIC, "ceil_mode": True}),
    ("ceil clipped", (2, 3, 6, 9), {"kernel": (2, 2), "stride": (2, 2), "pads": SYMMETRIC, "ceil_mode": True}),
    (
        "one axis padded",
        (2, 3, 7, 9),
        {"kernel": (3, 3), "stride": (2, 2), "pads": ((0, 0), (1, 1)), "ceil_mode": True},
    ),
    ("asymmetric pads", IMAGE, {"kernel": (3, 3), "stride": (2, 2), "pads": ((0, 1), (2, 0))}),
    (
        "asymmetric pads with ceil",
        IMAGE,
        {"kernel": (4, 3), "stride": (3, 2), "pads": ((2, 1), (0, 2)), "ceil_mode": True},
    ),
    ("not square", IMAGE, {"kernel": (2, 5), "stride": (1, 3), "pads": ((1, 0), (2, 1)), "ceil_mode": True}),
    ("one window", IMAGE, {"kernel": (9, 8), "stride": ONES, "pads": NO_PADS}),
    ("window outside", (1, 2, 7, 5), {"kernel": (1, 2), "stride": (4, 3), "pads": NO_PADS, "ceil_mode": True}),
    ("stride beyond kernel", (2, 3, 9, 9), {"kernel": (2, 2), "stride": (4, 3), "pads": NO_PADS, "ceil_mode": True}),
]
_LINES: list[tuple[str, Shape, dict[str, Any]]] = [
    ("one axis", (2, 3, 11), {"kernel": (3,), "stride": (2,), "pads": ((1, 0),), "ceil_mode": True}),
    (
        "three axes",
        (2, 2, 5, 6, 4),
        {"kernel": (2, 3, 2), "stride": (2, 2, 1), "pads": ((0, 1), (1, 1), (0, 0)), "ceil_mode": True},
    ),
]

POOLING = [
    *(Example(f"max {what}", ops.Pooling(**rest), (shape,), (negative,)) for what, shape, rest in _POOLS + _LINES),
    *(
        Example(f"average {divisor} {what}", ops.Pooling(**rest, method="average", divisor=divisor), (shape,))
        for divisor in ("padded", "inside")
        for what, shape, rest in _POOLS + _LINES
        if divisor == "padded" or "outside" not in what
    ),
    *(Example(what, ops.PoolingIndices(**rest), (shape,), (negative,)) for what, shape, rest in _POOLS),
    *(Example(f"{what} ties", ops.PoolingIndices(**rest), (shape,), (tied,)) for what, shape, rest in _POOLS[1:9:2]),
    *each_rank(ops.GlobalPooling())[1:],
    *each_rank(ops.GlobalPooling("max"), "max rank", (negative,))[1:],
    Example("no index twice", ops.MaxUnpooling((6, 8)), ((2, 3, 3, 4), (2, 3, 3, 4)), (normal, distinct_below(48))),
    Example("repeated indices", ops.MaxUnpooling((5, 3)), ((2, 3, 3, 4), (2, 3, 3, 4)), (normal, below(15))),
    *(
        Example(
            f"{method} {what}",
            ops.RegionPooling(size, scale, one_based, method),
            (IMAGE, shape),
            (negative, regions(2, extent, one_based)),
        )
        for method in ("max", "average")
        for what, size, scale, one_based, shape, extent in (
            ("plain", (2, 3), 1.0, False, (5, 5), 9.0),
            ("scaled", (3, 2), 1 / 16, False, (7, 5), 140.0),
            ("one based", (2, 2), 0.5, True, (5, 5), 18.0),
            ("rank 4 regions", (3, 3), 1.0, False, (4, 5, 1, 1), 9.0),
            ("more bins than pixels", (7, 7), 0.25, False, (4, 5), 30.0),
        )
    ),
]
