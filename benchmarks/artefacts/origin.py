"""Which network a probe set belongs to: what `heads` records of embeddings of the same network."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.errors import BenchError

Array = np.ndarray[Any, Any]
ABOUT, MEAN = "about", "mean"


@dataclass(frozen=True, eq=False)
class Origin:
    """A network, by its name and the sha256 over its source files, and how images become its input.

    `preprocessing` has the keys of an EmbeddingSpec's; `mean` is the array that it names. `assumed` says by key what
    the model itself does not tell.
    """

    model: str
    model_sha256: str
    preprocessing: Mapping[str, Any]
    mean: Array
    assumed: Mapping[str, str]

    def stored(self) -> dict[str, Array]:
        """Return the arrays that it is in a probe set."""
        told = {name: value for name, value in vars(self).items() if name != MEAN}
        return {ABOUT: np.array(json.dumps(told)), MEAN: self.mean}


def read_origin(path: Path) -> Origin:
    """Return which network a probe set belongs to; BenchError where the file is none, or does not say."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Origin(**json.loads(str(stored[ABOUT])), mean=stored[MEAN])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise BenchError(
            f"{path}: the probe set does not say which network it belongs to ({type(error).__name__}: {error}); "
            "have it made again by `python -m benchmarks.artefacts`"
        ) from error
