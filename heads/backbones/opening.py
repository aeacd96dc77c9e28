"""Opening a backbone: from the words that name a model to a network that was tried on two images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from converters import formats
from converters.errors import ConversionError
from heads.backbones.artefact import Array, Artefact, Engine, Hardware
from heads.backbones.backbone import Backbone, joined
from heads.backbones.fingerprint import fingerprint
from heads.backbones.stating import Stated, preparation
from heads.errors import HeadsError
from heads.images.preprocessing import Preparation

# How far the embedding of an image may move with the images beside it, relative to the largest value.
INDEPENDENCE = {"float32": 1e-5, "float64": 1e-5}
COARSER = 5e-3


def open_backbone(
    words: Sequence[str],
    nodes: Sequence[str] = (),
    *,
    device: str = "cpu",
    threads: int | None = None,
    normalize: bool = False,
    channel_order: str | None = None,
    mean: Sequence[float] | Array | None = None,
    scale: Sequence[float] | None = None,
    size: tuple[int, int] | None = None,
) -> Backbone:
    """Open what `words` name as a backbone whose embeddings are the values of `nodes`, side by side.

    `words` are one path of a converted model, or of any ONNX, Keras or PyTorch model; a known name, sources (prototxt
    and caffemodel, or .mat); or `inception-resnet-v1` and its weights. Without nodes the model's only output is taken.
    With `normalize` the whole embedding gets Euclidean length 1. What is said of preprocessing (see `Stated`) stands in
    place of what the file says. The code of a PyTorch module is executed. HeadsError lists what cannot be; a device
    that is not there is refused, and an image's embedding must not depend on the other images of its batch.
    """
    if not words:
        raise HeadsError("no model is named")
    arguments = {
        "words": tuple(map(str, words)), "nodes": tuple(nodes), "device": device, "threads": threads,
        "normalize": normalize, "channel_order": channel_order, "mean": mean, "scale": scale, "size": size,
    }  # fmt: skip
    try:
        return _opened(arguments, Hardware(device, threads), Stated(channel_order, mean, scale, size))
    except ConversionError as error:
        raise HeadsError(_placed(error.problems, words)) from error
    except HeadsError as error:
        raise type(error)(_placed(error.problems, words)) from error


def _placed(problems: Sequence[str], words: Sequence[str]) -> list[str]:
    name = str(words[0])
    return [line if line.startswith(tuple(map(str, words))) else f"{name}: {line}" for line in problems]


def _opened(arguments: dict[str, Any], hardware: Hardware, stated: Stated) -> Backbone:
    words = arguments["words"]
    _ = hardware.gpu  # a word that is no device is refused before anything is loaded
    artefact = _artefact(words, hardware)
    prepared, chosen = _settled(artefact, stated, arguments["nodes"])
    engine = artefact.load(chosen)
    fixed = artefact.shape[0]
    dimensions = _tried(engine, chosen, prepared, artefact)
    return Backbone(
        model=" ".join(Path(word).name for word in words),
        model_sha256=fingerprint(artefact.files),
        nodes=chosen,
        dimensions=dimensions,
        preparation=prepared,
        engine=engine,
        normalize=arguments["normalize"],
        fixed_batch=fixed,
        licence=artefact.licence,
        opened_with=arguments,
    )


def _settled(artefact: Artefact, stated: Stated, nodes: Sequence[str]) -> tuple[Preparation, tuple[str, ...]]:
    """Return preprocessing and nodes; HeadsError with the problems of both."""
    problems: list[str] = []
    try:
        prepared = preparation(artefact, stated)
    except HeadsError as error:
        problems += error.problems
    try:
        chosen = artefact.chosen(nodes)
    except HeadsError as error:
        problems += error.problems
    if problems:
        raise HeadsError(problems)
    return prepared, chosen


def _tried(engine: Engine, nodes: tuple[str, ...], prepared: Preparation, artefact: Artefact) -> tuple[int, ...]:
    """Run two images of noise alone and together; return the nodes' dimensions, HeadsError where something is wrong."""
    rng = np.random.default_rng(0)
    shape = (1 if prepared.channel_order == "gray" else 3, *prepared.size)
    pixels = rng.integers(0, 256, (2, *shape), np.uint8)
    images = pixels if prepared.dtype == "uint8" else prepared.arithmetic(pixels)
    count = artefact.shape[0] or 2
    alone = engine.compute(images[:1].repeat(artefact.shape[0] or 1, 0))
    together = engine.compute(images[np.arange(count) % 2])
    vectors = [
        [joined([value], [node], len(value)) for value, node in zip(values, nodes, strict=True)]
        for values in (alone, together)
    ]
    problems = [
        problem
        for node, one, other in zip(nodes, *vectors, strict=True)
        for problem in _strange(node, one[0], other[0], INDEPENDENCE.get(engine.dtype, COARSER))
    ]
    if problems:
        raise HeadsError(problems)
    return tuple(one.shape[1] for one in vectors[0])


def _strange(node: str, alone: Array, together: Array, tolerance: float) -> list[str]:
    if not np.isfinite(together).all():
        return [f"the node '{node}' gives values that are not finite numbers"]
    largest = float(np.abs(alone).max(initial=0))
    moved = float(np.abs(alone - together).max(initial=0))
    if moved <= tolerance * max(largest, 1e-30):
        return []
    return [
        f"the node '{node}' gives an image another value when a second image is beside it (by {moved / largest:.1e} of "
        "the largest value): it takes statistics of the batch, and such embeddings mean nothing"
    ]


def _artefact(words: tuple[str, ...], hardware: Hardware) -> Artefact:
    return _onnx(words, hardware)


def _onnx(words: tuple[str, ...], hardware: Hardware) -> Artefact:
    found: Artefact = formats.load("heads.backbones.onnx_artefacts").found(Path(words[0]), hardware)
    return found
