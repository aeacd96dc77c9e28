"""One drawn face: from a person and how they are seen to pixels, with the box and the landmarks known exactly."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from heads.synthetic.people import Person, Sight

SIZE = 112
# Drawn larger and made smaller, which smooths the edges.
OVERSAMPLING = 2
Array = np.ndarray[Any, Any]
Color = tuple[int, int, int]
SKIN = {"ochre": np.array([205, 160, 95]), "teal": np.array([70, 150, 150])}
HAIR = np.array([90, 60, 50])
SHADE = 14


@dataclass(frozen=True)
class Frame:
    """Where a face stands in the image: centre, scale and tilt, from a face's own coordinates to pixels."""

    centre: tuple[float, float]
    scale: float
    tilt_degrees: float

    def place(self, points: Array) -> Array:
        """Turn (points, 2) of x and y from the face's centre, as fractions of the image's width, into pixels."""
        angle = np.radians(self.tilt_degrees)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        placed: Array = points @ turn * self.scale + np.array(self.centre)
        return placed


def frame_of(sight: Sight, size: int) -> Frame:
    """Return where the face stands in an image of `size` pixels."""
    return Frame(((0.5 + sight.shift[0]) * size, (0.54 + sight.shift[1]) * size), sight.zoom * size, sight.tilt_degrees)


def outline(person: Person, sight: Sight) -> Array:
    """Return the face's outline (points, 2): a superellipse, whose exponent makes it round or angular.

    |x / width| ** n + |y / height| ** n = 1, with n = 2 for an ellipse and more for a box.
    """
    exponent = 3.2 - 0.4 * np.clip(person.roundness, -3, 3)
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    across, down = np.cos(angle), np.sin(angle)
    x = np.sign(across) * np.abs(across) ** (2 / exponent) * person.width * (1 - 0.12 * abs(sight.turn))
    y = np.sign(down) * np.abs(down) ** (2 / exponent) * person.height
    return np.stack([x, y], 1)


def landmarks(person: Person, sight: Sight) -> Array:
    """Return (5, 2): the eye on the left of the image, the other eye, the nose, and the corners of the mouth."""
    shift = 0.04 * sight.turn
    eyes, mouth = person.eye_distance, person.mouth_width
    nose = -0.03 + person.nose_length
    return np.array(
        [[shift - eyes, -0.06], [shift + eyes, -0.06], [shift * 1.6, nose], [shift - mouth, 0.2], [shift + mouth, 0.2]]
    )


def draw(person: Person, sight: Sight, random: np.random.Generator) -> Image.Image:
    """Return the face as an RGB image, SIZE pixels wide and high."""
    size = SIZE * OVERSAMPLING
    frame = frame_of(sight, size)
    image = Image.new("RGB", (size, size), sight.background)
    pen = ImageDraw.Draw(image)
    _stripes(pen, sight, size)
    skin = _color(SKIN[person.tone] + SHADE * person.skin_shade)
    hair = _color(HAIR + 1.5 * SHADE * person.hair_shade)
    _hair(pen, person, sight, frame, hair)
    pen.polygon(_points(frame.place(outline(person, sight))), fill=skin, outline=_color(np.array(skin) * 0.6))
    _features(pen, person, sight, frame, hair)
    return _lit(image.resize((SIZE, SIZE), Image.Resampling.BOX), sight, random)


def _color(values: Array) -> Color:
    red, green, blue = (int(value) for value in np.clip(values, 0, 255))
    return red, green, blue


def _points(placed: Array) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in placed]


def _stripes(pen: ImageDraw.ImageDraw, sight: Sight, size: int) -> None:
    """Draw a background of stripes, which says nothing about the face."""
    darker = _color(np.array(sight.background) * 0.8)
    for stripe in range(sight.stripes):
        left = size * (stripe + 0.5) / max(1, sight.stripes)
        pen.rectangle((left, 0, left + size / 14, size), fill=darker)


def _hair(pen: ImageDraw.ImageDraw, person: Person, sight: Sight, frame: Frame, color: Color) -> None:
    """Draw hair behind the face: of no length (0), or reaching further down (1 to 3)."""
    if not person.hair:
        return
    shape = outline(person, sight) * 1.13
    reach = (-0.12, 0.05, 0.30)[person.hair - 1]
    shape[:, 1] = np.minimum(shape[:, 1], reach)
    pen.polygon(_points(frame.place(shape)), fill=color)


def _features(pen: ImageDraw.ImageDraw, person: Person, sight: Sight, frame: Frame, hair: Color) -> None:
    """Draw eyes, brows, nose and mouth."""
    left_eye, right_eye, nose, mouth_left, mouth_right = landmarks(person, sight)
    dark = _color(np.array(hair) * 0.6)
    for eye in (left_eye, right_eye):
        _ellipse(pen, frame, eye, (person.eye_size * 1.3, person.eye_size * 0.8), (240, 240, 235))
        _ellipse(pen, frame, eye + np.array([0.02 * sight.turn, 0]), (person.eye_size * 0.5,) * 2, (40, 40, 40))
        brow = np.array([[-1.5, -1.9], [0, -2.3], [1.5, -1.9]]) * person.eye_size + eye
        pen.line(_points(frame.place(brow)), fill=dark, width=max(1, round(person.brow_weight * frame.scale)))
    bridge = np.array([[nose[0] * 0.5, -0.03], [nose[0] + 0.02, nose[1]], [nose[0] - 0.02, nose[1]]])
    pen.line(_points(frame.place(bridge)), fill=(120, 85, 70), width=max(1, round(0.010 * frame.scale)))
    _mouth(pen, person, sight, frame, (mouth_left, mouth_right))


def _ellipse(pen: ImageDraw.ImageDraw, frame: Frame, centre: Array, radii: tuple[float, float], color: Color) -> None:
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    points = centre + np.stack([np.cos(angle) * radii[0], np.sin(angle) * radii[1]], 1)
    pen.polygon(_points(frame.place(points)), fill=color)


def _mouth(pen: ImageDraw.ImageDraw, person: Person, sight: Sight, frame: Frame, corners: tuple[Array, Array]) -> None:
    """Draw a mouth whose middle hangs below its corners by twice the curve, more or less open."""
    along = np.linspace(0, 1, 15)[:, None]
    line = corners[0] * (1 - along) + corners[1] * along
    bow = np.concatenate([np.zeros_like(along), along * (1 - along) * 4], 1)
    upper, lower = line + bow * person.mouth_curve * 2, line + bow * (person.mouth_curve * 2 + sight.mouth_open + 0.012)
    pen.polygon(_points(frame.place(np.concatenate([upper, lower[::-1]]))), fill=(150, 55, 60))


def _lit(image: Image.Image, sight: Sight, random: np.random.Generator) -> Image.Image:
    """Put light and the noise of a camera over an image."""
    across = np.linspace(-1, 1, SIZE)
    light = sight.brightness * (1 + sight.light_slope[0] * across[None, :] + sight.light_slope[1] * across[:, None])
    pixels = np.asarray(image, np.float32) * light[..., None] + random.normal(0, sight.noise, (SIZE, SIZE, 3))
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
