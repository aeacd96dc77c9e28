"""A backbone that is read from its sources, and a head on it, as one graph from pixels to probability."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from converters import formats, passes
from converters.conversion.sources import check_complete, find_model, read
from converters.errors import ConversionError, ShapeError
from converters.ir import Graph, Preprocessing
from converters.ops import Shape
from converters.options import Options
from converters.roles import image_inputs
from heads.errors import HeadsError, MismatchError
from heads.export.kinds import INCEPTION
from heads.export.pieces import IMAGE, Joined, joined, logit_to_probability, nodes_to_embedding, with_input_named
from heads.models.graph import head_graph
from heads.models.head import Head


def read_sources(words: Sequence[str], size: tuple[int, int]) -> Graph:
    """Return the network that words name: a name, prototxt and caffemodel, a .mat file, or Inception-ResNet-v1's name
    and weights, which takes images of any `size` (height, width). ConversionError where they name none.
    """
    if words[0] == INCEPTION:
        return cast(Graph, formats.load("heads.export.inception_graph").read_inception(Path(words[1]), size))
    options = Options()
    model = find_model(words)
    check_complete(model, options)
    return read(model, options)


def whole_graph(backbone: Graph, known: Preprocessing, head: Head, name: str) -> Joined:
    """Return the graph from "image", uint8 (batch, channels, height, width), to "probability" (batch, 1).

    `known` is the preprocessing that the head's embeddings were made with. HeadsError where the backbone does not have
    the embedding's nodes, or they have other sizes.
    """
    ended = _single_image(_ended(replace(backbone, preprocessing=known), head))
    input_name = next(iter(ended.inputs))
    shapes = {node: ended.shapes[value] for node, value in ended.outputs.items()}
    check_dimensions(head, {node: shape[1] for node, shape in shapes.items()})
    batch = next(iter(shapes.values()))[0]
    baked = with_input_named(passes.bake_preprocessing(ended), input_name, IMAGE)
    return joined(name, [baked, *after_nodes(head, shapes, batch)])


def after_nodes(
    head: Head, shapes: Mapping[str, Shape], batch: int, *, channels_last: bool = False
) -> tuple[Graph, ...]:
    """Return the graphs from a backbone's nodes (name -> shape) to "embedding", on to "logit", to "probability"."""
    return (
        nodes_to_embedding(shapes, normalized=head.embedding.normalized, channels_last=channels_last),
        head_graph(head, batch),
        logit_to_probability(head.calibration.temperature, batch),
    )


def _ended(backbone: Graph, head: Head) -> Graph:
    """Return the backbone up to the embedding's nodes, which are its outputs then, under their names."""
    try:
        ended = passes.cut(backbone, head.embedding.nodes)
    except ConversionError as error:
        raise MismatchError([f"the backbone is another one: {problem}" for problem in error.problems]) from error
    # What the cut has to say, which side of an activation a node is on, was settled when the head was trained.
    return replace(ended, warnings=backbone.warnings)


def _single_image(graph: Graph) -> Graph:
    images = image_inputs(graph)
    if len(graph.inputs) != 1 or not images:
        found = ", ".join(f"'{name}' {list(shape)}" for name, shape in graph.inputs.items())
        raise HeadsError(f"a backbone has one input, an image; this one has {found}")
    name = images[0]
    try:
        return graph.with_inputs({name: (1, *graph.inputs[name][1:])})
    except ShapeError:
        return graph  # something pins the batch


def check_dimensions(head: Head, found: Mapping[str, int]) -> None:
    """Refuse a backbone whose nodes have other sizes than those of the head's embeddings."""
    wanted = dict(zip(head.embedding.nodes, head.embedding.dimensions, strict=True))
    problems = [
        f"node '{node}' has {found[node]} values in the backbone, {size} in the embeddings the head was trained on"
        for node, size in wanted.items()
        if found[node] != size
    ]
    if problems:
        raise MismatchError(problems)
