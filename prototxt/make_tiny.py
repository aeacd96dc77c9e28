"""Write vgg_face_tiny.caffemodel: seeded weights for vgg_face_tiny.prototxt, in the format of the original.

    python -m prototxt.make_tiny [OUT.caffemodel]

The format is the one of VGG_FACE.caffemodel: V1 `layers` and blobs with the legacy num/channels/height/width, padded
with ones on the left. Every run writes the same bytes: the generator's stream is frozen by NumPy's policy for
RandomState, and only exactly rounded arithmetic follows it (hence uniform, not normal, numbers).
"""

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SEED = 16
CLASSES = 164  # 2622 / 16, rounded
CONVOLUTION, INNER_PRODUCT = 4, 14  # V1LayerParameter.LayerType
WIRE_VARINT, WIRE_BYTES = 0, 2
GRID = 1 << 15  # numbers are drawn as whole multiples of 1/GRID
BIAS_LIMIT = 0.1

# Factors on He initialization: inputs of up to 130 come down to about 1, where biases show, and prob is never one-hot.
GAIN = 1.05
GAINS = {"conv1_1": 1 / 48, "fc8": 1 / 4}


def layer_shapes() -> Iterator[tuple[str, int, tuple[int, ...]]]:
    """Give name, V1 type and weight shape of every learned layer, in order."""
    channels = 3
    for block, (count, width) in enumerate(((2, 4), (2, 8), (3, 16), (3, 32), (3, 32)), 1):
        for index in range(1, count + 1):
            yield f"conv{block}_{index}", CONVOLUTION, (width, channels, 3, 3)
            channels = width
    for name, shape in (("fc6", (256, channels * 2 * 2)), ("fc7", (256, 256)), ("fc8", (CLASSES, 256))):
        yield name, INNER_PRODUCT, shape


def varint(value: int) -> bytes:
    """Encode a non-negative integer in base 128, lowest digits first."""
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def number_field(field: int, value: int) -> bytes:
    """Encode an integer or enum field."""
    return varint(field << 3 | WIRE_VARINT) + varint(value)


def bytes_field(field: int, payload: bytes) -> bytes:
    """Encode a string, message or packed field."""
    return varint(field << 3 | WIRE_BYTES) + varint(len(payload)) + payload


def blob_field(array: NDArray[np.floating]) -> bytes:
    """Encode V1LayerParameter.blobs: four legacy dimensions, then the packed floats."""
    dims = (1,) * (4 - array.ndim) + array.shape
    header = b"".join(number_field(field, size) for field, size in enumerate(dims, 1))
    return bytes_field(6, header + bytes_field(5, array.astype("<f4").tobytes()))


def drawn(random: np.random.RandomState, shape: tuple[int, ...], limit: float) -> NDArray[np.float32]:
    """Draw uniform numbers of about [-limit, limit], less a quarter of their mean in each output channel (first axis).

    Activations behind a ReLU are all positive: without this every input gives much the same output, and with the whole
    mean taken off so much cancels out that rounding shows.
    """
    grid = random.randint(-GRID, GRID + 1, (shape[0], math.prod(shape[1:])), np.int64)
    count = grid.shape[1]
    shifted = 4 * count * grid - grid.sum(axis=1, keepdims=True)  # whole numbers: exact in any order of summation
    weights: NDArray[np.float32] = (shifted / (4 * count * GRID) * limit).astype(np.float32).reshape(shape)
    return weights


def caffemodel() -> bytes:
    """Make the whole file."""
    random = np.random.RandomState(SEED)
    parts = [bytes_field(1, b"VGG_FACE_16_layers_tiny")]
    for name, kind, shape in layer_shapes():
        weight = drawn(random, shape, math.sqrt(6 / math.prod(shape[1:])) * GAINS.get(name, GAIN))
        bias = random.randint(-GRID, GRID + 1, shape[0], np.int64) / GRID * BIAS_LIMIT
        blobs = blob_field(weight) + blob_field(bias)
        parts.append(bytes_field(2, bytes_field(4, name.encode()) + number_field(5, kind) + blobs))
    return b"".join(parts)


def main() -> None:
    """Write the file to the given path, or over the one beside this script."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("vgg_face_tiny.caffemodel")
    target.write_bytes(caffemodel())


if __name__ == "__main__":
    main()
