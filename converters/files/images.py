"""Reading an image file as an array."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from converters.errors import FormatError
from converters.ops import Array


def read_image(path: Path, size: tuple[int, int], *, gray: bool = False) -> Array:
    """Return an image as uint8 (3, height, width) in R, G, B, or gray as (1, height, width).

    It is stretched to `size` (height, width) by a bilinear filter.
    """
    try:
        with Image.open(path) as image:
            turned = image.convert("L" if gray else "RGB").resize(size[::-1], Image.Resampling.BILINEAR)
            pixels = np.asarray(turned, np.uint8)
    except UnidentifiedImageError as error:
        raise FormatError(f"{path}: is not an image that can be read") from error
    except Image.DecompressionBombError as error:
        raise FormatError(f"{path}: is too large: {error}") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise FormatError(f"{path}: cannot be read as an image: {error}") from error
    return np.ascontiguousarray(pixels[None] if gray else pixels.transpose(2, 0, 1))
