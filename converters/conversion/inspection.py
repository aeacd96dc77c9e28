"""What a network is made of: every node with its size and cost, totals, and what pins the size of its input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from converters import passes
from converters.conversion.crosschecking import channel_order
from converters.conversion.preparation import prepared
from converters.conversion.sources import find_model, read
from converters.ir import Graph, Preprocessing
from converters.ops import Shape
from converters.options import DYNAMIC_AXES, Options


@dataclass(frozen=True)
class Row:
    """One node: its op, the shape of its output, how many learned values it has, and its multiply-accumulates."""

    node: str
    op: str
    shape: Shape
    parameters: int
    macs: int


@dataclass(frozen=True)
class Inspection:
    """A network in numbers and words; `open_axes` says for each axis why it is pinned, or "" where it may stay open.

    `channel_order` says how sure the order of the channels is, "" where there are no colours.
    """

    name: str
    format: str
    weights: bool
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    rows: tuple[Row, ...]
    parameters: int
    macs: int
    preprocessing: Mapping[str, Any]
    labels: tuple[str, ...]
    licence: str
    open_axes: Mapping[str, str]
    warnings: tuple[str, ...]
    channel_order: str = ""


def inspect(words: Sequence[str], options: Options) -> Inspection:
    """Read a model, with or without weights, and describe it after the passes asked for.

    Raises ConversionError with all its problems.
    """
    model = find_model(words)
    graph = prepared(read(model, options, shapes_only=not model.complete), options)
    return replace(described(graph, weights=model.complete), channel_order=channel_order(model, graph))


def described(graph: Graph, *, weights: bool = True) -> Inspection:
    """Describe a graph; `weights` says whether its learned arrays are real."""
    rows = [
        Row(
            node.name,
            type(node.op).__name__,
            graph.shapes[node.name],
            sum(array.size for array in node.params.values()),
            node.op.macs(*graph.input_shapes(node)),
        )
        for node in graph
    ]
    found = passes.open_axes(graph, DYNAMIC_AXES)
    return Inspection(
        name=graph.name,
        format=graph.source.format,
        weights=weights,
        inputs=graph.inputs,
        outputs={name: graph.shapes[value] for name, value in graph.outputs.items()},
        rows=tuple(rows),
        parameters=graph.parameter_count(),
        macs=sum(row.macs for row in rows),
        preprocessing=preprocessing_facts(graph.preprocessing),
        labels=graph.labels,
        licence=graph.source.licence,
        open_axes={axis: "" if axis in found.axes else found.reasons[axis] for axis in DYNAMIC_AXES},
        warnings=graph.warnings,
    )


def preprocessing_facts(said: Preprocessing) -> dict[str, Any]:
    """Return what is known of the preprocessing, as plain values; of a mean image the size and the channels' means."""
    facts: dict[str, Any] = {}
    if said.channel_order is not None:
        facts["channel order"] = said.channel_order
    if said.mean is not None:
        channels = said.mean.reshape(said.mean.shape[0], -1)
        facts["mean"] = [round(float(np.mean(channel, dtype=np.float64)), 4) for channel in channels]
        if said.mean.ndim == 3:
            facts["mean image"] = list(said.mean.shape)
    if said.scale is not None:
        facts["scale"] = list(said.scale)
    if said.size is not None:
        facts["size"] = list(said.size)
    return facts


def as_json(inspection: Inspection) -> dict[str, Any]:
    """Return an inspection as plain values."""
    return {
        "name": inspection.name,
        "format": inspection.format,
        "weights": inspection.weights,
        "inputs": {name: list(shape) for name, shape in inspection.inputs.items()},
        "outputs": {name: list(shape) for name, shape in inspection.outputs.items()},
        "nodes": [
            {"node": row.node, "op": row.op, "shape": list(row.shape), "parameters": row.parameters, "macs": row.macs}
            for row in inspection.rows
        ],
        "parameters": inspection.parameters,
        "macs": inspection.macs,
        "preprocessing": dict(inspection.preprocessing),
        "channel_order": inspection.channel_order or None,
        "labels": list(inspection.labels),
        "licence": inspection.licence,
        "axes": {axis: {"open": not why, "pinned by": why or None} for axis, why in inspection.open_axes.items()},
        "warnings": list(inspection.warnings),
    }
