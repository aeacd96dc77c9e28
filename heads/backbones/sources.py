"""Networks of Caffe and MatConvNet as backbones: read, cut after the wanted nodes, and run as ONNX."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from converters import formats, passes
from converters.conversion.sources import check_complete, find_model, read
from converters.ir import Graph
from converters.options import Options
from converters.roles import image_inputs
from heads.backbones.artefact import Artefact, Engine, Hardware
from heads.errors import HeadsError


def found(words: Sequence[str], hardware: Hardware) -> Artefact:
    """Return what a name or sources are as a backbone; ConversionError or HeadsError where they are none."""
    model = find_model(words)
    check_complete(model, Options())
    return from_graph(read(model, Options()), model.files, hardware)


def from_graph(graph: Graph, files: tuple[Path, ...], hardware: Hardware) -> Artefact:
    """Return what a network is as a backbone; HeadsError for one whose only input is no image."""
    image = image_inputs(graph)
    if len(graph.inputs) != 1 or not image:
        told = ", ".join(f"'{name}' {list(shape)}" for name, shape in graph.inputs.items())
        raise HeadsError(f"a backbone has one input, an image of 1 or 3 channels; this network has {told}")
    return Artefact(
        files=files,
        image=graph.inputs[image[0]][1:],
        input_dtype=graph.input_dtypes.get(image[0], "float32"),
        nodes=tuple(node.name for node in graph.nodes),
        outputs=tuple(dict.fromkeys(graph.outputs.values())),
        load=partial(_loaded, graph, hardware),
        preprocessing=graph.preprocessing,
        licence=graph.source.licence,
        value_of=partial(passes.value_named, graph),
    )


def _loaded(graph: Graph, hardware: Hardware, nodes: Sequence[str]) -> Engine:
    to_onnx = formats.load("converters.to_onnx")
    # The sources' hashes go into the file, and nobody will read them there.
    short = replace(passes.cut(graph, nodes), source=replace(graph.source, files={}))
    pinned = to_onnx.pinned_axes(short, ("batch",))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        try:
            to_onnx.save(short, path, dynamic=() if pinned else ("batch",))
        except OSError as error:
            raise HeadsError(
                f"the network cannot be written to {tempfile.gettempdir()}, from where it is run: "
                f"{error.strerror or error}; make room there, or name another folder in TMPDIR"
            ) from error
        artefact = formats.load("heads.backbones.onnx_artefacts").found(path, hardware)
        engine: Engine = artefact.load([short.outputs[node] for node in nodes])
        return engine
