"""A trained head: two files in a folder, `head.json` with every fact and `weights.safetensors` with every array."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from heads.errors import HeadsError
from heads.provenance import EmbeddingSpec

HEAD, WEIGHTS = "head.json", "weights.safetensors"
VERSION = 1
# Arrays (dimension,): an embedding is made (x - mean) * scale before anything else. Measured, not learned.
INPUT_MEAN, INPUT_SCALE = "input_mean", "input_scale"
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Calibration:
    """From a logit to a decision: the probability of the positive label is sigmoid(logit / temperature).

    At `threshold` and above the positive label is said; between `abstain_from` and `abstain_to` nothing is.
    """

    temperature: float = 1.0
    threshold: float = 0.5
    abstain_from: float = 0.5
    abstain_to: float = 0.5


@dataclass(frozen=True, eq=False)
class Head:
    """A classifier of embeddings into two labels, with one logit for the positive one.

    `kind` says how `arrays` are used: "mlp", "linear", "svm", "knn" or "centroid"; `settings` are those of the recipe,
    all of them. `labels` are (negative, positive). `facts` is what was recorded on the way: data, seeds, versions,
    selection, results.
    """

    recipe: str
    kind: str
    labels: tuple[str, str]
    arrays: Mapping[str, Array]
    settings: Mapping[str, Any]
    embedding: EmbeddingSpec
    calibration: Calibration = field(default_factory=Calibration)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def positive(self) -> str:
        """Return the label whose probability is given."""
        return self.labels[1]

    @property
    def parameters(self) -> int:
        """Return how many numbers were learned; mean and scale of the inputs are measured."""
        measured = (INPUT_MEAN, INPUT_SCALE)
        return sum(int(array.size) for name, array in self.arrays.items() if name not in measured)

    def with_calibration(self, calibration: Calibration) -> "Head":
        """Return the same head with another way to decide."""
        return replace(self, calibration=calibration)

    def with_facts(self, **facts: Any) -> "Head":
        """Return the same head with more facts recorded."""
        return replace(self, facts={**self.facts, **facts})


def save_head(head: Head, folder: Path) -> list[Path]:
    """Write a head into a folder that exists, and return the files; the same head gives the same bytes."""
    told = {
        "version": VERSION,
        "recipe": head.recipe,
        "kind": head.kind,
        "labels": {"negative": head.labels[0], "positive": head.labels[1]},
        "settings": dict(head.settings),
        "calibration": vars(head.calibration),
        "embedding": head.embedding.to_json(),
        "facts": dict(head.facts),
    }
    text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
    arrays = {name: np.ascontiguousarray(array) for name, array in sorted(head.arrays.items())}
    (folder / WEIGHTS).write_bytes(save(arrays))
    (folder / HEAD).write_text(text + "\n", encoding="utf-8")
    return [folder / HEAD, folder / WEIGHTS]


def load_head(folder: Path) -> Head:
    """Read a head; HeadsError where the folder holds none, or one that cannot be read."""
    try:
        told = json.loads((folder / HEAD).read_text(encoding="utf-8"))
        arrays = load((folder / WEIGHTS).read_bytes())
        return Head(
            told["recipe"],
            told["kind"],
            (told["labels"]["negative"], told["labels"]["positive"]),
            arrays,
            told["settings"],
            EmbeddingSpec.from_json(told["embedding"]),
            Calibration(**told["calibration"]),
            told["facts"],
        )
    except FileNotFoundError as error:
        raise HeadsError(f"{folder}: holds no head ({Path(str(error.filename)).name} is missing)") from error
    except Exception as error:
        # safetensors raises kinds of its own, and a damaged JSON file may fail anywhere above.
        raise HeadsError(f"{folder}: the head cannot be read: {type(error).__name__}: {error}") from error
