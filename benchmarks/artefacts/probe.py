"""The probe set: inputs of a network, and what NumPy computes of them, which every runtime is held against."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.artefacts.images import Pictures
from benchmarks.artefacts.network import Network
from benchmarks.artefacts.origin import Origin
from converters.ir import Graph

Array = np.ndarray[Any, Any]
FILE, INPUTS, NAMES, REFERENCE = "probe.npz", "inputs", "names", "reference/"
# The values of all nodes of a batch may take this much; convolutions take several times as much on the way.
BATCH_BYTES = 2**27


def write_probe(network: Network, model_sha256: str, pictures: Pictures, path: Path) -> None:
    """Write `inputs`, `names`, `reference/<node>` and the network's Origin as one .npz."""
    known = network.preparation
    origin = Origin(network.name, model_sha256, known.facts(), known.mean, network.assumed)
    reference = {REFERENCE + node: value for node, value in references(network, pictures.inputs).items()}
    stored: dict[str, Any] = {
        INPUTS: pictures.inputs,
        NAMES: np.array(pictures.names, dtype=np.str_),
        **origin.stored(),
        **reference,
    }
    np.savez(path, **stored)


def references(network: Network, inputs: Array) -> dict[str, Array]:
    """Return what NumPy computes of inputs (n, channels, height, width) in float32, by node."""
    size = network.batch if network.pinned else batch_size(network.graph, len(inputs))
    graph = network.at_batch(size) if not network.pinned else network.graph
    parts = [outputs(graph, batch, count) for batch, count in filled(inputs, size)]
    return {node: np.concatenate([part[node] for part in parts]).astype(np.float32) for node in network.nodes}


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
    wanted = set(graph.outputs.values())
    steps = graph.steps({next(iter(graph.inputs)): batch})
    kept = {name: value for name, value in steps if name in wanted}
    return {outside: kept[value][:count] for outside, value in graph.outputs.items()}
