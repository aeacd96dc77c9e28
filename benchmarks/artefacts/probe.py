"""The probe set: inputs of a network, and what NumPy computes of them, which every runtime is held against."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.artefacts.images import Pictures
from benchmarks.artefacts.network import Network, squeezed
from benchmarks.artefacts.origin import Origin
from converters.ir import Graph

Array = np.ndarray[Any, Any]
FILE, INPUTS, NAMES, REFERENCE, CONDITION = "probe.npz", "inputs", "names", "reference/", "condition/"
# Beyond that a softmax is all but one-hot, and its small values are no longer what it says.
LARGEST_CONDITION = 100.0
# The values of all nodes of a batch may take this much; convolutions take several times as much on the way.
BATCH_BYTES = 2**27


def write_probe(network: Network, model_sha256: str, pictures: Pictures, path: Path) -> None:
    """Write `inputs`, `names`, `reference/<node>`, `condition/<node>` and the network's Origin as one .npz."""
    known = network.preparation
    origin = Origin(network.name, model_sha256, known.facts(), known.mean, network.assumed)
    before = squeezed(network.graph)
    values = references(network, pictures.inputs, before.values())
    stored: dict[str, Any] = {
        INPUTS: pictures.inputs,
        NAMES: np.array(pictures.names, dtype=np.str_),
        **origin.stored(),
        **{REFERENCE + node: values[node] for node in network.nodes},
        **{CONDITION + node: np.float64(condition(values[logits])) for node, logits in before.items()},
    }
    np.savez(path, **stored)


def condition(logits: Array) -> float:
    """Return how many times a relative difference of logits grows in their softmax or sigmoid, 1 to 100.

    A probability's relative difference is the absolute one of its logit: the relative one times the logit's size.
    """
    return float(np.clip(np.abs(logits).max(), 1.0, LARGEST_CONDITION))


def references(network: Network, inputs: Array, also: Iterable[str] = ()) -> dict[str, Array]:
    """Return what NumPy computes of inputs (n, channels, height, width) in float32, by node.

    `also` names further values of the graph.
    """
    size = network.batch if network.pinned else batch_size(network.graph, len(inputs))
    graph = network.at_batch(size) if not network.pinned else network.graph
    wanted = {**{name: name for name in also}, **graph.outputs}
    parts = [_values(graph, wanted, batch, count) for batch, count in filled(inputs, size)]
    return {node: np.concatenate([part[node] for part in parts]).astype(np.float32) for node in wanted}


def batch_size(graph: Graph, most: int) -> int:
    """Return how many images NumPy computes at once in bounded memory, for a graph of one image."""
    each = 4 * sum(int(np.prod(shape)) for shape in graph.shapes.values())
    return max(1, min(most, BATCH_BYTES // each))


def filled(inputs: Array, size: int) -> Iterator[tuple[Array, int]]:
    """Yield batches of `size` images, the last one filled up with its last image, and how many images are in each."""
    for start in range(0, len(inputs), size):
        part = inputs[start : start + size]
        missing = size - len(part)
        yield (np.concatenate([part, part[-1:].repeat(missing, 0)]) if missing else part), len(part)


def outputs(graph: Graph, batch: Array, count: int) -> dict[str, Array]:
    """Return the outputs of the first `count` images; other values are forgotten as soon as nothing needs them."""
    return _values(graph, graph.outputs, batch, count)


def _values(graph: Graph, wanted: Mapping[str, str], batch: Array, count: int) -> dict[str, Array]:
    feeds = {next(iter(graph.inputs)): batch}
    values = set(wanted.values())
    kept = {**feeds, **{name: value for name, value in graph.steps(feeds) if name in values}}
    return {outside: kept[value][:count] for outside, value in wanted.items()}
