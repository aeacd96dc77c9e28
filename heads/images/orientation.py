"""Points given in an image as it is stored, where they lie after the EXIF orientation is applied."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from heads.images.decoding import TURNED

Array = np.ndarray[Any, Any]


def upright_points(points: Array, image: Image.Image) -> Array:
    """Return points (n, 2), x and y from the upper left corner of the stored image, in the upright `image`."""
    orientation, width, height = image.info.get(TURNED, (1, *image.size))
    x, y = points[:, 0], points[:, 1]
    return np.stack(TURNS[orientation](x, y, width, height), axis=1)


def mirrored(image: Image.Image) -> bool:
    """Return whether making the image upright mirrored it, so that left and right changed places."""
    return image.info.get(TURNED, (1,))[0] in (2, 4, 5, 7)


# Source: the tag Orientation of Exif 2.32, and what Pillow's ImageOps.exif_transpose does for it.
TURNS: dict[int, Callable[[Array, Array, int, int], tuple[Array, Array]]] = {
    1: lambda x, y, _w, _h: (x, y),
    2: lambda x, y, w, _h: (w - x, y),
    3: lambda x, y, w, h: (w - x, h - y),
    4: lambda x, y, _w, h: (x, h - y),
    5: lambda x, y, _w, _h: (y, x),
    6: lambda x, y, _w, h: (h - y, x),
    7: lambda x, y, w, h: (h - y, w - x),
    8: lambda x, y, w, _h: (y, w - x),
}
