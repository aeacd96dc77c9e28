"""What a network's file says besides its layers: input sizes, preprocessing, class names."""

from collections.abc import Mapping
from math import prod

import numpy as np

from converters.from_matconvnet.fields import size_text
from converters.ir import Preprocessing
from converters.matlab.files import StructArray, Value
from converters.ops import Array, Shape


class Meta:
    """The fields of `meta`, or those that stood beside `layers` in the first versions and still win over it."""

    def __init__(self, net: Mapping[str, Value]) -> None:
        meta = _struct(net.get("meta"))
        self._meta = meta
        self._normalization = _struct(net.get("normalization")) or _struct(meta.get("normalization"))
        self._classes = net.get("classes", meta.get("classes"))
        self.warnings: list[str] = []

    def input_sizes(self) -> dict[str, Shape]:
        """Return the sizes of inputs stated by name, as (batch, channels, height, width)."""
        stated = self._meta.get("inputs")
        rows = [stated] if isinstance(stated, dict) else stated if isinstance(stated, StructArray) else []
        sizes = {str(row.get("name")): _size(row.get("size")) for row in rows}
        return {name: size for name, size in sizes.items() if size}

    def image_size(self) -> Shape | None:
        """Return the size of the image that goes in, as (batch, channels, height, width), if it is stated."""
        for value in (self._normalization.get("imageSize"), self._meta.get("inputSize")):
            if size := _size(value):
                return size
        return None

    def preprocessing(self, size: Shape) -> Preprocessing:
        """Return how an image becomes an input of this size: RGB, minus the average image, divided by imageStd."""
        channels = size[1]
        order = {1: "gray", 3: "RGB"}.get(channels)
        mean = self._mean(channels)
        if mean is not None and mean.ndim == 3 and mean.shape[1:] != size[2:]:
            self.warnings.append(f"averageImage is {mean.shape[1]} x {mean.shape[2]}, the input {size[2]} x {size[3]}")
        mean, scale = self._scaled(mean, channels)
        return Preprocessing(order, mean, scale, (size[2], size[3]))

    def _scaled(self, mean: Array | None, channels: int) -> tuple[Array | None, tuple[float, ...] | None]:
        """Return mean and scale for images in 0..255."""
        deviation = self._normalization.get("imageStd")
        if not isinstance(deviation, np.ndarray) or deviation.size != channels or not (deviation > 0).all():
            return mean, None
        unit = 1.0
        if mean is None or float(mean.max()) <= 1:
            # Importers from PyTorch state both for images in 0..1, which nothing but the numbers shows.
            unit = 255.0
            self.warnings.append("averageImage and imageStd are taken to be those of images in 0..1, as from PyTorch")
        scale = tuple(1 / (unit * float(n)) for n in deviation.ravel(order="F"))
        return None if mean is None else mean * np.float32(unit), scale

    def _mean(self, channels: int) -> Array | None:
        image = self._normalization.get("averageImage")
        if not isinstance(image, np.ndarray) or not image.size:
            return None
        if image.size in (1, channels):
            return np.broadcast_to(image.ravel(order="F").astype(np.float32), (channels,))
        planes = image.reshape((*image.shape, 1)[:3], order="F") if image.ndim < 4 else image[:, :, :, 0]
        if planes.shape[2] == channels:
            return np.ascontiguousarray(planes.transpose(2, 0, 1), dtype=np.float32)
        self.warnings.append(f"averageImage is left out: {size_text(image.shape)} does not fit {channels} channels")
        return None

    def labels(self) -> tuple[str, ...]:
        """Return the names of the classes: their descriptions, or else their names."""
        classes = self._classes
        candidates = [classes.get("description"), classes.get("name")] if isinstance(classes, dict) else [classes]
        for found in candidates:
            if isinstance(found, list) and found and all(isinstance(name, str) for name in found):
                return tuple(str(name).strip() for name in found)
        return ()


def _struct(value: Value | None) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _size(value: Value | None) -> Shape | None:
    """Return [height width channels ...] as (1, channels, height, width).

    The batch that may stand there is the training loop's.
    """
    if not isinstance(value, np.ndarray) or value.size not in (3, 4) or value.dtype.kind not in "fiu":
        return None
    numbers = [float(n) for n in value.ravel(order="F")[:3]]
    if not all(n >= 1 and n.is_integer() for n in numbers) or prod(numbers) > 2**31:
        return None
    height, width, channels = (int(n) for n in numbers)
    return (1, channels, height, width)
