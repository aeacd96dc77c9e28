"""Graph -> Keras 3: a functional model of built-in layers and `keras.ops` alone, which plain Keras loads anywhere.

Tensors of four axes are channels last, inputs and outputs included; all others have the order they have in the graph.
Layers are called as in the source, with characters that Keras forbids replaced. The file says which layer gives which
value of the graph, besides preprocessing, labels, licence and sources.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from converters import formats
from converters.errors import ConversionError, UnsupportedError
from converters.ir import Feeds, Graph, Runner
from converters.keras_model import files, running
from converters.keras_model.assembly import Assembly, assemble
from converters.keras_model.record import KEY, record
from converters.keras_model.table import OPS, REFUSED
from converters.ops import Array

Format = Literal["keras", "weights", "savedmodel"]
DTYPES = ("float32", "float16")

__all__ = ["OPS", "REFUSED", "opened", "run", "run_file", "save", "unsupported"]


def save(
    graph: Graph,
    path: str | Path,
    *,
    dtype: str = "float32",
    dynamic: Sequence[str] | None = None,
    format: Format | None = None,  # noqa: A002 - the word that people look for
) -> list[Path]:
    """Write a graph and return the files written.

    `path` ends in `.keras`; or in `.weights.h5`, for the weights, with the architecture as `.json` beside them; any
    other name is a folder, for a SavedModel. `format` decides where the name does not. `dynamic` names the axes that
    stay open ("batch", "height", "width"); None means the batch where the graph allows it. With `dtype` "float16"
    weights are stored and most layers computed in half precision; inputs and outputs stay float32.
    UnsupportedError lists everything that has no faithful form in Keras.
    """
    path = Path(path)
    assembly = _assembled(graph, dtype, dynamic)
    return _WRITERS[format or format_of(path)](path, assembly, record(graph, assembly))


def unsupported(graph: Graph, *, dtype: str = "float32", dynamic: Sequence[str] | None = None) -> list[str]:
    """Return what `save` would refuse, one line per node, without writing anything."""
    try:
        _assembled(graph, dtype, dynamic)
    except UnsupportedError as error:
        return error.problems
    return []


def opened(_graph: Graph, path: str | Path, wanted: Iterable[str] | None = None) -> Runner:
    """Load what `save` wrote in plain Keras; return what runs it.

    That takes feeds, channels first, and returns values by their names in the network, channels first; `wanted` None
    means all that the file tells apart: every node that the outputs need, or for a SavedModel the outputs. Feeds may
    have another size where the file leaves axes open.
    """
    return running.opened(Path(path), wanted)


def run(graph: Graph, path: str | Path, feeds: Feeds, wanted: Iterable[str] | None = None) -> dict[str, Array]:
    """Run what `save` wrote once in plain Keras, as `opened` says."""
    return opened(graph, path, wanted)(feeds)


def run_file(path: str | Path, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Run any Keras model and return its outputs by name; feeds and outputs have the model's own layout."""
    return running.run_file(Path(path), feeds)


def format_of(path: Path) -> Format:
    """Return what a name stands for."""
    if path.name.endswith(files.WEIGHTS_SUFFIX):
        return "weights"
    return "keras" if path.suffix == ".keras" else "savedmodel"


def _assembled(graph: Graph, dtype: str, dynamic: Sequence[str] | None) -> Assembly:
    if dtype not in DTYPES:
        raise ConversionError(f"'{dtype}' is no number type that is written; choose {' or '.join(DTYPES)}")
    return assemble(graph, (OPS, REFUSED), dtype, dynamic)


def _write_keras(path: Path, assembly: Assembly, told: dict[str, Any]) -> list[Path]:
    files.write_keras(path, assembly, told)
    return [path]


def _write_weights(path: Path, assembly: Assembly, told: dict[str, Any]) -> list[Path]:
    architecture = files.architecture_path(path)
    with path.open("w+b") as file:
        files.write_weights(file, assembly)
    architecture.write_text(files.config_json(assembly, {KEY: told}), encoding="utf-8")
    return [path, architecture]


def _write_saved_model(path: Path, assembly: Assembly, told: dict[str, Any]) -> list[Path]:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        whole = Path(folder) / "model.keras"
        files.write_keras(whole, assembly, told)
        formats.load("converters.keras_model.saved_model").write(whole, path, list(assembly.outputs))
    extra = files.record_path(path)
    extra.parent.mkdir(exist_ok=True)
    extra.write_text(json.dumps({KEY: told}), encoding="utf-8")
    return sorted(file for file in path.rglob("*") if file.is_file())


_WRITERS = {"keras": _write_keras, "savedmodel": _write_saved_model, "weights": _write_weights}
