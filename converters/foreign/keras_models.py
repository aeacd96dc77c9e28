"""Keras models that others saved: what they take and give."""

from collections.abc import Mapping
from pathlib import Path

from converters.keras_model.running import load, run_file
from converters.ops import Array

OpenShape = tuple[int | None, ...]


def inputs(path: Path) -> dict[str, OpenShape]:
    """Return the model's inputs in order, with None for sizes that are open."""
    return {tensor.name: tuple(tensor.shape) for tensor in load(path).inputs}


def run(path: Path, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Run the model and return its outputs by name, in order."""
    return run_file(path, feeds)
