"""The scenario "energy": joules from a counter of the hardware, never an estimate.

A counter sees the whole package or device, other processes included: keep the machine quiet.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.cells import Limits, Task
from benchmarks.errors import BenchError, RunnerError
from benchmarks.measuring.outcome import Outcome
from benchmarks.measuring.preparation import make_ready
from benchmarks.measuring.probe import read_probe
from benchmarks.measuring.warm_up import warm_up
from benchmarks.runners import Runner

POWERCAP = Path("/sys/class/powercap")
NONE = "no energy counter can be read here"


@dataclass(frozen=True)
class Counter:
    """A counter of joules that only rises, but begins anew at `wraps_at`; 0: it does not."""

    name: str
    read: Callable[[], float]
    wraps_at: float = 0.0


@dataclass
class Meter:
    """Adds up what counters rose by; read it more often than they wrap (a minute or more)."""

    counters: Sequence[Counter]

    def __post_init__(self) -> None:
        self.last = [each.read() for each in self.counters]
        self.joules = 0.0

    def read(self) -> float:
        """Return the joules since the beginning."""
        for place, counter in enumerate(self.counters):
            now = counter.read()
            risen = now - self.last[place]
            self.joules += risen + (counter.wraps_at if risen < 0 else 0.0)
            self.last[place] = now
        return self.joules


def energy(task: Task, runner: Runner, outcome: Outcome) -> None:
    """Fill in energy, parity and settings; RunnerError where no counter can be read."""
    with counters(task.settings.device) as found:
        probe = read_probe(task)
        make_ready(task, runner, probe, outcome)
        feeds = [runner.prepare(probe.inputs[images]) for images in probe.distinct(task.batch)]
        _, verdict = warm_up(runner, feeds, task.limits)
        outcome.verdicts += [verdict] if verdict else []
        joules, calls = spend(runner, feeds, task.limits, Meter(found))
    names = " + ".join(each.name for each in found)
    outcome.energy = {"joules": joules, "calls": calls, "batch": task.batch, "counter": names}


def spend(runner: Runner, feeds: Sequence[Any], limits: Limits, meter: Meter) -> tuple[float, int]:
    """Call for as long as a round lasts; return the joules and the number of calls."""
    turn, calls, end = cycle(feeds), 0, perf_counter() + limits.seconds
    while calls < limits.least_samples or perf_counter() < end:
        runner.run(next(turn))
        runner.wait()
        meter.read()
        calls += 1
    return meter.read(), calls


@contextmanager
def counters(device: str) -> Iterator[list[Counter]]:
    """Yield the counters of a device: RAPL's packages for a CPU, NVML's of a GPU; RunnerError where there is none."""
    with ExitStack() as stack:
        try:
            found = packages(POWERCAP) if device == "cpu" else [_gpu_counter(device, stack)]
        except BenchError as error:
            raise RunnerError(f"{NONE}: {error}") from error
        if not found:
            raise RunnerError(f"{NONE}: RAPL's energy_uj below {POWERCAP} is absent or not readable")
        yield found


def _gpu_counter(device: str, stack: ExitStack) -> Counter:
    from benchmarks.measuring.gpu import gpu  # noqa: PLC0415 - a library that only GPUs need

    opened = stack.enter_context(gpu(device))
    opened.joules()
    return Counter(f"NVML {device}, the whole device", opened.joules)


def packages(folder: Path) -> list[Counter]:
    """Return RAPL's counters of whole processor packages that can be read; their parts would count twice."""
    found = []
    for zone in sorted(folder.glob("intel-rapl:*")):
        try:
            name = (zone / "name").read_text(encoding="ascii").strip()
            counter = Counter(
                f"RAPL {name}", _joules_of(zone / "energy_uj"), _joules_of(zone / "max_energy_range_uj")()
            )
            counter.read()
        except (OSError, ValueError):
            continue  # readable by root alone on most systems; `counters` refuses if none is left
        found += [counter] if name.startswith("package") else []
    return found


def _joules_of(path: Path) -> Callable[[], float]:
    return lambda: int(path.read_text(encoding="ascii")) / 1e6
