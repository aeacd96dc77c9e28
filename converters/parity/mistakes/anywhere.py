"""Mistakes that can happen to any node, and to what the network is fed."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from converters.ops import Array, Preprocess, ReLU
from converters.parity.mistakes.situation import Attempt, Situation


def of_input(s: Situation) -> Iterator[Attempt]:
    """Mistakes about an image before it enters the network, seen at the first nodes."""
    for position, name in enumerate(s.node.inputs):
        x = s.arrays[position]
        if name not in s.graph.inputs or x.ndim != 4 or isinstance(s.node.op, Preprocess):
            continue
        again = partial(_with_input, s, position)
        if x.shape[1] > 1:
            yield f"the channels of input '{name}' are swapped (RGB for BGR)", partial(again, x[:, ::-1])
        for what, wrong in _preprocessed_wrongly(s, x):
            yield f"input '{name}' comes {what}", partial(again, wrong)
        if x.shape[2] == x.shape[3]:
            yield f"height and width of input '{name}' are swapped", partial(again, x.swapaxes(2, 3))


def _with_input(s: Situation, position: int, x: Array) -> Array:
    return s.again(arrays=[*s.arrays[:position], x, *s.arrays[position + 1 :]])


def _preprocessed_wrongly(s: Situation, x: Array) -> Iterator[tuple[str, Array]]:
    known = s.graph.preprocessing
    if known.mean is None or len(known.mean) != x.shape[1]:
        return
    mean = (known.mean if known.mean.ndim == 3 else known.mean[:, None, None]).astype(x.dtype)
    scale = np.asarray(known.scale or (1.0,), x.dtype)[:, None, None]
    if mean.shape[1:] not in ((1, 1), x.shape[2:]):
        return
    pixels = x / scale + mean
    yield "without its mean subtracted", pixels * scale
    yield "with its mean in the reverse channel order", (pixels - mean[::-1]) * scale
    yield "with its mean subtracted twice", (x / scale - mean) * scale
    if (scale != 1).any():
        yield "without its scale", pixels - mean
        yield "without its mean and scale", pixels


def of_output(s: Situation) -> Iterator[Attempt]:
    """Mistakes about what a node gives, whatever it is."""
    yield "its sign is flipped", lambda: -s.again()
    if not isinstance(s.node.op, ReLU):
        yield "a ReLU is applied to it as well", lambda: np.maximum(s.again(), 0)
    if s.arrays and s.arrays[0].dtype.kind == "f":
        yield "the op is left out", lambda: s.arrays[0]
    if len(s.graph.shapes[s.node.name]) == 4:
        yield "its height and width are swapped", lambda: s.again().swapaxes(2, 3)
        yield "its channels are reversed", lambda: s.again()[:, ::-1]
        yield "its values lie channels last in a channels-first array", lambda: _channels_last(s.again())
        yield "its values lie channels first in a channels-last array", lambda: _channels_first(s.again())


def _channels_last(y: Array) -> Array:
    return y.transpose(0, 2, 3, 1).reshape(y.shape)


def _channels_first(y: Array) -> Array:
    batch, channels, height, width = y.shape
    return y.reshape(batch, height, width, channels).transpose(0, 3, 1, 2)


def of_preprocess(s: Situation) -> Iterator[Attempt]:
    """Mistakes about a preprocessing that is part of the network."""
    op, mean, scale = s.node.op, s.node.params["mean"], s.node.params["scale"]
    assert isinstance(op, Preprocess)
    turned = Preprocess(not op.reverse_channels, op.mean_image)
    if len(mean) > 1:
        yield "the channels of the image are swapped (RGB for BGR)", lambda: s.again(turned)
        yield "its mean is in the reverse channel order", lambda: s.again(mean=mean[::-1])
        yield (
            "the channels are swapped, and the mean with them",
            lambda: s.again(turned, mean=mean[::-1], scale=scale[::-1]),
        )
    yield "its mean is not subtracted", lambda: s.again(mean=np.zeros_like(mean))
    yield "its scale is left out", lambda: s.again(scale=np.ones_like(scale))
    yield "its mean is subtracted after scaling", lambda: s.again(mean=_rescaled(mean, scale))


def _rescaled(mean: Array, scale: Array) -> Array:
    return np.asarray(mean / scale.reshape(-1, *(1,) * (mean.ndim - 1)))
