"""How many threads of this process want a core: what is computed, and what waits in vain for a core, counts alike.

Processor time alone says little on a busy machine: two threads that share one core with others look like half a thread.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns, process_time_ns

TASKS = Path("/proc/self/task")


@dataclass(frozen=True)
class Reading:
    """Nanoseconds: wall, processor time of the process, and of each living thread (processor time, wait for a core).

    `threads` is empty where the system does not tell (/proc/<pid>/task/<tid>/schedstat of Linux).
    """

    wall: int
    processor: int
    threads: dict[int, tuple[int, int]]


def read() -> Reading:
    """Read the clocks of the process and its threads."""
    return Reading(perf_counter_ns(), process_time_ns(), _threads())


def wanted_cores(before: Reading, after: Reading) -> float:
    """Return how many cores were wanted on the average between two readings."""
    return (after.processor - before.processor + _waited(before, after)) / _wall(before, after)


def wanted_by_others(before: Reading, after: Reading) -> float:
    """Return how many cores were wanted by other threads than the main one, which slept; by all, where none is told."""
    if not after.threads:
        return (after.processor - before.processor) / _wall(before, after)
    others = {name: sum(times) for name, times in after.threads.items() if name != os.getpid()}
    return sum(now - sum(before.threads.get(name, (0, 0))) for name, now in others.items()) / _wall(before, after)


def withheld_fraction(before: Reading, after: Reading) -> float | None:
    """Return which part of the processor time that was wanted this process did not get, None where it is not told.

    That is how busy the machine was with other things.
    """
    if not after.threads:
        return None
    waited = _waited(before, after)
    return waited / max(waited + after.processor - before.processor, 1)


def _waited(before: Reading, after: Reading) -> int:
    return sum(wait - before.threads.get(name, (0, 0))[1] for name, (_, wait) in after.threads.items())


def _wall(before: Reading, after: Reading) -> int:
    return max(after.wall - before.wall, 1)


def _threads() -> dict[int, tuple[int, int]]:
    found = {}
    for task in TASKS.iterdir() if TASKS.is_dir() else ():
        try:
            computed, waited, _ = (task / "schedstat").read_text(encoding="ascii").split()
        except (OSError, ValueError):
            continue  # the thread has ended, or the kernel keeps no such statistics
        found[int(task.name)] = int(computed), int(waited)
    return found
