"""Images to prove an exported model on: drawn ones, the same every time, of all brightnesses and colours."""

import numpy as np
from PIL import Image

from heads.models.head import INPUT_MEAN, INPUT_SCALE, Array, Head

SEED = 20
# Blobs of these numbers of cells on a side, coarse to fine, and how much each counts.
GRIDS = {2: 1.0, 5: 0.7, 16: 0.4}


def drawn_images(size: tuple[int, int], count: int, seed: int = SEED) -> list[Image.Image]:
    """Return RGB images of `size` (height, width): soft blobs of colour, brighter or darker, with a little noise.

    Unlike noise alone, they move the deep values of a network as photographs do.
    """
    return [_drawn(size, np.random.default_rng([seed, number]), number) for number in range(count)]


def _drawn(size: tuple[int, int], rng: np.random.Generator, number: int) -> Image.Image:
    height, width = size
    values = np.zeros((height, width, 3))
    for cells, weight in GRIDS.items():
        grid = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8), "RGB")
        values += weight * (np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC), float) - 128)
    contrast, brightness = (0.3, 0.6, 1.0)[number % 3], (128, 70, 190)[number // 3 % 3]
    noisy = brightness + contrast * values + rng.normal(0, 4, values.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8), "RGB")


def drawn_vectors(head: Head, count: int, seed: int = SEED) -> Array:
    """Return embeddings (count, dimension) float32 as a head knows them: spread as those it was trained on.

    Where the head holds no statistics they are spread around 0 by 1.
    """
    rng = np.random.default_rng(seed)
    vectors = rng.normal(0, 1, (count, head.embedding.dimension))
    if INPUT_MEAN in head.arrays:
        vectors = vectors / np.where(head.arrays[INPUT_SCALE], head.arrays[INPUT_SCALE], 1) + head.arrays[INPUT_MEAN]
    elif "support_vectors" in head.arrays:
        support = head.arrays["support_vectors"]
        vectors = support[rng.integers(0, len(support), count)] + 0.1 * support.std() * vectors
    return np.asarray(vectors, np.float32)
