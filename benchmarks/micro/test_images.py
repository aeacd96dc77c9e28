"""How long an image takes on its way to a network's input."""

import io
from functools import partial

import numpy as np
import pytest
from PIL import Image

from benchmarks.micro.pairs import Against
from benchmarks.micro.yardsticks import pillow_decoding, pillow_resizing
from heads.images.alignment import TEMPLATE
from heads.images.cropping import crop
from heads.images.decoding import read_rgb
from heads.images.preprocessing import Preparation
from heads.provenance import Crop

HEIGHT, WIDTH = 436, 356  # twice those of an aligned CelebA photograph
GRAIN = 12  # smooth images compress about as well as photographs do
INPUT = (224, 224)
BOX = {"box_left": 90.0, "box_top": 110.0, "box_width": 170.0, "box_height": 210.0}
POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
LANDMARKS = {
    f"{point}_{axis}": fraction * (WIDTH, HEIGHT)[place]
    for point, pair in zip(POINTS, TEMPLATE, strict=True)
    for place, (axis, fraction) in enumerate(zip("xy", pair, strict=True))
}
CROPS = {"box": Crop("box"), "landmarks": Crop("landmarks")}


@pytest.fixture(scope="module")
def image() -> Image.Image:
    """A smooth image in colour."""
    coarse = np.random.default_rng(0).integers(0, 256, (HEIGHT // GRAIN, WIDTH // GRAIN, 3), np.uint8)
    return Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(("kind", "settings"), [("JPEG", {"quality": 90}), ("PNG", {})], ids=["jpeg", "png"])
def test_decode(against: Against, image: Image.Image, kind: str, settings: dict[str, int]) -> None:
    """An image file to an upright RGB image, beside Pillow's decoder alone."""
    file = io.BytesIO()
    image.save(file, kind, **settings)
    data = file.getvalue()
    assert against(pillow_decoding(data), partial(read_rgb, data)).size == image.size


@pytest.mark.parametrize("kind", CROPS)
def test_crop(against: Against, image: Image.Image, kind: str) -> None:
    """Cutting a face out by its box, or turning it upright by its landmarks."""
    row = {**BOX, **LANDMARKS}
    assert against(pillow_resizing(image, INPUT), partial(crop, image, CROPS[kind], row)).size


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_prepare(against: Against, image: Image.Image, dtype: str) -> None:
    """An image to a network's input: resized, channels turned, mean and scale applied (uint8: by the network)."""
    prepare = Preparation(INPUT, "BGR", np.array([93.6, 104.8, 129.2], np.float32), (0.017,) * 3, dtype)
    assert against(pillow_resizing(image, INPUT), partial(prepare, image)).shape == (3, *INPUT)
