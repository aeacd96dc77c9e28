"""The peak that PyTorch reaches, on processors and on GPUs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.cells import Settings
from benchmarks.errors import RunnerError
from benchmarks.measuring.peak_trial import sizes_for

COPY_BYTES = {"cpu": 2**28, "cuda": 2**30}
GPU_SIZES = (4096, 8192)
TYPES = {"fp32-strict": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
# Inputs of TF32 have 10 bits behind the point: products differ by about 2 ** -11, those of float32 by under 2 ** -20.
ROUNDED = 1e-5


@dataclass(frozen=True)
class TorchWork:
    """Products in one number type on one device, and copies within its memory."""

    name: str
    device: Any
    dtype: Any
    sizes: tuple[int, ...]

    def product(self, size: int) -> Callable[[], None]:
        """Return a product of two matrices (size, size) of normal numbers."""
        a, b = (self._normal(size, seed) for seed in (0, 1))
        out = torch.empty_like(a)
        return self._complete(lambda: torch.mm(a, b, out=out))

    def _normal(self, size: int, seed: int) -> Any:
        generator = torch.Generator(self.device).manual_seed(seed)
        return torch.randn((size, size), generator=generator, device=self.device).to(self.dtype)

    def copy(self) -> tuple[Callable[[], None], int]:
        """Return a copy within the device's memory."""
        size = COPY_BYTES[self.device.type]
        source = torch.ones(size // 4, device=self.device)
        target = torch.zeros_like(source)
        return self._complete(lambda: target.copy_(source)), 2 * size

    def _complete(self, call: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            call()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)

        return run


def work(settings: Settings) -> TorchWork:
    """Return PyTorch's work as it is asked for; RunnerError for a device that is not there, or what is not obeyed."""
    torch.set_num_threads(settings.threads)
    if torch.get_num_threads() != settings.threads:
        raise RunnerError(f"{settings.threads} threads were asked for, PyTorch has {torch.get_num_threads()}")
    device = torch.device(settings.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise RunnerError(f"{settings.device} was asked for, and PyTorch sees no GPU")
    torch.set_float32_matmul_precision("high" if settings.precision == "tf32" else "highest")
    if settings.precision in ("fp32-strict", "tf32"):
        _check_precision(device, settings.precision)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else torch.backends.cpu.get_cpu_capability()
    sizes = GPU_SIZES if device.type == "cuda" else sizes_for(settings.threads)
    return TorchWork(f"torch {torch.__version__} ({where})", device, TYPES[settings.precision], sizes)


def _check_precision(device: Any, precision: str) -> None:
    """Refuse a device whose products are not rounded as they should be."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn((256, 256), generator=generator, dtype=torch.float64).float() for _ in range(2))
    exact = a.double() @ b.double()
    difference = ((a.to(device) @ b.to(device)).cpu().double() - exact).abs().max() / exact.abs().max()
    if (float(difference) > ROUNDED) != (precision == "tf32"):
        raise RunnerError(f"{precision} was asked for, but products differ by {float(difference):.1e} from exact ones")
