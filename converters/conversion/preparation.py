"""From the graph that was read to the graph that is written: the passes asked for, in the order that works."""

from dataclasses import replace

from converters import passes
from converters.conversion.side_files import read_labels, read_mean
from converters.ir import Graph
from converters.options import Options

STATED = ("channel_order", "mean", "mean_file", "scale")


def prepared(graph: Graph, options: Options) -> Graph:
    """Return the graph with everything done to it that `options` ask for; ConversionError where that cannot be."""
    if options.labels:
        graph = passes.override_preprocessing(graph, labels=read_labels(options.labels))
    if options.cut:
        graph = passes.cut(graph, options.cut)
    if options.dense_to_conv:
        graph = passes.dense_to_conv(graph)
    # What pins the size of an input may be gone by now.
    shapes = {name or next(iter(graph.inputs)): shape for name, shape in options.input_shapes}
    if any(graph.inputs.get(name) != shape for name, shape in shapes.items()):
        graph = passes.resize(graph, shapes)
    if options.given().keys() & set(STATED):
        graph = _stated(graph, options)
    if options.fold_batch_norm:
        graph = passes.fold_batch_norm(graph)
    if options.l2_normalize:
        graph = passes.l2_normalize(graph)
    if options.bake_preprocessing:
        graph = passes.bake_preprocessing(graph)
    strange = tuple(f"{line}: what they lead to is meaningless" for line in passes.non_finite_weights(graph))
    return replace(graph, warnings=(*graph.warnings, *strange))


def _stated(graph: Graph, options: Options) -> Graph:
    return passes.override_preprocessing(
        graph,
        channel_order=options.channel_order,
        mean=options.mean,
        mean_array=read_mean(options.mean_file) if options.mean_file else None,
        scale=options.scale,
    )
