"""The scenario "memory": the peak of a process that does nothing but run one network, and its growth call by call.

The peak includes the interpreter, NumPy and a few inputs; `idle_bytes` is what these need. Pages of mapped files count
while they are resident; `anonymous_bytes`, the most seen between calls, leaves them out.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.cells import Limits, Task
from benchmarks.measuring.growth import growth_per_call, leaks
from benchmarks.measuring.outcome import Outcome
from benchmarks.measuring.preparation import prove
from benchmarks.measuring.probe import read_probe
from benchmarks.measuring.resident import memory_bytes
from benchmarks.runners import Runner

FEEDS = 2
MOST_CALLS, LEAST_CALLS = 256, 12
# The first stretch warms up, the second is judged, and a leak must show in the third as well.
STRETCHES = 3


@dataclass
class GpuMemory:
    """The largest memory seen on a GPU, of the process where the driver tells it, else what the device has more in use.

    `device` None: there is no GPU in this measurement.
    """

    device: Any = None
    before_bytes: int = 0
    peak_bytes: int | None = None
    scope: str = ""

    def look(self) -> None:
        """Read the memory in use now."""
        if self.device is None:
            return
        own = self.device.process_bytes()
        scope = "process" if own is not None else "device"
        now = own if own is not None else self.device.used_bytes() - self.before_bytes
        if scope != self.scope:
            self.peak_bytes, self.scope = None, scope
        self.peak_bytes = max(self.peak_bytes or 0, now)


@dataclass
class Growth:
    """Anonymous memory after each call of the last stretch, and the most in all of them."""

    samples: list[int] = field(default_factory=list)
    leaks: bool = False
    most_bytes: int = 0


def memory(task: Task, runner: Runner, outcome: Outcome) -> None:
    """Fill in memory, then parity and settings, which need some of their own, and a verdict on leaks."""
    probe = read_probe(task)
    feeds = [probe.inputs[images] for images in probe.distinct(task.batch)[:FEEDS]]
    with gpu_memory(task.settings.device) as gpu:
        idle = memory_bytes("VmRSS")
        runner.import_library()
        runner.read_weights()
        runner.build()
        gpu.look()
        growth = grow(runner, [runner.prepare(feed) for feed in feeds], task.limits, gpu)
        peak = memory_bytes("VmHWM")
    prove(task, runner, probe, outcome)
    per_call = growth_per_call(growth.samples)
    if growth.leaks:
        outcome.verdicts.append(f"leaks: memory grows by {per_call / 1e3:.3g} kB with every call")
    outcome.memory = {
        "peak_bytes": peak,
        "idle_bytes": idle,
        "growth_bytes_per_call": per_call,
        "calls": len(growth.samples),
        "anonymous_bytes": growth.most_bytes,
        "gpu_peak_bytes": gpu.peak_bytes,
        "gpu_scope": gpu.scope,
    }


def grow(runner: Runner, feeds: Sequence[Any], limits: Limits, gpu: GpuMemory) -> Growth:
    """Call in stretches and watch the memory: what grows once more after it grew in a warm process leaks."""
    growth = Growth()
    for stretch in range(STRETCHES):
        growth.samples = anonymous(runner, feeds, limits.seconds / STRETCHES, gpu)
        growth.most_bytes = max(growth.most_bytes, *growth.samples)
        growth.leaks = leaks(growth.samples)
        if stretch > 0 and not growth.leaks:
            break
    return growth


def anonymous(runner: Runner, feeds: Sequence[Any], seconds: float, gpu: GpuMemory) -> list[int]:
    """Return the process' anonymous memory after each of some calls, in bytes."""
    samples = np.zeros(MOST_CALLS, np.int64)  # taken at once: a list would grow among what it watches
    end, calls = perf_counter() + seconds, 0
    while calls < LEAST_CALLS or (calls < MOST_CALLS and perf_counter() < end):
        runner.run(feeds[calls % len(feeds)])
        runner.wait()
        samples[calls] = memory_bytes("RssAnon")
        gpu.look()
        calls += 1
    return [int(each) for each in samples[:calls]]


@contextmanager
def gpu_memory(device: str) -> Iterator[GpuMemory]:
    """Yield what watches a GPU's memory; for "cpu" it watches nothing and no driver is asked."""
    with opened(device) as found:
        yield GpuMemory(found, found.used_bytes() if found else 0)


def opened(device: str) -> Any:
    """Return a context that yields the GPU of a device, None for a CPU."""
    if device == "cpu":
        return nullcontext()
    from benchmarks.measuring.gpu import gpu  # noqa: PLC0415 - a library that only GPUs need

    return gpu(device)
