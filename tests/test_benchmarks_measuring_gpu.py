"""Memory and energy of a GPU, as a stand-in for NVIDIA's driver tells them."""

import json
import os
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

import bench_fakes
from benchmarks.cells import Limits
from benchmarks.errors import BenchError
from benchmarks.measuring import gpu, memory
from benchmarks.measuring.process import measure
from benchmarks.records.result import Measured

MIB = 1 << 20


class NVMLError(Exception):
    pass


class Driver:
    """Two GPUs; the second uses 100 MiB more with every look, up to 500 MiB, and 2 J."""

    NVMLError = NVMLError

    def __init__(self) -> None:
        self.open = 0
        self.used = 1000 * MIB
        self.millijoules = 5_000
        self.pid: int | None = None
        self.counts_energy = True

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's name
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802 - NVML's name
        self.open -= 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802 - NVML's name
        if index > 1:
            raise NVMLError("Invalid Argument")
        return index

    def nvmlDeviceGetHandleByUUID(self, name: str) -> int:  # noqa: N802 - NVML's name
        return {"GPU-a": 0, "GPU-b": 1}[name]

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802 - NVML's name
        assert handle == 1 and self.open
        used = self.used
        self.used = min(self.used + 100 * MIB, 1500 * MIB)
        return SimpleNamespace(used=used)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[Any]:  # noqa: N802 - NVML's name
        assert handle == 1 and self.open
        return [SimpleNamespace(pid=1, usedGpuMemory=9), SimpleNamespace(pid=self.pid, usedGpuMemory=70 * MIB)]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:  # noqa: N802 - NVML's name
        if not self.counts_energy:
            raise NVMLError("Not Supported")
        assert handle == 1 and self.open
        self.millijoules += 2_000
        return self.millijoules


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    monkeypatch.setattr(gpu, "pynvml", made)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("BENCH_FAKE_MS", "0.2")
    return made


def measured(folder: Any, scenario: str) -> Measured:
    limits = Limits(least_samples=11, seconds=0.1, warm_up_seconds=0.3)
    task = replace(bench_fakes.task(folder, scenario=scenario, device="cuda:1"), limits=limits)
    return Measured.model_validate(json.loads(json.dumps(measure(task).to_json())))


def test_memory_is_what_the_device_has_more_in_use(tmp_path: Any, driver: Driver) -> None:
    found = measured(tmp_path, "memory").memory
    assert found is not None and (found.gpu_peak_bytes, found.gpu_scope) == (500 * MIB, "device")
    assert driver.open == 0


def test_memory_is_the_process_own_where_the_driver_tells_it(tmp_path: Any, driver: Driver) -> None:
    driver.pid = os.getpid()
    found = measured(tmp_path, "memory").memory
    assert found is not None and (found.gpu_peak_bytes, found.gpu_scope) == (70 * MIB, "process")


def test_a_process_that_turns_up_later_is_not_mixed_with_the_device() -> None:
    own = iter([None, 5, 7])
    device = SimpleNamespace(process_bytes=lambda: next(own), used_bytes=lambda: 1000)
    watched = memory.GpuMemory(device, before_bytes=100)
    for _ in range(3):
        watched.look()
    assert (watched.peak_bytes, watched.scope) == (7, "process")


def test_energy_is_what_the_counter_rose_by(tmp_path: Any, driver: Driver) -> None:
    result = measured(tmp_path, "energy")
    found = result.energy
    assert found is not None, result.reason
    assert found.counter == "NVML cuda:1, the whole device"
    assert found.joules == pytest.approx(2 * (found.calls + 1)) and driver.open == 0


def test_a_gpu_without_a_counter_is_refused(tmp_path: Any, driver: Driver) -> None:
    driver.counts_energy = False
    found = measured(tmp_path, "energy")
    assert found.status == "refused" and driver.open == 0
    assert found.reason == ("no energy counter can be read here: this GPU does not count its energy: Not Supported")


def test_a_driver_that_is_not_there_is_named(tmp_path: Any, driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise NVMLError("NVML Shared Library Not Found")

    monkeypatch.setattr(driver, "nvmlInit", fail)
    found = measured(tmp_path, "memory")
    assert found.status == "failed"
    assert found.reason == "cuda:1: NVIDIA's driver cannot be asked: NVML Shared Library Not Found"


@pytest.mark.parametrize(("visible", "device"), [("1", "cuda:0"), ("0, 1", "cuda:1"), ("GPU-b,GPU-a", "cuda:0")])
@pytest.mark.usefixtures("driver")
def test_devices_are_numbered_as_cuda_sees_them(monkeypatch: pytest.MonkeyPatch, visible: str, device: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with gpu.gpu(device) as found:
        assert found.handle == 1


@pytest.mark.usefixtures("driver")
def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BenchError, match="cuda:7: NVIDIA's driver knows no such device"), gpu.gpu("cuda:7"):
        pass
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with pytest.raises(BenchError, match="cuda:1: CUDA_VISIBLE_DEVICES=1 shows 1 devices"), gpu.gpu("cuda:1"):
        pass
