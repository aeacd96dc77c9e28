"""What a written model says of itself: the same facts, under the same names, in every target."""

import base64
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from converters.formats import DISTRIBUTION
from converters.ir import Graph, Preprocessing

UNKNOWN_HASH = "0" * 64


def described(graph: Graph, *, mean_image: str = "", hashed: bool = True) -> dict[str, Any]:
    """Return what a file says of itself; a name that is missing is not known.

    A mean image is packed as base64, unless `mean_image` names a tensor of the file that holds it. With `hashed` False
    the sources' hashes are not waited for: zeros stand in their places.
    """
    source = graph.source
    # Names without folders: where a file lay is nobody's business, and would make the same model another file.
    clear = len({Path(name).name for name in source.files}) == len(source.files)
    told: dict[str, Any] = {
        "producer": " ".join(filter(None, (DISTRIBUTION, tool_version()))),
        "network": graph.name,
        "preprocessing": _preprocessing(graph.preprocessing, mean_image),
        "labels": list(graph.labels),
        "source_format": source.format,
        "source_sha256": {
            Path(name).name if clear else name: source.files[name] if hashed else UNKNOWN_HASH for name in source.files
        },
        "licence": source.licence,
    }
    return {**graph.facts, **{key: value for key, value in told.items() if value}}


def as_text(told: Mapping[str, Any]) -> dict[str, str]:
    """Return facts as strings, structures as JSON, for formats whose metadata hold only strings."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in told.items()
    }


def tool_version() -> str:
    """Return the version of this package; empty if it runs from a source tree that was never installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return ""


def _preprocessing(settings: Preprocessing, mean_image: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "channel_order": settings.channel_order,
        "scale": settings.scale,
        "size_height_width": settings.size,
    }
    if settings.mean is not None:
        mean = np.asarray(settings.mean, "<f4")
        packed = {"shape": mean.shape, "float32_base64": base64.b64encode(mean.tobytes()).decode()}
        told["mean"] = mean.tolist() if mean.ndim == 1 else mean_image or packed
    return {key: value for key, value in told.items() if value is not None}
