"""What else runs on the processor: measured before a run and during each cell."""

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.machine import processor
from benchmarks.machine.kernel_files import text

STAT = Path("/proc/stat")


@dataclass(frozen=True)
class Ticks:
    """Processor seconds since the machine started, of the cores that we may use; `ours` is of this process."""

    when: float
    busy: float
    stolen: float
    ours: float


@dataclass(frozen=True)
class Disturbance:
    """How many cores other processes kept busy meanwhile, and how many the hypervisor gave to other guests.

    None where the system does not count it.
    """

    others_cores: float | None
    stolen_cores: float | None


def ticks(stat: Path = STAT) -> Ticks | None:
    """Read the counters; None where there is no /proc/stat."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    lines = [line.split() for line in text(stat).splitlines() if line.startswith("cpu") and line[3].isdecimal()]
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(len(lines)))
    rows = [[int(word) for word in words[1:]] for words in lines if int(words[0][3:]) in allowed]
    if not rows or min(map(len, rows)) < 8:
        return None
    second = os.sysconf("SC_CLK_TCK")
    # user nice system idle iowait irq softirq steal; guests' time is a part of user and nice.
    busy = sum(sum(row[:3]) + row[5] + row[6] for row in rows) / second
    return Ticks(time.perf_counter(), busy, sum(row[7] for row in rows) / second, own.ru_utime + own.ru_stime)


def between(before: Ticks | None, after: Ticks | None, child_seconds: float) -> Disturbance:
    """Return what disturbed a child that used `child_seconds` of processor time between two readings."""
    if before is None or after is None or after.when <= before.when:
        return Disturbance(None, None)
    seconds = after.when - before.when
    others = after.busy - before.busy - (after.ours - before.ours) - child_seconds
    return Disturbance(max(0.0, others) / seconds, max(0.0, after.stolen - before.stolen) / seconds)


def load_average() -> float | None:
    """Return how many processes ran or wanted to in the last minute, on average."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


@dataclass(frozen=True)
class Busy:
    """A process that uses the processor: its number, its name and how many cores it keeps busy."""

    pid: int
    name: str
    cores: float


def busy_processes(seconds: float = 0.5, least_cores: float = 0.05) -> list[Busy]:
    """Watch all other processes for a while and return those that kept at least so many cores busy, busiest first."""
    first = _times()
    time.sleep(seconds)
    second = _times()
    found = [Busy(pid, name, (used - first[pid][1]) / seconds) for pid, (name, used) in second.items() if pid in first]
    return sorted((each for each in found if each.cores >= least_cores), key=lambda each: -each.cores)


def _times() -> dict[int, tuple[str, float]]:
    found = {}
    for process in psutil.process_iter(["name", "cpu_times"]):
        times = process.info["cpu_times"]
        if times is not None and process.pid != os.getpid():
            found[process.pid] = (process.info["name"], times.user + times.system)
    return found


def overcommitted() -> bool:
    """Return whether more wants to run than there are threads for."""
    load = load_average()
    return load is not None and load > processor.threads_available()
