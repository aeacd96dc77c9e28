"""The networks of the comparison: VGG-Face in several widths with seeded weights, in Caffe's newest format (V2), which
is the only one that every converter reads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.studies.full_size_model import BLOCKS, DENSE, field, varint
from converters.ops import Array

SIZE = 224
# Fields of V2: NetParameter.layer; LayerParameter.name, type, blobs; BlobProto.data, shape; BlobShape.dim
LAYER, NAME, TYPE, BLOBS, DATA, SHAPE, DIM = 100, 1, 2, 7, 5, 7, 1
IN_PLACE = ("ReLU", "Dropout")


@dataclass(frozen=True)
class Network:
    """A network as Caffe's two files, V2."""

    name: str
    prototxt: Path
    weights: Path


@dataclass(frozen=True)
class _Layer:
    """A layer with its settings as prototxt, and the shape of its weight, () where it has none."""

    name: str
    kind: str
    settings: str = ""
    shape: tuple[int, ...] = ()


def write_vgg_face(folder: Path, divisor: int) -> Network:
    """Write VGG-Face with `divisor` times fewer channels everywhere (1: its own size, 580 MB) and seeded weights."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "VGG-Face" if divisor == 1 else f"VGG-Face, 1/{divisor} width"
    network = Network(name, folder / "deploy.prototxt", folder / "weights.caffemodel")
    layers = list(_layers(divisor))
    network.prototxt.write_text(_prototxt(layers), encoding="utf-8")
    random = np.random.default_rng(divisor)
    with network.weights.open("wb") as out:
        out.write(field(1, b"VGG_FACE_16_layers"))
        for layer in layers:
            blobs = b"".join(field(BLOBS, _blob(values)) for values in _values(random, layer))
            out.write(field(LAYER, field(NAME, layer.name.encode()) + field(TYPE, layer.kind.encode()) + blobs))
    return network


def _layers(divisor: int) -> Iterator[_Layer]:
    channels = 3
    for block, (count, width) in enumerate(BLOCKS, 1):
        outputs = width // divisor
        for index in range(1, count + 1):
            settings = f"convolution_param {{ num_output: {outputs} kernel_size: 3 pad: 1 }}"
            yield _Layer(f"conv{block}_{index}", "Convolution", settings, (outputs, channels, 3, 3))
            yield _Layer(f"relu{block}_{index}", "ReLU")
            channels = outputs
        yield _Layer(f"pool{block}", "Pooling", "pooling_param { pool: MAX kernel_size: 2 stride: 2 }")
    inputs = channels * (SIZE // 2 ** len(BLOCKS)) ** 2
    for name, (width, _) in DENSE:
        outputs = width // divisor
        yield _Layer(name, "InnerProduct", f"inner_product_param {{ num_output: {outputs} }}", (outputs, inputs))
        if name != DENSE[-1][0]:
            yield _Layer(f"relu{name[2:]}", "ReLU")
            yield _Layer(f"drop{name[2:]}", "Dropout", "dropout_param { dropout_ratio: 0.5 }")
        inputs = outputs
    yield _Layer("prob", "Softmax")


def _prototxt(layers: Sequence[_Layer]) -> str:
    text = f'name: "VGG_FACE_16_layers"\ninput: "data"\ninput_shape {{ dim: 1 dim: 3 dim: {SIZE} dim: {SIZE} }}\n'
    below = "data"
    for layer in layers:
        top = below if layer.kind in IN_PLACE else layer.name
        ends = f'bottom: "{below}" top: "{top}"'
        text += f'layer {{ name: "{layer.name}" type: "{layer.kind}" {ends} {layer.settings} }}\n'
        below = top
    return text


def _values(random: np.random.Generator, layer: _Layer) -> list[Array]:
    if not layer.shape:
        return []
    inputs = int(np.prod(layer.shape[1:]))
    # With He's factor throughout, the softmax would be one-hot and hide every error.
    scale = np.float32(np.sqrt(2.0 / inputs) * (0.01 if layer.name == "fc8" else 1))
    weight = random.standard_normal(layer.shape, np.float32)
    weight *= scale
    return [weight, random.standard_normal(layer.shape[0], np.float32) * np.float32(0.1)]


def _blob(values: Array) -> bytes:
    dims = field(DIM, b"".join(map(varint, values.shape)))
    return field(SHAPE, dims) + field(DATA, values.astype("<f4", copy=False).tobytes())
