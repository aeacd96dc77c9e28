"""Opening a backbone: from the words that name a model to a network that was tried on two images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from converters.errors import ConversionError
from heads.backbones.artefact import Array, Artefact, Engine, Hardware
from heads.backbones.backbone import Backbone, joined
from heads.backbones.finding import find_artefact
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
    stated: Stated | None = None,
) -> Backbone:
    """Open what `words` name as a backbone whose embeddings are the values of `nodes`, side by side.

    `words` are one path of a converted model, or of any ONNX, Keras or PyTorch model; a known name, or sources
    (prototxt and caffemodel, or .mat); or `inception-resnet-v1` and its weights. Without nodes the model's only output
    is taken. With `normalize` the whole embedding gets Euclidean length 1. What is `stated` of preprocessing stands in
    place of what the file says. The code of a PyTorch module is executed. PyTorch and TensorFlow share their number of
    threads with all else in the process.

    HeadsError lists what cannot be done: a device that is not there is refused, and so is a network in which the
    embedding of an image depends on the other images of its batch.
    """
    if not words:
        raise HeadsError("no model is named")
    names = tuple(map(str, words))
    arguments = {
        # Another process may stand in another folder.
        "words": tuple(str(Path(name).resolve()) if Path(name).exists() else name for name in names),
        "nodes": tuple(nodes),
        "device": device,
        "threads": threads,
        "normalize": normalize,
        "stated": stated,
    }
    try:
        return _opened(names, arguments, Hardware(device, threads), stated or Stated())
    except ConversionError as error:
        raise HeadsError(_placed(error.problems, names)) from error
    except HeadsError as error:
        raise type(error)(_placed(error.problems, names)) from error


def _placed(problems: Sequence[str], words: tuple[str, ...]) -> list[str]:
    """Say of which model the problems are, where they do not."""
    return [line if line.startswith((*words, f"'{words[0]}'")) else f"{words[0]}: {line}" for line in problems]


def _opened(words: tuple[str, ...], arguments: dict[str, Any], hardware: Hardware, stated: Stated) -> Backbone:
    wanted = hardware.name  # a word that is no device is refused before anything is loaded
    artefact = find_artefact(words, hardware)
    prepared, chosen = _settled(artefact, stated, arguments["nodes"])
    engine = artefact.load(chosen)
    dimensions = _tried(engine, chosen, prepared)
    if engine.where() != wanted:
        raise HeadsError(f"{wanted} was asked for, but the network ran on {engine.where()}")
    return Backbone(
        model=" ".join(Path(word).resolve().name for word in words),
        model_sha256=fingerprint(artefact.files),
        nodes=chosen,
        dimensions=dimensions,
        preparation=prepared,
        engine=engine,
        normalize=arguments["normalize"],
        licence=artefact.licence,
        notes=_overruled(artefact, stated, prepared),
        opened_with=arguments,
    )


def _overruled(artefact: Artefact, stated: Stated, prepared: Preparation) -> tuple[str, ...]:
    """Say where what is stated differs from what the model's file says of its own images."""
    try:
        own = preparation(artefact, Stated(size=stated.size)).facts()
    except HeadsError:
        return ()  # the file does not say all of it, which is why it is stated
    return tuple(
        f"{name.replace('_', ' ')} is taken to be {_said(value)}, although the model's file says {_said(own[name])}"
        for name, value in prepared.facts().items()
        if value != own[name]
    )


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mean image"
    return ", ".join(f"{part:.6g}" for part in value) if isinstance(value, list | tuple) else str(value)


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


def _tried(engine: Engine, nodes: tuple[str, ...], prepared: Preparation) -> tuple[int, ...]:
    """Run two images of noise alone and together; return the nodes' dimensions, HeadsError where something is wrong."""
    rng = np.random.default_rng(0)
    shape = (1 if prepared.channel_order == "gray" else 3, *prepared.size)
    pixels = rng.integers(0, 256, (2, *shape), np.uint8)
    images = pixels if prepared.dtype == "uint8" else prepared.arithmetic(pixels)
    alone = engine.compute(images[:1].repeat(engine.batch or 1, 0))
    together = engine.compute(images[np.arange(engine.batch or 2) % 2])
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
    largest = float(np.maximum(np.abs(alone), np.abs(together)).max(initial=0))
    moved = float(np.abs(alone - together).max(initial=0))
    if moved <= tolerance * largest:
        return []
    problem = (
        f"the node '{node}' gives an image another value when a second image is beside it "
        f"(by {moved / largest:.1e} of the largest): it takes statistics of the batch, and such embeddings mean nothing"
    )
    return [problem]
