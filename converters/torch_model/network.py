"""A graph as what a PyTorch model consists of: the text of a module, its state_dict, and what describes both."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from converters.description import as_text, described
from converters.errors import ConversionError, UnsupportedError
from converters.ir import Graph
from converters.ops import Array
from converters.torch_model.layer import Layer
from converters.torch_model.module_text import Module, module_text
from converters.torch_model.names import class_name, unique
from converters.torch_model.plan import RESERVED, plan
from converters.torch_model.preprocessing_text import MEAN_IMAGE, mean_image
from converters.torch_model.weights import stored_dtype

DTYPES = ("float32", "float16")


class Network:
    """The text of a module, the name of its class, and its state_dict as arrays of the graph.

    `weights` is the suffix of the file that the module reads, ".safetensors" or ".pt"; `dtype` is "float32" or
    "float16". ConversionError for another dtype, UnsupportedError for weights beyond its limits.
    """

    def __init__(self, graph: Graph, layers: Mapping[str, Layer], weights: str, dtype: str) -> None:
        if dtype not in DTYPES:
            raise ConversionError(f"dtype is '{dtype}'; choose {' or '.join(DTYPES)}")
        self.dtype = dtype
        self.class_name = unique(class_name(graph.name), RESERVED)
        self._graph, self._weights = graph, weights
        self._plan = plan(graph, layers, self.class_name)
        mean = mean_image(graph.preprocessing)
        self.state = self._plan.state() | ({} if mean is None else {MEAN_IMAGE: mean})
        self._check_range()

    @cached_property
    def text(self) -> str:
        """The source of the module; it states hashes of the sources, and so waits for them."""
        return module_text(self._graph, self._plan, Module(self.class_name, self._weights, self.dtype))

    def metadata(self, *, hashed: bool = True) -> dict[str, str]:
        """Return what the file says of itself; without hashes of the sources if they need not be `hashed` yet."""
        return {"format": "pt", **as_text(described(self._graph, mean_image=MEAN_IMAGE, hashed=hashed))}

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
