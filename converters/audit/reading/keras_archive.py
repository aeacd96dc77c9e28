"""`.keras` files: a zip archive with config.json and model.weights.h5."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from converters.audit.reading.archive import Archive
from converters.audit.reading.hdf5 import Hdf5, is_hdf5
from converters.audit.reading.keras_h5 import contents
from converters.audit.tensors import Contents
from converters.errors import FormatError

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MAX_CONFIG_BYTES = 256 << 20


def read(path: Path) -> Contents:
    """Read a `.keras` file; FormatError for what is none, or damaged."""
    archive = Archive(path, "a .keras file")
    if WEIGHTS not in archive.members:
        held = ", ".join(list(archive.members)[:4]) or "nothing"
        raise FormatError(f"{path}: holds no {WEIGHTS}, as a .keras file does, but {held}")
    content = archive.content(WEIGHTS)
    if not is_hdf5(content):
        raise FormatError(f"{path}: {WEIGHTS} in it is no HDF5 file (it begins with {bytes(content[:8])!r})")
    store = Hdf5(f"{path}: {WEIGHTS}", content, content)
    found = contents(path, store, dict(_layers(_config(archive), "layers")))
    return Contents(path, f"Keras 3 model ({found.format})", found.tensors, found.left_out)


def _config(archive: Archive) -> Any:
    """Return the model's description; it is only asked for names, so one that is missing leaves those of the file."""
    if CONFIG not in archive.members:
        return {}
    if archive.members[CONFIG].file_size > MAX_CONFIG_BYTES:
        raise FormatError(f"{archive.path}: {CONFIG} claims {archive.members[CONFIG].file_size} bytes")
    try:
        return json.loads(bytes(archive.content(CONFIG)))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{archive.path}: {CONFIG} in it is no JSON: {error}") from error


def _layers(config: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the group of each layer, as Keras names groups after classes, and the layer's name."""
    inside = config.get("config") if isinstance(config, dict) else None
    layers = inside.get("layers") if isinstance(inside, dict) else None
    counts: Counter[str] = Counter()
    for layer in layers if isinstance(layers, list) else []:
        if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
            continue
        kind = _snake_case(str(layer.get("class_name")))
        group = f"{path}/{kind}" + (f"_{counts[kind]}" if counts[kind] else "")
        counts[kind] += 1
        yield group, str(layer["config"].get("name") or layer.get("name") or "")
        yield from _layers(layer, f"{group}/layers")


def _snake_case(name: str) -> str:
    """Return the name of a class as Keras writes it in its files."""
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()
