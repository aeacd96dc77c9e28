"""The parts of an exported model as graphs: pixels to input, nodes to embedding, logit to probability; and joining."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from converters import ops
from converters.errors import ShapeError
from converters.ir import Graph, Node, unique_name
from converters.ops import Op, Shape
from heads.errors import HeadsError
from heads.images.preprocessing import Preparation

IMAGE, EMBEDDING, LOGIT, PROBABILITY = "image", "embedding", "logit", "probability"
# What is shorter than this counts as zero when vectors are brought to length 1.
# Source: torch.nn.functional.normalize.
SHORTEST = 1e-12


@dataclass(frozen=True, eq=False)
class Joined:
    """A graph made of several, and what the values of the later ones that were named are called in it."""

    graph: Graph
    names: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Composition:
    """A backbone in a file with what comes before and after it: graphs of the converters.

    `before` makes the backbone's input of "image". `after` are the graphs from the backbone's nodes, by their names, to
    "embedding", "logit" and "probability". `facts` are what the whole says of itself.
    """

    name: str
    backbone: Path
    before: Graph
    after: tuple[Graph, ...]
    facts: Mapping[str, Any]


def pixels_to_input(prepared: Preparation, batch: int, *, channels_last: bool = False) -> Graph:
    """Return the graph from "image", uint8 RGB or gray (batch, channels, height, width), to a network's "input".

    That is what `prepared` makes of the same pixels: float32, or uint8 where the network does the rest itself.
    """
    shape = (batch, 1 if prepared.channel_order == "gray" else 3, *prepared.size)
    reverse = prepared.channel_order == "BGR"
    nodes = [Node("input", ops.Identity(), (IMAGE,))]
    if prepared.dtype != "uint8":
        params = {"mean": np.asarray(prepared.mean, np.float32), "scale": np.array(prepared.scale, np.float32)}
        op = ops.Preprocess(reverse_channels=reverse, mean_image=params["mean"].ndim == 3)
        nodes = [Node("input", op, (IMAGE,), params)]
    elif reverse:
        raise HeadsError("the backbone takes uint8 pixels as B, G, R, which an exported file cannot give it")
    if channels_last:
        nodes.append(Node("input/channels_last", ops.Permute((0, 2, 3, 1)), ("input",)))
    result = {"input": nodes[-1].name}
    return Graph("preprocessing", {IMAGE: shape}, tuple(nodes), result, input_dtypes={IMAGE: "uint8"})


def nodes_to_embedding(shapes: Mapping[str, Shape], *, normalized: bool, channels_last: bool = False) -> Graph:
    """Return the graph from a backbone's nodes (name -> shape, in order) to the embedding (batch, dimension).

    Maps, channels first or last, are averaged over height and width, the vectors joined, and with `normalized` brought
    to length 1.
    """
    nodes: list[Node] = []
    vectors = [_vector(name, shape, nodes, channels_last) for name, shape in shapes.items()]
    used = {EMBEDDING, *shapes, *(node.name for node in nodes)}
    value = vectors[0]
    if len(vectors) > 1:
        value = unique_name("nodes", used)
        nodes.append(Node(value, ops.Concat(axis=1), tuple(vectors)))
    last: Op = ops.L2Normalization(SHORTEST, root="max") if normalized else ops.Identity()
    # A node may be called "embedding" itself, and a graph names each value once.
    result = unique_name(EMBEDDING, shapes)
    nodes.append(Node(result, last, (value,)))
    return Graph("nodes", dict(shapes), tuple(nodes), {EMBEDDING: result})


def _vector(name: str, shape: Shape, nodes: list[Node], channels_last: bool) -> str:
    if len(shape) == 2:
        return name
    if len(shape) != 4:
        raise HeadsError(f"node '{name}' has shape {list(shape)}; an embedding is made of vectors and maps")
    maps = name
    if channels_last:
        maps = f"{name}/channels_first"
        nodes.append(Node(maps, ops.Permute((0, 3, 1, 2)), (name,)))
    nodes.append(Node(f"{name}/averaged", ops.GlobalPooling(), (maps,)))
    nodes.append(Node(f"{name}/vector", ops.Flatten(), (f"{name}/averaged",)))
    return f"{name}/vector"


def logit_to_probability(temperature: float, batch: int = 1) -> Graph:
    """Return the graph from "logit" (batch, 1) to "probability" (batch, 1): sigmoid(logit / temperature)."""
    divided = Node("logit/temperature", ops.Power(scale=1 / temperature), (LOGIT,))
    nodes = (divided, Node(PROBABILITY, ops.Sigmoid(), (divided.name,)))
    return Graph("decision", {LOGIT: (batch, 1)}, nodes, {PROBABILITY: PROBABILITY})


def joined(name: str, parts: Sequence[Graph]) -> Joined:
    """Return one graph in which each part reads the outputs of the part before it, by their names outside.

    It has the first part's inputs, source and aliases, and the last part's outputs. `names` has what the outputs of
    each part are called in it. ShapeError where a part wants what the one before it does not give.
    """
    first, *others = parts
    nodes, used = list(first.nodes), {*first.inputs, *(node.name for node in first.nodes)}
    known = dict(first.outputs)
    names = dict(known)
    for part in others:
        missing = [name for name in part.inputs if name not in known]
        if missing:
            raise ShapeError(f"'{part.name}' reads '{missing[0]}', which '{parts[0].name}' does not give")
        called = {name: known[name] for name in part.inputs}
        for node in part.nodes:
            called[node.name] = unique_name(node.name, used)
            used.add(called[node.name])
            nodes.append(_renamed(node, called))
        known = {outside: called[value] for outside, value in part.outputs.items()}
        names |= known
    return Joined(replace(first, name=name, nodes=tuple(nodes), outputs=known, labels=()), names)


def _renamed(node: Node, called: Mapping[str, str]) -> Node:
    return Node(called[node.name], node.op, tuple(called[name] for name in node.inputs), node.params)


def with_input_named(graph: Graph, old: str, new: str) -> Graph:
    """Return the graph with one input under another name; a value that has that name makes room for it."""
    called = {old: new}
    if new != old and new in graph.shapes:
        called[new] = unique_name(f"{new}/2", graph.shapes)

    def name(value: str) -> str:
        return called.get(value, value)

    return replace(
        graph,
        inputs={name(value): shape for value, shape in graph.inputs.items()},
        nodes=tuple(
            replace(node, name=name(node.name), inputs=tuple(map(name, node.inputs)), layer=node.layer)
            for node in graph.nodes
        ),
        outputs={outside: name(value) for outside, value in graph.outputs.items()},
        aliases={alias: name(value) for alias, value in graph.aliases.items()},
        input_dtypes={name(value): kind for value, kind in graph.input_dtypes.items()},
    )
