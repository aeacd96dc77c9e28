"""int8 by onnxruntime's static quantisation: QDQ, weights per channel, ranges from a calibration set.

What was tried on open_nsfw and on VGG-Face in small, as the mean cosine of an embedding to the reference's:
onnxruntime's pre-processing (batch norms folded into convolutions) takes 0.9905 to 0.9977, weights per channel
0.9913 to 0.9977. Ranges by minimum and maximum and by entropy came out equal, by percentile gained 0.0003 at twice the
largest error and several times the memory. A quantised Softmax loses most of what its classes differ by.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.artefacts.images import Array, Pictures
from benchmarks.artefacts.probe import filled

# Classes in a Softmax differ by less than a 255th of the largest; it costs nothing beside a convolution.
KEPT_TYPES = ("Softmax",)
ACTIVATIONS = ("Relu", "Clip")
LINEAR = ("QuantizeLinear", "DequantizeLinear")


class Calibration(CalibrationDataReader):  # type: ignore[misc]  # the library has no types here
    """Hands a calibration set on in batches of one size."""

    def __init__(self, input_name: str, inputs: Array, size: int) -> None:
        self._name = input_name
        self._batches: Iterator[tuple[Array, int]] = filled(inputs, size)

    def get_next(self) -> Mapping[str, Array] | None:
        """Return the next feed, None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch[0]}


def quantize(model: Path, out: Path, pictures: Pictures, input_name: str, batch: int) -> dict[str, Any]:
    """Write the int8 form of an ONNX model, its ranges taken from `pictures` in batches; return facts to record."""
    with tempfile.TemporaryDirectory(prefix="quantising-", dir=out.parent) as folder:
        prepared = Path(folder) / "prepared.onnx"
        # All shapes but the batch are known: the symbolic inference has nothing to add, and needs sympy.
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        kept = kept_nodes(onnx.load(prepared, load_external_data=False))
        quantize_static(
            str(prepared),
            str(out),
            Calibration(input_name, pictures.inputs, batch),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=kept,
        )
    return {
        **quantised(onnx.load(out, load_external_data=False), kept),
        "calibration_images": len(pictures.names),
        "calibration": "minimum and maximum",
        "activations": "uint8",
        "weights": "int8 per channel",
    }


def kept_nodes(model: Any) -> list[str]:
    """Return the nodes that must not be quantised.

    An activation that reads an output is among them: the quantiser drops it, clipping its input's range in its place,
    and the output would be the value after the activation.
    """
    outputs = {output.name for output in model.graph.output}
    return [
        node.name
        for node in model.graph.node
        if node.op_type in KEPT_TYPES or (node.op_type in ACTIVATIONS and node.input[0] in outputs)
    ]


def quantised(model: Any, kept: Sequence[str]) -> dict[str, Any]:
    """Return which nodes compute in int8, by name and counted by type, and which do not, all those `kept` included."""
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    weights = {tensor.name for tensor in model.graph.initializer}
    inside: list[Any] = []
    outside: list[Any] = []
    for node in model.graph.node:
        if node.op_type not in LINEAR:
            read = [name for name in node.input if name and name not in weights]
            whole = node.name not in kept and all(makers.get(name) == "DequantizeLinear" for name in read)
            (inside if whole else outside).append(node)
    return {
        "quantised_nodes": [node.name for node in inside],
        "quantised_types": dict(Counter(node.op_type for node in inside)),
        "float_nodes": [node.name for node in outside],
        "float_types": dict(Counter(node.op_type for node in outside)),
    }
