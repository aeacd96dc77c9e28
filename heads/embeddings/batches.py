"""Running a network on batches that become smaller when memory runs out."""

import gc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from heads.embeddings.decoding import PreparedFace
from heads.errors import HeadsError, MismatchError

Array = np.ndarray[Any, Any]

# Kinds of exceptions of PyTorch and TensorFlow, by name: neither library is loaded to ask.
MEMORY_KINDS = ("MemoryError", "OutOfMemoryError", "ResourceExhaustedError")
MEMORY_WORDS = (
    "out of memory",
    "out_of_memory",
    "bad_alloc",
    "bad allocation",
    "allocate memory",
    "not enough memory",
    "alloc_failed",
    "resource_exhausted",
)


def means_no_memory(error: BaseException) -> bool:
    """Whether an error of any runtime, or one that it was raised from, says that memory ran out."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    told = str(error).lower()
    if kinds & {*MEMORY_KINDS} or any(words in told for words in MEMORY_WORDS):
        return True
    cause = error.__cause__
    return cause is not None and means_no_memory(cause)


@dataclass(eq=False)
class PatientRunner:
    """Runs batches of at most `size` images; when memory runs out, `size` is halved for all that follow."""

    run: Callable[[Array], Array]
    dimension: int
    size: int

    def __call__(self, batch: Array) -> Array:
        """Return (n, dimension) float32 of (n, channels, height, width); HeadsError where one image is too much."""
        parts: list[Array] = []
        start = 0
        while start < len(batch):
            part = batch[start : start + self.size]
            vectors = self._attempt(part)
            if vectors is None:
                self.size = max(1, len(part) // 2)
                gc.collect()  # what the failed attempt held is in the frames of its traceback
                continue
            parts.append(self._checked(vectors, len(part)))
            start += len(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _attempt(self, part: Array) -> Array | None:
        """Return the vectors, or None where memory ran out."""
        try:
            return self.run(part)
        except Exception as error:
            if not means_no_memory(error):
                raise
            if len(part) == 1:
                raise HeadsError(
                    f"memory runs out with a single image ({type(error).__name__}: {error}); close other programs, "
                    "or choose another device"
                ) from error
        return None

    def _checked(self, vectors: Array, count: int) -> Array:
        if vectors.shape != (count, self.dimension):
            raise MismatchError(
                f"the backbone gave {list(vectors.shape)} for {count} images, expected [{count}, {self.dimension}]"
            )
        return vectors


def batches(faces: Iterable[PreparedFace], size: int) -> Iterator[list[PreparedFace]]:
    """Gather faces by `size`; the last batch may be smaller."""
    batch: list[PreparedFace] = []
    for face in faces:
        batch.append(face)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def stacked(batch: Iterable[PreparedFace]) -> Array:
    """Return the pixels of faces as one array (n, channels, height, width)."""
    return np.stack([face.pixels for face in batch if face.pixels is not None])
