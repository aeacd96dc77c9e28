"""Single-shot detection (SSD): prior boxes and the decoding of detections."""

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, Literal

import numpy as np

from converters.errors import ShapeError
from converters.ops.base import Array, Op, Shape, check_rank

CodeType = Literal["corner", "center_size", "corner_size"]


@dataclass(frozen=True)
class PriorBox(Op):
    """Default boxes around each cell of a feature map, in fractions of the image: rows xmin, ymin, xmax, ymax; then
    their variances.

    Inputs: feature map and image (both (batch, channels, height, width), only their shapes count). Output (1, 2, 4 *
    height * width * boxes). `aspect_ratios` holds the ratios besides 1, flipped ones included; `steps` and
    `image_size` are (height, width), None where the inputs decide. Source: SSD's Caffe, prior_box_layer.cpp.
    """

    min_sizes: tuple[float, ...]
    max_sizes: tuple[float, ...] = ()
    aspect_ratios: tuple[float, ...] = ()
    clip: bool = False
    variances: tuple[float, ...] = (0.1,)
    offset: float = 0.5
    steps: tuple[float, float] | None = None
    image_size: tuple[int, int] | None = None
    inputs_wanted: ClassVar[int | None] = 2

    def box_sizes(self) -> list[tuple[float, float]]:
        """Return the (width, height) of the boxes of one cell, in pixels, in Caffe's order."""
        sizes = []
        for i, least in enumerate(self.min_sizes):
            sizes.append((least, least))
            if self.max_sizes:
                between = sqrt(least * self.max_sizes[i])
                sizes.append((between, between))
            sizes += [(least * sqrt(ratio), least / sqrt(ratio)) for ratio in self.aspect_ratios]
        return sizes

    def output_shape(self, x: Shape, image: Shape) -> Shape:
        check_rank(x, 4, "feature map")
        check_rank(image, 4, "image")
        if self.max_sizes and len(self.max_sizes) != len(self.min_sizes):
            raise ShapeError(f"{len(self.max_sizes)} max sizes for {len(self.min_sizes)} min sizes")
        if len(self.variances) not in (1, 4):
            raise ShapeError(f"{len(self.variances)} variances, expected 1 or 4")
        return (1, 2, x[2] * x[3] * len(self.box_sizes()) * 4)

    def boxes(self, x: Shape, image: Shape) -> Array:
        """Return the output for these input shapes; it depends on nothing else."""
        image_height, image_width = self.image_size or image[2:4]
        step_height, step_width = self.steps or (image_height / x[2], image_width / x[3])
        sizes = np.array(self.box_sizes()) / 2
        centre_x = ((np.arange(x[3]) + self.offset) * step_width)[None, :, None]
        centre_y = ((np.arange(x[2]) + self.offset) * step_height)[:, None, None]
        corners = [
            (centre_x - sizes[:, 0]) / image_width,
            (centre_y - sizes[:, 1]) / image_height,
            (centre_x + sizes[:, 0]) / image_width,
            (centre_y + sizes[:, 1]) / image_height,
        ]
        boxes = np.stack(np.broadcast_arrays(*corners), -1).reshape(-1, 4)
        if self.clip:
            boxes = boxes.clip(0, 1)
        variances = np.broadcast_to(np.array(self.variances), boxes.shape)
        return np.stack([boxes.reshape(-1), variances.reshape(-1)])[None]

    def compute(self, x: Array, image: Array) -> Array:
        return self.boxes(x.shape, image.shape).astype(x.dtype)


@dataclass(frozen=True)
class DetectionOutput(Op):
    """Decode box offsets against prior boxes, suppress overlapping boxes per class, and list what is left.

    Inputs: locations (batch, priors * 4 [* classes]), confidences (batch, priors * classes), priors (1, 2, priors *
    4) as PriorBox gives them. Output (1, 1, detections, 7): rows image, class, confidence, xmin, ymin, xmax, ymax;
    per image, classes ascend and confidences descend within a class. Without any detection one row per image: image,
    then -1 six times. Source: SSD's Caffe, detection_output_layer.cpp, bbox_util.cpp.
    """

    classes: int
    share_location: bool = True
    background: int = 0
    nms_threshold: float = 0.3
    top_k: int = -1
    keep_top_k: int = -1
    confidence_threshold: float | None = None
    code_type: CodeType = "corner"
    variance_in_target: bool = False
    eta: float = 1.0
    inputs_wanted: ClassVar[int | None] = 3
    data_dependent: ClassVar[bool] = True

    def output_shape(self, locations: Shape, confidences: Shape, priors: Shape) -> Shape:
        if len(priors) != 3 or priors[:2] != (1, 2) or priors[2] % 4:
            raise ShapeError(f"priors have shape {list(priors)}, expected [1, 2, 4 * boxes]")
        if locations[0] != confidences[0]:
            raise ShapeError(f"locations are of {locations[0]} images, confidences of {confidences[0]}")
        count = priors[2] // 4
        sets = 1 if self.share_location else self.classes
        for what, shape, wanted in (
            ("locations", locations, count * 4 * sets),
            ("confidences", confidences, count * self.classes),
        ):
            if int(np.prod(shape[1:])) != wanted:
                raise ShapeError(
                    f"{what} have shape {list(shape)}, expected {wanted} values per image for {count} priors"
                )
        per_class = count if self.top_k < 0 else min(self.top_k, count)
        most = per_class * (self.classes - (0 <= self.background < self.classes))
        return (1, 1, locations[0] * (most if self.keep_top_k < 0 else min(most, self.keep_top_k)), 7)

    def compute(self, locations: Array, confidences: Array, priors: Array) -> Array:
        batch = locations.shape[0]
        scores = confidences.reshape(batch, -1, self.classes)
        rows = [
            row for image in range(batch) for row in self._image_rows(image, locations[image], scores[image], priors)
        ]
        if not rows:
            rows = [[image, *(-1.0,) * 6] for image in range(batch)]
        return np.array(rows, locations.dtype).reshape(1, 1, -1, 7)

    def _image_rows(self, image: int, locations: Array, scores: Array, priors: Array) -> list[list[float]]:
        boxes = self.decoded(locations, priors)
        found = []
        for label in range(self.classes):
            if label != self.background:
                of_class = boxes[:, 0 if self.share_location else label]
                found += [(float(scores[i, label]), label, i) for i in self.suppressed(of_class, scores[:, label])]
        if 0 <= self.keep_top_k < len(found):
            found = sorted(found, key=lambda row: -row[0])[: self.keep_top_k]
        found.sort(key=lambda row: (row[1], -row[0]))
        return [[image, label, score, *boxes[i, 0 if self.share_location else label]] for score, label, i in found]

    def decoded(self, locations: Array, priors: Array) -> Array:
        """Return the boxes of one image: (priors, 1 or classes, 4), corners in fractions of the image."""
        prior, variance = (priors[0, i].reshape(-1, 1, 4) for i in range(2))
        offsets = locations.reshape(prior.shape[0], -1, 4)
        if not self.variance_in_target:
            offsets = offsets * variance
        size = prior[..., 2:] - prior[..., :2]
        if self.code_type == "corner":
            return np.asarray(prior + offsets)
        if self.code_type == "corner_size":
            return np.asarray(prior + offsets * np.concatenate([size, size], -1))
        centre = offsets[..., :2] * size + (prior[..., :2] + prior[..., 2:]) / 2
        half = np.exp(offsets[..., 2:]) * size / 2
        return np.concatenate([np.asarray(centre - half), np.asarray(centre + half)], -1)

    def suppressed(self, boxes: Array, scores: Array) -> list[int]:
        """Return the indices of the boxes of one class that are kept, best first."""
        order = np.argsort(-scores, kind="stable")
        if self.confidence_threshold is not None:
            order = order[scores[order] > self.confidence_threshold]
        order = order[: self.top_k] if self.top_k > -1 else order
        kept: list[int] = []
        threshold = self.nms_threshold
        for candidate in order:
            if not kept or overlaps(boxes[candidate], boxes[kept]).max() <= threshold:
                kept.append(int(candidate))
                if self.eta < 1 and threshold > 0.5:
                    threshold *= self.eta
        return kept


def overlaps(box: Array, others: Array) -> Array:
    """Return intersection over union of one box (4,) with others (n, 4);

    boxes are corners, and an inside-out box has no area.
    """
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    common = np.where((sides > 0).all(1), sides.prod(1), 0)
    areas = [np.where((b[:, 2:] >= b[:, :2]).all(1), (b[:, 2:] - b[:, :2]).prod(1), 0) for b in (box[None], others)]
    union = areas[0] + areas[1] - common
    return np.asarray(np.divide(common, union, out=np.zeros(common.shape, union.dtype), where=common > 0))
