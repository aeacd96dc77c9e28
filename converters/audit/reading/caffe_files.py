"""`.caffemodel` files of every version, and Caffe's HDF5: the arrays of each layer, numbered."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from converters.audit.tensors import Contents, Tensor
from converters.caffe.blobs import Blob, SourceLayer
from converters.caffe.weights import read_weights
from converters.errors import FormatError
from converters.ops import Array, Shape

# What the arrays of a layer are, by its type; of any other type, weight and bias.
_SLOTS = {
    "BatchNorm": ("mean", "variance", "factor", "scale", "bias"),
    "BN": ("scale", "bias", "mean", "variance"),
    "Bias": ("bias",),
    "PReLU": ("slope",),
    "Normalize": ("scale",),
    "Scale": ("scale", "bias"),
}
_OTHERWISE = ("weight", "bias")
_FACTOR = 2


def read(path: Path) -> Contents:
    """Read a caffemodel; FormatError for what is none, or damaged."""
    weights = read_weights(path)
    problems = [blob.problem for layer in weights.layers for blob in layer.blobs if blob.problem]
    if problems:
        raise FormatError(problems)
    tensors = tuple(tensor for layer in weights.layers for tensor in _tensors(layer))
    return Contents(path, f"Caffe {weights.format}", tensors)


def _tensors(layer: SourceLayer) -> Iterator[Tensor]:
    normalization = _is_batch_norm(layer)
    slots = _SLOTS["BatchNorm"] if normalization else _SLOTS.get(layer.type, _OTHERWISE)
    for index, blob in enumerate(layer.blobs):
        if normalization and index == _FACTOR:
            continue
        slot = slots[index] if index < len(slots) else str(index)
        statistic = normalization and index < _FACTOR
        shape = _shape(blob, layer.type, index)
        load = partial(_times_factor, blob, layer.blobs[_FACTOR]) if statistic else partial(_values, blob, shape)
        yield Tensor(f"{layer.name}.{index}", shape, "float32", load, layer.name, slot)


def _is_batch_norm(layer: SourceLayer) -> bool:
    """Return whether a layer keeps mean and variance times a third array; HDF5 files do not name types."""
    blobs = layer.blobs
    if layer.type:
        return layer.type == "BatchNorm" and len(blobs) > _FACTOR
    return len(blobs) == 3 and blobs[0].shape == blobs[1].shape and blobs[2].shape == (1,)


def _shape(blob: Blob, kind: str, index: int) -> Shape:
    """Return the shape without the ones that the old format puts in front of a matrix or a vector."""
    if blob.legacy and index and blob.shape[:3] == (1, 1, 1):
        return blob.shape[3:]
    padded = blob.legacy and "onvolution" not in kind and blob.shape[:2] == (1, 1)
    return blob.shape[2:] if padded else blob.shape


def _values(blob: Blob, shape: Shape) -> Array:
    return blob.array.reshape(shape)


def _times_factor(blob: Blob, factor: Blob) -> Array:
    whole = float(factor.array.reshape(-1)[0])
    # The product with the reciprocal, in float32, is what Caffe computes.
    return blob.array.reshape(-1) * np.float32(1 / np.float32(whole) if whole else 0)
