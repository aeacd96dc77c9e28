"""What a written model says of itself: the same facts, under the same names, in every target."""

import base64
import json
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from converters.errors import FormatError
from converters.formats import DISTRIBUTION
from converters.ir import Graph, Preprocessing
from converters.ops import Array

UNKNOWN_HASH = "0" * 64
STRUCTURES = ("preprocessing", "labels", "source_sha256")


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


def from_text(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the facts that `as_text` wrote into metadata, and what else stands there; FormatError where they differ.

    A file of others may use the same names for something else: then only what it says of preprocessing is insisted on.
    """
    told: dict[str, Any] = dict(metadata)
    for key in told.keys() & set(STRUCTURES):
        try:
            told[key] = json.loads(metadata[key])
        except ValueError as error:
            if key == "preprocessing":
                raise FormatError(f"the metadata entry 'preprocessing' is not JSON: {error}") from error
    return told


def preprocessing_read(told: Mapping[str, Any], tensor: Callable[[str], Array] | None = None) -> Preprocessing:
    """Return the preprocessing among the facts that `described` gave; nothing is known of what they do not name.

    `tensor` gives the tensor of the file that holds a mean image, by name. FormatError lists all that makes no sense.
    """
    said = told.get("preprocessing") or {}
    if not isinstance(said, Mapping):
        raise FormatError(f"'preprocessing' is {said!r}, expected names and values")
    found: dict[str, Any] = {}
    problems: list[str] = []
    for key, (field, read) in _READERS.items():
        try:
            found[field] = None if said.get(key) is None else read(said[key], tensor)
        except (ValueError, TypeError, KeyError) as error:
            problems.append(f"'preprocessing' has a {key} that makes no sense: {error}")
    if problems:
        raise FormatError(problems)
    return Preprocessing(**found)


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


def _order_read(value: Any, _tensor: Any) -> str:
    if value not in ("RGB", "BGR", "gray"):
        raise ValueError(f"{value!r} is none of RGB, BGR, gray")
    return str(value)


def _mean_read(value: Any, tensor: Callable[[str], Array] | None) -> Array:
    if isinstance(value, str):
        if tensor is None:
            raise ValueError(f"it lies in the tensor '{value}', which is not at hand")
        mean = np.asarray(tensor(value), np.float32)
    elif isinstance(value, Mapping):
        packed = base64.b64decode(value["float32_base64"], validate=True)
        mean = np.frombuffer(packed, "<f4").reshape(value["shape"]).astype(np.float32)
    else:
        mean = np.asarray(value, np.float32)
    if mean.ndim not in (1, 3) or not np.isfinite(mean).all():
        raise ValueError(f"shape {list(mean.shape)}, expected finite numbers for channels, or an image")
    return mean


def _scale_read(value: Any, _tensor: Any) -> tuple[float, ...]:
    return tuple(float(factor) for factor in value)


def _size_read(value: Any, _tensor: Any) -> tuple[int, int]:
    height, width = value
    if min(height, width) < 1:
        raise ValueError(f"{value!r} is no height and width")
    return int(height), int(width)


_READERS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "channel_order": ("channel_order", _order_read),
    "mean": ("mean", _mean_read),
    "scale": ("scale", _scale_read),
    "size_height_width": ("size", _size_read),
}
