"""Writing a head with or without its backbone, and opening what was written by the names that all exports share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from converters import formats, parity, passes
from converters.conversion.proof import TOLERANCES, Progress, Prover, refuse_failures
from converters.description import described
from converters.errors import UnsupportedError
from converters.files.hashing import FileHashes, short_names
from converters.files.staging import Stage
from converters.ir import Feeds, Graph, Preprocessing, Runner, Source
from converters.ops import Shape
from heads.backbones import Backbone
from heads.export.facts import told_by
from heads.export.pieces import EMBEDDING, IMAGE, LOGIT, PROBABILITY, Composition, Joined, pixels_to_input
from heads.export.sources import after_nodes, check_dimensions
from heads.export.torch_text import add_constants
from heads.models.head import Array, Head

COMPOSERS = {"onnx": "heads.export.onnx_composition", "keras": "heads.export.keras_composition"}


@dataclass(frozen=True, eq=False)
class Written:
    """A file that was written: `runner` takes "image" (or "embedding") and gives embedding, logit and probability.

    `batch` is the only number of images that it takes at a time, None if it takes any. `runs` are the comparisons node
    by node, where there were any. `graph` is what its certificate describes.
    """

    graph: Graph
    runner: Runner
    batch: int | None
    runs: tuple[parity.Run, ...] = ()


@dataclass(frozen=True, eq=False)
class Place:
    """Where and as what a file is written."""

    target: formats.Target
    stage: Stage
    progress: Progress

    @property
    def writer(self) -> ModuleType:
        """Return the converters' module for the target."""
        return formats.load(self.target.module)


def write_graph(whole: Joined, head: Head, place: Place, samples: Sequence[tuple[str, Feeds]] = ()) -> Written:
    """Write a graph, and prove every node of it; ParityError where one differs."""
    graph, writer = whole.graph, place.writer
    axes: Sequence[str] = passes.open_axes(graph, ("batch",)).axes
    place.progress("writing", 0.0)
    with place.stage.writing():
        axes = _saved(writer, graph, place.stage.path, axes)
        _add_constants(graph, place, head)
    place.progress("loading what was written", 0.0)
    trials = Prover(graph, writer.opened(graph, place.stage.path), TOLERANCES["float32"], place.progress).trials(
        axes, samples
    )
    refuse_failures(trials)
    wanted = {name: whole.names[name] for name in (EMBEDDING, LOGIT, PROBABILITY) if name in whole.names}
    runner = _named(writer.opened(graph, place.stage.path, list(wanted.values())), graph, wanted)
    batch = None if "batch" in axes else next(iter(graph.inputs.values()))[0]
    return Written(graph, runner, batch, tuple(trial.run() for trial in trials))


def _saved(writer: ModuleType, graph: Graph, path: Path, axes: Sequence[str]) -> Sequence[str]:
    """Write with the batch open if the target can; return the open axes."""
    try:
        writer.save(graph, path, dynamic=axes)
    except UnsupportedError:
        if not axes:
            raise
        writer.save(graph, path, dynamic=())
        return ()
    return axes


def _add_constants(graph: Graph, place: Place, head: Head) -> None:
    for module in place.stage.files().values():
        if place.target.name == "torch" and module.suffix == ".py":
            add_constants(module, head, dict(graph.facts))


def _named(runner: Runner, graph: Graph, wanted: Mapping[str, str]) -> Runner:
    """Return a runner that has our names for the input and for the values."""
    given = next(iter(graph.inputs))

    def run(feeds: Feeds) -> dict[str, Array]:
        values = runner({given: next(iter(feeds.values()))})
        return {name: values[value] for name, value in wanted.items() if value in values}

    return run


def write_composition(kind: str, path: Path, backbone: Backbone, head: Head, place: Place) -> Written:
    """Write a head joined to a backbone that is a file of the same kind ("onnx" or "keras")."""
    composer = formats.load(COMPOSERS[kind])
    last = composer.channels_last(path)
    batch = backbone.engine.batch
    shapes = composer.node_shapes(path, backbone)
    check_dimensions(head, {node: shape[1] for node, shape in shapes.items()})
    before = pixels_to_input(backbone.preparation, batch or 1, channels_last=last)
    stand_in = told_by(_stand_in(place.stage.out.stem, path, backbone, before), head, with_backbone=True)
    stand_in = replace(stand_in, facts={**stand_in.facts, **_origin(composer.said_by(path))})
    turned = {node: _last(shape) if last else shape for node, shape in shapes.items()}
    after = after_nodes(head, turned, batch or 1, channels_last=last)
    place.progress("writing", 0.0)
    with place.stage.writing():
        composer.compose(Composition(stand_in.name, path, before, after, described(stand_in)), place.stage.path)
    place.progress("loading what was written", 0.0)
    runner = place.writer.opened(stand_in, place.stage.path, (EMBEDDING, LOGIT, PROBABILITY))
    return Written(stand_in, runner, batch)


def _origin(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a backbone's file says of the files that it was made of itself."""
    told = {"backbone_source_format": said.get("source_format"), "backbone_source_sha256": said.get("source_sha256")}
    return {name: value for name, value in told.items() if value}


def _last(shape: Shape) -> Shape:
    return (shape[0], *shape[2:], shape[1]) if len(shape) == 4 else shape


def _stand_in(name: str, path: Path, backbone: Backbone, before: Graph) -> Graph:
    """Return a graph without nodes that has the facts of a network which only its file knows."""
    channels = backbone.input_shape[0]
    plain = Preprocessing(
        "gray" if channels == 1 else "RGB", np.zeros(channels, np.float32), (1.0,) * channels, backbone.preparation.size
    )
    source = Source(formats.TARGETS[_kind(path)].title, FileHashes(short_names([path])), backbone.licence)
    return Graph(name, dict(before.inputs), (), {}, preprocessing=plain, source=source, input_dtypes={IMAGE: "uint8"})


def _kind(path: Path) -> str:
    return "onnx" if path.suffix.lower() == ".onnx" else "keras"
