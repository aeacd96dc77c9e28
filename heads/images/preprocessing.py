"""From an RGB image to a network's input, as the network's file describes it and to the last bit."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from converters.ir import Preprocessing

Array = np.ndarray[Any, Any]

# Pillow's filter widens with the reduction, so that no pixel is left out.
INTERPOLATION = "bilinear, antialiased"


@dataclass(frozen=True, eq=False)
class Preparation:
    """What makes a network's input of an image; it can be sent to other processes.

    `size` is (height, width). The mean is (channels,) or (channels, height, width), both in the network's order. With
    `dtype` "uint8" the network does the rest itself, and gets pixels in its channel order.
    """

    size: tuple[int, int]
    channel_order: str
    mean: Array
    scale: tuple[float, ...]
    dtype: str = "float32"

    def __call__(self, image: Image.Image) -> Array:
        """Return (channels, height, width) float32 (x - mean) * scale, or uint8; resized only where that is needed.

        Grey is Pillow's "L": (299 R + 587 G + 114 B) / 1000.
        """
        pixels = self._pixels(image)
        return np.ascontiguousarray(pixels) if self.dtype == "uint8" else self.arithmetic(pixels)

    def arithmetic(self, pixels: Array) -> Array:
        """Return (pixels - mean) * scale float32 of (..., channels, height, width) in the network's channel order."""
        x: Array = pixels.astype(np.float32, order="C")
        x -= self.mean if self.mean.ndim == 3 else self.mean.reshape(-1, 1, 1)
        if any(factor != 1 for factor in self.scale):
            x *= np.asarray(self.scale, np.float32).reshape(-1, 1, 1)
        return x

    def _pixels(self, image: Image.Image) -> Array:
        gray = self.channel_order == "gray"
        wanted = image.convert("L" if gray else "RGB")
        height, width = self.size
        if wanted.size != (width, height):
            wanted = wanted.resize((width, height), Image.Resampling.BILINEAR)
        pixels: Array = np.asarray(wanted, np.uint8)
        if gray:
            return pixels[None]
        turned: Array = pixels.transpose(2, 0, 1)
        return turned[::-1] if self.channel_order == "BGR" else turned

    def facts(self) -> dict[str, Any]:
        """Return what decides the values, under the names of a model's description; a mean image by its sha256."""
        return {
            "channel_order": self.channel_order,
            "mean": _mean_fact(self.mean),
            "scale": list(self.scale),
            "size_height_width": list(self.size),
            "interpolation": INTERPOLATION,
        }

    def preprocessing(self) -> Preprocessing:
        """Return the same as a graph states it."""
        return Preprocessing(self.channel_order, self.mean, self.scale, self.size)


def _mean_fact(mean: Array) -> Any:
    if mean.ndim == 1:
        return mean.tolist()
    values = np.ascontiguousarray(mean, "<f4").tobytes()
    return {"shape": list(mean.shape), "float32_sha256": hashlib.sha256(values).hexdigest()}
