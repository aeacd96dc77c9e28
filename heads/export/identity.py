"""Whether a backbone is the one that a head was trained on: by its sha256, or else by what it computes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from converters.parity.measure import measured
from heads.backbones import Backbone, open_backbone
from heads.backbones.stating import Stated
from heads.embeddings.labelled import Labelled
from heads.errors import HeadsError, MismatchError
from heads.export.probes import drawn_images
from heads.images.cropping import Detector, crop
from heads.images.decoding import read_rgb
from heads.models.head import Array, Head
from heads.provenance import EmbeddingSpec

# How far the embeddings of two files of one network may be apart, relative to the largest value.
SAME = 1e-5
# So many stored embeddings are recomputed: enough that no two networks agree on all of them.
COMPARED = 8


@dataclass(frozen=True)
class Identity:
    """How a backbone was recognised; `difference` is that of its embeddings where these were compared."""

    how: str
    difference: float | None = None
    compared: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"how": self.how, "largest_difference": self.difference, "compared_images": self.compared}


def opened(words: Sequence[str], spec: EmbeddingSpec) -> Backbone:
    """Open a backbone with the nodes and the normalisation of embeddings.

    Where its files do not say how images become its input, or the embeddings of these very files were made in another
    way, what is recorded with the embeddings stands in.
    """
    try:
        plain = open_backbone(words, spec.nodes, normalize=spec.normalized)
    except HeadsError as error:
        try:
            return _as_recorded(words, spec)
        except HeadsError:
            raise error from None
    if plain.model_sha256 == spec.model_sha256 and spec.differences(plain.spec(spec.crop)):
        return _as_recorded(words, spec)
    return plain


def _as_recorded(words: Sequence[str], spec: EmbeddingSpec) -> Backbone:
    told = spec.preprocessing
    turned = -1 if told.get("channel_order") == "BGR" else 1
    mean = told.get("mean")
    if not isinstance(mean, Sequence):
        raise HeadsError("the mean image that the embeddings were made with is not recorded; only its sha256 is")
    height, width = told["size_height_width"]
    return open_backbone(
        words,
        spec.nodes,
        normalize=spec.normalized,
        stated=Stated(
            channel_order=told.get("channel_order"),
            mean=list(mean)[::turned],
            scale=list(told["scale"])[::turned],
            size=(height, width),
        ),
    )


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a backbone of another sha256 can be compared with, as far as it is at hand.

    `original` names the files that the head was trained on; `labelled` are its embeddings, with images where their
    table says, and `detector` finds the faces in these if their crop asks for one.
    """

    original: tuple[str, ...] = ()
    labelled: Labelled | None = None
    detector: Detector | None = None


def recognised(head: Head, backbone: Backbone, evidence: Evidence) -> Identity:
    """Return how it is known that `backbone` gives the head's embeddings; MismatchError where it does not.

    Files of another sha256 are compared by their embeddings: with stored ones, or with those of the original files.
    HeadsError where neither is at hand.
    """
    differences = head.embedding.differences(backbone.spec(head.embedding.crop))
    if not differences:
        return Identity("sha256")
    if evidence.labelled is not None:
        check_same(head, evidence.labelled)
        return _by_stored(backbone, evidence.labelled, evidence.detector)
    first = _original(evidence.original, head.embedding)
    if first is None:
        raise HeadsError(
            f"the backbone is not known to be the one that the head was trained on ({differences[0]}); name the folder "
            "of the embeddings with --embeddings, so that some are computed again and compared"
        )
    return _by_original(backbone, first)


def check_same(head: Head, labelled: Labelled) -> None:
    """Refuse embeddings of another origin than those that a head was trained on; MismatchError lists what differs."""
    differences = head.embedding.differences(labelled.spec)
    if differences:
        raise MismatchError(
            [f"the embeddings that were given are not those of this head: {line}" for line in differences]
        )


def _original(words: Sequence[str], spec: EmbeddingSpec) -> Backbone | None:
    """Return the very backbone that a head was trained on, None where it is not there any more."""
    if not words:
        return None
    try:
        found = opened(words, spec)
    except HeadsError:
        return None
    return None if spec.differences(found.spec(spec.crop)) else found


def _by_original(backbone: Backbone, original: Backbone) -> Identity:
    images = drawn_images(backbone.preparation.size, COMPARED)
    wanted, got = (one.run(np.stack([one.prepare(image) for image in images])) for one in (original, backbone))
    return _judged(got, wanted, "embeddings of drawn images equal those of the original files")


def _by_stored(backbone: Backbone, labelled: Labelled, detector: Detector | None) -> Identity:
    places = np.unique(np.linspace(0, len(labelled) - 1, COMPARED).astype(int))
    faces = [_stored_face(labelled, int(place), detector) for place in places]
    got = backbone.run(np.stack([backbone.prepare(face) for face in faces]))
    return _judged(got, labelled.vectors[places], "embeddings of stored images computed again equal the stored ones")


def _stored_face(labelled: Labelled, place: int, detector: Detector | None) -> Image.Image:
    row = labelled.table.rows.iloc[place]
    path = labelled.table.image(str(row["path"]))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HeadsError(
            f"{path}: cannot be read: {error.strerror or error}; it is needed to prove that the backbone is the one "
            "that the head was trained on"
        ) from error
    return crop(read_rgb(data, str(path)), labelled.spec.crop, row, detector)


def _judged(got: Array, wanted: Array, how: str) -> Identity:
    result = measured(np.asarray(got, np.float64), np.asarray(wanted, np.float64))
    if result.difference > SAME:
        raise MismatchError(
            f"the backbone is not the one that the head was trained on: embeddings of the same {len(wanted)} images "
            f"differ by {result.difference:.2g} of the largest value, more than {SAME:g}"
        )
    return Identity(how, float(result.difference), len(wanted))
