"""MTCNN: faces with five landmarks, found by three networks, each stricter than the one before.

Source: Zhang, Zhang, Li, Qiao: Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks,
IEEE Signal Processing Letters 2016; its MATLAB code in github.com/kpzhang93/MTCNN_face_detection_alignment
(detect_face.m), from which thresholds, factor and overlaps are.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from heads.backbones.artefact import Hardware
from heads.backbones.fingerprint import fingerprint
from heads.detection.boxes import Array, moved, squares, without_overlaps
from heads.detection.networks import Stage
from heads.errors import HeadsError, UsageError
from heads.images.cropping import Face

# What P-Net sees of one face, and how far apart the places are at which it looks.
CELL, STRIDE = 12, 2
# R- and O-Net get at most so many candidates at once: memory stays bounded in a picture full of faces.
AT_ONCE = 256
STAGES = ("det1", "det2", "det3")


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes (n, 4) that may be faces, their scores (n,) and how to move their edges (n, 4)."""

    boxes: Array
    scores: Array
    offsets: Array

    def chosen(self, which: Array) -> "Candidates":
        """Return some of them, by index or by truth."""
        return Candidates(self.boxes[which], self.scores[which], self.offsets[which])

    def apart(self, limit: float) -> "Candidates":
        """Return those that overlap no better one by more than `limit` of the union."""
        return self.chosen(without_overlaps(self.boxes, self.scores, limit))

    def refined(self) -> Array:
        """Return the boxes with their edges moved."""
        return moved(self.boxes, self.offsets)


@dataclass(frozen=True)
class Settings:
    """How strict each network is, the smallest face in pixels, and the step between sizes of the image."""

    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    min_size: int = 20
    factor: float = 0.709

    def __post_init__(self) -> None:
        problems = []
        if len(self.thresholds) != 3 or not all(0 < threshold < 1 for threshold in self.thresholds):
            problems.append(f"MTCNN's thresholds are {self.thresholds!r}, expected three numbers between 0 and 1")
        if self.min_size < CELL:
            problems.append(f"MTCNN's smallest face is {self.min_size} pixels, expected {CELL} or more")
        if not 0.1 <= self.factor <= 0.95:
            problems.append(f"MTCNN's factor is {self.factor}, expected a number from 0.1 to 0.95")
        if problems:
            raise UsageError(problems)


@dataclass(eq=False)
class Mtcnn:
    """A face detector from a folder with det1, det2, det3 as .prototxt and .caffemodel.

    `thresholds` are for the three networks, `min_size` is the smallest face in pixels, `factor` the step between sizes
    of the image. HeadsError lists files that are missing.
    """

    folder: Path
    settings: Settings = field(default_factory=Settings)
    hardware: Hardware = field(default_factory=Hardware)

    def __post_init__(self) -> None:
        files = [(self.folder / f"{name}.prototxt", self.folder / f"{name}.caffemodel") for name in STAGES]
        missing = [str(file) for pair in files for file in pair if not file.is_file()]
        if missing:
            raise HeadsError(
                [f"{file}: there is no such file; MTCNN consists of {', '.join(STAGES)}" for file in missing]
            )
        self._sha256 = fingerprint([file for pair in files for file in pair])
        offsets = {"face": "prob1", "offsets": "conv4-2"}, {"face": "prob1", "offsets": "conv5-2"}
        last = {"face": "prob1", "offsets": "conv6-2", "landmarks": "conv6-3"}
        self._proposing = Stage(files[0], offsets[0], ("batch", "height", "width"), self.hardware)
        self._refining = Stage(files[1], offsets[1], ("batch",), self.hardware)
        self._final = Stage(files[2], last, ("batch",), self.hardware)

    def __reduce__(self) -> tuple[type["Mtcnn"], tuple[Path, Settings, Hardware]]:
        return Mtcnn, (self.folder.resolve(), self.settings, self.hardware)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return all that decides which faces are found."""
        return {
            "detector": "mtcnn",
            "detector_sha256": self._sha256,
            "thresholds": list(self.settings.thresholds),
            "min_size": self.settings.min_size,
            "factor": self.settings.factor,
        }

    def detect(self, image: Image.Image) -> list[Face]:
        """Return the faces in an RGB image, the surest first; boxes may reach beyond the image."""
        proposed = self._proposals(image)
        if not len(proposed.scores):
            return []
        refined = self._refined(image, proposed)
        if not len(refined.scores):
            return []
        return self._faces(image, squares(refined.refined()))

    def _proposals(self, image: Image.Image) -> Candidates:
        found = [self._at_scale(image, scale) for scale in self._scales(image)]
        return _joined(found).apart(0.7)

    def _scales(self, image: Image.Image) -> Iterator[float]:
        scale = CELL / self.settings.min_size
        while min(image.size) * scale >= CELL:
            yield scale
            scale *= self.settings.factor

    def _at_scale(self, image: Image.Image, scale: float) -> Candidates:
        """Return what P-Net takes for faces of one size; its maps run along the width first."""
        size = math.ceil(image.width * scale), math.ceil(image.height * scale)
        pixels = np.asarray(image.resize(size, Image.Resampling.BILINEAR), np.uint8)
        found = self._proposing.run(pixels[None])
        face = found["face"][0, 1]
        x, y = np.nonzero(face >= self.settings.thresholds[0])
        corner = np.stack([x, y], axis=1) * STRIDE
        boxes = np.concatenate([corner, corner + CELL], axis=1) / scale
        return Candidates(boxes, face[x, y], found["offsets"][0][:, x, y].T).apart(0.5)

    def _refined(self, image: Image.Image, proposed: Candidates) -> Candidates:
        boxes = squares(proposed.refined())
        found = self._judged(self._refining, image, boxes)
        judged = Candidates(boxes, found["face"][:, 1], found["offsets"])
        return judged.chosen(judged.scores >= self.settings.thresholds[1]).apart(0.7)

    def _faces(self, image: Image.Image, boxes: Array) -> list[Face]:
        found = self._judged(self._final, image, boxes)
        sure = found["face"][:, 1] >= self.settings.thresholds[2]
        judged = Candidates(boxes, found["face"][:, 1], found["offsets"]).chosen(sure)
        points = _points(judged.boxes, found["landmarks"][sure])
        final = judged.refined()
        kept = without_overlaps(final, judged.scores, 0.7, smaller=True)
        return [_face(final[index], float(judged.scores[index]), points[index]) for index in kept]

    def _judged(self, stage: Stage, image: Image.Image, boxes: Array) -> dict[str, Array]:
        parts = [boxes[start : start + AT_ONCE] for start in range(0, len(boxes), AT_ONCE)]
        found = [stage.run(np.stack([_cut(image, box, stage.side) for box in part])) for part in parts]
        return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _joined(parts: Sequence[Candidates]) -> Candidates:
    if not parts:  # an image smaller than the smallest face
        return Candidates(np.empty((0, 4)), np.empty(0), np.empty((0, 4)))
    return Candidates(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.offsets for part in parts]),
    )


def _cut(image: Image.Image, box: Array, side: int) -> Array:
    """Return a box as (side, side, 3); what lies outside the image is black."""
    left, top, right, bottom = (round(float(edge)) for edge in box)
    part = image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    return np.asarray(part.resize((side, side), Image.Resampling.BILINEAR), np.uint8)


def _points(boxes: Array, landmarks: Array) -> Array:
    """Return landmarks (n, 5, 2) in the image; the network gives five x, then five y, as fractions of its box."""
    sides = (boxes[:, 2:] - boxes[:, :2])[:, None]
    result: Array = boxes[:, None, :2] + landmarks.reshape(-1, 2, 5).transpose(0, 2, 1) * sides
    return result


def _face(box: Array, score: float, points: Array) -> Face:
    left, top, right, bottom = (float(edge) for edge in box)
    return Face((left, top, right, bottom), score, tuple((float(x), float(y)) for x, y in points))
