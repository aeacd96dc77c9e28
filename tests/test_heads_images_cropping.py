"""Faces are cut out where the settings say, in the upright image, and every setting is recorded."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from heads.errors import DataError, UsageError
from heads.faces import BOX, LANDMARKS
from heads.images.alignment import TEMPLATE, similarity
from heads.images.cropping import Face, NoFaceError, completed, crop
from heads.images.decoding import ORIENTATION, read_rgb
from heads.provenance import Crop


def numbered(width: int, height: int) -> Image.Image:
    """An image whose red says the column and green the row."""
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([columns, rows, np.full_like(rows, 200)], axis=2).astype(np.uint8))


def part(image: Image.Image) -> tuple[int, int, int, int]:
    """The columns and rows that a part of `numbered` comes from, both inclusive."""
    pixels = np.asarray(image)
    return pixels[0, 0, 0], pixels[-1, -1, 0], pixels[0, 0, 1], pixels[-1, -1, 1]


def row(values: Any, names: tuple[str, ...] = BOX) -> dict[str, float]:
    return dict(zip(names, values, strict=True))


class Found:
    """A detector that finds what it is told."""

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self.faces = [Face(box, 0.9, ((0.0, 0.0),) * 5) for box in boxes]
        self.facts = {"detector": "told", "detector_sha256": "ab"}

    def detect(self, _image: Image.Image) -> list[Face]:
        return self.faces


def test_none_is_the_whole_image() -> None:
    image = numbered(6, 5)
    assert crop(image, Crop()) is image


def test_centre_is_the_largest_square_or_a_fraction_of_it() -> None:
    assert part(crop(numbered(20, 10), Crop("centre"))) == (5, 14, 0, 9)
    assert part(crop(numbered(20, 10), Crop("centre", {"fraction": 0.4}))) == (8, 11, 3, 6)


def test_fixed_rows_and_columns_end_before_the_last() -> None:
    cut = crop(numbered(178, 218), Crop("fixed", {"rows": [30, 200], "columns": [4, 174]}))
    assert cut.size == (170, 170)
    assert part(cut) == (4, 173, 30, 199)


def test_an_image_too_small_for_fixed_rows_is_refused() -> None:
    with pytest.raises(DataError, match="the image has 5 rows and 6 columns, too few for rows 0:6, columns 0:6"):
        crop(numbered(6, 5), Crop("fixed", {"rows": [0, 6], "columns": [0, 6]}))


def test_a_box_grows_by_its_margin_and_to_a_square() -> None:
    tight = Crop("box", {"margin": 0.0, "square": False})
    assert part(crop(numbered(50, 50), tight, row([10, 20, 8, 4]))) == (10, 17, 20, 23)
    wide = Crop("box", {"margin": 0.25, "square": False})
    assert part(crop(numbered(50, 50), wide, row([10, 20, 8, 4]))) == (8, 19, 19, 24)
    square = Crop("box", {"margin": 0.0})
    assert part(crop(numbered(50, 50), square, row([10, 20, 8, 4]))) == (10, 17, 18, 25)


def test_beyond_the_image_lies_black_or_nothing() -> None:
    black = crop(numbered(20, 20), Crop("box", {"margin": 0.5}), row([0, 0, 8, 8]))
    assert black.size == (16, 16)
    assert np.asarray(black)[0].max() == 0
    assert part(crop(numbered(20, 20), Crop("box", {"margin": 0.5, "outside": "clip"}), row([0, 0, 8, 8]))) == (
        0, 11, 0, 11
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 1, 0, 5], "the face's box is 0 wide and 5 high"),
        ([1, np.nan, 4, 5], "the row has no box: nothing in box_top"),
        ([30, 0, 5, 5], "the face's box 30:35, 0:5 lies outside the image of 20x20 pixels"),
        ([0, 0, 1e9, 1e9], "more than"),
    ],
)
def test_impossible_boxes_are_refused(values: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        crop(numbered(20, 20), Crop("box"), row(values))


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The image as a file with this EXIF orientation is read."""
    exif, file = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = orientation
    image.save(file, "PNG", exif=exif)
    return read_rgb(file.getvalue())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_counts_in_the_image_as_it_is_stored(orientation: int) -> None:
    upright = turned(numbered(30, 20), orientation)
    cut = np.asarray(crop(upright, Crop("box", {"margin": 0.0, "square": False}), row([3, 5, 8, 4])))
    assert sorted(set(cut[..., 0].ravel())) == list(range(3, 11))
    assert sorted(set(cut[..., 1].ravel())) == list(range(5, 9))


POINTS = np.array([[30.0, 40.0], [62.0, 44.0], [45.0, 60.0], [32.0, 72.0], [58.0, 75.0]])


def spotted(points: np.ndarray[Any, Any]) -> Image.Image:
    """A smooth spot of an own colour around each point of a black image."""
    rows, columns = np.mgrid[:120, :100]
    pixels = np.zeros((120, 100, 3))
    for index, (x, y) in enumerate(points):
        spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)
        pixels += spot[..., None] * [[255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 200, 0], [0, 200, 200]][index]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def brightest(image: Image.Image, colour: int) -> tuple[float, float]:
    """The centre (x, y) of the spot that has only this colour, in pixels said by their middles."""
    pixels = np.asarray(image, float)
    only = np.maximum(pixels[..., colour] - pixels[..., [c for c in range(3) if c != colour]].max(axis=2), 0)
    rows, columns = np.mgrid[: image.height, : image.width]
    return float((columns * only).sum() / only.sum()), float((rows * only).sum() / only.sum())


@pytest.mark.parametrize("side", [60, 112, 300])
def test_landmarks_come_to_lie_on_the_template(side: int) -> None:
    wanted = np.array(TEMPLATE) * side - 0.5
    # Points that fit the template exactly after a turn: then they lie exactly on it.
    angle, scale = 0.3, 50 / side
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (wanted - wanted.mean(axis=0)) @ turn.T + [50, 60]
    cut = crop(spotted(points), Crop("landmarks", {"size": [side, side]}), row(points.ravel(), LANDMARKS))
    assert cut.size == (side, side)
    for index in range(3):
        assert np.abs(np.array(brightest(cut, index)) - wanted[index]).max() < 0.02 * side


def test_the_similarity_is_the_best_of_all() -> None:
    wanted = np.array(TEMPLATE) * 100
    turn, shift = similarity(POINTS, wanted)

    def cost(matrix: Any, by: Any) -> float:
        return float(np.square(POINTS @ matrix.T + by - wanted).sum())

    best, rng = cost(turn, shift), np.random.default_rng(0)
    assert turn[0, 0] == turn[1, 1]
    assert turn[0, 1] == -turn[1, 0]
    for _ in range(50):
        a, b, *by = rng.normal(0, 0.01, 4)
        assert cost(turn + np.array([[a, -b], [b, a]]), shift + by) > best


@pytest.mark.parametrize("orientation", range(2, 9))
def test_landmarks_follow_the_orientation(orientation: int) -> None:
    """An image that was turned on its way into the file gives the same face, with its right eye at the right."""
    how = {2: 0, 4: 1, 8: 4, 3: 3, 6: 2, 5: 5, 7: 6}[orientation]
    upright = spotted(POINTS)
    marks = np.zeros((120, 100), np.uint8)
    stored = upright.transpose(Image.Transpose(how))
    places = []
    for x, y in POINTS.astype(int):
        marks[:] = 0
        marks[y, x] = 1
        turned_marks = np.asarray(Image.fromarray(marks).transpose(Image.Transpose(how)))
        places.append(np.argwhere(turned_marks)[0][::-1])
    if orientation in (2, 4, 5, 7):  # who marks a mirrored face calls the other eye the left one
        places = [places[index] for index in (1, 0, 2, 4, 3)]
    read = turned(stored, orientation)
    assert (np.asarray(read) == np.asarray(upright)).all()
    there = crop(read, Crop("landmarks"), row(np.ravel(places).astype(float), LANDMARKS))
    here = crop(upright, Crop("landmarks"), row(POINTS.ravel(), LANDMARKS))
    assert np.abs(np.asarray(there, int) - np.asarray(here, int)).max() <= 1


def test_landmarks_in_one_place_are_refused() -> None:
    with pytest.raises(DataError, match="the landmarks lie in one place"):
        crop(numbered(20, 20), Crop("landmarks"), row([5.0] * 10, LANDMARKS))


def test_the_largest_or_the_most_central_face_is_taken() -> None:
    detector = Found((2, 2, 22, 22), (45, 45, 55, 55))
    largest, central = (Crop("detected", {"margin": 0.0, "choose": which}) for which in ("largest", "central"))
    assert part(crop(numbered(100, 100), largest, None, detector)) == (2, 21, 2, 21)
    assert part(crop(numbered(100, 100), central, None, detector)) == (45, 54, 45, 54)


def test_no_face_is_an_error_of_this_image() -> None:
    with pytest.raises(NoFaceError, match="no face is found in the image"):
        crop(numbered(20, 20), Crop("detected"), None, Found())


def test_a_crop_is_recorded_with_every_setting() -> None:
    assert completed(Crop("box", {"margin": 0.1})).settings == {"margin": 0.1, "square": True, "outside": "black"}
    assert completed(Crop("detected"), Found()).settings == {
        "margin": 0.25, "square": True, "outside": "black", "choose": "largest", "detector": "told",
        "detector_sha256": "ab",
    }  # fmt: skip
    whole = completed(Crop("detected"), Found())
    assert completed(whole, Found()) == whole


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (Crop("center"), "there is no crop 'center'; did you mean 'centre'?"),
        (Crop("box", {"margine": 1}), "the crop 'box' has no setting 'margine'; did you mean 'margin'?"),
        (Crop("fixed", {"rows": [1, 2]}), "the crop 'fixed' needs columns"),
        (Crop("fixed", {"rows": [5, 2], "columns": [0, 1]}), r"has rows \[5, 2\], expected \[from, to\) in pixels"),
        (Crop("box", {"margin": True}), "has margin True, expected a fraction"),
        (Crop("landmarks", {"size": [1e9, 2]}), "expected \\[height, width\\] in pixels, up to 4096"),
        (Crop("detected"), "the crop 'detected' needs a detector"),
    ],
)
def test_settings_that_make_no_sense_are_refused(how: Crop, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        completed(how)


def test_another_detector_than_the_recorded_one_is_refused() -> None:
    with pytest.raises(
        UsageError, match="the crop asks for a detector with detector_sha256 'cd', but this one has 'ab'"
    ):
        completed(Crop("detected", {"detector_sha256": "cd"}), Found())


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        completed(Crop("fixed", {"rows": 3, "colums": [0, 1]}))
    assert len(caught.value.problems) == 3
