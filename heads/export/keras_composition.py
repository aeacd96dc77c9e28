"""A backbone that is a Keras model file, with what comes before and after it, as one `.keras` file.

All parts are functional models of built-in layers, nested in one, which plain Keras loads.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from converters import to_keras
from converters.ir import Graph
from converters.keras_model.files import DATE, METADATA
from converters.keras_model.library import keras, layers, quietly
from converters.keras_model.record import INPUTS, KEY, OUTPUTS, VALUES
from converters.keras_model.running import input_tensors, load, output_names, record_or_nothing
from converters.ops import Shape
from heads.backbones import Backbone
from heads.errors import HeadsError
from heads.export.kinds import ADVICE
from heads.export.pieces import IMAGE, PROBABILITY, Composition

Tensor = Any  # a KerasTensor: Keras has no types
BLOCK_BYTES = 1 << 20


def compose(parts: Composition, path: Path) -> list[Path]:
    """Write the whole to `path` and return the files written; HeadsError where it cannot be put together.

    Images are channels last, as in Keras. The file's record says which layer gives embedding, logit and probability.
    """
    backbone = load(parts.backbone)
    image = input_tensors(backbone, parts.backbone)[0]
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        model = _assembled(parts, backbone, image, Path(folder))
        plain = Path(folder) / "plain.keras"
        with quietly():
            model.save(plain)
        told = {
            **parts.facts,
            "layout": "channels last where a tensor has four axes",
            INPUTS: [IMAGE],
            OUTPUTS: {PROBABILITY: PROBABILITY},
            VALUES: {name: name for name in (IMAGE, *(part_name(graph) for graph in parts.after))},
        }
        _recorded(plain, path, told)
    return [path]


def channels_last(_path: Path) -> bool:
    """Return False: where the axes of maps lie is settled between our graphs and Keras already."""
    return False


def said_by(path: Path) -> dict[str, Any]:
    """Return what a model says of itself."""
    return record_or_nothing(path)


def node_shapes(path: Path, backbone: Backbone) -> dict[str, Shape]:
    """Return the shapes of the embedding's nodes, channels first; HeadsError for maps of another layout."""
    batch = backbone.engine.batch or 1
    model = load(path)
    channels, height, width = backbone.input_shape
    image = tuple(input_tensors(model, path)[0].shape[1:])
    if any(None not in (a, b) and a != b for a, b in zip(image, (height, width, channels), strict=True)):
        raise HeadsError(f"{path}: takes images {list(image)}, and an export needs its channels last; {ADVICE}")
    tensors = _tensors(path, model, backbone.nodes)
    # Only whether it is a vector or a map, and its channels, count: maps are averaged over whatever size they have.
    shapes = [(batch, *(size or 1 for size in tensor.shape[1:])) for tensor in tensors]
    first = [(s[0], s[3], s[1], s[2]) if len(s) == 4 else s for s in shapes]
    return dict(zip(backbone.nodes, first, strict=True))


def part_name(graph: Graph) -> str:
    """Return the name of a graph's only output: what its layers are called in the file."""
    return next(iter(graph.outputs))


def _assembled(parts: Composition, backbone: Any, image: Tensor, folder: Path) -> Any:
    tensors = _tensors(parts.backbone, backbone, list(parts.after[0].inputs))
    shape = next(iter(parts.before.inputs.values()))
    pixels = keras.Input(batch_shape=(image.shape[0], *shape[2:], shape[1]), dtype="uint8", name=IMAGE)
    dynamic = () if image.shape[0] is not None else ("batch",)
    values = _called(_part(parts.before, folder, dynamic), "preprocessing", [pixels])
    values = _called(keras.Model(backbone.inputs, tensors), "backbone", values)
    for graph in parts.after:
        name = part_name(graph)
        values = _called(_part(graph, folder, dynamic), f"to_{name}", values)
        # A nested model tells no value of its own; this layer has the name by which the value is asked for.
        values = [layers.Identity(name=name, dtype="float32")(value) for value in values]
    return keras.Model(pixels, values[0], name=_model_name(parts.name))


def _model_name(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name) or "head"


def _part(graph: Graph, folder: Path, dynamic: Sequence[str]) -> Any:
    path = folder / f"{part_name(graph)}.keras"
    to_keras.save(graph, path, dynamic=dynamic)
    return load(path)


def _called(model: Any, name: str, values: Sequence[Tensor]) -> list[Tensor]:
    model.name = name
    found: list[Tensor] = keras.tree.flatten(model(values[0] if len(model.inputs) == 1 else list(values)))
    return found


def _tensors(path: Path, backbone: Any, nodes: Sequence[str]) -> list[Tensor]:
    """Return the tensors of the embedding's nodes: operations that the file names for them, or else outputs."""
    operations: Mapping[str, str] = record_or_nothing(path).get(VALUES, {})
    known = dict(zip(output_names(backbone), keras.tree.flatten(backbone.outputs), strict=True))
    by_name = {operation.name: operation for operation in getattr(backbone, "operations", ())}
    known |= {value: by_name[name].output for value, name in operations.items() if name in by_name}
    missing = [node for node in nodes if node not in known]
    if missing:
        raise HeadsError([f"{path}: has no node '{node}'" for node in missing])
    return [known[node] for node in nodes]


def _recorded(plain: Path, path: Path, told: Mapping[str, Any]) -> None:
    """Copy a model file with a record among its metadata, and without the dates that would make each copy another."""
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            member = zipfile.ZipInfo(name, DATE)
            member.create_system, member.external_attr = 3, 0o644 << 16  # Unix, wherever this runs
            if name == METADATA:
                metadata = {**json.loads(old.read(name)), "date_saved": "1980-01-01@00:00:00", KEY: dict(told)}
                new.writestr(member, json.dumps(metadata))
                continue
            with old.open(name) as source, new.open(member, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, BLOCK_BYTES)
