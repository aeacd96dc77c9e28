"""What a written model says of itself: preprocessing, labels, licence, sources, which operation gives which value."""

import base64
from importlib.metadata import PackageNotFoundError, version
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
        "source_sha256": dict(source.files),
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
