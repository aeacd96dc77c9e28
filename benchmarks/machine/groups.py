"""What the kernel's control groups allow this process: processors and memory (versions 1 and 2)."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.machine.kernel_files import text

# Version 1 says "no limit" with the largest multiple of a page below 2^63.
UNLIMITED = 2**60


def processor_quota(root: Path = Path("/")) -> float | None:
    """Return how many processors' worth of time may be used, None without a limit; the narrowest of all groups above.

    Kernel: Documentation/admin-guide/cgroup-v2.rst (cpu.max), scheduler/sched-bwc.rst (cpu.cfs_quota_us).
    """
    quotas = []
    for folder in _folders("cpu", root):
        words = text(folder / "cpu.max").split()
        if not words:
            words = [text(folder / "cpu.cfs_quota_us"), text(folder / "cpu.cfs_period_us")]
        if len(words) == 2 and words[0].isdecimal() and words[1].isdecimal() and int(words[1]):
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


def memory_limit_bytes(root: Path = Path("/")) -> int | None:
    """Return how much memory the groups leave to this process and its children, None without a limit."""
    limits = []
    for folder in _folders("memory", root):
        limit = text(folder / "memory.max") or text(folder / "memory.limit_in_bytes")
        if limit.isdecimal() and int(limit) < UNLIMITED:
            limits.append(int(limit))
    return min(limits, default=None)


def memory_kills(root: Path = Path("/")) -> int:
    """Return how many processes the kernel killed for want of memory: in our group, or anywhere if that is unknown."""
    for folder in _folders("memory", root):
        for name in ("memory.events", "memory.oom_control"):
            counted = _counter(text(folder / name))
            if counted is not None:
                return counted
    return _counter(text(root / "proc/vmstat")) or 0


def _counter(counters: str) -> int | None:
    found = [line.split()[1] for line in counters.splitlines() if line.startswith("oom_kill ")]
    return int(found[0]) if found else None


def _folders(controller: str, root: Path) -> Iterator[Path]:
    """Yield the folders of our group in this controller's tree, from our own up to the root of what we can see.

    Inside a container the path that /proc names may lie outside of what is mounted: then the mount's root is ours.
    """
    mounts = _mounts(root)
    for line in text(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        mount = mounts.get(controller if controller in names.split(",") else "" if not names else "-")
        if mount is None:
            continue
        top = root / mount.lstrip("/")
        own = top / path.lstrip("/")
        while own != top and own.is_relative_to(top):
            if own.is_dir():
                yield own
            own = own.parent
        yield top


def _mounts(root: Path) -> dict[str, str]:
    """Return where each controller of version 1 is mounted, and under "" where version 2 is."""
    found = {}
    for line in text(root / "proc/self/mounts").splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup2":
            found[""] = where
        elif kind == "cgroup":
            found |= dict.fromkeys(options.split(","), where)
    return found
