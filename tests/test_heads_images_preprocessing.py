"""A network's input is what its description says, to the last bit, computed by hand here."""

import pickle

import numpy as np
import pytest
from PIL import Image

from heads.images.preprocessing import INTERPOLATION, Preparation

MEANS = np.array([104.0, 117.0, 123.0], np.float32)
ONE = (1.0, 1.0, 1.0)


def image() -> Image.Image:
    return Image.fromarray(np.array([[[10, 20, 30], [40, 50, 60]], [[70, 80, 90], [200, 150, 100]]], np.uint8))


def test_bgr_minus_the_mean_by_hand() -> None:
    made = Preparation((2, 2), "BGR", MEANS, ONE)(image())
    assert made.dtype == np.float32
    assert made.tolist() == [
        [[30 - 104, 60 - 104], [90 - 104, 100 - 104]],
        [[20 - 117, 50 - 117], [80 - 117, 150 - 117]],
        [[10 - 123, 40 - 123], [70 - 123, 200 - 123]],
    ]


def test_rgb_times_a_scale_by_hand() -> None:
    made = Preparation((2, 2), "RGB", np.full(3, 127.5, np.float32), (1 / 128, 1 / 128, 1 / 64))(image())
    assert made[0].tolist() == [[(10 - 127.5) / 128, (40 - 127.5) / 128], [(70 - 127.5) / 128, (200 - 127.5) / 128]]
    assert made[2].tolist() == [[(30 - 127.5) / 64, (60 - 127.5) / 64], [(90 - 127.5) / 64, (100 - 127.5) / 64]]


def test_arithmetic_rounds_as_float32_does_step_by_step() -> None:
    """(x - mean) rounded, then times scale rounded: not one multiplication and addition."""
    mean, scale = np.array([93.5940, 104.7624, 129.1863], np.float32), (0.017, 0.0171, 0.0172)
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    made = Preparation((16, 16), "BGR", mean, scale)(Image.fromarray(pixels))
    for c in range(3):
        for y, x in ((0, 0), (7, 3), (15, 15)):
            difference = np.float32(np.float32(pixels[y, x, 2 - c]) - mean[c])
            assert made[c, y, x] == np.float32(difference * np.float32(scale[c]))


def test_a_mean_image_is_in_the_networks_order() -> None:
    mean = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    made = Preparation((2, 2), "BGR", mean, ONE)(image())
    assert made[0].tolist() == [[30 - 0, 60 - 1], [90 - 2, 100 - 3]]
    assert made[2].tolist() == [[10 - 8, 40 - 9], [70 - 10, 200 - 11]]


def test_grey_is_the_weighted_sum_of_the_channels() -> None:
    made = Preparation((2, 2), "gray", np.zeros(1, np.float32), (1.0,))(image())
    assert made.shape == (1, 2, 2)
    assert abs(made[0, 1, 1] - (299 * 200 + 587 * 150 + 114 * 100) / 1000) <= 0.5


def test_a_network_that_preprocesses_itself_gets_pixels() -> None:
    made = Preparation((2, 2), "RGB", np.zeros(3, np.float32), ONE, "uint8")(image())
    assert made.dtype == np.uint8
    assert made[0].tolist() == [[10, 40], [70, 200]]
    assert made.flags.c_contiguous


def test_an_image_of_the_right_size_is_never_resized(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("resized")

    monkeypatch.setattr(Image.Image, "resize", refuse)
    assert Preparation((2, 2), "RGB", MEANS, ONE)(image()).shape == (3, 2, 2)
    with pytest.raises(AssertionError, match="resized"):
        Preparation((2, 1), "RGB", MEANS, ONE)(image())


def test_a_smaller_image_is_made_of_all_pixels() -> None:
    """The filter is a triangle as wide as the reduction: each of 2 pixels is made of 12, with these weights."""
    columns = np.arange(16, dtype=np.uint8) * 16
    line = Image.fromarray(np.stack([np.stack([columns] * 3, axis=1)] * 2))
    weights = np.maximum(1 - np.abs(np.arange(16) + 0.5 - 4) / 8, 0)
    wanted = round(float((weights * columns).sum() / weights.sum()))
    made = Preparation((2, 2), "RGB", np.zeros(3, np.float32), ONE)(line)
    assert made[0, 0, 0] == wanted


def test_height_comes_before_width() -> None:
    assert Preparation((5, 9), "RGB", MEANS, ONE)(image()).shape == (3, 5, 9)


def test_what_is_recorded_decides_the_values() -> None:
    facts = Preparation((2, 3), "BGR", MEANS, ONE).facts()
    assert facts == {
        "channel_order": "BGR", "mean": [104.0, 117.0, 123.0], "scale": [1.0, 1.0, 1.0], "size_height_width": [2, 3],
        "interpolation": INTERPOLATION,
    }  # fmt: skip
    means = [np.full((3, 2, 3), value, np.float32) for value in (1, 1, 2)]
    first, same, other = (Preparation((2, 3), "BGR", mean, ONE).facts()["mean"] for mean in means)
    assert first == same != other


def test_it_can_be_sent_to_another_process() -> None:
    made = Preparation((2, 2), "BGR", MEANS, ONE)
    assert (pickle.loads(pickle.dumps(made))(image()) == made(image())).all()  # noqa: S301 - our own, just written
