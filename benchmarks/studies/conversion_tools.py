"""The converters that are compared: what each starts from, and the command that runs it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from benchmarks.studies.conversion_networks import Network

HERE = Path(__file__).parent
CAFFE2ONNX = "caffe2onnx"
CAFFE_FILES, KERAS_FILE, MODULE = "Caffe files", "Keras file", "PyTorch module"
CONVERT = (sys.executable, "-m", "converters")


@dataclass(frozen=True)
class Sources:
    """One network as each converter wants it: Caffe's files, a Keras file, a folder with a PyTorch module.

    `probe` holds an input, and what must come out.
    """

    network: Network
    keras: Path
    torch: Path
    probe: Path
    caffe2onnx_python: Path | None = None


@dataclass(frozen=True)
class Tool:
    """A converter: what it starts from, the libraries it needs, and its command for an output."""

    start: str
    command: Callable[[Sources, Path], Sequence[str]]
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def absent(self, caffe2onnx_python: Path | None) -> str:
        """Return why this converter cannot run here, "" if it can."""
        if CAFFE2ONNX in self.needs:
            told = "`tox -e caffe2onnx` makes an environment with it, --caffe2onnx-python names its interpreter"
            return "" if caffe2onnx_python else f"not measured: {told}"
        missing = [name for name in self.needs if find_spec(name) is None]
        return f"not measured: {', '.join(missing)} not installed here" if missing else ""


def _ours(*options: str) -> Callable[[Sources, Path], Sequence[str]]:
    return lambda sources, out: [*CONVERT, "caffe-to-onnx", *_files(sources), "-o", str(out), *options]


def _from_keras(sources: Sources, out: Path) -> Sequence[str]:
    return [*CONVERT, "keras-to-onnx", str(sources.keras), "-o", str(out)]


def _caffe2onnx(sources: Sources, out: Path) -> Sequence[str]:
    return [str(sources.caffe2onnx_python), str(HERE / "conversion_by_caffe2onnx.py"), *_files(sources), str(out)]


def _tf2onnx(optimizers: str) -> Callable[[Sources, Path], Sequence[str]]:
    return lambda sources, out: _module("conversion_by_tf2onnx", sources.keras, out, optimizers)


def _torch(exporter: str) -> Callable[[Sources, Path], Sequence[str]]:
    return lambda sources, out: _module("conversion_by_torch", sources.torch, sources.probe, out, exporter)


def _files(sources: Sources) -> list[str]:
    return [str(sources.network.prototxt), str(sources.network.weights)]


def _module(name: str, *words: object) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.studies.{name}", *map(str, words)]


OURS = "`convert caffe-to-onnx`"
QUIET_TENSORFLOW = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
KERAS = ("keras", "tensorflow", "tf2onnx")
TOOLS: Mapping[str, Tool] = {
    OURS: Tool(CAFFE_FILES, _ours(), ("onnx", "onnxruntime")),
    "`convert caffe-to-onnx --no-verify`": Tool(CAFFE_FILES, _ours("--no-verify"), ("onnx",)),
    CAFFE2ONNX: Tool(CAFFE_FILES, _caffe2onnx, (CAFFE2ONNX,), {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}),
    "`convert keras-to-onnx`": Tool(KERAS_FILE, _from_keras, (*KERAS, "onnxruntime"), QUIET_TENSORFLOW),
    "tf2onnx": Tool(KERAS_FILE, _tf2onnx("yes"), KERAS, QUIET_TENSORFLOW),
    "tf2onnx without its optimizers": Tool(KERAS_FILE, _tf2onnx("no"), KERAS, QUIET_TENSORFLOW),
    "torch.onnx.export": Tool(MODULE, _torch("dynamo"), ("torch", "onnxscript")),
    "torch.onnx.export, TorchScript": Tool(MODULE, _torch("torchscript"), ("torch",)),
}
