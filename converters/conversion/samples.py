"""Real data for a proof: .npy arrays and pictures."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from converters import formats, passes
from converters.conversion.side_files import read_array
from converters.errors import ConversionError, FormatError, ShapeError
from converters.files.model_files import check_regular
from converters.ir import Graph
from converters.ops import Array

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


def read_samples(graph: Graph, samples: tuple[tuple[str, Path], ...]) -> list[tuple[str, dict[str, Array]]]:
    """Return (title, feeds) for each set of samples: one file for each input makes a set, fed together.

    Samples without a name are for the only input. ConversionError with every problem found.
    """
    if not samples:
        return []
    problems: list[str] = []
    by_input: dict[str, list[tuple[Path, Array]]] = {}
    for name, path in samples:
        try:
            by_input.setdefault(_input_name(graph, name), []).append(
                (path, _read_sample(graph, _input_name(graph, name), path))
            )
        except ConversionError as error:
            problems += error.problems
    counts = {name: len(found) for name, found in by_input.items()}
    missing = [name for name in graph.inputs if name not in counts]
    if not problems and (missing or len(set(counts.values())) > 1):
        given = ", ".join(f"{name}: {counts.get(name, 0)}" for name in graph.inputs)
        problems.append(f"each input needs as many samples as the others (given: {given}); write --input NAME=PATH")
    if problems:
        raise ConversionError(problems)
    sets = zip(*([(name, *pair) for pair in found] for name, found in by_input.items()), strict=True)
    return [(" ".join(path.name for _, path, _ in files), {name: array for name, _, array in files}) for files in sets]


def fitted(graph: Graph, feeds: Mapping[str, Array]) -> Graph:
    """Return the graph at the shapes of the feeds; ShapeError where something pins another size."""
    shapes = {name: array.shape for name, array in feeds.items()}
    return graph if shapes == dict(graph.inputs) else passes.resize(graph, shapes)


def _input_name(graph: Graph, name: str) -> str:
    if name in graph.inputs:
        return name
    if name or len(graph.inputs) != 1:
        raise ConversionError(
            f"a sample for '{name}': the inputs are {', '.join(graph.inputs)}; write --input NAME=PATH"
        )
    return next(iter(graph.inputs))


def _read_sample(graph: Graph, name: str, path: Path) -> Array:
    check_regular(path)
    if path.suffix.lower() == ".npy":
        return _with_batch(graph, name, path, read_array(path))
    if path.suffix.lower() in IMAGES:
        return _picture(graph, name, path)
    raise FormatError(f"{path}: a sample is a NumPy array (.npy) or a picture ({', '.join(IMAGES)})")


def _with_batch(graph: Graph, name: str, path: Path, array: Array) -> Array:
    """Return the array in the input's number type, with a batch axis if only that is missing."""
    shape = graph.inputs[name]
    if array.ndim == len(shape) - 1:
        array = array[None]
    if array.ndim != len(shape) or (len(shape) == 4 and array.shape[1] != shape[1]):
        hint = "; channels come first" if array.ndim == 4 and array.shape[-1] == shape[1] else ""
        raise ShapeError(f"{path}: has shape {list(array.shape)}, input '{name}' takes {list(shape)}{hint}")
    kind = graph.input_dtypes.get(name, "float32")
    if kind != "float32" and (array.min(initial=0) < 0 or array.max(initial=0) > np.iinfo(kind).max):
        raise FormatError(f"{path}: holds values outside those of {kind}, which input '{name}' takes")
    return np.ascontiguousarray(array, kind)


def _picture(graph: Graph, name: str, path: Path) -> Array:
    """Return a picture as the network takes it: at its size, preprocessed unless the network does that itself."""
    batch, channels, *size = (*graph.inputs[name], 0, 0)[:4] if len(graph.inputs[name]) == 4 else (0, 0, 0, 0)
    if channels not in (1, 3):
        raise ShapeError(
            f"{path}: is a picture, but input '{name}' of shape {list(graph.inputs[name])} is none; give an .npy file"
        )
    read_image = formats.load("converters.files.images").read_image
    pixels: Array = read_image(path, (size[0], size[1]), gray=channels == 1)
    if name in graph.input_dtypes:
        return np.repeat(pixels[None], batch, 0)
    return np.repeat(passes.preprocessed(pixels, graph.preprocessing)[None], batch, 0)
