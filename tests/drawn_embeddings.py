"""Embeddings drawn at random for two labels that can be told apart, for tests of heads."""

from pathlib import Path

import numpy as np
import pandas as pd

from heads.embeddings.labelled import Labelled
from heads.faces import FaceTable
from heads.provenance import EmbeddingSpec


def spec_of(dimension: int, sha256: str = "ab" * 32) -> EmbeddingSpec:
    return EmbeddingSpec("drawn.onnx", sha256, ("fc7",), (dimension,), {"channel_order": "RGB"})


def drawn_embeddings(faces: int = 400, dimension: int = 12, seed: int = 0, noise: float = 2.0) -> Labelled:
    """Return faces in all splits: four to a person, a group that is all but independent of the label."""
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, 2, faces)
    direction = generator.normal(size=dimension)
    vectors = generator.normal(size=(faces, dimension)) * noise + np.outer(2 * targets - 1, direction) + 3
    share = np.arange(faces) / faces
    rows = pd.DataFrame(
        {
            "path": [f"{number:04d}.png" for number in range(faces)],
            "label": np.where(targets == 1, "male", "female"),
            "identity": [f"person{number // 4}" for number in range(faces)],
            "split": np.where(share < 0.6, "train", np.where(share < 0.8, "val", "test")),
            "group_tone": np.where(generator.random(faces) < 0.5, "light", "dark"),
        }
    )
    table = FaceTable("drawn", Path("faces"), rows, "folder", licence="CC0", seed=3)
    return Labelled(vectors.astype(np.float32), table, spec_of(dimension), ("drawn.onnx",))
