"""Image files become upright RGB of 8 bits, or are refused with the reason."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from heads.images import decoding
from heads.images.decoding import UnreadableImageError, read_rgb

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def corners(width: int = 4, height: int = 3) -> Image.Image:
    """White, with a pixel of its own in three corners: upper left red, upper right green, lower left blue."""
    image = Image.new("RGB", (width, height), WHITE)
    for place, colour in (((0, 0), RED), ((width - 1, 0), GREEN), ((0, height - 1), BLUE)):
        image.putpixel(place, colour)
    return image


def test_pixels_of_a_png_come_as_they_are() -> None:
    image = read_rgb(encoded(corners()))
    assert image.mode == "RGB"
    assert (np.asarray(image) == np.asarray(corners())).all()


@pytest.mark.parametrize(
    "image",
    [
        Image.new("L", (3, 2), 77),
        Image.new("1", (3, 2), 1),
        Image.new("LA", (3, 2), (77, 3)),
        Image.new("P", (3, 2), 0),
    ],
    ids=lambda image: image.mode,
)
def test_grey_and_palettes_get_three_channels(image: Image.Image) -> None:
    read = read_rgb(encoded(image))
    assert read.mode == "RGB"
    assert read.getpixel((0, 0)) == image.convert("RGBA").convert("RGB").getpixel((0, 0))


def test_transparency_is_dropped_and_the_stored_colour_stays() -> None:
    assert read_rgb(encoded(Image.new("RGBA", (2, 2), (10, 20, 30, 0)))).getpixel((0, 0)) == (10, 20, 30)


def test_a_transparent_palette_gives_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 9, 8, 7])
    data = encoded(image, transparency=bytes([255, 0]))
    assert read_rgb(data).getpixel((0, 0)) == (9, 8, 7)
    assert not recwarn.list


def test_16_bits_keep_their_upper_8() -> None:
    values = np.array([[0, 255, 256, 25_700, 65_535]], np.uint16)
    assert np.asarray(read_rgb(encoded(Image.fromarray(values))))[0, :, 0].tolist() == [0, 0, 1, 100, 255]


def test_cmyk_becomes_rgb() -> None:
    read = read_rgb(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100))
    assert np.abs(np.asarray(read, int) - RED).max() <= 3


def test_floats_without_a_range_are_refused() -> None:
    with pytest.raises(
        UnreadableImageError, match="f.tif: its pixels are floats without a stated range; save it with 8"
    ):
        read_rgb(encoded(Image.new("F", (2, 2), 0.5), "TIFF"), "f.tif")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    stored, how = corners(), {value: key for key, value in TURNS.items()}[orientation] if orientation > 1 else None
    exif = Image.Exif()
    exif[decoding.ORIENTATION] = orientation
    read = read_rgb(encoded(stored, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {})))
    wanted = stored if how is None else stored.transpose(how)
    assert (np.asarray(read) == np.asarray(wanted)).all()
    assert read.info == ({decoding.TURNED: (orientation, 4, 3)} if how is not None else {})


# Exif 2.32: what brings the stored image upright.
TURNS = {
    Image.Transpose.FLIP_LEFT_RIGHT: 2,
    Image.Transpose.ROTATE_180: 3,
    Image.Transpose.FLIP_TOP_BOTTOM: 4,
    Image.Transpose.TRANSPOSE: 5,
    Image.Transpose.ROTATE_270: 6,
    Image.Transpose.TRANSVERSE: 7,
    Image.Transpose.ROTATE_90: 8,
}


def noise(side: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
@pytest.mark.parametrize("part", [0.3, 0.7])
def test_truncated_files_are_refused_and_never_filled_up(kind: str, part: float) -> None:
    data = encoded(noise(), kind)
    assert read_rgb(data).size == (64, 64)
    with pytest.raises(UnreadableImageError, match="^a.jpg: "):
        read_rgb(data[: int(len(data) * part)], "a.jpg")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "x.jpg: is empty"),
        (b"<html>", "x.jpg: is no image of a kind that is read"),
        (b"%!PS-Adobe-3.0", "no image"),
    ],
)
def test_what_is_no_image_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImageError, match=reason):
        read_rgb(data, "x.jpg")


def test_damage_is_refused_whatever_the_decoder_raises() -> None:
    whole, rng, refused = encoded(noise()), np.random.default_rng(1), 0
    for _ in range(60):
        data = bytearray(whole)
        for place in rng.integers(8, len(data), 30):
            data[place] = rng.integers(256)
        try:
            read_rgb(bytes(data))
        except UnreadableImageError:
            refused += 1
    assert refused > 30


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LARGEST_PIXELS", 11)
    with pytest.raises(UnreadableImageError, match="big.png: has 4x3 pixels, more than the 11 that are read"):
        read_rgb(encoded(corners()), "big.png")


def test_a_decompression_bomb_is_refused() -> None:
    with pytest.raises(UnreadableImageError, match="too large|more than the"):
        read_rgb(encoded(Image.new("1", (20_000, 10_000))), "bomb.png")


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE)]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert read_rgb(data).getpixel((0, 0)) == RED
