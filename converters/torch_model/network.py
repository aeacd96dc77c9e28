"""A graph as what a PyTorch model consists of: the text of a module, its state_dict, and what describes both."""

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from converters.errors import ConversionError, UnsupportedError
from converters.formats import DISTRIBUTION
from converters.ir import Graph, Preprocessing
from converters.ops import Array
from converters.torch_model.layer import Layer
from converters.torch_model.module_text import Module, module_text
from converters.torch_model.names import class_name, unique
from converters.torch_model.plan import RESERVED, plan
from converters.torch_model.preprocessing_text import MEAN_IMAGE, mean_image
from converters.torch_model.weights import stored_dtype

DTYPES = ("float32", "float16")


class Network:
    """The text of a module, the name of its class, its state_dict as arrays of the graph, and its metadata.

    `weights` is the suffix of the file that the module reads, ".safetensors" or ".pt"; `dtype` is "float32" or
    "float16". ConversionError for another dtype, UnsupportedError for weights beyond its limits.
    """

    def __init__(self, graph: Graph, layers: Mapping[str, Layer], weights: str, dtype: str) -> None:
        if dtype not in DTYPES:
            raise ConversionError(f"dtype is '{dtype}'; choose {' or '.join(DTYPES)}")
        self.dtype = dtype
        self.class_name = unique(class_name(graph.name), RESERVED)
        parts = plan(graph, layers, self.class_name)
        mean = mean_image(graph.preprocessing)
        self.state = parts.state() | ({} if mean is None else {MEAN_IMAGE: mean})
        self._check_range()
        producer = _producer()
        self.text = module_text(graph, parts, Module(self.class_name, weights, dtype, producer))
        self.metadata = {"format": "pt", "producer": producer, **described(graph)}

    def stored_state(self) -> dict[str, Array]:
        """Return the state_dict with its floats in the number type in which it is written."""
        return {name: array.astype(stored_dtype(array, self.dtype), copy=False) for name, array in self.state.items()}

    def _check_range(self) -> None:
        kind = np.finfo(self.dtype)
        wider = {name: a for name, a in self.state.items() if a.dtype.kind == "f" and a.itemsize > kind.dtype.itemsize}
        limit = float(kind.max)
        large = [name for name, array in wider.items() if _largest(array) > limit]
        if large:
            raise UnsupportedError([f"'{name}' holds values beyond {limit:g}, {self.dtype}'s limit" for name in large])


def _largest(array: Array) -> float:
    """Return the largest absolute value; infinities in the source stay what they are."""
    finite = array if np.isfinite(array.sum(dtype=np.float64)) else array[np.isfinite(array)]
    return float(max(-finite.min(initial=0), finite.max(initial=0)))


def described(graph: Graph) -> dict[str, str]:
    """Return what a file says of itself, structures as JSON; a name that is missing is not known."""
    told: dict[str, Any] = {
        "name": graph.name,
        "preprocessing": _preprocessing(graph.preprocessing),
        "labels": list(graph.labels),
        "source_format": graph.source.format,
        "source_sha256": dict(graph.source.files),
        "licence": graph.source.licence,
    }
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in told.items()
        if value
    }


def _preprocessing(known: Preprocessing) -> dict[str, Any]:
    mean = None if known.mean is None else known.mean.tolist() if known.mean.ndim == 1 else MEAN_IMAGE
    told = {
        "channel_order": known.channel_order,
        "mean": mean,
        "scale": known.scale,
        "size_height_width": known.size,
    }
    return {key: value for key, value in told.items() if value is not None}


def _producer() -> str:
    try:
        return f"{DISTRIBUTION} {version(DISTRIBUTION)}"
    except PackageNotFoundError:
        return DISTRIBUTION
