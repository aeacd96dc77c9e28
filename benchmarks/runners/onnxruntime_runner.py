"""onnxruntime: CPU, CUDA and TensorRT."""

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks.cells import Settings
from benchmarks.errors import RunnerError
from benchmarks.runners.runner import (
    Array,
    CallPath,
    Device,
    Runner,
    as_float32,
    either,
    page_in,
    refuse_unknown,
)

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
ARTEFACTS = {"fp16": "onnx-fp16", "int8": "onnx-int8"}
# The value of cudnn_conv_algo_search; EXHAUSTIVE, the default, tries every algorithm for every new shape.
CONVOLUTION_SEARCH = "EXHAUSTIVE"
RECORD_ASSIGNMENT = "session.record_ep_graph_assignment_info"
FATAL_ONLY = 4
ON_GPU = ("fp32-strict", "tf32", "fp16")
NUMBER_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxRuntime(Runner):
    """A session on the ONNX file, on the device that was asked for or not at all."""

    packages: ClassVar = (either("onnxruntime", "onnxruntime-gpu"),)
    call_paths: ClassVar = {
        "run": CallPath(
            precisions=("fp32-strict", "tf32", "fp16", "int8"),
            devices=("cpu", "cuda"),
            extra="session.run: from arrays on the host to arrays on the host",
        ),
        "binding": CallPath(
            precisions=ON_GPU, devices=("cuda",), extra="I/O binding: feed and answers stay on the GPU"
        ),
        "tensorrt": CallPath(
            precisions=ON_GPU, devices=("cuda",), extra="session.run with TensorRT, CUDA for what it cannot"
        ),
    }
    denormals: ClassVar = ("keep", "flush")

    @classmethod
    def artefact(cls, settings: Settings) -> str:
        """Return the kind for an ONNX file of this precision."""
        return ARTEFACTS.get(settings.precision, "onnx")

    @classmethod
    def environment(cls, settings: Settings) -> dict[str, str]:
        """Keep TensorRT, which has no option for it here, from TF32 where that is not asked for."""
        strict = settings.precision == "fp32-strict" and cls.provider(settings) == TENSORRT
        return {"NVIDIA_TF32_OVERRIDE": "0"} if strict else {}

    @classmethod
    def provider(cls, settings: Settings) -> str:
        """Return the provider that is named, else the one that call path and device mean."""
        if settings.provider:
            return settings.provider
        if settings.device == "cpu":
            return CPU
        return TENSORRT if settings.call_path == "tensorrt" else CUDA

    @classmethod
    def devices(cls) -> list[Device]:
        """Return the CPU and the first GPU, with what came of a product of matrices there."""
        import onnxruntime

        from benchmarks.runners import onnx_probes
        from converters.doctor import devices_onnx

        half = ("fp16",) if onnx_probes.has_float16(onnxruntime) else ()
        found = [Device("cpu", ("fp32-strict", *half, "int8"), devices_onnx.trial(CPU))]
        if CUDA in devices_onnx.devices():
            found.append(Device("cuda:0", ON_GPU, devices_onnx.trial(CUDA)))
        return found

    def import_library(self) -> None:
        """Import onnxruntime."""
        self.refuse_impossible()
        wanted = self.provider(self.settings)
        if (wanted == CPU) != (self.device_number is None):
            raise RunnerError(f"{wanted} does not run on {self.settings.device}; leave the provider out, or change it")
        import onnxruntime

        self._onnxruntime = onnxruntime
        self._bound_last: Any = None

    def read_weights(self) -> None:
        """Read the file through. A session parses the file by itself: parsing belongs to `build`."""
        page_in(self.files["model"])

    def build(self) -> None:
        """Make the session; RunnerError where it is not what was asked for."""
        path, wanted = self.files["model"], self.provider(self.settings)
        available = self._onnxruntime.get_available_providers()
        if wanted not in available:
            raise RunnerError(
                f"{self.settings.device} is not there for onnxruntime: this build has {', '.join(available)}, "
                f"not {wanted}; install the extra onnx-gpu in place of onnx"
            )
        before = _thread_count()
        self._session = self._made(str(path))
        after = _thread_count()
        self._started = after - before if before is not None and after is not None else None
        self._refuse_other_provider(wanted)
        refuse_unknown(self.nodes, [output.name for output in self._session.get_outputs()], path)
        (self._input,) = self._session.get_inputs()
        if self._input.type not in NUMBER_TYPES:
            raise RunnerError(f"{path}: takes {self._input.type}; expected {' or '.join(NUMBER_TYPES)}")

    def _made(self, model: str) -> Any:
        try:
            return self._onnxruntime.InferenceSession(model, self._options(), providers=self._providers())
        except Exception as error:  # onnxruntime has a class of its own for each kind of failure
            raise RunnerError(f"{self.files['model']}: onnxruntime cannot load it: {error}") from error

    def _refuse_other_provider(self, wanted: str) -> None:
        got = self._session.get_providers()[0]
        if got != wanted:
            raise RunnerError(
                f"{wanted} was asked for on {self.settings.device}, but onnxruntime silently fell back to {got}; "
                "`convert doctor` says what is missing"
            )
        counts = self._nodes_by_provider()
        if counts and not counts.get(wanted):
            told = ", ".join(f"{provider} has {count}" for provider, count in counts.items())
            raise RunnerError(f"{wanted} was asked for and is there, but has none of the network's nodes: {told}")

    def _options(self) -> Any:
        options, asked = self._onnxruntime.SessionOptions(), self.settings
        options.log_severity_level = FATAL_ONLY
        options.intra_op_num_threads = asked.threads
        options.inter_op_num_threads = 1
        entries = {
            "session.intra_op.allow_spinning": asked.spinning,
            "session.inter_op.allow_spinning": asked.spinning,
            "session.set_denormal_as_zero": asked.denormals == "flush",
            RECORD_ASSIGNMENT: True,
        }
        for key, value in entries.items():
            options.add_session_config_entry(key, str(int(value)))
        return options

    def _providers(self) -> list[Any]:
        wanted, number = self.provider(self.settings), str(self.device_number or 0)
        if wanted == CPU:
            return [CPU]
        tf32 = str(int(self.settings.precision == "tf32"))
        cuda = {"device_id": number, "use_tf32": tf32, "cudnn_conv_algo_search": CONVOLUTION_SEARCH}
        tensorrt = {"device_id": number, "trt_fp16_enable": str(self.settings.precision == "fp16")}
        return [*([(TENSORRT, tensorrt)] if wanted == TENSORRT else []), (CUDA, cuda), CPU]

    def prepare(self, batch: Array) -> Any:
        """Return the batch in the model's number type; for I/O binding it is already on the GPU, and bound."""
        array = np.ascontiguousarray(batch, NUMBER_TYPES[self._input.type])
        return self._bound(array) if self.settings.call_path == "binding" else {self._input.name: array}

    def _bound(self, array: Array) -> Any:
        number = self.device_number
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(
            self._input.name, self._onnxruntime.OrtValue.ortvalue_from_numpy(array, "cuda", number)
        )
        for name in self.nodes:
            binding.bind_output(name, "cuda", number)
        binding.synchronize_inputs()
        return binding

    def run(self, feed: Any) -> Any:
        """Run the session; with I/O binding the answers stay on the GPU, complete."""
        if self.settings.call_path == "binding":
            self._session.run_with_iobinding(feed)
            feed.synchronize_outputs()
            self._bound_last = feed
            return feed
        return self._session.run(list(self.nodes), feed)

    def wait(self) -> None:
        """Block until the outputs of the last bound run are complete; arrays on the host are."""
        if self._bound_last is not None:
            self._bound_last.synchronize_outputs()

    def values(self, answer: Any) -> dict[str, Array]:
        """Return the outputs by node, from the GPU where they lie there."""
        found = answer.copy_outputs_to_cpu() if self.settings.call_path == "binding" else answer
        return {name: as_float32(value) for name, value in zip(self.nodes, found, strict=True)}

    def read_back(self) -> dict[str, Any]:
        """Ask the session, the model's file and, for subnormal numbers, a tiny model with the same options."""
        options = self._session.get_session_options()
        provider = self._session.get_providers()[0]
        number = self._session.get_provider_options()[provider].get("device_id", "0")
        told = {
            "provider": provider,
            "device": "cpu" if provider == CPU else f"cuda:{number}",
            "threads": self._threads(provider),
            "spinning": options.get_session_config_entry("session.intra_op.allow_spinning") == "1",
        }
        return told | self._precision(provider) | self._denormals(provider)

    def _precision(self, provider: str) -> dict[str, str]:
        """Return the precision by the model's weights and the provider's options; nothing where neither tells it."""
        kinds = self._probes().weight_types(self.files["model"])
        if "int8" in kinds or "uint8" in kinds:
            return {"precision": "int8"}
        kind = kinds.most_common(1)[0][0]
        if kind == "float16" and provider == CPU and not self._probes().has_float16(self._onnxruntime):
            return {"precision": "float32 kernels on float16 weights"}
        if kind != "float32":
            return {"precision": {"float16": "fp16"}.get(kind, kind)}
        if provider == TENSORRT:
            return {}  # it has no option that could be read back: parity alone shows it
        tf32 = self._session.get_provider_options()[provider].get("use_tf32", "0") == "1"
        return {"precision": "tf32" if tf32 else "fp32-strict"}

    def _threads(self, provider: str) -> int:
        """Return the threads of a call: on the CPU those that the session started, and the caller's own."""
        if provider == CPU and self._started is not None:
            return self._started + 1
        threads: int = self._session.get_session_options().intra_op_num_threads
        return threads

    def _denormals(self, provider: str) -> dict[str, str]:
        """Return what threads like the session's make of subnormal numbers; a GPU's cannot be told."""
        if provider != CPU:
            return {}
        return {"denormals": self._probes().flushing_of(self._onnxruntime, self._options())}

    def _probes(self) -> Any:
        # Imports the library that writes ONNX files, which has no part in a cold start.
        from benchmarks.runners import onnx_probes

        return onnx_probes

    def facts(self) -> dict[str, Any]:
        """Return which provider has which nodes, how convolutions were chosen, and operators that show a detour."""
        options, counts = self._session.get_session_options(), self._nodes_by_provider()
        operators = self._probes().operators(self.files["model"])
        return {
            "optimization": str(options.graph_optimization_level).rpartition(".")[2],
            "inter_op_threads": options.inter_op_num_threads,
            "nodes_by_provider": counts,
            "nodes_on_cpu": counts.get(CPU, 0) if counts is not None and self.device_number is not None else None,
            "transposes": operators["Transpose"],
            "casts": operators["Cast"],
            "provider_options": self._session.get_provider_options(),
        }

    def _nodes_by_provider(self) -> dict[str, int] | None:
        """Count the nodes of the optimised graph by the provider that has them; None where a version cannot tell."""
        if not hasattr(self._session, "get_provider_graph_assignment_info"):
            return None
        counts: Counter[str] = Counter()
        for part in self._session.get_provider_graph_assignment_info():
            counts[part.ep_name] += len(part.get_nodes())
        return dict(counts)


def _thread_count() -> int | None:
    """Return how many threads this process has, None where no file system tells it."""
    folder = Path("/proc/self/task")
    return len(list(folder.iterdir())) if folder.is_dir() else None
