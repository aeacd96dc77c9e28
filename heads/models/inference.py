"""What a head says of embeddings, in NumPy."""

import numpy as np

from heads.errors import MismatchError
from heads.models.graph import EMBEDDING, FORMS, LOGIT, head_graph
from heads.models.head import INPUT_MEAN, INPUT_SCALE, Array, Head
from heads.provenance import EmbeddingSpec

ROWS = 2048  # embeddings at once: bounds the memory, whatever their number


def logits(head: Head, vectors: Array, spec: EmbeddingSpec | None = None) -> Array:
    """Return the logit of the positive label (n,) float32 for embeddings (n, dimension).

    Give the `spec` of the embeddings wherever it is known: MismatchError where they were not made as the head's were,
    or are of another length.
    """
    if spec is not None:
        check_spec(head, spec)
    if vectors.ndim != 2 or vectors.shape[1] != head.embedding.dimension:
        raise MismatchError(
            f"embeddings of shape {list(vectors.shape)} for a head of {head.embedding.dimension} numbers per face; "
            f"it was trained on {head.embedding.model}, {' + '.join(head.embedding.nodes)}"
        )
    compute = _by_graph if head.kind in FORMS else _by_neighbours
    blocks = [
        compute(head, np.asarray(vectors[start : start + ROWS], dtype=np.float32))
        for start in range(0, len(vectors), ROWS)
    ]
    return np.concatenate([np.zeros(0, np.float32), *blocks])


def probabilities(head: Head, vectors: Array, spec: EmbeddingSpec | None = None) -> Array:
    """Return the calibrated probability of the positive label (n,) float32: sigmoid(logit / temperature)."""
    return calibrated(logits(head, vectors, spec), head.calibration.temperature)


def calibrated(values: Array, temperature: float) -> Array:
    """Return sigmoid(logit / temperature), computed so that it cannot overflow."""
    half = np.float32(0.5)
    return np.asarray(half * np.tanh(values * np.float32(0.5 / temperature)) + half)


def check_spec(head: Head, spec: EmbeddingSpec) -> None:
    """Refuse embeddings that were not made as the head's were; MismatchError lists every difference."""
    differences = head.embedding.differences(spec)
    if differences:
        raise MismatchError([f"these embeddings do not belong to this head: {line}" for line in differences])


def _by_graph(head: Head, vectors: Array) -> Array:
    values = head_graph(head, len(vectors)).run({EMBEDDING: vectors})
    return np.asarray(values[LOGIT][:, 0])


def _by_neighbours(head: Head, vectors: Array) -> Array:
    """log((positive + 1/2) / (negative + 1/2)) of the votes of the nearest stored faces."""
    if INPUT_MEAN in head.arrays:
        vectors = (vectors - head.arrays[INPUT_MEAN]) * head.arrays[INPUT_SCALE]
    count = int(head.arrays["neighbours"][0])
    nearest = np.argpartition(_distances(head, vectors), count - 1, axis=1)[:, :count]
    return vote_logits(head.arrays["stored_targets"][nearest].sum(1), count)


def vote_logits(positive: Array, count: int) -> Array:
    """Return the log-odds of `positive` votes among `count`; half a vote on either side keeps them finite."""
    return np.asarray(np.log((positive + 0.5) / (count - positive + 0.5)), dtype=np.float32)


def _distances(head: Head, vectors: Array) -> Array:
    """Return what orders the stored faces by distance: (n, stored)."""
    stored = head.arrays["stored"]
    if head.settings["metric"] == "cosine":
        # The stored ones have length 1; that of a row does not change the row's order.
        return np.asarray(-(vectors @ stored.T))
    return np.asarray(np.square(stored).sum(1) - 2 * (vectors @ stored.T))
