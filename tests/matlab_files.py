"""Small MatConvNet networks as MAT-files, written for tests: what MATLAB's `save` would write for these values."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray

Array = NDArray[Any]


def cell(values: Sequence[Any]) -> Array:
    """Return a 1 x n cell."""
    found = np.empty((1, len(values)), object)
    for index, value in enumerate(values):
        found[0, index] = value
    return found


def struct_array(rows: Sequence[dict[str, Any]]) -> Array:
    """Return a 1 x n struct array."""
    found = np.empty((1, len(rows)), [(name, object) for name in rows[0]])
    for index, row in enumerate(rows):
        found[0, index] = tuple(row.values())
    return found


def conv(name: str, filters: Array, biases: Array | None = None, **settings: Any) -> dict[str, Any]:
    """Return a convolution of a SimpleNN."""
    return {"name": name, "type": "conv", "weights": cell([filters, [] if biases is None else biases]), **settings}


def simplenn(path: Path, layers: Sequence[Any], **variables: Any) -> Path:
    """Write a SimpleNN, its variables at the top level."""
    scipy.io.savemat(path, {"layers": cell(layers), **variables})
    return path


def block(
    name: str, kind: str, inputs: Sequence[str], outputs: Sequence[str], params: Sequence[str] = (), **settings: Any
) -> dict[str, Any]:
    """Return a layer of a DagNN."""
    return {
        "name": name,
        "type": f"dagnn.{kind}",
        "inputs": cell(inputs),
        "outputs": cell(outputs),
        "params": cell(params),
        "block": settings or np.zeros((0, 0)),
    }


def dagnn(path: Path, layers: Sequence[dict[str, Any]], params: dict[str, Array] | None = None, **fields: Any) -> Path:
    """Write a DagNN in the variable `net`."""
    rows = [{"name": name, "value": value} for name, value in (params or {}).items()]
    net = {"layers": struct_array(layers), "params": struct_array(rows) if rows else np.zeros((0, 0)), **fields}
    scipy.io.savemat(path, {"net": net})
    return path
