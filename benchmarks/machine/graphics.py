"""NVIDIA's GPUs by NVML, where the library and a driver are there."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

# NVML's bits (nvml.h, nvmlClocksEventReasons): those that mean a GPU runs slower than it could.
POWER_LIMIT = "power limit"  # what a large network reaches on a sound machine
THROTTLING = {
    0x04: POWER_LIMIT, 0x08: "hardware slowdown", 0x20: "thermal (driver)", 0x40: "thermal (hardware)",
    0x80: "power brake",
}  # fmt: skip


@contextmanager
def _library() -> Iterator[ModuleType | None]:
    """Give NVML, started, or None where there is none: nothing then says that there is a GPU."""
    try:
        import pynvml  # noqa: PLC0415 - an extra; a machine without GPUs needs none
    except ImportError:
        yield None
        return
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def problem() -> str:
    """Return why NVML cannot be asked, "" if it can."""
    try:
        import pynvml  # noqa: PLC0415 - as above
    except ImportError:
        return "nvidia-ml-py is not installed; pip install faceport[bench]"
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return f"NVML says: {error}"
    pynvml.nvmlShutdown()
    return ""


def facts() -> list[dict[str, Any]]:
    """Return name, memory in bytes, driver and CUDA version of each GPU; none where NVML finds none."""
    with _library() as nvml:
        if nvml is None:
            return []
        driver = nvml.nvmlSystemGetDriverVersion()
        cuda = nvml.nvmlSystemGetCudaDriverVersion()
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        return [
            {
                "name": nvml.nvmlDeviceGetName(handle),
                "memory_bytes": nvml.nvmlDeviceGetMemoryInfo(handle).total,
                "driver": driver,
                "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}",
            }
            for handle in handles
        ]


def state(number: int) -> dict[str, Any]:
    """Return a GPU's clock and highest clock in MHz, temperature, power in watts, why it is throttled, and who uses it.

    `number` is CUDA's, which knows only the GPUs in CUDA_VISIBLE_DEVICES. Asked right after a measurement, before the
    clock falls; None for what the device does not tell, and empty without NVML.
    """
    with _library() as nvml:
        if nvml is None:
            return {}

        def asked(question: str, *arguments: Any) -> Any:
            try:
                return getattr(nvml, question)(handle, *arguments)
            except nvml.NVMLError:
                return None

        handle = _handle(nvml, number)
        return {} if handle is None else _state(asked, nvml)


def _handle(nvml: ModuleType, number: int) -> Any:
    """Return NVML's handle of the GPU that CUDA calls so, None where there is none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [str(number)] if visible is None else [name.strip() for name in visible.split(",") if name.strip()]
    place = 0 if visible is None else number
    if place >= len(names):
        return None
    name = names[place]
    try:
        return nvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdecimal() else nvml.nvmlDeviceGetHandleByUUID(name)
    except nvml.NVMLError:
        return None


def _state(asked: Callable[..., Any], nvml: ModuleType) -> dict[str, Any]:
    power = asked("nvmlDeviceGetPowerUsage")
    reasons = asked("nvmlDeviceGetCurrentClocksThrottleReasons")
    processes = asked("nvmlDeviceGetComputeRunningProcesses")
    return {
        "clock_mhz": asked("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
        "highest_clock_mhz": asked("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_SM),
        "temperature_celsius": asked("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
        "power_watts": None if power is None else power / 1000,
        "throttled_by": None if reasons is None else [name for bit, name in THROTTLING.items() if reasons & bit],
        "processes": None if processes is None else len(processes),
    }
