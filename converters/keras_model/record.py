"""What a written model says of itself: preprocessing, labels, licence, sources, which operation gives which value."""

import base64
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from converters import formats
from converters.ir import Graph, Preprocessing
from converters.keras_model.assembly import Assembly

KEY = formats.DISTRIBUTION
VALUES = "values"
INPUTS = "inputs"
OUTPUTS = "outputs"


def record(graph: Graph, assembly: Assembly) -> dict[str, Any]:
    """Return the record as it goes into JSON; a name that is missing is not known.

    `values` maps values of the network to names of operations in the model, `outputs` its outputs likewise, in the
    model's order; `inputs` has the network's names of the model's inputs, in order.
    """
    source = graph.source
    told: dict[str, Any] = {
        "producer_version": _version(),
        "network": graph.name,
        "layout": "channels last where a tensor has four axes",
        "preprocessing": _preprocessing(graph.preprocessing),
        "labels": list(graph.labels),
        "source_format": source.format,
        # Names without folders: where a file lay is nobody's business, and would make the same model another file.
        "source_sha256": {Path(name).name: digest for name, digest in source.files.items() if digest},
        "licence": source.licence,
        INPUTS: list(graph.inputs),
        OUTPUTS: assembly.outputs,
        VALUES: assembly.operations,
    }
    return {key: value for key, value in told.items() if value}


def _preprocessing(settings: Preprocessing) -> dict[str, Any]:
    told: dict[str, Any] = {
        "channel_order": settings.channel_order,
        "scale": settings.scale,
        "size_height_width": settings.size,
    }
    if settings.mean is not None:
        mean = np.asarray(settings.mean, "<f4")
        packed = {"shape": mean.shape, "float32_base64": base64.b64encode(mean.tobytes()).decode()}
        told["mean"] = mean.tolist() if mean.ndim == 1 else packed
    return {key: value for key, value in told.items() if value is not None}


def _version() -> str:
    try:
        return version(formats.DISTRIBUTION)
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"
