"""Whether an exported file predicts from pixels what the head predicted when it was trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from converters.errors import ParityError
from converters.ir import Runner
from converters.parity import NodeDifference, Report, Run
from converters.parity.measure import Measured, measured
from heads.backbones import Backbone
from heads.export.pieces import EMBEDDING, IMAGE, LOGIT, PROBABILITY
from heads.models.head import Array, Head
from heads.models.inference import calibrated, logits

# The largest difference of a probability, and of an embedding or a logit relative to the largest one: roundings differ
# between runtimes and add up from layer to layer, and a probability near 0 or 1 would hide anything.
TOLERANCE = 1e-5
INNER_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Expected:
    """What training made of images: `pixels` (n, channels, height, width) uint8, and what comes of them.

    For a head alone `source` is "embedding" and `pixels` are embeddings.
    """

    pixels: Array
    values: Mapping[str, Array]
    source: str = IMAGE


def expected_of_images(head: Head, backbone: Backbone, images: Sequence[Image.Image]) -> Expected:
    """Return embeddings, logits and probabilities of cropped images as training and `heads predict` compute them."""
    as_pixels = replace(
        backbone.preparation,
        channel_order="gray" if backbone.preparation.channel_order == "gray" else "RGB",
        dtype="uint8",
    )
    vectors = backbone.run(np.stack([backbone.prepare(image) for image in images]))
    return Expected(np.stack([as_pixels(image) for image in images]), decided(head, vectors))


def expected_of_embeddings(head: Head, vectors: Array) -> Expected:
    """Return logits and probabilities of embeddings (n, dimension)."""
    return Expected(vectors, decided(head, vectors), EMBEDDING)


def decided(head: Head, vectors: Array) -> dict[str, Array]:
    """Return embeddings (n, dimension), logits (n, 1) and probabilities (n, 1)."""
    said = logits(head, vectors)[:, None]
    return {EMBEDDING: vectors, LOGIT: said, PROBABILITY: calibrated(said, head.calibration.temperature)}


def in_batches(runner: Runner, batch: int | None) -> Runner:
    """Return what runs any number of images through a model that takes `batch` at a time, None for any number."""
    if batch is None:
        return runner

    def run(feeds: Mapping[str, Array]) -> dict[str, Array]:
        (name, array), parts = next(iter(feeds.items())), []
        for start in range(0, len(array), batch):
            part = array[start : start + batch]
            filled = np.concatenate([part, part[-1:].repeat(batch - len(part), 0)])
            parts.append({key: value[: len(part)] for key, value in runner({name: filled}).items()})
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    return run


def compared(title: str, runner: Runner, expected: Expected) -> Run:
    """Run an exported model on the images and return how far each value is from what is expected."""
    got = runner({expected.source: expected.pixels})
    nodes = tuple(
        _difference(name, np.asarray(got[name]), wanted) for name, wanted in expected.values.items() if name in got
    )
    report = Report("", TOLERANCE, nodes, {PROBABILITY: PROBABILITY}, warnings=_saturated(expected))
    return Run(title, {expected.source: expected.pixels.shape}, report)


def _difference(name: str, got: Array, wanted: Array) -> NodeDifference:
    if name == PROBABILITY:
        same = got.shape == wanted.shape and bool(np.isfinite(got).all())
        difference = float(np.abs(got.astype(np.float64) - wanted).max(initial=0.0)) if same else float("inf")
        note = "" if same else f"has shape {list(got.shape)} or values that are not finite"
        return NodeDifference(name, "prediction", wanted.shape, difference, difference <= TOLERANCE, note)
    result = measured(got, wanted)
    if name == LOGIT and np.isfinite(result.difference):
        # A logit is a number about 1 in itself: near 0 its roundings are no larger than elsewhere.
        largest = float(np.abs(wanted).max(initial=0.0))
        result = Measured(result.difference * min(1.0, largest), result.note)
    return NodeDifference(
        name, "prediction", wanted.shape, result.difference, result.difference <= INNER_TOLERANCE, result.note
    )


def _saturated(expected: Expected) -> tuple[str, ...]:
    probability = expected.values[PROBABILITY]
    if (np.minimum(probability, 1 - probability) > TOLERANCE).any():
        return ()
    return ("every probability is 0 or 1 for these images, which hides differences: judge by the logit",)


def refuse_difference(run: Run) -> None:
    """Raise ParityError with what differs, unless all is equal."""
    if not run.report.ok:
        raise ParityError([f"{run.title}: {problem}" for problem in run.report.problems()])
