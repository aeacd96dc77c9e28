"""The network that is asked for: read, ended at the wanted values, at one image a batch, and what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.artefacts.request import Request
from benchmarks.errors import BenchError
from converters import passes
from converters.conversion.inspection import preprocessing_facts
from converters.conversion.proof import macs
from converters.conversion.sources import Model, check_complete, find_model, read
from converters.errors import ConversionError, Refusal
from converters.ir import Graph
from converters.ops.activation import Sigmoid, Softmax
from converters.options import Options
from heads.backbones.artefact import Hardware
from heads.backbones.fingerprint import fingerprint
from heads.backbones.sources import from_graph
from heads.backbones.stating import Stated, preparation
from heads.images.preprocessing import Preparation

# What Caffe's own tools feed, where a network does not say.
CHANNEL_ORDER = {1: "gray", 3: "BGR"}
# Values that are looked at together: the largest layer may have gigabytes.
PART = 2**20


@dataclass(frozen=True, eq=False)
class Network:
    """A network that can be measured: one image in, one value of each of `nodes` for each image out.

    `graph` takes `batch` images: one, unless the network is pinned to another number. `pinned` says what pins the
    batch, "" where it may stay open. `assumed` says what of its preprocessing the model does not
    tell and was assumed, by the fact's name. `named` tells that a name alone was asked for, and no files.
    """

    name: str
    files: tuple[Path, ...]
    source: str
    graph: Graph
    pinned: str
    preparation: Preparation
    assumed: Mapping[str, str]
    named: bool = False

    @property
    def nodes(self) -> tuple[str, ...]:
        """Return the values that it gives, by the names they have outside."""
        return tuple(self.graph.outputs)

    @property
    def input_name(self) -> str:
        """Return what its only input is called."""
        return next(iter(self.graph.inputs))

    @property
    def batch(self) -> int:
        """Return how many images `graph` takes at once."""
        return self.graph.inputs[self.input_name][0]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Return (channels, height, width)."""
        return self.graph.inputs[self.input_name][1:]

    @cached_property
    def sha256(self) -> str:
        """Return the sha256 over all source files, the one that embeddings of `heads` state."""
        return fingerprint(self.files)

    def at_batch(self, count: int) -> Graph:
        """Return the graph for batches of `count` images; ConversionError where something pins another number."""
        return self.graph if count == self.batch else at_batch(self.graph, count)


def read_network(request: Request) -> Network:
    """Read the network that a request names; BenchError with every problem."""
    try:
        model = find_model(request.model)
        check_complete(model, Options())
        return _network(request, model)
    except BenchError:
        raise
    except Refusal as error:
        raise BenchError(error.problems) from error


def _network(request: Request, model: Model) -> Network:
    whole = read(model, Options())
    artefact = from_graph(whole, model.files, Hardware())
    graph = _one_image(passes.cut(whole, request.nodes or _telling(whole)))
    pinned = passes.open_axes(graph, ("batch",)).reasons.get("batch", "")
    _check_values(graph)
    channels = next(iter(graph.inputs.values()))[1]
    assumed = _assumed(whole, request)
    stated = Stated(
        request.channel_order or (None if whole.preprocessing.channel_order else CHANNEL_ORDER[channels]),
        request.mean or (None if whole.preprocessing.mean is not None else (0.0,)),
        request.scale or None,
    )
    name = model.published.name if model.published else whole.name or model.files[0].stem
    named = model.published is not None and len(request.model) == 1
    return Network(name, model.files, model.source, graph, pinned, preparation(artefact, stated), assumed, named)


def _telling(graph: Graph) -> tuple[str, ...]:
    """Return the outputs, and before each that squeezes its input into 0..1 the input: there, differences show.

    A softmax over many classes that is nearly even hides any error: all its values are small.
    """
    inner = {node.name for node in graph.nodes}
    before = squeezed(graph)
    found = ((before[outside], outside) if before.get(outside) in inner else (outside,) for outside in graph.outputs)
    return tuple(dict.fromkeys(name for names in found for name in names))


def squeezed(graph: Graph) -> dict[str, str]:
    """Return, for each output that is a softmax or a sigmoid, the value that it is computed from."""
    named = {node.name: node for node in graph.nodes}
    made_by = {outside: named[value] for outside, value in graph.outputs.items() if value in named}
    return {outside: node.inputs[0] for outside, node in made_by.items() if isinstance(node.op, Softmax | Sigmoid)}


def _one_image(graph: Graph) -> Graph:
    """Return the graph at a batch of one image, or as it is where something pins its batch."""
    try:
        return at_batch(graph, 1)
    except ConversionError:
        return graph


def at_batch(graph: Graph, count: int) -> Graph:
    """Return a graph of one input at another number of images; ConversionError where something pins it."""
    return passes.resize(graph, {name: (count, *shape[1:]) for name, shape in graph.inputs.items()})


def _check_values(graph: Graph) -> None:
    """Refuse values that are not one for each image."""
    count = next(iter(graph.inputs.values()))[0]
    named = {node.name: node for node in graph.nodes}
    problems = []
    for outside, value in graph.outputs.items():
        shape = graph.shapes[value]
        if not shape or shape[0] != count:
            problems.append(f"'{outside}' has the shape {list(shape)} for {count} images: no value for each image")
        elif value in named and named[value].op.data_dependent:
            problems.append(f"'{outside}' holds as many rows as the image decides; end the network before it")
    if problems:
        raise BenchError(problems)


def _assumed(graph: Graph, request: Request) -> dict[str, str]:
    known = graph.preprocessing
    found = {}
    if known.channel_order is None and not request.channel_order:
        found["channel_order"] = "the model does not state its channel order: BGR, or grey for one channel, was assumed"
    if known.mean is None and not request.mean:
        found["mean"] = "the model states no mean: none was subtracted"
    if known.size is None:
        found["size_height_width"] = "the model states no image size: that of its input was taken"
    return found


def facts(network: Network) -> dict[str, Any]:
    """Return what is worth knowing of a network, as JSON values; counts are those of the nodes that are run."""
    graph = network.graph
    arrays = list({id(array): array for node in graph for array in node.params.values()}.values())
    named = {node.name: node for node in graph}
    return {
        "source": network.source,
        "named": network.named,
        "files": {path.name: path.stat().st_size for path in network.files},
        "parameters": graph.parameter_count(),
        "multiply_adds": macs(graph) // network.batch,
        "node_count": len(graph.nodes),
        "subnormal_weights": sum(map(subnormals, arrays)),
        "weight_bytes": sum(array.nbytes for array in arrays),
        "node_shapes": {name: list(graph.shapes[value][1:]) for name, value in graph.outputs.items()},
        "values": dict(graph.outputs),
        "layers": {name: named[value].layer for name, value in graph.outputs.items() if value in named},
        "input": network.input_name,
        "stated_preprocessing": preprocessing_facts(graph.preprocessing),
        "preprocessing": network.preparation.facts(),
        "assumed": list(network.assumed.values()),
        "batch_open": not network.pinned,
        "batch_pinned_by": network.pinned,
        "licence": graph.source.licence,
    }


def subnormals(array: Any) -> int:
    """Return how many values lie nearer to zero than the smallest normal number of their type, and are not zero."""
    smallest = np.finfo(array.dtype).smallest_normal
    flat = array.reshape(-1)
    parts = (flat[start : start + PART] for start in range(0, flat.size, PART))
    return sum(int(np.count_nonzero((np.abs(part) < smallest) & (part != 0))) for part in parts)
