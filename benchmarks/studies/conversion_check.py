"""What a converted model must compute, and how far it is from that.

python -m benchmarks.studies.conversion_check reference PROTOTXT CAFFEMODEL PROBE.npz
python -m benchmarks.studies.conversion_check difference PROBE.npz MODEL.onnx

The first writes an input and what NumPy computes from it in float64; the second prints max |got - reference| / max
|reference| of the network's output, as onnxruntime computes it from the model. Where the output is a softmax its
logarithms are compared, less their mean: what it was made from. A probability near 0 or 1 would hide every error.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from converters.from_caffe import read_caffe
from converters.ops import Array, Softmax


def main() -> None:
    """Do one of both."""
    words = [Path(word) for word in sys.argv[2:]]
    COMMANDS[sys.argv[1]](*words)


def reference(network: Path, weights: Path, probe: Path) -> None:
    """Write `input` (float32) and `output` (float64) of a network with one of each, and whether it is a `softmax`."""
    graph = read_caffe(network, weights)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        sys.exit(f"{network}: has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, expected one of each")
    (name, shape), (output,) = next(iter(graph.inputs.items())), graph.outputs.values()
    given = np.random.default_rng(0).uniform(-120, 130, shape).astype(np.float32)
    softmax = any(node.name == output and isinstance(node.op, Softmax) for node in graph.nodes)
    np.savez(probe, input=given, output=graph.run({name: given}, np.float64)[output], softmax=softmax)


def difference(probe: Path, model: Path) -> None:
    """Print the difference, or fail with the reason why there is none."""
    with np.load(probe) as arrays:
        given, expected, softmax = arrays["input"], arrays["output"], bool(arrays["softmax"])
    try:
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        (source,) = session.get_inputs()
        (got,) = session.run(None, {source.name: laid_out(given, source.shape)})
    except Exception as error:  # noqa: BLE001 - whatever it is, another program's model does not run, and why is told
        sys.exit(str(error).splitlines()[0])
    if got.shape != expected.shape:
        sys.exit(f"the output has the shape {got.shape}, expected {expected.shape}")
    if softmax:
        got, expected = logits(got), logits(expected)
    print(np.abs(got - expected).max() / np.abs(expected).max())


def logits(probabilities: Array) -> Array:
    """Return what a softmax over axis 1 was made from, less its mean, which a softmax does not tell."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a 0 among them gives NaN, which no tolerance allows
        logarithms = np.log(probabilities.astype(np.float64))
        return np.asarray(logarithms - logarithms.mean(1, keepdims=True))


def laid_out(given: Array, shape: Sequence[Any]) -> Array:
    """Return the input with its channels last where a model, by its input's shape, wants that."""
    last = given.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(last) if list(shape[1:]) == list(last.shape[1:]) else given


COMMANDS: dict[str, Callable[..., None]] = {"reference": reference, "difference": difference}


if __name__ == "__main__":
    main()
