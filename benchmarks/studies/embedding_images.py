"""Synthetic images in any number, and a process that embeds them with a network of one matrix product.

python -m benchmarks.studies.embedding_images TABLE FOLDER
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from heads.embeddings.extraction import EmbedOptions, embed
from heads.face_files import open_table
from heads.faces import FaceTable
from heads.provenance import Crop, EmbeddingSpec

Array = np.ndarray[Any, Any]

SIDE = 32
DIMENSION = 512
# Smooth images compress about as well as photographs do.
GRAIN = 12


def write_images(folder: Path, count: int, size: tuple[int, int]) -> list[str]:
    """Write JPEG files of `size` (height, width), all different, and return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    names = image_names(count)
    for name in names:
        coarse = random.integers(0, 256, (size[0] // GRAIN, size[1] // GRAIN, 3), np.uint8)
        smooth = Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC)
        smooth.save(folder / name, quality=90)
    return names


def image_names(count: int) -> list[str]:
    """Return the names of the first images."""
    return [f"{number:06}.jpg" for number in range(count)]


def table_of(root: Path, paths: list[str]) -> FaceTable:
    """Return a table of images without labels."""
    rows = pd.DataFrame({"path": paths, "label": "", "identity": "", "split": ""})
    return FaceTable("csv", root, rows, "folder")


class Projection:
    """A network of one matrix product, with seeded weights."""

    opened_with: Mapping[str, Any] = {}

    def __init__(self) -> None:
        random = np.random.default_rng(1)
        self._weights = random.standard_normal((3 * SIDE * SIDE, DIMENSION), np.float32)

    def spec(self, crop: Crop) -> EmbeddingSpec:
        """Return what its embeddings are made from."""
        return EmbeddingSpec("projection", "0" * 64, ("product",), (DIMENSION,), {"channel_order": "RGB"}, crop)

    def prepare(self, image: Image.Image) -> Array:
        """Return (3, 32, 32) float32."""
        return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float32).transpose(2, 0, 1)

    def run(self, batch: Array) -> Array:
        """Return (n, 512) float32."""
        product: Array = batch.reshape(len(batch), -1) @ self._weights
        return product


def main() -> None:
    """Embed the images of a table."""
    table, folder = map(Path, sys.argv[1:])
    with open_table(table) as faces:
        embed(Projection(), faces, folder, EmbedOptions(batch_size=64))


if __name__ == "__main__":
    main()
