"""Embeddings with what is known of their faces: what heads are trained and evaluated on."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from heads.errors import DataError
from heads.faces import FaceTable
from heads.provenance import EmbeddingSpec

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Labelled:
    """`vectors` (faces, dimension) float32, one for each row of `table`, made as `spec` says.

    `backbone` holds the words that named the backbone (paths or a name): what is needed to embed more images.
    """

    vectors: Array
    table: FaceTable
    spec: EmbeddingSpec
    backbone: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.table)

    def part(self, split: str) -> "Labelled":
        """Return the faces of one split; DataError if there are none."""
        chosen = (self.table.rows["split"] == split).to_numpy()
        if not chosen.any():
            raise DataError(f"no face is in the split '{split}'; `heads split` makes the splits")
        return self.where(chosen)

    def where(self, chosen: Array) -> "Labelled":
        """Return the faces for which `chosen` (faces,) is true."""
        return replace(self, vectors=self.vectors[chosen], table=self.table.with_rows(self.table.rows[chosen]))

    def targets(self, positive: str) -> Array:
        """Return (faces,) float32: 1 where the label is `positive`, else 0."""
        found: Array = (self.table.rows["label"] == positive).to_numpy().astype(np.float32)
        return found
