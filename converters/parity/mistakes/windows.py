"""Mistakes about windows: where they lie, and what convolutions and poolings make of them."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from converters.ops import (
    Array,
    Convolution,
    ConvolutionTranspose,
    GlobalPooling,
    Im2col,
    Pads,
    Pooling,
    PoolingIndices,
    ShuffleChannels,
)
from converters.ops.base import size_of
from converters.ops.pooling import LOWEST
from converters.ops.windows import padded
from converters.parity.mistakes.situation import Attempt, Situation

Windowed = Convolution | ConvolutionTranspose | Im2col | Pooling | PoolingIndices


def moved(s: Situation) -> Iterator[Attempt]:
    """Mistakes that all windowed ops share: padding, strides, dilation, height and width."""
    op = s.node.op
    assert isinstance(op, Windowed)
    for what, wrong in _moved(op):
        if wrong != op:
            yield what, partial(s.again, wrong)


def _moved(op: Windowed) -> Iterator[tuple[str, Windowed]]:
    for what, pads in _padded_otherwise(op.pads):
        yield what, replace(op, pads=pads)
    yield "its stride is ignored", replace(op, stride=(1,) * len(op.kernel))
    turned = replace(op, stride=op.stride[::-1], pads=op.pads[::-1])
    if isinstance(turned, (Pooling, PoolingIndices)):
        yield "height and width of its settings are swapped", replace(turned, kernel=op.kernel[::-1])
    else:
        yield "height and width of its settings are swapped", replace(turned, dilation=turned.dilation[::-1])
        yield "its dilation is ignored", replace(turned, dilation=(1,) * len(op.kernel))


def _padded_otherwise(pads: Pads) -> Iterator[tuple[str, Pads]]:
    totals = [sum(pair) for pair in pads]
    yield "its padding is on the other side", tuple((after, before) for before, after in pads)
    yield "its padding is all at the end", tuple((0, total) for total in totals)
    yield "its padding is all at the beginning", tuple((total, 0) for total in totals)
    yield "its padding is shared out evenly", tuple((total // 2, total - total // 2) for total in totals)
    yield "its padding is left out", ((0, 0),) * len(pads)


def weighted(s: Situation) -> Iterator[Attempt]:
    """Mistakes about a convolution's weights, those of a transposed one included."""
    weight = s.node.params["weight"]
    spatial = tuple(range(2, weight.ndim))
    if size_of(weight.shape[2:]) > 1:
        yield "its kernel is flipped by 180 degrees", lambda: s.again(weight=np.flip(weight, spatial))
    if weight.ndim == 4 and weight.shape[2] == weight.shape[3] > 1:
        yield "height and width of its kernel are swapped", lambda: s.again(weight=weight.swapaxes(2, 3))
        yield (
            "its kernel is flipped and its height and width are swapped",
            lambda: s.again(weight=np.flip(weight, spatial).swapaxes(2, 3)),
        )
    if weight.shape[0] == weight.shape[1] > 1:
        yield "input and output channels of its weights are swapped", lambda: s.again(weight=weight.swapaxes(0, 1))
    if "bias" in s.node.params:
        yield "its bias is missing", lambda: s.again(bias=np.zeros_like(s.node.params["bias"]))


def grouped(s: Situation) -> Iterator[Attempt]:
    """Mistakes about which channels belong to a group."""
    op = s.node.op
    assert isinstance(op, (Convolution, ConvolutionTranspose))
    if op.groups == 1 or (isinstance(op, Convolution) and op.axis != 1):
        return
    into, out = ShuffleChannels(op.groups), ShuffleChannels(op.out_channels // op.groups)
    back = ShuffleChannels(s.shape[1] // op.groups)
    yield "the input channels of its groups are interleaved", lambda: s.again(arrays=[back.compute(s.arrays[0])])
    yield "the output channels of its groups are interleaved", lambda: ShuffleChannels(op.groups).compute(s.again())
    yield "the groups' output channels are dealt out in turn", lambda: out.compute(s.again())
    yield "the groups' input channels are dealt out in turn", lambda: s.again(arrays=[into.compute(s.arrays[0])])


def pooled(s: Situation) -> Iterator[Attempt]:
    """Mistakes about pooling: rounding, divisor, method, what padding counts for."""
    op = s.node.op
    assert isinstance(op, Pooling)
    rounding = "down instead of up (floor for ceil)" if op.ceil_mode else "up instead of down (ceil for floor)"
    yield f"its output size is rounded {rounding}", partial(s.again, replace(op, ceil_mode=not op.ceil_mode))
    if op.method == "max":
        yield "it takes the mean instead of the maximum", partial(s.again, replace(op, method="average"))
        yield "padding counts as zeros in its maximum", lambda: _with_zeros(s, op)
        for value in (0.0, -np.inf):
            what = f"its windows without a pixel give {value:g} instead of {LOWEST:.3g}"
            yield what, partial(_with_empty_windows, s, value)
        return
    yield "it takes the maximum instead of the mean", partial(s.again, replace(op, method="max"))
    if op.divisor == "padded":
        yield "its mean leaves the padding out of the divisor", partial(s.again, replace(op, divisor="inside"))
    else:
        yield "its mean counts the padding in the divisor", partial(s.again, replace(op, divisor="padded"))
    yield "its mean always divides by the whole window", lambda: _by_whole_window(s, op)


def _with_zeros(s: Situation, op: Pooling) -> Array:
    room = tuple((before, max(after, 0)) for before, after in op.overhang(s.shape))
    return Pooling(op.kernel, op.stride, ((0, 0),) * len(room)).compute(padded(s.arrays[0], room))


def _with_empty_windows(s: Situation, value: float) -> Array:
    y = s.again()
    return np.where(y == np.asarray(LOWEST, y.dtype), y.dtype.type(value), y)


def _by_whole_window(s: Situation, op: Pooling) -> Array:
    return np.asarray(s.again() * (op.divisors(s.shape) / size_of(op.kernel)))


def pooled_globally(s: Situation) -> Iterator[Attempt]:
    """The other method of a global pooling."""
    op = s.node.op
    assert isinstance(op, GlobalPooling)
    if op.method == "max":
        yield "it takes the mean instead of the maximum", partial(s.again, GlobalPooling("average"))
    else:
        yield "it takes the maximum instead of the mean", partial(s.again, GlobalPooling("max"))


def indexed(s: Situation) -> Iterator[Attempt]:
    """Mistakes about the indices of a max pooling."""
    op = s.node.op
    assert isinstance(op, PoolingIndices)
    rounding = "down instead of up (floor for ceil)" if op.ceil_mode else "up instead of down (ceil for floor)"
    yield f"its output size is rounded {rounding}", partial(s.again, replace(op, ceil_mode=not op.ceil_mode))
    yield "its indices count from 1", lambda: s.again() + 1
    if len(s.shape) == 4:
        height, width = s.shape[2:]
        yield "its indices run down the columns", lambda: s.again() % width * height + s.again() // width
        planes = np.arange(size_of(s.shape[:2])).reshape(*s.shape[:2], 1, 1) * (height * width)
        yield "its indices count through all channels", lambda: s.again() + planes.astype(s.arrays[0].dtype)
