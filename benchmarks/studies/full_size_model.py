"""A VGG-Face of full size with seeded weights: the yardstick for speed and memory, since the trained weights may not
be shipped.

    python -m benchmarks.studies.full_size_model DIR

The caffemodel has 580,012,319 bytes (V1 layers, legacy blob dims, like the original); `vggface_full` among the test
vectors holds what real Caffe computes from it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import prototxt

SHA256 = "01c38173c95f42d8cd0ef2e368eb1fb0f7b7eb83a8876dc230322f914f670e67"
CONVOLUTION, INNER_PRODUCT = 4, 14  # V1LayerParameter.LayerType
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
DENSE = (("fc6", (4096, 25088)), ("fc7", (4096, 4096)), ("fc8", (2622, 4096)))


def write(folder: Path) -> tuple[Path, Path, Path]:
    """Write deploy.prototxt, weights.caffemodel and input_data.npy into a folder and return their paths;

    takes about ten seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "deploy.prototxt", folder / "weights.caffemodel", folder / "input_data.npy"
    paths[0].write_bytes(prototxt.find("vgg-face").prototxt.read_bytes())
    random = np.random.RandomState(1)
    with paths[1].open("wb") as out:
        out.write(field(1, b"VGG_FACE_16_layers"))
        for name, kind, shape in _layers():
            weight, bias = _values(random, name, shape)
            head = field(4, name.encode()) + varint(5 << 3) + varint(kind)
            out.write(field(2, head + field(6, _blob(weight)) + field(6, _blob(bias))))
    np.save(paths[2], random.uniform(-120, 130, (1, 3, 224, 224)).astype(np.float32))
    return paths


def _layers() -> Iterator[tuple[str, int, tuple[int, ...]]]:
    channels = 3
    for block, (count, width) in enumerate(BLOCKS, 1):
        for index in range(1, count + 1):
            yield f"conv{block}_{index}", CONVOLUTION, (width, channels, 3, 3)
            channels = width
    yield from ((name, INNER_PRODUCT, shape) for name, shape in DENSE)


def _values(
    random: np.random.RandomState, name: str, shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    inputs = int(np.prod(shape[1:]))
    # With He's factor throughout, the softmax would be one-hot and hide every error.
    scale = np.float32(np.sqrt(2.0 / inputs) * (0.01 if name == "fc8" else 1))
    rows = [random.standard_normal(inputs).astype(np.float32) * scale for _ in range(shape[0])]
    return np.stack(rows).reshape(shape), (random.standard_normal(shape[0]) * 0.1).astype(np.float32)


def _blob(array: NDArray[np.float32]) -> bytes:
    dims = (1,) * (4 - array.ndim) + array.shape
    legacy = b"".join(varint(number << 3) + varint(size) for number, size in zip((1, 2, 3, 4), dims, strict=True))
    return legacy + field(5, array.tobytes())


def field(number: int, payload: bytes) -> bytes:
    """Return a field of a protobuf message that holds bytes."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(value: int) -> bytes:
    """Return a number from 0 up as protobuf writes it."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def main() -> None:
    """Write the files into the folder that is named, and print their paths."""
    if len(sys.argv) != 2:
        sys.exit("expected one folder to write into")
    print(*write(Path(sys.argv[1])), sep="\n")


if __name__ == "__main__":
    main()
