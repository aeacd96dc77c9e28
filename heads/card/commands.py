"""The commands that make a head again, with every option that differs from what is assumed."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from heads.models.head import Head
from heads.provenance import Crop, EmbeddingSpec

# Options of a training and what they are without being said.
ASSUMED: dict[str, Any] = {
    "positive": None, "framework": "torch", "seeds": 1, "learning_rates": [], "selection": "loss", "group": None,
    "class_weights": "none", "initialisation_seed": 0, "order_seed": 0, "dropout_seed": 0,
}  # fmt: skip


def embed_command(head: Head) -> str:
    """Return the command that embeds images as the head's were."""
    words = [Path(str(word)).name for word in head.facts.get("backbone", ())] or [head.embedding.model]
    return shlex.join(["heads", "embed", *words, "split.csv", *_embed_options(head.embedding), "-o", "embeddings/"])


def train_command(head: Head) -> str:
    """Return the command that trains the head on those embeddings."""
    told = head.facts.get("options", {})
    options = [
        part
        for name, assumed in ASSUMED.items()
        if told.get(name, assumed) != assumed
        for part in (f"--{name.replace('_', '-')}", _value(told[name]))
    ]
    return shlex.join(["heads", "train", "embeddings/", "--recipe", head.recipe, *options, "-o", "head/"])


def _embed_options(spec: EmbeddingSpec) -> Iterator[str]:
    for node in spec.nodes:
        yield from ("--node", node)
    if spec.normalized:
        yield "--l2-normalize"
    yield from _preprocessing(spec.preprocessing)
    yield from _crop(spec.crop)


def _preprocessing(told: Mapping[str, Any]) -> Iterator[str]:
    order = told.get("channel_order")
    if order:
        yield from ("--channel-order", str(order))
    mean, scale = told.get("mean"), told.get("scale")
    # A mean image is known by its hash alone, and comes with the model.
    if isinstance(mean, list | tuple) and any(mean):
        yield from ("--mean", _value(mean[::-1] if order == "BGR" else mean))
    if isinstance(scale, list | tuple) and any(factor != 1 for factor in scale):
        yield from ("--scale", _value(scale[::-1] if order == "BGR" else scale))


def _crop(crop: Crop) -> Iterator[str]:
    if crop.kind == "none":
        return
    yield from ("--crop", crop.kind)
    for name in ("rows", "columns"):
        if name in crop.settings:
            first, last = crop.settings[name]
            yield from (f"--crop-{name}", f"{first}:{last}")
    if "margin" in crop.settings:
        yield from ("--margin", _value(crop.settings["margin"]))
    if crop.kind == "detected":
        yield from ("--detector", "MTCNN")


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
