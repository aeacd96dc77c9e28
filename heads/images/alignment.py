"""Turning, shifting and scaling a face so that its five landmarks come to lie where a template has them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from heads.errors import DataError

Array = np.ndarray[Any, Any]

# Both eyes, nose, corners of the mouth, as fractions of width and height. Source: the template of 112x112 pixels that
# SphereFace and ArcFace align to (Liu et al. 2017; Deng et al. 2019), pixels said by their middles.
TEMPLATE = [
    [round((x + 0.5) / 112, 6), round((y + 0.5) / 112, 6)]
    for x, y in ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
]
# Below this distance between landmarks, in pixels, there is no face to align.
SMALLEST_SPREAD = 1.0


def aligned(image: Image.Image, points: Array, template: Sequence[Sequence[float]], size: Sequence[int]) -> Image.Image:
    """Return the face (height, width) of `size` with its `points` (5, 2) as near to the template as can be.

    Bilinear; an image that has to shrink is made smaller first by an antialiased filter, so that no pixel is left out.
    What lies outside the image is black. DataError where the points are all in one place.
    """
    height, width = size
    wanted = np.asarray(template, float) * [width, height]
    turn, shift = similarity(points, wanted)
    scale = float(np.sqrt(np.linalg.det(turn)))
    if scale < 1:
        smaller = [max(1, round(side * scale)) for side in image.size]
        shrunk = image.resize((smaller[0], smaller[1]), Image.Resampling.BILINEAR)
        ratio = np.array(smaller) / image.size
        image, turn = shrunk, turn / ratio
    back = np.linalg.inv(turn)
    offset = -back @ shift
    matrix = (*back[0], offset[0], *back[1], offset[1])
    return image.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def similarity(points: Array, wanted: Array) -> tuple[Array, Array]:
    """Return (2, 2) and (2,) of the rotation, scale and shift that bring points (n, 2) nearest to `wanted`.

    Least squares without mirroring: with z complex, wanted = a * z + b has the solution of an ordinary regression.
    """
    z, w = points @ [1, 1j], wanted @ [1, 1j]
    centred = z - z.mean()
    spread = float(np.vdot(centred, centred).real)
    if not np.isfinite(spread) or spread < SMALLEST_SPREAD:
        raise DataError("the landmarks lie in one place, and say nothing of the face's size")
    a = np.vdot(centred, w - w.mean()) / spread
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag], [a.imag, a.real]]), np.array([b.real, b.imag])
