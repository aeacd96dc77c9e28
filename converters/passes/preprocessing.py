"""What happens to an image before the network: stated by the user, checked, or moved into the network."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from converters.errors import ConversionError
from converters.ir import Graph, Node, Preprocessing, unique_name
from converters.ops import Array, Preprocess, Shape
from converters.passes.rewiring import rebuilt
from converters.roles import image_inputs

CHANNEL_ORDERS = ("RGB", "BGR", "gray")


def override_preprocessing(
    graph: Graph,
    *,
    channel_order: str | None = None,
    mean: Sequence[float] | None = None,
    mean_array: Array | None = None,
    scale: Sequence[float] | None = None,
    labels: Sequence[str] | None = None,
) -> Graph:
    """Return the network with what the user states about its images and classes in place of what the source says.

    `mean` and `scale` hold one number, or three in the order R, G, B, whatever the network's own order is. `mean_array` is a mean
    as files hold it, in the network's channel order: (channels,) or (channels, height, width); one larger than the input is cropped to
    its centre, as Caffe does. ConversionError with every problem found.
    """
    raise NotImplementedError


def bake_preprocessing(graph: Graph) -> Graph:
    """Return the network with its preprocessing inside: its image inputs become uint8 RGB (or gray)."""
    raise NotImplementedError
