"""From what a person names to a Graph: two paths, one path or a name; and the published facts that come with a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

import prototxt
from converters import formats, passes
from converters.caffe.net import NetState
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
    deploy: prototxt.Deploy | None = None
    other_release: str = ""

    @property
    def complete(self) -> bool:
        """Whether weights are among the files."""
        return self.source != "caffe" or len(self.files) == 2


def find_model(words: Sequence[str], source: str | None = None) -> Model:
    """Return the model that the words of a command name; `source` restricts the format."""
    _check_no_artefact(words)
    kind = source or ("matconvnet" if Path(words[0]).suffix.lower() == ".mat" else "caffe")
    if kind == "matconvnet":
        return _matconvnet(words)
    if len(words) > 2:
        raise ConversionError(
            f"a Caffe network has two files, prototxt and caffemodel; {len(words)} are given: {', '.join(words)}"
        )
    if Path(words[0]).suffix.lower() == ".mat":
        raise ConversionError(f"{words[0]}: is a MATLAB file; MatConvNet networks are read by the mat-to-... commands")
    if Path(words[0]).exists() or not _may_be_name(words[0]):
        return Model("caffe", tuple(Path(word) for word in words))
    deploy = _deploy(words[0])
    weights = Path(words[1]) if len(words) == 2 else deploy.weights
    return Model("caffe", (deploy.prototxt, weights) if weights else (deploy.prototxt,), deploy)


def _check_no_artefact(words: Sequence[str]) -> None:
    written = [word for word in words if word.lower().endswith(formats.OUTPUT_SUFFIXES)]
    if written:
        raise ConversionError(
            f"{written[0]}: is a converted model; what is read here are Caffe and MatConvNet networks. "
            f"To prove it, use: convert verify MODEL... --against {written[0]}"
        )


def _matconvnet(words: Sequence[str]) -> Model:
    if len(words) != 1:
        raise ConversionError(f"a MatConvNet network is one file; {len(words)} are given: {', '.join(words)}")
    if words[0] in prototxt.DEPLOYS and not Path(words[0]).exists():
        raise ConversionError(f"'{words[0]}' is a Caffe network; convert it with the caffe-to-... commands")
    return Model("matconvnet", (Path(words[0]),))


def _may_be_name(word: str) -> bool:
    return word in prototxt.DEPLOYS or (not Path(word).suffix and Path(word).name == word)


def _deploy(name: str) -> prototxt.Deploy:
    if name not in prototxt.DEPLOYS:
        known, hint = ", ".join(prototxt.DEPLOYS), did_you_mean(name, prototxt.DEPLOYS)
        raise ConversionError(f"'{name}' is neither a file nor a known network{hint} (known: {known})")
    return prototxt.DEPLOYS[name]


def check_complete(model: Model, options: Options) -> None:
    """Refuse a Caffe network whose weights are not named, unless it has no learned layers."""
    if model.complete or (model.deploy is None and not _is_learned(model, options)):
        return
    if model.deploy is not None:
        name, licence, source = model.deploy.name, model.deploy.licence, model.deploy.source
        raise ConversionError(f"'{name}' comes without weights; name the caffemodel after it ({licence}; {source})")
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
    return _with_facts(replace(graph, source=replace(graph.source, files=files)), model.deploy)


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


def _with_facts(graph: Graph, deploy: prototxt.Deploy | None) -> Graph:
    """Fill in what is published about a network where its files are silent."""
    if deploy is None:
        return graph
    said = graph.preprocessing
    shape = next(iter(graph.inputs.values()))
    facts = Preprocessing(
        said.channel_order or deploy.channel_order,
        np.array(deploy.mean, np.float32) if said.mean is None else said.mean,
        said.scale or (deploy.scale,) * len(deploy.mean),
        said.size or (shape[2:] if len(shape) == 4 else None),
    )
    source = replace(graph.source, licence=graph.source.licence or deploy.licence)
    return replace(graph, preprocessing=facts, labels=graph.labels or deploy.labels, source=source)
