"""How much it would cost to feed a network with red and blue exchanged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from heads.backbones.artefact import Array
from heads.backbones.backbone import Backbone, unit_length
from heads.errors import HeadsError

AT_ONCE = 32


@dataclass(frozen=True)
class ChannelSwap:
    """Cosine distances (0 same direction, 2 opposite): how far embeddings move when red and blue change places.

    `moved_mean` and `moved_largest` are over `images`; `apart_mean` is the mean distance between two different images,
    the yardstick for both (nan for one image).
    """

    images: int
    moved_mean: float
    moved_largest: float
    apart_mean: float

    @property
    def moved_fraction(self) -> float:
        """Return how far embeddings move in distances between two images."""
        return self.moved_mean / self.apart_mean


def channel_swap_cost(backbone: Backbone, images: Sequence[Image.Image]) -> ChannelSwap:
    """Embed RGB images as they are, and with red and blue exchanged; HeadsError for a network that takes grey."""
    if backbone.preparation.channel_order == "gray":
        raise HeadsError(f"{backbone.model}: takes grey images, which have no channels to exchange")
    if not images:
        raise HeadsError("no images are given to exchange the channels of")
    straight = _directions(backbone, images)
    swapped = _directions(backbone, [_swapped(image) for image in images])
    moved = 1 - np.einsum("ij,ij->i", straight, swapped)
    count = len(images)
    # The mean cosine over all pairs is the squared length of the mean direction; each image's with itself is 1.
    total = float(np.square(straight.sum(axis=0)).sum())
    apart = 1 - (total - count) / (count * (count - 1)) if count > 1 else float("nan")
    return ChannelSwap(count, float(moved.mean()), float(moved.max()), apart)


def _directions(backbone: Backbone, images: Sequence[Image.Image]) -> Array:
    parts = [
        backbone.run(np.stack([backbone.prepare(image) for image in images[start : start + AT_ONCE]]))
        for start in range(0, len(images), AT_ONCE)
    ]
    return unit_length(np.concatenate(parts)).astype(np.float64)


def _swapped(image: Image.Image) -> Image.Image:
    red, green, blue = image.convert("RGB").split()
    return Image.merge("RGB", (blue, green, red))
