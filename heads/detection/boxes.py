"""Arithmetic of face boxes: arrays (n, 4) of left, top, right, bottom in pixels, right and bottom being exclusive."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def overlaps(box: Array, others: Array, *, smaller: bool = False) -> Array:
    """Return for each of `others` how much of it `box` shares: of the union, or of the `smaller` of both."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=1)
    area, areas = float(np.prod(box[2:] - box[:2])), np.prod(others[:, 2:] - others[:, :2], axis=1)
    whole = np.minimum(area, areas) if smaller else area + areas - shared
    result: Array = shared / np.maximum(whole, 1e-9)
    return result


def without_overlaps(boxes: Array, scores: Array, limit: float, *, smaller: bool = False) -> Array:
    """Return the indices of the boxes that stay, best first: none overlaps a better one by more than `limit`."""
    waiting = np.argsort(-scores, kind="stable")
    kept = []
    while waiting.size:
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        waiting = waiting[overlaps(boxes[best], boxes[waiting], smaller=smaller) <= limit]
    return np.array(kept, dtype=np.intp)


def moved(boxes: Array, offsets: Array) -> Array:
    """Return boxes with each edge moved by its offset (n, 4), a fraction of the box's width or height."""
    sides = boxes[:, 2:] - boxes[:, :2]
    result: Array = boxes + offsets * np.concatenate([sides, sides], axis=1)
    return result


def squares(boxes: Array) -> Array:
    """Return the squares around the boxes' centres that have their longer sides."""
    side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    corner = (boxes[:, :2] + boxes[:, 2:] - side) / 2
    return np.concatenate([corner, corner + side], axis=1)
