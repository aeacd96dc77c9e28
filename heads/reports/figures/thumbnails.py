"""Images of faces made small for a sheet; what cannot be shown is said instead."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

Array = np.ndarray[Any, Any]


def thumbnail(path: Path, side: int) -> Array | str:
    """Return the whole image as uint8 RGB (height, width, 3), its longer side `side`, or why it cannot be shown.

    Unlike an embedding's input it is turned as EXIF says: it is there to be looked at.
    """
    try:
        with Image.open(path) as image:
            turned = ImageOps.exif_transpose(image).convert("RGB")
            return np.asarray(ImageOps.contain(turned, (side, side)))
    except FileNotFoundError:
        return "image missing"
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError):
        return "image unreadable"
