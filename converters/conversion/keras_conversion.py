"""From a Keras model to ONNX: there is no graph of ours between, so both models are run and their outputs compared."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np

from converters import formats, passes
from converters.conversion.pipeline import Conversion, check_request, finish, output_path, tolerance
from converters.conversion.proof import SEED, Progress, Trial, refuse_failures, silent
from converters.conversion.side_files import read_array
from converters.errors import ConversionError, ParityError
from converters.files.hashing import FileHashes, short_names
from converters.files.model_files import check_regular
from converters.files.staging import Stage
from converters.ir import Graph, Source
from converters.ops import Array, Shape
from converters.options import Options, UsageError
from converters.parity import NodeDifference, Report
from converters.parity.measure import measured

WRITER = "converters.keras_to_onnx"
LIBRARIES = ("keras", "tensorflow", "tf2onnx", "onnx", "onnxruntime")
OpenShape = tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class _Pair:
    """The Keras model and what was made of it."""

    model: Path
    made: Path
    keras: ModuleType
    onnx: ModuleType
    allowed: float

    def trial(self, title: str, feeds: Mapping[str, Array], seed: int | None) -> Trial:
        """Run both on the same arrays and compare their outputs."""
        start = time.perf_counter()
        expected: dict[str, Array] = self.keras.run(self.model, feeds)
        between = time.perf_counter()
        renamed = dict(zip(self.onnx.inputs(self.made), feeds.values(), strict=True))
        got: dict[str, Array] = self.onnx.run(self.made, renamed)
        end = time.perf_counter()
        if len(got) != len(expected):
            raise ParityError(f"the ONNX model has {len(got)} outputs, the Keras model {len(expected)}")
        pairs = zip(expected.items(), got.values(), strict=True)
        nodes = tuple(self._compared(name, wanted, found) for (name, wanted), found in pairs)
        report = Report(self.model.stem, self.allowed, nodes, {name: name for name in expected})
        shapes = {name: array.shape for name, array in feeds.items()}
        return Trial(title, shapes, report, between - start, end - between, seed)

    def _compared(self, name: str, expected: Array, got: Array) -> NodeDifference:
        result = measured(got, expected)
        ok = result.difference <= self.allowed
        return NodeDifference(name, "output", expected.shape, result.difference, ok, result.note)


def convert_keras(words: Sequence[str], options: Options, progress: Progress = silent) -> Conversion:
    """Convert a Keras model file to ONNX and prove that their outputs are equal; raises ConversionError otherwise."""
    target = replace(formats.TARGETS["onnx"], libraries=LIBRARIES)
    check_request(target, options)
    if len(words) != 1:
        raise UsageError(f"a Keras model is one file; {len(words)} are given: {', '.join(words)}")
    model = Path(words[0])
    progress("reading", 0.0)
    keras, writer = formats.load("converters.foreign.keras_models"), formats.load(WRITER)
    theirs = keras.inputs(_existing(model))
    shapes = _shapes(theirs, options)
    source = Source("Keras", FileHashes(short_names([model])))
    graph = Graph(model.stem, shapes, (), {}, source=source)
    with Stage(output_path(options), force=options.force) as stage:
        start = time.perf_counter()
        progress("writing", 0.0)
        with stage.writing():
            writer.save(model, stage.path, **({"opset": options.opset} if options.opset else {}))
        seconds = time.perf_counter() - start
        trials: list[Trial] = []
        if options.verify:
            progress("comparing", 0.0)
            pair = _Pair(model, stage.path, keras, formats.load("converters.foreign.onnx_models"), tolerance(options))
            trials = [pair.trial(*given) for given in _feeds(theirs, shapes, options)]
            refuse_failures(trials)
        done = Conversion(graph, target, options.dtype, (), None, tuple(trials), passes.OpenAxes((), {}), seconds)
        return finish(done, stage, options, short_names([model]))


def _existing(model: Path) -> Path:
    check_regular(model)
    return model


def _shapes(theirs: Mapping[str, OpenShape], options: Options) -> dict[str, Shape]:
    """Return the shapes to prove at, in the model's own layout: those asked for, and 1 for an open batch."""
    asked = {name or next(iter(theirs)): shape for name, shape in options.input_shapes}
    problems = [
        f"there is no input '{name}'; the inputs are {', '.join(theirs)}" for name in asked if name not in theirs
    ]
    shapes = {
        name: asked.get(name, (1 if shape[0] is None else shape[0], *shape[1:])) for name, shape in theirs.items()
    }
    problems += [
        f"input '{name}' leaves its size open: {list(theirs[name])}; state one, as in --input-shape {name}=1x224x224x3"
        for name, shape in shapes.items()
        if None in shape
    ]
    if problems:
        raise ConversionError(problems)
    return {name: tuple(size for size in shape if size is not None) for name, shape in shapes.items()}


def _feeds(
    theirs: Mapping[str, OpenShape], shapes: Mapping[str, Shape], options: Options
) -> list[tuple[str, dict[str, Array], int | None]]:
    """Return title, arrays and seed of each trial: seeded pixels, a larger batch if it is open, and the user's data."""
    found: list[tuple[str, dict[str, Array], int | None]] = [("stated size", _pixels(shapes, SEED), SEED)]
    if all(shape[0] is None for shape in theirs.values()):
        larger = {name: (shape[0] + 1, *shape[1:]) for name, shape in shapes.items()}
        found.append(("another size", _pixels(larger, SEED + 1), SEED + 1))
    only = next(iter(shapes))
    return found + [(path.name, {name or only: read_array(path)}, None) for name, path in options.samples]


def _pixels(shapes: Mapping[str, Shape], seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: rng.integers(-120, 131, shape).astype(np.float32) for name, shape in shapes.items()}
