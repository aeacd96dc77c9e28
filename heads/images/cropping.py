"""Which part of an image is the face, and cutting it out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL import Image

from converters.errors import did_you_mean
from heads.errors import DataError, UsageError
from heads.faces import BOX, LANDMARKS
from heads.images.alignment import TEMPLATE, aligned
from heads.images.decoding import LARGEST_PIXELS
from heads.images.orientation import mirrored, upright_points
from heads.provenance import Crop

Array = np.ndarray[Any, Any]
# left, top, right, bottom from the upper left corner of the upright image
Region = tuple[float, float, float, float]


class NoFaceError(DataError):
    """The detector finds no face in an image."""


@dataclass(frozen=True)
class Face:
    """A face that was found: `box` is (left, top, right, bottom) in pixels, `score` 0..1.

    `landmarks` are (x, y) of the eye at the image's left, that at its right, the nose and the corners of the mouth.
    """

    box: Region
    score: float
    landmarks: tuple[tuple[float, float], ...]


class Detector(Protocol):
    """What finds faces; `facts` are plain JSON values that decide what it finds."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return what decides which faces are found."""

    def detect(self, image: Image.Image) -> Sequence[Face]:
        """Return the faces in an RGB image, in any order."""


@dataclass(frozen=True)
class _Kind:
    """How a kind of crop is cut out, and its settings with their defaults; None has to be given."""

    cut: Callable[..., Image.Image]
    settings: Mapping[str, Any]


def completed(how: Crop, detector: Detector | None = None) -> Crop:
    """Return a crop with every setting that it has, as an embedding's record holds it; UsageError lists what is wrong.

    The kinds and their settings are in the table KINDS below: margins are fractions of the face's width and height at
    each side, `rows` and `columns` are [from, to) in pixels, `outside` says what lies beyond the image.
    """
    if how.kind not in KINDS:
        raise UsageError(f"there is no crop '{how.kind}'{did_you_mean(how.kind, KINDS)} (known: {', '.join(KINDS)})")
    known = KINDS[how.kind].settings
    facts = dict(detector.facts) if how.kind == "detected" and detector else {}
    settings = {**known, **facts, **how.settings}
    problems = [
        f"the crop '{how.kind}' has no setting '{name}'{did_you_mean(name, known)}"
        for name in how.settings
        if name not in known and name not in facts
    ]
    problems += [f"the crop '{how.kind}' needs {name}" for name in known if settings[name] is None]
    problems += [
        f"the crop '{how.kind}' has {name} {settings[name]!r}, expected {CHECKS[name][1]}"
        for name in known
        if settings[name] is not None and not CHECKS[name][0](settings[name])
    ]
    problems += [
        f"the crop asks for a detector with {name} {how.settings[name]!r}, but this one has {fact!r}"
        for name, fact in facts.items()
        if how.settings.get(name, fact) != fact
    ]
    if how.kind == "detected" and detector is None:
        problems.append("the crop 'detected' needs a detector: name the folder with MTCNN's networks")
    if problems:
        raise UsageError(problems)
    return Crop(how.kind, settings)


def crop(
    image: Image.Image, how: Crop, row: Mapping[str, Any] | None = None, detector: Detector | None = None
) -> Image.Image:
    """Cut the face out of an upright RGB image, as `completed` describes it.

    `row` is that of the table, for boxes and landmarks, which count in the image as it is stored: the EXIF orientation
    that `read_rgb` applied is applied to them too. DataError where the image has no such part, NoFaceError where no
    face is found.
    """
    full = completed(how, detector)
    return KINDS[full.kind].cut(image, full.settings, {} if row is None else row, detector)


def _whole(image: Image.Image, _settings: Mapping[str, Any], _row: Any, _detector: Any) -> Image.Image:
    return image


def _centre(image: Image.Image, settings: Mapping[str, Any], _row: Any, _detector: Any) -> Image.Image:
    side = max(1, round(min(image.size) * settings["fraction"]))
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _fixed(image: Image.Image, settings: Mapping[str, Any], _row: Any, _detector: Any) -> Image.Image:
    (top, bottom), (left, right) = settings["rows"], settings["columns"]
    if bottom > image.height or right > image.width:
        raise DataError(
            f"the image has {image.height} rows and {image.width} columns, too few for rows {top}:{bottom}, "
            f"columns {left}:{right}"
        )
    return image.crop((left, top, right, bottom))


def _box(image: Image.Image, settings: Mapping[str, Any], row: Mapping[str, Any], _detector: Any) -> Image.Image:
    left, top, width, height = _numbers(row, BOX, "box")
    if width <= 0 or height <= 0:
        raise DataError(f"the face's box is {width:g} wide and {height:g} high")
    corners = upright_points(np.array([[left, top], [left + width, top + height]]), image)
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return _around(image, (x0, y0, x1, y1), settings)


def _landmarks(image: Image.Image, settings: Mapping[str, Any], row: Mapping[str, Any], _d: Any) -> Image.Image:
    # A landmark is said as a pixel; its middle is half a pixel from the pixel's corner.
    stored = np.array(_numbers(row, LANDMARKS, "landmarks")).reshape(5, 2) + 0.5
    points = upright_points(stored, image)
    return aligned(image, points[[1, 0, 2, 4, 3]] if mirrored(image) else points, settings["points"], settings["size"])


def _detected(image: Image.Image, settings: Mapping[str, Any], _row: Any, detector: Detector) -> Image.Image:
    faces = detector.detect(image)
    if not faces:
        raise NoFaceError("no face is found in the image")
    return _around(image, max(faces, key=RANKS[settings["choose"]](image)).box, settings)


def _numbers(row: Mapping[str, Any], columns: Sequence[str], what: str) -> list[float]:
    values = [float(row.get(name, np.nan)) for name in columns]
    if not np.isfinite(values).all():
        missing = [name for name, value in zip(columns, values, strict=True) if not np.isfinite(value)]
        raise DataError(f"the row has no {what}: nothing in {', '.join(missing)}")
    return values


def _around(image: Image.Image, box: Region, settings: Mapping[str, Any]) -> Image.Image:
    """Cut a box with its margin, as a square if wanted; what lies outside the image is black, or left off."""
    left, top, right, bottom = box
    if left >= image.width or top >= image.height or right <= 0 or bottom <= 0:
        raise DataError(
            f"the face's box {left:g}:{right:g}, {top:g}:{bottom:g} lies outside the image of "
            f"{image.width}x{image.height} pixels"
        )
    wide, high = (side * (1 + 2 * settings["margin"]) for side in (right - left, bottom - top))
    if settings["square"]:
        wide = high = max(wide, high)
    x, y = (left + right) / 2, (top + bottom) / 2
    edges = [round(edge) for edge in (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)]
    if settings["outside"] == "clip":
        edges = [min(max(edge, 0), limit) for edge, limit in zip(edges, image.size * 2, strict=True)]
    x0, y0, x1, y1 = edges[0], edges[1], max(edges[2], edges[0] + 1), max(edges[3], edges[1] + 1)
    if (x1 - x0) * (y1 - y0) > LARGEST_PIXELS:
        raise DataError(f"the face's box with its margin has {x1 - x0}x{y1 - y0} pixels, more than {LARGEST_PIXELS}")
    return image.crop((x0, y0, x1, y1))


def _by_area(_image: Image.Image) -> Callable[[Face], float]:
    return lambda face: (face.box[2] - face.box[0]) * (face.box[3] - face.box[1])


def _by_nearness(image: Image.Image) -> Callable[[Face], float]:
    def nearness(face: Face) -> float:
        x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
        return -float(np.hypot(x - image.width / 2, y - image.height / 2))

    return nearness


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and len(value) == 2
        and all(isinstance(edge, int) for edge in value)
        and 0 <= value[0] < value[1]
    )


def _is_size(value: Any) -> bool:
    return isinstance(value, Sequence) and len(value) == 2 and all(isinstance(n, int) and 1 < n <= 4096 for n in value)


def _is_template(value: Any) -> bool:
    shape = np.shape(value)
    return shape == (5, 2) and bool(np.isfinite(np.asarray(value, float)).all())


RANKS: dict[str, Callable[[Image.Image], Callable[[Face], float]]] = {"largest": _by_area, "central": _by_nearness}

CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "choose": (lambda value: value in RANKS, "largest or central"),
    "columns": (_is_range, "[from, to) in pixels"),
    "fraction": (lambda value: _is_number(value) and 0 < value <= 1, "a fraction above 0, up to 1"),
    "margin": (lambda value: _is_number(value) and -0.5 < value <= 10, "a fraction above -0.5, up to 10"),
    "outside": (lambda value: value in ("black", "clip"), "black or clip"),
    "points": (_is_template, "five pairs x, y as fractions of width and height"),
    "rows": (_is_range, "[from, to) in pixels"),
    "size": (_is_size, "[height, width] in pixels, up to 4096"),
    "square": (lambda value: isinstance(value, bool), "true or false"),
}

_AROUND = {"margin": 0.25, "square": True, "outside": "black"}

KINDS: dict[str, _Kind] = {
    "none": _Kind(_whole, {}),
    "centre": _Kind(_centre, {"fraction": 1.0}),
    "fixed": _Kind(_fixed, {"rows": None, "columns": None}),
    "box": _Kind(_box, _AROUND),
    "landmarks": _Kind(_landmarks, {"size": [224, 224], "points": TEMPLATE}),
    "detected": _Kind(_detected, {**_AROUND, "choose": "largest"}),
}
