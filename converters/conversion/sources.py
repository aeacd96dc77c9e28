"""From what a person names to a Graph: two paths, one path or a name; and the published facts that come with a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from converters import formats, passes
from converters.caffe.net import NetState
from converters.conversion import names
from converters.conversion.names import Published
from converters.errors import ConversionError, did_you_mean
from converters.files.hashing import FileHashes, short_names
from converters.ir import Graph, Preprocessing
from converters.ops import Constant, Shape
from converters.options import Options, UsageError


@dataclass(frozen=True)
class Model:
    """What is to be read: the source format, its files, and the published network behind a name if one was given.

    `other_release` is the name under which the same network was published in another format, if it was.
    """

    source: str
    files: tuple[Path, ...]
    published: Published | None = None
    other_release: str = ""

    @property
    def complete(self) -> bool:
        """Whether weights are among the files."""
        return self.source != "caffe" or len(self.files) == 2


def find_model(words: Sequence[str], source: str | None = None) -> Model:
    """Return the model that the words of a command name; `source` restricts the format."""
    _check_no_artefact(words)
    kind = source or ("matconvnet" if Path(words[0]).suffix.lower() == ".mat" else "caffe")
    _check_count(words, kind)
    if names.may_be_name(words[0]):
        return _named(words, source)
    if kind == "caffe" and Path(words[0]).suffix.lower() == ".mat":
        raise ConversionError(f"{words[0]}: is a MATLAB file; MatConvNet networks are read by the mat-to-... commands")
    return Model(kind, tuple(Path(word) for word in words))


def _check_no_artefact(words: Sequence[str]) -> None:
    written = [word for word in words if word.lower().endswith(formats.OUTPUT_SUFFIXES)]
    if written:
        raise ConversionError(
            f"{written[0]}: is a converted model; what is read here are Caffe and MatConvNet networks. "
            f"To prove it, use: convert verify MODEL... --against {written[0]}"
        )


def _check_count(words: Sequence[str], kind: str) -> None:
    if kind == "matconvnet" and len(words) != 1:
        raise ConversionError(f"a MatConvNet network is one file; {len(words)} are given: {', '.join(words)}")
    if len(words) > 2:
        raise ConversionError(
            f"a Caffe network has two files, prototxt and caffemodel; {len(words)} are given: {', '.join(words)}"
        )


def _named(words: Sequence[str], source: str | None) -> Model:
    """Return the model of a name; weights that are named after it stand in for its own."""
    published = names.find(words[0])
    if published is None:
        known, hint = names.listed(), did_you_mean(words[0], names.known())
        raise ConversionError(f"'{words[0]}' is neither a file nor a known network{hint} (known: {known})")
    if published.format not in COMMANDS:
        raise ConversionError(
            f"'{words[0]}' is no network of Caffe or MatConvNet, but a file of the format {published.format}; "
            "to see what it holds, use: convert audit FILE --against MODEL"
        )
    if source not in (None, published.format):
        title, commands = formats.SOURCES[published.format].title, COMMANDS[published.format]
        raise ConversionError(f"'{words[0]}' is a {title} network; convert it with the {commands}-to-... commands")
    _check_count(words, published.format)
    if not published.files:
        raise ConversionError(f"'{words[0]}' is not here; {published.advice}")
    files = (published.files[0], Path(words[1])) if len(words) == 2 else published.files
    return Model(published.format, files, published, published.other_release)


def check_complete(model: Model, options: Options) -> None:
    """Refuse a Caffe network whose weights are not named, unless it has no learned layers."""
    if model.complete or (model.published is None and not _is_learned(model, options)):
        return
    if model.published is not None:
        raise ConversionError(f"'{model.published.name}' comes without weights; {model.published.advice}")
    raise ConversionError(f"{model.files[0]}: the weights are missing; name the caffemodel after the prototxt")


def _is_learned(model: Model, options: Options) -> bool:
    graph = _read(model, options, shapes_only=True)
    return any(node.params and not isinstance(node.op, Constant) for node in graph)


def read(model: Model, options: Options, *, shapes_only: bool = False) -> Graph:
    """Read a model as a Graph, with the published facts of a name filled in, and its files named without their folders.

    With `shapes_only`, weights that are not there are zeros: good to look at, not to convert.
    """
    files = FileHashes(short_names([path for path in model.files if path.is_file()]))
    graph = _read(model, options, shapes_only)
    return _with_facts(replace(graph, source=replace(graph.source, files=files)), model.published)


def _read(model: Model, options: Options, shapes_only: bool) -> Graph:
    """Read a model at the sizes asked for; at its own where those fit only once it is cut or convolutional."""
    shapes = dict(options.input_shapes)
    if "" in shapes:
        stated = _read_at({}, model, options, shapes_only)
        if len(stated.inputs) != 1:
            known = ", ".join(stated.inputs)
            raise UsageError(f"the network has {len(stated.inputs)} inputs ({known}); write --input-shape NAME=1x3x8x8")
        shapes[next(iter(stated.inputs))] = shapes.pop("")
    try:
        return _read_at(shapes, model, options, shapes_only)
    except ConversionError:
        own = _at_stated_size(model, options, shapes_only) if shapes else None
        if own is None:
            raise
        # What pins the size may be cut off later; if not, this says best what does.
        return own if options.cut or options.dense_to_conv else passes.resize(own, shapes)


def _at_stated_size(model: Model, options: Options, shapes_only: bool) -> Graph | None:
    """Return the model at its own size; None if it cannot be read there either."""
    try:
        return _read_at({}, model, options, shapes_only)
    except ConversionError:
        return None


def _read_at(shapes: Mapping[str, Shape], model: Model, options: Options, shapes_only: bool) -> Graph:
    module = formats.load(formats.SOURCES[model.source].module)
    if model.source == "caffe":
        state = NetState(options.phase, options.level, options.stages)
        return cast(Graph, module.read_caffe(*model.files, state=state, input_shapes=shapes, shapes_only=shapes_only))
    refused = [name for name in ("phase", "stages", "level") if name in options.given()]
    if refused:
        option = refused[0].removesuffix("s")
        raise UsageError(f"--{option} chooses layers of a Caffe network; MatConvNet has no such thing")
    return cast(Graph, module.read_matconvnet(*model.files, input_shapes=shapes))


def _with_facts(graph: Graph, published: Published | None) -> Graph:
    """Fill in what is published about a network where its files are silent."""
    if published is None:
        return graph
    source = replace(graph.source, licence=graph.source.licence or published.licence)
    known = replace(graph, labels=graph.labels or published.labels, source=source)
    shape = next(iter(graph.inputs.values()))
    # What is said of an image holds for no input of other channels, such as several images side by side.
    if len(shape) == 4 and published.mean and len(published.mean) != shape[1]:
        return known
    return replace(known, preprocessing=_preprocessing(graph.preprocessing, shape, published))


def _preprocessing(said: Preprocessing, shape: Shape, published: Published) -> Preprocessing:
    """Return what the files say of their input, and what is published where they are silent."""
    order = said.channel_order or published.channel_order or None
    mean = _in_order(published.mean, published.channel_order, order)
    scale = _in_order(published.scale, published.channel_order, order)
    channels = len(mean) or (shape[1] if len(shape) == 4 else 1)
    return Preprocessing(
        order,
        np.array(mean, np.float32) if said.mean is None and mean else said.mean,
        said.scale or (scale * channels if len(scale) == 1 else scale) or None,
        said.size or (shape[2:] if len(shape) == 4 else None),
    )


def _in_order(values: tuple[float, ...], published: str, order: str | None) -> tuple[float, ...]:
    """Return values of the published channel order in that of the network, where its file says another one."""
    return values[::-1] if {published, order} == {"RGB", "BGR"} else values


# Formats that are converted -> how the commands call them.
COMMANDS = {"caffe": "caffe", "matconvnet": "mat"}
