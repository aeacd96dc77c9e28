"""vgg-face-tiny as others would have converted it: the same arrays in the files, names and arrangements of others."""

import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import h5py
import numpy as np

import caffe_files
import prototxt
from converters import read_caffe
from converters.ir import Graph
from converters.ops import Array

TINY = prototxt.find("vgg-face-tiny")
MAP = (32, 2, 2)  # what fc6 reads: channels, height, width
FIRST, FLATTENED, DENSE = "conv1_1", "fc6", ("fc6", "fc7", "fc8")
# A layer's arrays by what they are called in a file.
Layers = dict[str, dict[str, Array]]


@cache
def tiny() -> Graph:
    assert TINY.weights is not None
    return read_caffe(TINY.prototxt, TINY.weights)


def caffe_form() -> Layers:
    """The arrays as Caffe keeps them: kernels OIHW, BGR, dense layers (out, channels * height * width)."""
    return {
        node.layer: {name: np.ascontiguousarray(array) for name, array in node.params.items()}
        for node in tiny()
        if node.params
    }


def turned(layers: Layers, **turns: object) -> Layers:
    """The layers with a function applied to the arrays of some of them: `turned(layers, conv1_1=np.negative)`."""
    return {
        layer: {name: np.ascontiguousarray(turns[layer](array)) for name, array in arrays.items()}  # type: ignore[operator]
        if layer in turns
        else dict(arrays)
        for layer, arrays in layers.items()
    }


def with_weights(layers: Layers, change: Mapping[str, Array]) -> Layers:
    """The layers with some weights replaced."""
    return {
        layer: {**arrays, **({"weight": np.ascontiguousarray(change[layer])} if layer in change else {})}
        for layer, arrays in layers.items()
    }


def flipped(layers: Layers) -> Layers:
    """The layers with the input channels of the first convolution the other way round: from BGR to RGB."""
    return with_weights(layers, {FIRST: layers[FIRST]["weight"][:, ::-1]})


def keras_form(layers: Layers, weight: str = "kernel", *, convolutional: bool = False) -> Layers:
    """The layers as Keras keeps them: kernels HWIO, dense layers (height * width * channels, out), or convolutions."""
    found: Layers = {}
    for layer, arrays in layers.items():
        values = arrays["weight"]
        if layer not in DENSE:
            kernel = values.transpose(2, 3, 1, 0)
        else:
            image = MAP if layer == FLATTENED else (values.shape[1], 1, 1)
            kernel = values.reshape(-1, *image).transpose(2, 3, 1, 0)
            kernel = kernel if convolutional else kernel.reshape(-1, values.shape[0])
        found[layer] = {weight: np.ascontiguousarray(kernel), "bias": arrays["bias"]}
    return found


def renamed(layers: Layers, names: Iterable[str]) -> Layers:
    return dict(zip(names, layers.values(), strict=True))


def renamed_arrays(layers: Layers, names: Mapping[str, str]) -> Layers:
    return {layer: {names[name]: array for name, array in arrays.items()} for layer, arrays in layers.items()}


def flat(layers: Layers, joint: str = ".") -> dict[str, Array]:
    """All arrays by names such as conv1_1.weight."""
    return {f"{layer}{joint}{name}": array for layer, arrays in layers.items() for name, array in arrays.items()}


def keras2_weights(
    path: Path, layers: Layers, *, silent: Sequence[str] = ("input_1", "flatten"), root: str = ""
) -> Path:
    """A Keras 2 file of weights; with `root` "model_weights" that of a whole model, optimizer included."""
    with h5py.File(path, "w") as file:
        group = file.create_group(root) if root else file
        group.attrs["layer_names"] = [name.encode() for name in (*silent, *layers)]
        group.attrs["keras_version"] = b"2.2.4"
        for layer in silent:
            group.create_group(layer).attrs["weight_names"] = np.zeros(0)
        for layer, arrays in layers.items():
            inner = group.create_group(layer)
            inner.attrs["weight_names"] = [f"{layer}/{name}:0".encode() for name in arrays]
            for name, array in arrays.items():
                inner.create_dataset(f"{layer}/{name}:0", data=array)
        if root:
            file.attrs["model_config"] = b"{}"
            file.create_dataset("optimizer_weights/Adam/conv1_1/kernel/m:0", data=np.ones((3, 3, 3, 4), np.float32))
    return path


def keras3_weights(path: Path | io.BytesIO, layers: Layers, *, named: bool = True) -> None:
    """A Keras 3 file of weights: groups called after classes, arrays after places; names only where `named`."""
    counts: dict[str, int] = {}
    with h5py.File(path, "w") as file:
        for layer, arrays in layers.items():
            kind = "conv2d" if next(iter(arrays.values())).ndim == 4 else "dense"
            number = counts.get(kind, 0)
            counts[kind] = number + 1
            variables = file.create_group(f"layers/{kind}{f'_{number}' if number else ''}/vars")
            if named:
                variables.attrs["name"] = layer
            for place, array in enumerate(arrays.values()):
                variables.create_dataset(str(place), data=array)
        file.create_dataset("optimizer/vars/0", data=np.ones(7, np.float32))


def keras_archive(path: Path, layers: Layers, *, named: bool = True, packing: int = zipfile.ZIP_STORED) -> Path:
    """A `.keras` file; its config.json names the layers in any case."""
    weights = io.BytesIO()
    keras3_weights(weights, layers, named=named)
    classes = {4: "Conv2D", 2: "Dense"}
    config = {
        "class_name": "Functional",
        "config": {
            "layers": [
                {"class_name": classes[next(iter(arrays.values())).ndim], "config": {"name": layer}}
                for layer, arrays in layers.items()
            ]
        },
    }
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights.getvalue())
    return path


def caffemodel(path: Path, layers: Layers) -> Path:
    """A caffemodel of the first format that Caffe had names for (V1), blobs padded to four axes."""
    written = [
        caffe_files.v1_layer(layer, 14 if layer in DENSE else 4, *(blob(array) for array in arrays.values()))
        for layer, arrays in layers.items()
    ]
    path.write_bytes(caffe_files.net(*written))
    return path


def blob(array: Array) -> bytes:
    dims = (1,) * (4 - array.ndim) + array.shape
    return caffe_files.legacy(*dims) + caffe_files.bytes_field(5, array.astype("<f4").tobytes())
