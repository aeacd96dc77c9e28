"""OpenVINO on the CPU, reading the ONNX file."""

from collections import Counter
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
    page_in,
    refuse_unknown,
)

# Precision asked for -> OpenVINO's hint, and the word for it in what the device says it is capable of. Its default is
# bf16 wherever the CPU has that.
HINTS = {
    "fp32-strict": ("f32", "FP32"),
    "bf16": ("bf16", "BF16"),
    "fp16": ("f16", "FP16"),
    "int8": ("f32", "INT8"),
}
TYPES = {"f32": "fp32-strict", "bf16": "bf16", "f16": "fp16"}


class OpenVINO(Runner):
    """A compiled model with one stream, for the shortest latency."""

    packages: ClassVar = ("openvino",)
    call_paths: ClassVar = {
        "infer": CallPath(precisions=tuple(HINTS), extra="one synchronous request, hint LATENCY, one stream"),
    }
    denormals: ClassVar = ("keep", "flush")
    instructions: ClassVar = INSTRUCTIONS

    @classmethod
    def artefact(cls, settings: Settings) -> str:
        """Return the kind for an ONNX file: OpenVINO turns float32 into bf16 and fp16 itself."""
        return "onnx-int8" if settings.precision == "int8" else "onnx"

    @classmethod
    def environment(cls, settings: Settings) -> dict[str, str]:
        """Bound oneDNN, whose word OpenVINO's own kernels take for what the CPU has."""
        return dict(instruction_sets.ONEDNN) if settings.instructions == AVX2 else {}

    @classmethod
    def devices(cls) -> list[Device]:
        """Return the CPU, with what came of a product of matrices there."""
        import openvino

        capable = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        known = tuple(precision for precision, (_, word) in HINTS.items() if word in capable)
        right = np.all(_halved(openvino, {"INFERENCE_PRECISION_HINT": "f32"}, 3.0) == 1.5)
        return [Device("cpu", known, "" if right else "computes wrong values")]

    def import_library(self) -> None:
        """Import OpenVINO and start its core."""
        self.refuse_impossible()
        import openvino

        self._openvino = openvino
        self._core = openvino.Core()
        capable = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if HINTS[self.settings.precision][1] not in capable:
            raise RunnerError(
                f"OpenVINO computes no {self.settings.precision} on this CPU; it has {', '.join(capable)}"
            )

    def read_weights(self) -> None:
        """Read the file through, then parse it; OpenVINO copies the weights when it compiles."""
        page_in(self.files["model"])
        self._model = self._core.read_model(self.files["model"])

    def build(self) -> None:
        """Compile the model."""
        path = self.files["model"]
        outputs = {name: output for output in self._model.outputs for name in output.get_names()}
        refuse_unknown(self.nodes, list(outputs), path)
        self._compiled = self._core.compile_model(self._model, "CPU", self._options())
        self._ports = [self._compiled.output(name) for name in self.nodes]
        self._request = self._compiled.create_infer_request()

    def _options(self) -> dict[str, Any]:
        return {
            "INFERENCE_PRECISION_HINT": HINTS[self.settings.precision][0],
            "INFERENCE_NUM_THREADS": self.settings.threads,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "CPU_DENORMALS_OPTIMIZATION": self.settings.denormals == "flush",
        }

    def prepare(self, batch: Array) -> Any:
        """Return the batch as it is."""
        return np.ascontiguousarray(batch, np.float32)

    def run(self, feed: Any) -> Any:
        """Compute; the feed's memory is read in place, the answers are views of the request's memory."""
        results = self._request.infer([feed], share_inputs=True, share_outputs=True)
        return [results[port] for port in self._ports]

    def values(self, answer: Any) -> dict[str, Array]:
        """Return copies: the next call writes to the same memory."""
        return {name: as_float32(value) for name, value in zip(self.nodes, answer, strict=True)}

    def read_back(self) -> dict[str, Any]:
        """Ask the compiled model."""
        told = self._compiled.get_property
        devices = told("EXECUTION_DEVICES")
        return {
            "device": "cpu" if devices == ["CPU"] else "+".join(devices),
            "threads": int(told("INFERENCE_NUM_THREADS")),
            "precision": self._precision(),
            "denormals": subnormals.treatment(self._halved()),
            "instructions": instruction_sets.told_by(self._primitives()),
        }

    def facts(self) -> dict[str, Any]:
        """Return what OpenVINO made of the graph: nodes by number type and by what computes them, and settings."""
        told = self._compiled.get_property
        return {
            "hint": str(told("PERFORMANCE_HINT")),
            "streams": int(told("NUM_STREAMS")),
            "pinning": bool(told("ENABLE_CPU_PINNING")),
            "hyper_threading": bool(told("ENABLE_HYPER_THREADING")),
            "runtime_precisions": self._runtime_precisions(),
            "primitives": self._primitives(),
        }

    def _halved(self) -> Array:
        # In float32 whatever the model computes in: float16 has no room for such numbers at all.
        options = {**self._options(), "INFERENCE_PRECISION_HINT": "f32"}
        return _halved(self._openvino, options, subnormals.PROBE_VALUE)

    def _precision(self) -> str:
        """Return what convolutions and dense layers really compute in, of the graph that is executed."""
        found = set(self._runtime_precisions())
        if "i8" in found or "u8" in found:
            return "int8"
        name: str = self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        return TYPES.get(name, name)

    def _primitives(self) -> dict[str, int]:
        """Return what computes the nodes of the graph that is executed, by names such as brgconv_avx512_f32.

        MLAS (gemm_mlas_f32), which multiplies matrices for dense layers that end in no activation, is not bound by
        oneDNN's variable, and its name tells no instructions.
        """
        told = [node.get_rt_info() for node in self._compiled.get_runtime_model().get_ops()]
        return dict(Counter(each["primitiveType"].astype(str) for each in told if "primitiveType" in each))

    def _runtime_precisions(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for node in self._compiled.get_runtime_model().get_ops():
            told = node.get_rt_info()
            if "runtimePrecision" in told and told["layerType"].astype(str) in ("Convolution", "FullyConnected"):
                kind = told["runtimePrecision"].astype(str)
                counts[kind] = counts.get(kind, 0) + 1
        return counts


def _halved(openvino: Any, options: dict[str, Any], value: float) -> Array:
    from openvino import opset13

    x = opset13.parameter([subnormals.PROBE_SIZE], np.float32)
    model = openvino.Model([opset13.multiply(x, opset13.constant(np.float32(0.5)))], [x])
    compiled = openvino.Core().compile_model(model, "CPU", options)
    return as_float32(compiled(np.full(subnormals.PROBE_SIZE, value, np.float32))[0])
