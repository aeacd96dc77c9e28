"""Single-shot detection (SSD): prior boxes, and detections decoded from offsets to them."""

from math import sqrt

import torch
from torch import Tensor, nn


class PriorBox(nn.Module):
    """Default boxes around each cell of a feature map, in fractions of the image, as SSD's Caffe computes them.

    Gives (1, 2, 4 * boxes): xmin, ymin, xmax, ymax of all boxes, then their variances. Only the shapes of the inputs
    (N, C, H, W) count. `steps` and `image_size` are (height, width); without them the inputs decide.
    """

    def __init__(
        self,
        min_sizes: tuple[float, ...],
        max_sizes: tuple[float, ...] = (),
        aspect_ratios: tuple[float, ...] = (),
        variances: tuple[float, ...] = (0.1,),
        *,
        clip: bool = False,
        offset: float = 0.5,
        steps: tuple[float, float] | None = None,
        image_size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.sizes: list[tuple[float, float]] = []  # (width, height) in pixels
        for i, least in enumerate(min_sizes):
            self.sizes.append((least, least))
            if max_sizes:
                self.sizes.append((sqrt(least * max_sizes[i]),) * 2)
            self.sizes += [(least * sqrt(ratio), least / sqrt(ratio)) for ratio in aspect_ratios]
        self.variances = variances
        self.clip = clip
        self.offset = offset
        self.steps = steps
        self.image_size = image_size

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        rows, columns = x.shape[2:]
        height, width = self.image_size or image.shape[2:]
        step_y, step_x = self.steps or (height / rows, width / columns)
        half = torch.tensor(self.sizes, dtype=torch.float64) / 2
        centre_y = ((torch.arange(rows, dtype=torch.float64) + self.offset) * step_y)[:, None, None]
        centre_x = ((torch.arange(columns, dtype=torch.float64) + self.offset) * step_x)[:, None]
        x1, x2 = (centre_x - half[:, 0]) / width, (centre_x + half[:, 0]) / width
        y1, y2 = (centre_y - half[:, 1]) / height, (centre_y + half[:, 1]) / height
        boxes = torch.stack(torch.broadcast_tensors(x1, y1, x2, y2), -1).reshape(-1, 4)
        if self.clip:
            boxes = boxes.clamp(0, 1)
        variances = torch.tensor(self.variances, dtype=torch.float64).expand_as(boxes)
        return torch.stack([boxes.flatten(), variances.flatten()])[None].to(x)


class DetectionOutput(nn.Module):
    """Decode box offsets against prior boxes, suppress overlapping boxes of each class, list what is left, as SSD does.

    Locations (N, priors * 4 [* classes]), confidences (N, priors * classes), priors (1, 2, priors * 4). Gives (1, 1,
    detections, 7): rows image, class, confidence, xmin, ymin, xmax, ymax. Without any detection one row per image:
    image, then -1 six times.
    """

    def __init__(
        self,
        classes: int,
        *,
        share_location: bool = True,
        background: int = 0,
        nms_threshold: float = 0.3,
        top_k: int = -1,
        keep_top_k: int = -1,
        confidence_threshold: float | None = None,
        code_type: str = "corner",
        variance_in_target: bool = False,
        eta: float = 1.0,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.share_location = share_location
        self.background = background
        self.nms_threshold = nms_threshold
        self.top_k = top_k
        self.keep_top_k = keep_top_k
        self.confidence_threshold = confidence_threshold
        self.code_type = code_type
        self.variance_in_target = variance_in_target
        self.eta = eta

    def forward(self, locations: Tensor, confidences: Tensor, priors: Tensor) -> Tensor:
        dtype, exact = locations.dtype, torch.promote_types(locations.dtype, torch.float32)  # 16 bits move boxes
        locations, confidences, priors = locations.to(exact), confidences.to(exact), priors.to(exact)
        scores = confidences.reshape(locations.shape[0], -1, self.classes)
        boxes = self.decoded(locations, priors)
        found = [self.detections(image, boxes[image], scores[image]) for image in range(locations.shape[0])]
        rows = torch.cat(found)
        if not len(rows):
            images = torch.arange(locations.shape[0]).to(locations)[:, None]
            rows = torch.cat([images, images.new_full((len(images), 6), -1)], 1)
        return rows[None, None].to(dtype)

    def decoded(self, locations: Tensor, priors: Tensor) -> Tensor:
        """Return the boxes (N, priors, 1 or classes, 4), corners in fractions of the image."""
        prior, variance = priors[0].reshape(2, -1, 1, 4)
        offsets = locations.reshape(locations.shape[0], prior.shape[0], -1, 4)
        if not self.variance_in_target:
            offsets = offsets * variance
        size = prior[..., 2:] - prior[..., :2]
        if self.code_type == "corner":
            return prior + offsets
        if self.code_type == "corner_size":
            return prior + offsets * torch.cat([size, size], -1)
        centre = offsets[..., :2] * size + (prior[..., :2] + prior[..., 2:]) / 2
        half = offsets[..., 2:].exp() * size / 2
        return torch.cat([centre - half, centre + half], -1)

    def detections(self, image: int, boxes: Tensor, scores: Tensor) -> Tensor:
        """Return the rows (detections, 7) of one image; classes ascend, confidences descend within a class."""
        rows = [scores.new_zeros(0, 7)]
        for label in range(self.classes):
            if label != self.background:
                of_class = boxes[:, 0 if self.share_location else label]
                kept = self.suppressed(of_class, scores[:, label])
                head = scores.new_tensor([image, label]).expand(len(kept), 2)
                rows.append(torch.cat([head, scores[kept, label, None], of_class[kept]], 1))
        found = torch.cat(rows)
        if 0 <= self.keep_top_k < len(found):
            best = found[:, 2].sort(descending=True, stable=True).indices[: self.keep_top_k]
            found = found[best.sort().values]
        return found

    def suppressed(self, boxes: Tensor, scores: Tensor) -> list[int]:
        """Return the indices of the boxes of one class that are kept, best first."""
        order = scores.sort(descending=True, stable=True).indices
        if self.confidence_threshold is not None:
            order = order[scores[order] > self.confidence_threshold]
        if self.top_k > -1:
            order = order[: self.top_k]
        kept: list[int] = []
        threshold = self.nms_threshold
        for candidate in order.tolist():
            if not kept or bool(self.overlaps(boxes[candidate], boxes[kept]).max() <= threshold):
                kept.append(candidate)
                if self.eta < 1 and threshold > 0.5:
                    threshold *= self.eta
        return kept

    def overlaps(self, box: Tensor, others: Tensor) -> Tensor:
        """Return intersection over union of one box (4,) with others (n, 4); an inside-out box has no area."""
        sides = torch.minimum(box[2:], others[:, 2:]) - torch.maximum(box[:2], others[:, :2])
        common = sides.clamp(min=0).prod(1)
        union = self.areas(box[None]) + self.areas(others) - common
        return (common / union).where(common > 0, 0)

    def areas(self, boxes: Tensor) -> Tensor:
        """Return the areas of boxes (n, 4)."""
        return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)
