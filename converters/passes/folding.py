"""Batch normalization, scales and biases melt into the layer before them."""

from converters.ir import Graph


def fold_batch_norm(graph: Graph) -> Graph:
    """Return the network with BatchNormalization, Scale and Bias melted into the convolution or dense layer before them."""
    raise NotImplementedError
