"""MTCNN's three networks, read from their Caffe files and run as ONNX."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from converters import formats
from converters.conversion.sources import Model, read
from converters.errors import ConversionError
from converters.ir import Graph
from converters.options import Options
from heads.backbones.artefact import Hardware
from heads.errors import HeadsError

Array = np.ndarray[Any, Any]

# The networks were trained in MATLAB, whose images have the columns first: their "height" runs along the image's width.
MEAN, SCALE = 127.5, 0.0078125


class Stage:
    """One of the networks: images (n, height, width, 3) in RGB, 0..255, to its outputs.

    `outputs` maps what an output means to the name that it has in the prototxt.
    """

    def __init__(
        self, files: tuple[Path, Path], outputs: Mapping[str, str], axes: Sequence[str], hardware: Hardware
    ) -> None:
        graph = _read(files, outputs.values())
        self._outputs = dict(outputs)
        self._input = next(iter(graph.inputs))
        self.side = graph.inputs[self._input][2]
        self._session = _session(graph, axes, hardware)
        self._results = formats.load("heads.backbones.sessions").results

    def run(self, images: Array) -> dict[str, Array]:
        """Return the outputs by their meanings, maps as (n, channels, width, height), as the network has them."""
        x = (images.transpose(0, 3, 2, 1).astype(np.float32) - np.float32(MEAN)) * np.float32(SCALE)
        names = list(self._outputs.values())
        found = self._results(self._session, names, {self._input: np.ascontiguousarray(x)})
        return dict(zip(self._outputs, found, strict=True))


def _read(files: tuple[Path, Path], outputs: Collection[str]) -> Graph:
    try:
        graph = read(Model("caffe", files), Options())
    except ConversionError as error:
        raise HeadsError(error.problems) from error
    missing = [name for name in outputs if name not in graph.outputs]
    if missing or len(graph.inputs) != 1:
        raise HeadsError(
            f"{files[0]}: is not this stage of MTCNN: its outputs are {', '.join(graph.outputs)}, "
            f"expected {', '.join(outputs)}"
        )
    return graph


def _session(graph: Graph, axes: Sequence[str], hardware: Hardware) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stage.onnx"
        formats.load("converters.to_onnx").save(graph, path, dynamic=axes)
        return formats.load("heads.backbones.sessions").session(path, hardware)
