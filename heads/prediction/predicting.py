"""Images through crop, backbone and head, in batches; one that cannot be used holds nobody up."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from heads.backbones import Backbone
from heads.errors import DataError, UsageError
from heads.images.cropping import Detector, crop
from heads.images.decoding import read_rgb
from heads.models.head import Array, Head
from heads.models.inference import check_spec, probabilities
from heads.prediction.deciding import Prediction, decided, unusable
from heads.provenance import Crop

BATCH = 32
# A face is stretched to the network's shape; one stretched by more than this is not what the head was trained on.
MOST_STRETCHED = 1.5
# These crops are cut where a table says; an image alone does not say it.
FROM_A_TABLE = ("box", "landmarks")


@dataclass(frozen=True, eq=False)
class _Face:
    """An image that is ready for the network, as the number `place` of those asked for."""

    place: int
    path: Path
    prepared: Array
    note: str


def predict(
    paths: Sequence[Path],
    head: Head,
    backbone: Backbone,
    *,
    how: Crop | None = None,
    rows: Sequence[Mapping[str, Any]] | None = None,
    detector: Detector | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Prediction]:
    """Return what a head says of images, in their order.

    An image that cannot be read, or in which there is no face, gets a prediction without probability, and its reason.
    `how` crops (default: as for the head's embeddings); `rows` has a row of the table for each image, where the crop
    needs one. MismatchError where the backbone's embeddings are not the head's, UsageError where rows or the detector
    are missing.
    """
    chosen = how or head.embedding.crop
    # Another crop is the user's to choose; everything else decides whether the embeddings mean anything to the head.
    check_spec(head, backbone.spec(head.embedding.crop))
    _check_crop(chosen, len(paths), rows, detector)
    said: dict[int, Prediction] = {}
    faces = _faces(paths, backbone, _Cropping(chosen, rows, detector), said)
    while group := list(islice(faces, BATCH)):
        vectors = _embedded(backbone, np.stack([face.prepared for face in group]))
        for face, probability in zip(group, probabilities(head, vectors), strict=True):
            said[face.place] = decided(face.path, float(probability), head, face.note)
        progress(len(said), len(paths))
    return [said[place] for place in range(len(paths))]


def _check_crop(how: Crop, count: int, rows: Sequence[Mapping[str, Any]] | None, detector: Detector | None) -> None:
    if how.kind in FROM_A_TABLE and rows is None:
        raise UsageError(
            f"the crop '{how.kind}' is cut out where a table says; give the table that has it, or choose another crop"
        )
    if rows is not None and len(rows) != count:
        raise UsageError(f"{len(rows)} rows are given for {count} images")
    if how.kind == "detected" and detector is None:
        raise UsageError("the crop 'detected' needs a detector: name the folder with MTCNN's networks")


@dataclass(frozen=True, eq=False)
class _Cropping:
    how: Crop
    rows: Sequence[Mapping[str, Any]] | None
    detector: Detector | None

    def cut(self, image: Image.Image, place: int) -> Image.Image:
        row = None if self.rows is None else self.rows[place]
        return crop(image, self.how, row, self.detector)


def _faces(
    paths: Sequence[Path], backbone: Backbone, cropping: _Cropping, said: dict[int, Prediction]
) -> Iterator[_Face]:
    """Yield the images that can be used; what is wrong with others is noted in `said`."""
    for place, path in enumerate(paths):
        try:
            image = cropping.cut(read_rgb(_content(path), str(path)), place)
        except DataError as error:
            said[place] = unusable(path, "; ".join(error.problems).removeprefix(f"{path}: "))
            continue
        yield _Face(place, path, backbone.prepare(image), _stretched(image, backbone))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _stretched(image: Image.Image, backbone: Backbone) -> str:
    _, height, width = backbone.input_shape
    factor = (image.width / image.height) / (width / height)
    if max(factor, 1 / factor) <= MOST_STRETCHED:
        return ""
    shapes = f"{image.width}x{image.height} pixels were stretched to {width}x{height}"
    return f"{shapes}: crop closer to the face"


def _embedded(backbone: Backbone, batch: Array) -> Array:
    """Return the embeddings of a batch, of halves where it does not fit into memory."""
    try:
        return backbone.run(batch)
    except MemoryError:
        if len(batch) == 1:
            raise
    half = len(batch) // 2
    return np.concatenate([_embedded(backbone, part) for part in (batch[:half], batch[half:])])
