"""What NVIDIA's driver says of a GPU: memory and energy, from NVML, without CUDA."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pynvml

from benchmarks.errors import BenchError


@contextmanager
def gpu(device: str) -> Iterator["Gpu"]:
    """Yield the GPU that CUDA calls by this name, "cuda:<number>"; BenchError where the driver does not know it."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise BenchError(f"{device}: NVIDIA's driver cannot be asked: {error}") from error
    try:
        yield Gpu(_handle(device))
    finally:
        pynvml.nvmlShutdown()


class Gpu:
    """One GPU."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    def used_bytes(self) -> int:
        """Return the memory in use on the whole device."""
        return int(pynvml.nvmlDeviceGetMemoryInfo(self.handle).used)

    def process_bytes(self) -> int | None:
        """Return the memory of this process, None where the driver does not tell: in containers it knows other ids."""
        for process in pynvml.nvmlDeviceGetComputeRunningProcesses(self.handle):
            if process.pid == os.getpid() and process.usedGpuMemory is not None:
                return int(process.usedGpuMemory)
        return None

    def joules(self) -> float:
        """Return the energy that the device used since the driver was loaded; BenchError where it does not count."""
        try:
            return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)) / 1e3
        except pynvml.NVMLError as error:
            raise BenchError(f"this GPU does not count its energy: {error}") from error


def _handle(device: str) -> Any:
    number = int(device.partition(":")[2] or 0)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    name = str(number)
    if visible is not None:
        names = [each.strip() for each in visible.split(",") if each.strip()]
        if number >= len(names):
            raise BenchError(f"{device}: CUDA_VISIBLE_DEVICES={visible} shows {len(names)} devices")
        name = names[number]
    try:
        if name.isdecimal():
            return pynvml.nvmlDeviceGetHandleByIndex(int(name))
        return pynvml.nvmlDeviceGetHandleByUUID(name)
    except pynvml.NVMLError as error:
        raise BenchError(f"{device}: NVIDIA's driver knows no such device: {error}") from error
