"""Dense layers become convolutions, so that a network runs over images of any size."""

from converters.ir import Graph


def dense_to_conv(graph: Graph) -> Graph:
    """Return the network with its dense layers as convolutions: fully convolutional, outputs (batch, classes, 1, 1)."""
    raise NotImplementedError
