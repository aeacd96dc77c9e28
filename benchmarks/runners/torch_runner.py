"""PyTorch: the generated module, called as it is, in channels-last, or compiled."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
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

PRECISIONS = ("fp32-strict", "tf32", "bf16", "fp16")
DTYPES = {"fp32-strict": "float32", "tf32": "float32", "bf16": "bfloat16", "fp16": "float16"}
DEVICES = ("cpu", "cuda")
# For ATen and Inductor, oneDNN, MKL, and the compiler of torch.compile, which is told -march=native otherwise.
MARCH = "x86-64-v3"
BOUND = {
    **instruction_sets.ONEDNN, "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "TORCHINDUCTOR_CPP_MARCH": MARCH,
}  # fmt: skip


class Torch(Runner):
    """The module and weights that converters wrote, for inference only."""

    packages: ClassVar = ("torch",)
    call_paths: ClassVar = {
        "eager": CallPath(precisions=PRECISIONS, devices=DEVICES, extra="the module called as it is"),
        "channels-last": CallPath("channels-last", PRECISIONS, DEVICES, "memory_format=torch.channels_last"),
        "compile": CallPath(precisions=PRECISIONS, devices=DEVICES, extra="torch.compile for one fixed shape"),
    }
    denormals: ClassVar = ("keep", "flush")
    instructions: ClassVar = INSTRUCTIONS

    @classmethod
    def artefact(cls, settings: Settings) -> str:
        """Return the kind for a generated module; other number types are made when it is loaded."""
        del settings
        return "torch"

    @classmethod
    def environment(cls, settings: Settings) -> dict[str, str]:
        """Say how OpenMP's threads wait for work; compile in this process, and take nothing from an earlier one.

        What bounds the instructions is read when libraries are loaded.
        """
        wait = {
            "OMP_NUM_THREADS": str(settings.threads),
            "OMP_WAIT_POLICY": "ACTIVE" if settings.spinning else "PASSIVE",
        }
        compiling = {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1", "TORCHINDUCTOR_COMPILE_THREADS": "1"}
        bound = BOUND if settings.instructions == AVX2 else {}
        return wait | bound | (compiling if settings.call_path == "compile" else {})

    @classmethod
    def devices(cls) -> list[Device]:
        """Return the CPU and each GPU, with what came of a product of matrices there."""
        import torch

        from converters.doctor import devices_torch

        found = []
        for name in ["cpu", *(f"cuda:{number}" for number in range(_gpu_count(torch)))]:
            known = PRECISIONS if name != "cpu" else tuple(p for p in PRECISIONS if not _cpu_lacks(torch, p))
            found.append(Device(name, known, devices_torch.trial(name)))
        return found

    def import_library(self) -> None:
        """Import PyTorch and set threads, subnormal numbers and TF32 for the process."""
        self.refuse_impossible()
        import torch

        self._torch = torch
        self._refuse_absent()
        # Before there is any second thread: those made later inherit it, those made earlier do not hear of it.
        if not torch.set_flush_denormal(self.settings.denormals == "flush") and self.settings.denormals == "flush":
            raise RunnerError("PyTorch cannot flush subnormal numbers on this CPU; ask for denormals=keep")
        torch.set_num_threads(self.settings.threads)
        if torch.get_num_interop_threads() != 1:
            torch.set_num_interop_threads(1)
        tf32 = self.settings.precision == "tf32"
        torch.set_float32_matmul_precision("highest")
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32

    def _refuse_absent(self) -> None:
        torch, number, precision = self._torch, self.device_number, self.settings.precision
        if number is None and (reason := _cpu_lacks(torch, precision)):
            raise RunnerError(f"PyTorch on this CPU: {reason}")
        count = _gpu_count(torch)
        if number is not None and number >= count:
            raise RunnerError(f"{self.settings.device} is not there: PyTorch finds {count or 'no'} GPUs; choose cpu")
        if self._is_compiled and number is None:
            _refuse_without_compiler()

    def read_weights(self) -> None:
        """Execute the module and map its weights; the file is read through first, since mapping brings nothing in."""
        from converters.torch_model.execution import executed

        source, weights = _pair(self.files["folder"])
        page_in(weights)
        self._source = source
        self._module = executed(source.read_text(encoding="utf-8"), source)
        self._model = self._module.load(weights)

    def build(self) -> None:
        """Bring the weights to the device, number type and layout; compiling itself waits for the first call."""
        torch, asked = self._torch, self.settings
        self._format = torch.channels_last if asked.layout == "channels-last" else torch.contiguous_format
        dtype = getattr(torch, DTYPES[asked.precision])
        self._dtype, self._device = dtype, torch.device(asked.device)
        self._model = self._model.to(self._device, dtype, memory_format=self._format).eval()
        self._called = self._model
        if self._is_compiled:
            self._called = torch.compile(self._model, fullgraph=True, dynamic=False)
        refuse_unknown(self.nodes, self._outputs(), self._source)

    def _outputs(self) -> list[str]:
        """Return the module's outputs as its description names them."""
        lines = (self._module.__doc__ or "").splitlines()
        return [line.removeprefix("Output ").partition(":")[0] for line in lines if line.startswith("Output ")]

    @property
    def _is_compiled(self) -> bool:
        return self.settings.call_path == "compile"

    def prepare(self, batch: Array) -> Any:
        """Return the batch as a tensor on the host, in the number type and memory format of the weights."""
        tensor = self._torch.from_numpy(np.array(batch, np.float32))
        return tensor.to(self._dtype).contiguous(memory_format=self._format)

    def run(self, feed: Any) -> Any:
        """Compute, to and from the device; copying an answer to the host waits for it."""
        with self._torch.inference_mode():
            result = self._called(feed.to(self._device))
            found = [result[name] for name in self.nodes] if isinstance(result, Mapping) else [result]
            return [value.cpu() for value in found]

    def wait(self) -> None:
        """Block until the GPU has nothing left to do."""
        if self._device.type == "cuda":
            self._torch.cuda.synchronize(self._device)

    def values(self, answer: Any) -> dict[str, Array]:
        """Return the outputs by node."""
        return {name: as_float32(value.float().numpy()) for name, value in zip(self.nodes, answer, strict=True)}

    def read_back(self) -> dict[str, Any]:
        """Ask PyTorch, and the weights as they lie in memory."""
        weights = list(self._model.parameters())
        devices = {str(weight.device) for weight in weights}
        told = {
            "device": "+".join(sorted(devices)),
            "threads": self._torch.get_num_threads(),
            "precision": self._precision(weights),
        }
        layout = self._layout(weights)
        on_cpu = {"denormals": self._flushing(), "instructions": self._instructions()} if devices == {"cpu"} else {}
        path = {"call_path": "compile" if _compiled_graphs() else "eager"} if self._is_compiled else {}
        return told | on_cpu | path | ({"layout": layout} if layout else {})

    def _precision(self, weights: list[Any]) -> str:
        counts: Counter[str] = Counter()
        for weight in weights:
            counts[str(weight.dtype).removeprefix("torch.")] += weight.numel()
        kind = counts.most_common(1)[0][0]
        names = {"bfloat16": "bf16", "float16": "fp16"}
        if kind != "float32":
            return names.get(kind, kind)
        return "fp32-strict" if self._strict() else "tf32"

    def _strict(self) -> bool:
        """Return whether no product of float32 may be rounded: neither on a GPU, nor to bfloat16 on a CPU."""
        torch = self._torch
        if any(weight.device.type == "cuda" for weight in self._model.parameters()):
            return not (torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32)
        return bool(torch.get_float32_matmul_precision() == "highest")

    def _layout(self, weights: list[Any]) -> str:
        """Return the layout of the kernels by their strides, "" where no kernel tells it (1x1, or one channel)."""
        found = {
            "channels-last" if weight.is_contiguous(memory_format=self._torch.channels_last) else "channels-first"
            for weight in weights
            if weight.dim() == 4 and weight.shape[1] > 1 and weight.shape[2] * weight.shape[3] > 1
        }
        return "+".join(sorted(found))

    def _instructions(self) -> str:
        """Return what ATen, oneDNN and the compiler of torch.compile may use; MKL has no word for it."""
        names = [self._torch.backends.cpu.get_cpu_capability()]
        if self._torch.backends.mkldnn.is_available() and not _cpu_lacks(self._torch, "bf16"):
            names.append("avx512_core")  # from there on oneDNN computes in bf16
        return instruction_sets.told_by([*names, *(_compiled_for() if self._is_compiled else ())])

    def _flushing(self) -> str:
        numbers = self._torch.full((subnormals.PROBE_SIZE,), subnormals.PROBE_VALUE)
        return subnormals.treatment((numbers * 0.5).numpy())

    def facts(self) -> dict[str, Any]:
        """Return the switches that decide how PyTorch computes."""
        torch = self._torch
        return {
            "interop_threads": torch.get_num_interop_threads(),
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
            "cudnn_benchmark": bool(torch.backends.cudnn.benchmark),
            "tf32_matmul": bool(torch.backends.cuda.matmul.allow_tf32),
            "tf32_convolution": bool(torch.backends.cudnn.allow_tf32),
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "onednn": bool(torch.backends.mkldnn.is_available()),
            **({"compile_cache": "none", "compiled_graphs": _compiled_graphs()} if self._is_compiled else {}),
        }


def _gpu_count(torch: Any) -> int:
    return int(torch.cuda.device_count()) if torch.cuda.is_available() else 0


def _cpu_lacks(torch: Any, precision: str) -> str:
    """Say why a CPU cannot really compute in a precision, "" if it can; PyTorch emulates what the CPU lacks."""
    if precision == "tf32":
        return "TF32 is a format of NVIDIA's GPUs"
    told = {"bf16": "_is_mkldnn_bf16_supported", "fp16": "_is_mkldnn_fp16_supported"}.get(precision)
    if told is None or getattr(torch.ops.mkldnn, told)():
        return ""
    return f"it has no instructions for {precision}; PyTorch would emulate it"


def _compiled_graphs() -> int:
    """Return how many graphs torch.compile has made in this process; it may also give up and run eagerly."""
    from torch._dynamo.utils import counters

    return int(counters["stats"]["unique_graphs"])


def _compiled_for() -> list[str]:
    """Return the instruction sets that Inductor writes code for, those that the compiler may add included."""
    from torch._inductor import config, cpu_vec_isa

    chosen = [str(cpu_vec_isa.pick_vec_isa())]
    bound = getattr(config.cpp, "march", None) == MARCH  # older versions have no such setting
    return chosen if bound else [*chosen, *map(str, cpu_vec_isa.valid_vec_isa_list())]


def _refuse_without_compiler() -> None:
    from torch._inductor import cpp_builder, exc

    try:
        cpp_builder.get_cpp_compiler()
    except exc.InvalidCxxCompiler as error:
        raise RunnerError(
            "torch.compile needs a C++ compiler on the CPU and finds none; install g++ or clang, or name one in CXX"
        ) from error


def _pair(folder: Path) -> tuple[Path, Path]:
    """Return the module and its weights in a folder; RunnerError where there is not exactly one pair."""
    pairs = [(text, text.with_suffix(".safetensors")) for text in sorted(folder.glob("*.py"))]
    found = [pair for pair in pairs if pair[1].is_file()]
    if len(found) != 1:
        names = ", ".join(text.name for text, _ in found) or "none"
        raise RunnerError(f"{folder}: expected one module with its .safetensors beside it, found {names}")
    return found[0]
