"""OpenCV's dnn module: the incumbent, which reads Caffe's own files."""

from typing import Any, ClassVar

import numpy as np

from benchmarks.cells import AVX2, INSTRUCTIONS, Settings
from benchmarks.errors import RunnerError
from benchmarks.runners import instruction_sets, subnormals
from benchmarks.runners.runner import (
    Array,
    CallPath,
    Device,
    Runner,
    as_float32,
    either,
)
from converters.errors import did_you_mean

# x * 0.5 in a network without weights.
HALVING = (
    'name: "halving" input: "x" input_shape { dim: 1 dim: 1 dim: 1024 dim: 1024 } '
    'layer { name: "y" type: "Power" bottom: "x" top: "y" power_param { scale: 0.5 } }'
)

# OpenCV warns of those that the CPU has not, and computes. IPP, which it contains, chooses for itself.
BOUND = {
    "OPENCV_CPU_DISABLE": ",".join(f"AVX512-{name}" for name in ("COMMON", "SKX", "CNL", "CLX", "ICL", "KNL", "KNM")),
    "OPENCV_IPP": "avx2",
}


class OpenCV(Runner):
    """The original prototxt and caffemodel in OpenCV 4's own engine, on the CPU."""

    packages: ClassVar = (either("opencv-python-headless", "opencv-python", "opencv-contrib-python"),)
    call_paths: ClassVar = {
        "forward": CallPath(extra="Winograd for 3x3 convolutions, OpenCV's default"),
        "no-winograd": CallPath(extra="direct convolutions"),
    }
    denormals: ClassVar = ("flush",)
    instructions: ClassVar = INSTRUCTIONS

    @classmethod
    def artefact(cls, settings: Settings) -> str:
        """Return the kind for Caffe's own files."""
        del settings
        return "caffe"

    @classmethod
    def environment(cls, settings: Settings) -> dict[str, str]:
        """Return what OpenCV reads when it is loaded."""
        return dict(BOUND) if settings.instructions == AVX2 else {}

    @classmethod
    def devices(cls) -> list[Device]:
        """Return the CPU, with what came of halving numbers in a tiny network there."""
        import cv2

        halved = _halved(cv2, 3.0)
        return [Device("cpu", problem="" if np.all(halved == 1.5) else "computes wrong values")]

    def import_library(self) -> None:
        """Import OpenCV and set the threads of the process."""
        self.refuse_impossible()
        import cv2

        self._cv2 = cv2
        cv2.setNumThreads(self.settings.threads)
        if not hasattr(cv2.dnn, "readNetFromCaffe"):
            raise RunnerError(f"OpenCV {cv2.__version__} reads no Caffe files; install opencv-python-headless below 5")

    def read_weights(self) -> None:
        """Read and parse both files, in one step: OpenCV knows no other."""
        network, weights = self.files["network"], self.files["weights"]
        try:
            self._net = self._cv2.dnn.readNetFromCaffe(str(network), str(weights))
        except self._cv2.error as error:
            raise RunnerError(f"{network}: OpenCV cannot read it: {str(error).strip()}") from error

    def build(self) -> None:
        """Choose engine and algorithms. OpenCV fuses layers and turns weights for Winograd in the first call only."""
        dnn = self._cv2.dnn
        self._net.setPreferableBackend(dnn.DNN_BACKEND_OPENCV)
        self._net.setPreferableTarget(dnn.DNN_TARGET_CPU)
        self._net.enableWinograd(self.settings.call_path != "no-winograd")
        self._layers = self._layers_of_nodes()

    def prepare(self, batch: Array) -> Any:
        """Return the batch as it is."""
        return np.ascontiguousarray(batch, np.float32)

    def run(self, feed: Any) -> Any:
        """Compute up to the nodes, which keeps OpenCV from fusing anything into them."""
        self._net.setInput(feed)
        return self._net.forward(self._layers)

    def values(self, answer: Any) -> dict[str, Array]:
        """Return the values by node; OpenCV may write the next answer to the same memory."""
        return {name: as_float32(value) for name, value in zip(self.nodes, answer, strict=True)}

    def read_back(self) -> dict[str, Any]:
        """Ask OpenCV for its threads and its weights, and see what it makes of subnormal numbers."""
        return {
            "device": "cpu",
            "threads": self._cv2.getNumThreads(),
            "precision": self._precision(),
            "denormals": subnormals.treatment(_halved(self._cv2, subnormals.PROBE_VALUE)),
            "instructions": instruction_sets.told_by(self._features()),
        }

    def facts(self) -> dict[str, Any]:
        """Return how OpenCV was built to share work among threads, and with what instructions."""
        told = [line.strip() for line in self._cv2.getBuildInformation().splitlines()]
        return {
            "winograd": self.settings.call_path != "no-winograd",
            "parallel": next((line.partition(":")[2].strip() for line in told if line.startswith("Parallel")), ""),
            "instructions": self._cv2.getCPUFeaturesLine(),
        }

    def _features(self) -> list[str]:
        """Return the instruction sets in use; a question mark follows those that are missing or disabled."""
        return [name for name in self._cv2.getCPUFeaturesLine().split() if not name.endswith("?")]

    def _precision(self) -> str:
        """Return what the weights are in once OpenCV has taken them over."""
        layers = self._net.getLayerNames()
        kinds = {blob.dtype.name for name in layers for blob in self._net.getLayer(name).blobs}
        return "fp32-strict" if kinds == {"float32"} else "+".join(sorted(kinds))

    def _layers_of_nodes(self) -> list[str]:
        """Return the layers whose values the nodes are: layers are all that OpenCV knows by name."""
        known, path = self._net.getLayerNames(), self.files["network"]
        layers = list(self.nodes)
        if not set(layers) <= set(self._net.getUnconnectedOutLayersNames()):
            layers = self._named_in_source()
        problems = [
            f"{path}: OpenCV finds no layer '{layer}'{did_you_mean(layer, known)}; the last is '{known[-1]}'"
            for layer in layers
            if layer not in known
        ]
        if problems:
            raise RunnerError(problems)
        return layers

    def _named_in_source(self) -> list[str]:
        """Return the layers of nodes that have other names than layers, or names that could mean several values."""
        from benchmarks.runners.source_graph import ended
        from converters.from_caffe import read_caffe

        graph = ended(read_caffe(self.files["network"], shapes_only=True), self.nodes)
        return [graph.node(value).layer for value in graph.outputs.values()]


def _halved(cv2: Any, value: float) -> Array:
    net = cv2.dnn.readNetFromCaffe(np.frombuffer(HALVING.encode(), np.uint8))
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    net.setInput(np.full((1, 1, 1024, 1024), value, np.float32))
    return as_float32(net.forward())
