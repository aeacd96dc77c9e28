"""Which preprocessing an artefact gets: what it says of itself, and what a person states in its place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from converters import passes
from converters.errors import ConversionError
from converters.ir import Graph, Node, Preprocessing
from converters.ops import Identity
from converters.passes.preprocessing import CHANNEL_ORDERS, fitted_mean
from heads.backbones.artefact import Array, Artefact
from heads.errors import HeadsError
from heads.images.preprocessing import Preparation

HOW = (
    "or let the file say it: a metadata entry 'preprocessing' such as "
    '{"channel_order": "RGB", "mean": [127.5, 127.5, 127.5], "scale": [0.0078125, 0.0078125, 0.0078125]}'
)
ORDER_UNKNOWN = f"the channel order is not known; give channel_order (--channel-order RGB, BGR or gray), {HOW}"


@dataclass(frozen=True, eq=False)
class Stated:
    """What a person says of a network's images; None leaves it to the file.

    `mean` and `scale` are one number, or three in the order R, G, B whatever the network's order is; an array
    (channels, height, width) is a mean image in the network's own order. `size` is (height, width).
    """

    channel_order: str | None = None
    mean: Sequence[float] | Array | None = None
    scale: Sequence[float] | None = None
    size: tuple[int, int] | None = None


def preparation(artefact: Artefact, stated: Stated) -> Preparation:
    """Return what makes the network's input; HeadsError with all that is not known or does not fit."""
    channels, *sides = artefact.image
    size, problems = _size(sides, artefact.preprocessing.size, stated.size)
    if channels is None:
        channels = CHANNEL_ORDERS.get(stated.channel_order or artefact.preprocessing.channel_order or "")
    if channels is None:
        problems.append(ORDER_UNKNOWN)
    if channels is None or size is None:
        raise HeadsError(problems)
    known = _overridden(artefact.preprocessing, (channels, *size), stated, problems)
    order = known.channel_order or ("gray" if channels == 1 else None)
    if order is None:
        problems.append(ORDER_UNKNOWN)
    mean = _mean(known.mean, (channels, *size), problems)
    scale = known.scale or (1.0,) * channels
    if artefact.input_dtype == "uint8" and (mean.any() or any(factor != 1 for factor in scale)):
        problems.append("the network takes uint8 pixels as they are: there is no mean to subtract, and no scale")
    if problems or order is None:
        raise HeadsError(problems)
    return Preparation(size, order, mean, scale, artefact.input_dtype)


def _size(
    sides: Sequence[int | None], said: tuple[int, int] | None, stated: tuple[int, int] | None
) -> tuple[tuple[int, int] | None, list[str]]:
    """Return (height, width): what the network's input fixes, else what is stated, else what the file says."""
    wanted = stated or said or (None, None)
    height, width = (fixed if fixed is not None else open_ for fixed, open_ in zip(sides, wanted, strict=True))
    if height is None or width is None:
        return None, ["the network takes images of any size, and does not say which; give size (height, width)"]
    if stated is not None and stated != (height, width):
        return (height, width), [f"the network takes {height}x{width} pixels (height x width), not {_by(stated)}"]
    return (height, width), []


def _by(size: tuple[int, int]) -> str:
    return "x".join(map(str, size))


def _overridden(known: Preprocessing, image: tuple[int, ...], stated: Stated, problems: list[str]) -> Preprocessing:
    # A network of nothing but its input: what is stated of images is checked by the same code as in a conversion.
    stand_in = Graph("", {"image": (1, *image)}, (Node("y", Identity(), ("image",)),), {"y": "y"}, known)
    pictured = isinstance(stated.mean, np.ndarray) and stated.mean.ndim > 1
    try:
        return passes.override_preprocessing(
            stand_in,
            channel_order=stated.channel_order,
            mean=None if stated.mean is None or pictured else [float(value) for value in stated.mean],
            mean_array=np.asarray(stated.mean) if pictured else None,
            scale=stated.scale,
        ).preprocessing
    except ConversionError as error:
        problems += error.problems
        return known


def _mean(mean: Array | None, image: tuple[int, ...], problems: list[str]) -> Array:
    if mean is None:
        problems.append(f"the mean is not known; give mean (--mean R,G,B; 0 for none), {HOW}")
        return np.zeros(image[0], np.float32)
    try:
        return fitted_mean(mean, image)
    except ConversionError as error:
        problems += error.problems
        return np.zeros(image[0], np.float32)
