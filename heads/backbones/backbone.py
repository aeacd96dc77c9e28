"""A network that makes embeddings of images, whatever file it came from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from converters.ir import Preprocessing
from heads.backbones.artefact import Array, Engine
from heads.errors import HeadsError
from heads.images.preprocessing import Preparation
from heads.provenance import Crop, EmbeddingSpec

# Below this a vector has no direction.
SHORTEST = 1e-12


@dataclass(frozen=True, eq=False)
class Backbone:
    """An opened network: `prepare` makes its input of an image, `run` the embeddings of a batch.

    `model` is what people call it. `nodes` are joined in this order, each of `dimensions` values; maps are averaged
    over height and width. `opened_with` are the arguments that make `open_backbone` open the same once more, in any
    process. `notes` say what a person should know of it.
    """

    model: str
    model_sha256: str
    nodes: tuple[str, ...]
    dimensions: tuple[int, ...]
    preparation: Preparation
    engine: Engine
    normalize: bool = False
    licence: str = ""
    notes: tuple[str, ...] = ()
    opened_with: Mapping[str, Any] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """Return the device that the network really runs on: "cpu" or "cuda:<number>"."""
        return self.engine.where()

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Return (channels, height, width) of what `prepare` gives."""
        height, width = self.preparation.size
        return (1 if self.preparation.channel_order == "gray" else 3, height, width)

    @property
    def input_dtype(self) -> str:
        """Return the number type of what `prepare` gives: "float32", or "uint8" where the network does the rest."""
        return self.preparation.dtype

    @property
    def preprocessing(self) -> Preprocessing:
        """Return what `prepare` does, as a graph states it."""
        return self.preparation.preprocessing()

    @property
    def dimension(self) -> int:
        """Return the length of an embedding."""
        return sum(self.dimensions)

    def spec(self, crop: Crop | None = None) -> EmbeddingSpec:
        """Return all that decides the values of an embedding of images cropped so."""
        return EmbeddingSpec(
            model=self.model,
            model_sha256=self.model_sha256,
            nodes=self.nodes,
            dimensions=self.dimensions,
            preprocessing=self.preparation.facts(),
            crop=crop or Crop(),
            normalized=self.normalize,
            dtype=self.engine.dtype,
            licence=self.licence,
        )

    def prepare(self, image: Image.Image) -> Array:
        """Return the network's input for one RGB image, cropped already: (channels, height, width)."""
        return self.preparation(image)

    def run(self, batch: Array) -> Array:
        """Return the embeddings (n, dimension) float32 of prepared images (n, channels, height, width).

        MemoryError where the batch does not fit into the device's memory; HeadsError for another shape.
        """
        if batch.ndim != 4 or batch.shape[1:] != self.input_shape or not len(batch):
            raise HeadsError(f"a batch of shape {list(batch.shape)} was given, expected [n, {self.input_shape}]")
        parts = [self._embedded(part)[:count] for part, count in self._parts(batch)]
        vectors = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return unit_length(vectors) if self.normalize else vectors

    def _parts(self, batch: Array) -> Iterator[tuple[Array, int]]:
        """Yield the batch in the sizes that the network takes, the last filled up, and how many images are in it."""
        size = self.engine.batch or len(batch)
        for start in range(0, len(batch), size):
            part = batch[start : start + size]
            missing = size - len(part)
            yield (np.concatenate([part, part[-1:].repeat(missing, 0)]) if missing else part), len(part)

    def _embedded(self, batch: Array) -> Array:
        return joined(self.engine.compute(batch), self.nodes, len(batch))


def joined(values: Sequence[Array], nodes: Sequence[str], count: int) -> Array:
    """Return the values of nodes side by side (count, dimension) float32, maps averaged over height and width."""
    flat = [_flat(value, node, count) for value, node in zip(values, nodes, strict=True)]
    return flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1)


def _flat(value: Array, node: str, count: int) -> Array:
    if value.ndim not in (2, 4) or len(value) != count:
        raise HeadsError(
            f"the node '{node}' gives {list(value.shape)} for {count} images; "
            "an embedding is made of vectors [n, length] and of maps [n, channels, height, width]"
        )
    single: Array = value.astype(np.float32, copy=False)
    if single.ndim == 2:
        return single
    averaged: Array = single.mean(axis=(2, 3))
    return averaged


def unit_length(vectors: Array) -> Array:
    """Return vectors (n, dimension) divided by their Euclidean length."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float32))
    divided: Array = vectors / np.maximum(lengths, np.float32(SHORTEST))[:, None]
    return divided
