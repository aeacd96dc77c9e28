"""Single-shot detection in ONNX: NonMaxSuppression, and what makes its answer Caffe's."""

from dataclasses import dataclass

import numpy as np

from converters.errors import UnsupportedError
from converters.onnx_model.building import INFERRED, INT64, Dim, Site, Size, Value
from converters.ops import DetectionOutput, PriorBox
from converters.ops.base import size_of

BOOL = np.dtype(np.bool_)


def prior_box(site: Site, op: PriorBox, x: Value, image: Value) -> str:
    """The boxes, stored: they depend on nothing but sizes."""
    needed = [(x, (2, 3))] if op.image_size else [(x, (2, 3)), (image, (2, 3))]
    sizes = [(1, 1, *site.pin(value, axes, "its boxes are stored for one size")) for value, axes in needed]
    return site.constant(op.boxes(sizes[0], sizes[-1]), "boxes")


@dataclass(frozen=True)
class _Candidates:
    """The k best boxes of each of c classes (without the background) of each image, best first.

    `boxes` (images, c, k, 4) and `scores` (images, c, k) are tensor names; `count` is c * k.
    """

    boxes: str
    scores: str
    images: Dim
    labels: list[int]
    k: int

    @property
    def count(self) -> int:
        """Return how many candidates an image has."""
        return len(self.labels) * self.k


def detection_output(site: Site, op: DetectionOutput, locations: Value, confidences: Value, priors: Value) -> str:
    """Decode, suppress, keep the best of each image, and list them by image, class and falling confidence."""
    if op.eta < 1:
        raise UnsupportedError(
            f"eta {op.eta} lowers the overlap threshold on the way, which NonMaxSuppression cannot do"
        )
    boxes = _decoded(site, op, locations, priors)
    found = _candidates(site, op, boxes, confidences)
    chosen = _best_of_image(site, op, found, _not_suppressed(site, op, found))
    return _or_nothing(site, found.images, _rows(site, found, chosen))


def _decoded(site: Site, op: DetectionOutput, locations: Value, priors: Value) -> str:
    """Return the boxes (images, priors, 1 or classes, 4)."""
    (length,) = site.pin(priors, [2], "the number of priors is stored")
    sets = 1 if op.share_location else op.classes
    offsets = site.reshape(locations.name, [site.size(locations, 0), length // 4, sets, 4], locations)
    both = site.add("Reshape", site.slice(priors.name, 0, 0, 1), site.ints([2, length // 4, 1, 4], "sizes"))
    prior, variance = (site.slice(both, 0, i, i + 1) for i in range(2))
    if not op.variance_in_target:
        offsets = site.add("Mul", offsets, variance)
    if op.code_type == "corner":
        return site.add("Add", prior, offsets)
    low, high = _halves(site, prior)
    size = site.add("Sub", high, low)
    if op.code_type == "corner_size":
        return site.add("Add", prior, site.add("Mul", offsets, site.add("Concat", size, size, axis=3)))
    half = site.constant(0.5, "half")
    shift, stretch = _halves(site, offsets)
    middle = site.add("Mul", site.add("Add", low, high), half)
    centre = site.add("Add", site.add("Mul", shift, size), middle)
    reach = site.add("Mul", site.add("Mul", site.add("Exp", stretch), size), half)
    return site.add("Concat", site.add("Sub", centre, reach), site.add("Add", centre, reach), axis=3)


def _halves(site: Site, boxes: str) -> tuple[str, str]:
    return site.slice(boxes, 3, 0, 2), site.slice(boxes, 3, 2, 4)


def _candidates(site: Site, op: DetectionOutput, boxes: str, confidences: Value) -> _Candidates:
    """Sort the boxes of each class by falling confidence, `top_k` of them; of equal ones the first stays first."""
    images = site.size(confidences, 0)
    values = site.pin(confidences, range(1, confidences.rank), "the number of priors is stored")
    priors = size_of(values) // op.classes
    labels = [label for label in range(op.classes) if label != op.background]
    by_prior = site.reshape(confidences.name, [images, priors, op.classes], confidences)
    scores = site.gather(site.add("Transpose", by_prior, perm=[0, 2, 1]), labels, 1)
    k = min(op.top_k, priors) if op.top_k >= 0 else priors
    best, order = site.add_many("TopK", scores, site.ints([k], "k"), outputs=2, axis=2)
    by_class = site.add("Transpose", boxes, perm=[0, 2, 1, 3])
    if op.share_location:
        by_class = site.add("Expand", by_class, site.ints([1, len(labels), 1, 1], "classes"))
    else:
        by_class = site.gather(by_class, labels, 1)
    corners = site.add("Expand", site.unsqueeze(order, 3), site.ints([1, 1, 1, 4], "corners"))
    return _Candidates(site.add("GatherElements", by_class, corners, axis=2), best, images, labels, k)


def _not_suppressed(site: Site, op: DetectionOutput, found: _Candidates) -> str:
    """Return (images, count): 1 for the candidates that no better one of their class overlaps, 0 for the others."""
    low, high = _halves(site, found.boxes)
    # NonMaxSuppression turns boxes right side out that have no area for Caffe.
    solid = site.add("Concat", low, site.add("Max", low, high), axis=3)
    lists = site.add("Reshape", solid, site.ints([INFERRED, found.k, 4], "sizes"))
    scores = site.add("Reshape", found.scores, site.ints([INFERRED, 1, found.k], "sizes"))
    limits = [site.ints([found.k], "most"), site.constant([min(op.nms_threshold, 1.0)], "overlap")]
    if op.confidence_threshold is not None:
        limits.append(site.constant([op.confidence_threshold], "confidence"))
    kept = site.add("NonMaxSuppression", lists, scores, *limits)
    which, _, place = (site.add("Gather", kept, site.constant(i, "column", INT64), axis=1) for i in range(3))
    flat = site.add("Add", site.add("Mul", which, site.ints([found.k], "candidates")), place)
    nothing = site.add("Expand", site.constant(0.0, "zero"), site.vector([site.product([found.images, found.count])]))
    ones = site.add("Expand", site.constant(1.0, "one"), site.add("Shape", flat))
    mask = site.add("ScatterElements", nothing, flat, ones, axis=0)
    return site.add("Reshape", mask, site.ints([INFERRED, found.count], "sizes"))


def _best_of_image(site: Site, op: DetectionOutput, found: _Candidates, mask: str) -> str:
    """Return the mask with at most `keep_top_k` candidates per image left in it."""
    if not 0 <= op.keep_top_k < found.count:
        return mask
    scores = site.add("Reshape", found.scores, site.ints([INFERRED, found.count], "sizes"))
    least = site.constant(-np.inf, "least")
    standing = site.add("Where", site.cast(mask, BOOL), scores, least)
    _, best = site.add_many("TopK", standing, site.ints([op.keep_top_k], "keep"), outputs=2, axis=1)
    kept = site.add("GatherElements", mask, best, axis=1)
    nothing = site.add("Mul", mask, site.constant(0.0, "zero"))
    return site.add("ScatterElements", nothing, best, kept, axis=1)


def _rows(site: Site, found: _Candidates, mask: str) -> str:
    """Return (detections, 7): image, class, confidence and corners; NonZero goes through the mask in order."""
    where = site.add("NonZero", mask)
    places = site.add("Transpose", where, perm=[1, 0])
    scores = site.add("Reshape", found.scores, site.ints([INFERRED, found.count], "sizes"))
    boxes = site.add("Reshape", found.boxes, site.ints([INFERRED, found.count, 4], "sizes"))
    image, place = (site.slice(places, 1, i, i + 1) for i in range(2))
    class_number = site.add("Div", place, site.ints([found.k], "candidates"))
    label = site.add("Gather", site.constant(found.labels, "labels"), class_number, axis=0)
    score = site.unsqueeze(site.add("GatherND", scores, places), 1)
    return site.add("Concat", site.cast(image, site.dtype), label, score, site.add("GatherND", boxes, places), axis=1)


def _or_nothing(site: Site, images: Dim, rows: str) -> str:
    """Return (1, 1, detections, 7); without any detection one row per image: image, then -1 six times."""
    image = site.unsqueeze(site.cast(site.range(images), site.dtype), 1)
    nothing = site.pad(image, 2, ((0, 0), (0, 6)), -1.0)
    count = site.scalar_of(Size(rows, 0))
    there = site.add("Greater", count, site.ints([0], "zero"))
    last = site.add("Where", there, count, site.scalar_of(images))
    both = site.add("Concat", rows, nothing, axis=0)
    chosen = site.add("Slice", both, site.ints([0], "start"), last, site.ints([0], "axis"))
    return site.unsqueeze(chosen, 0, 1)
