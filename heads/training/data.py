"""The faces that a training works on: which are learned from, which are validated on, and their targets."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from converters.ops import Array
from heads.embeddings.labelled import Labelled
from heads.errors import DataError, UsageError
from heads.faces import GROUP
from heads.training.options import TrainOptions

BLOCK = 4096  # rows at once, where all are gone through
# Of fewer validation faces a group's accuracy says little: such a group takes no part in a selection by the worst one.
LEAST_GROUP = 10
POSITIVE_RULE = "the label that comes last in the alphabet"


@dataclass(frozen=True, eq=False)
class TrainingData:
    """`vectors` (all faces, dimension), perhaps mapped from a file; rows of it that are trained and validated on.

    `targets` and `weights` (all faces,) float32. `groups` numbers the group of each validation face (-1: none), and
    `group_names` are their names, for a selection by the worst group.
    """

    vectors: Array
    targets: Array
    weights: Array
    train_rows: Array
    val_rows: Array
    labels: tuple[str, str]
    groups: Array | None = None
    group_names: tuple[str, ...] = ()
    groups_left_out: tuple[str, ...] = ()

    @property
    def dimension(self) -> int:
        """Return the length of an embedding."""
        return int(self.vectors.shape[1])

    @cached_property
    def val_vectors(self) -> Array:
        """Return the validation faces' embeddings."""
        return gathered(self.vectors, self.val_rows)

    @property
    def val_targets(self) -> Array:
        """Return the validation faces' targets."""
        return np.asarray(self.targets[self.val_rows])

    @cached_property
    def standardisation(self) -> tuple[Array, Array]:
        """Return mean and scale (dimension,) float32 of the training faces: (x - mean) * scale has deviation 1.

        A number that is the same for all training faces has scale 1.
        """
        mean = self._mean(lambda block: block)
        deviation = np.sqrt(self._mean(lambda block: np.square(block - mean)))
        # What rounding leaves of a constant is no deviation.
        constant = deviation <= 1e-6 * np.abs(mean)
        scale = 1 / np.where(constant, 1.0, deviation)
        return mean.astype(np.float32), scale.astype(np.float32)

    def _mean(self, of: Callable[[Array], Array]) -> Array:
        total = np.zeros(self.dimension)
        for start in range(0, len(self.train_rows), BLOCK):
            total += of(self.vectors[self.train_rows[start : start + BLOCK]].astype(np.float64)).sum(0)
        return np.asarray(total / len(self.train_rows))

    def digest(self) -> str:
        """Return a sha256 over all that is learned from and chosen by."""
        found = hashlib.sha256(repr((self.vectors.shape, self.labels, self.group_names)).encode())
        for array in (self.targets, self.weights, self.train_rows, self.val_rows, self.groups):
            found.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        for start in range(0, len(self.vectors), BLOCK):
            found.update(np.ascontiguousarray(self.vectors[start : start + BLOCK]).data)
        return found.hexdigest()


def aligned(shape: tuple[int, ...]) -> Array:
    """Return an empty float32 array that begins at a multiple of 64 bytes.

    Libraries of linear algebra may round differently by where an array begins; here the same always gives the same.
    """
    count = int(np.prod(shape))
    raw = np.empty(count * 4 + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + count * 4].view(np.float32).reshape(shape)


def gathered(vectors: Array, rows: Array, out: Array | None = None) -> Array:
    """Return some rows as an aligned array."""
    target = aligned((len(rows), vectors.shape[1])) if out is None else out
    # Other modes would fill a second array first.
    return np.take(vectors, rows, axis=0, out=target, mode="clip")


def training_data(labelled: Labelled, options: TrainOptions) -> TrainingData:
    """Return what to train on; DataError lists all that keeps the faces from being trained on."""
    rows = labelled.table.rows
    known = (rows["label"] != "").to_numpy()
    labels = _labels(labelled, known, options)
    split = rows["split"].to_numpy()
    train, val = (np.flatnonzero(known & (split == name)) for name in ("train", "val"))
    targets = labelled.targets(labels[1])
    problems = [
        *_missing_labels("train", targets[train], labels),
        *_missing_labels("val", targets[val], labels),
        *_not_numbers(labelled, np.concatenate([train, val])),
    ]
    if problems:
        raise DataError(problems)
    groups, names, left_out = _groups(labelled, val, options)
    weights = _weights(targets, train, options)
    vectors = labelled.vectors.astype(np.float32, copy=False)
    return TrainingData(vectors, targets, weights, train, val, labels, groups, names, left_out)


def _labels(labelled: Labelled, known: Array, options: TrainOptions) -> tuple[str, str]:
    counts = labelled.table.rows["label"][known].value_counts()
    told = ", ".join(f"'{label}' {count}" for label, count in sorted(counts.items()))
    if len(counts) != 2:
        raise DataError(
            f"the faces have {len(counts)} labels ({told or 'all are empty'}); a head tells two apart: leave others out"
        )
    first, second = sorted(counts.index)
    positive = options.positive or second
    if positive not in (first, second):
        raise UsageError(f"the positive label is '{positive}', but the faces' labels are {told}")
    return (second, first) if positive == first else (first, second)


def _missing_labels(split: str, targets: Array, labels: tuple[str, str]) -> list[str]:
    if not len(targets):
        return [f"no labelled face is in the split '{split}'; `heads split` makes the splits"]
    counts = {label: int((targets == value).sum()) for value, label in enumerate(labels)}
    return [
        f"no face labelled '{label}' is in the split '{split}' of {len(targets)} faces"
        for label, count in counts.items()
        if not count
    ]


def _not_numbers(labelled: Labelled, chosen: Array) -> list[str]:
    bad: list[int] = []
    for start in range(0, len(chosen), BLOCK):
        rows = chosen[start : start + BLOCK]
        bad += rows[~np.isfinite(labelled.vectors[rows]).all(1)].tolist()
    if not bad:
        return []
    paths = labelled.table.rows["path"].to_numpy()
    shown = ", ".join(str(paths[row]) for row in bad[:3]) + (" ..." if len(bad) > 3 else "")
    return [f"{len(bad)} embeddings hold infinities or what is not a number ({shown}); embed these faces again"]


def _groups(
    labelled: Labelled, val: Array, options: TrainOptions
) -> tuple[Array | None, tuple[str, ...], tuple[str, ...]]:
    """Return the group numbers of the validation faces, the groups' names, and the groups that are too small."""
    if options.group is None:
        return None, (), ()
    column = f"{GROUP}{options.group}"
    if column not in labelled.table.rows.columns:
        known = ", ".join(labelled.table.groups) or "none"
        raise UsageError(f"the table has no group '{options.group}'; its groups are: {known}")
    values = labelled.table.rows[column].to_numpy()[val].astype(str)
    counts = {name: int((values == name).sum()) for name in sorted(set(values) - {""})}
    names = tuple(name for name, count in counts.items() if count >= LEAST_GROUP)
    if not names:
        raise DataError(f"no value of the group '{options.group}' has {LEAST_GROUP} or more validation faces: {counts}")
    numbers = {name: number for number, name in enumerate(names)}
    return (
        np.array([numbers.get(value, -1) for value in values]),
        names,
        tuple(f"{name} ({counts[name]} faces)" for name in counts if name not in names),
    )


def _weights(targets: Array, train: Array, options: TrainOptions) -> Array:
    if options.class_weights == "none":
        return np.ones(len(targets), np.float32)
    share = float(targets[train].mean())
    return np.where(targets > 0, 0.5 / share, 0.5 / (1 - share)).astype(np.float32)
