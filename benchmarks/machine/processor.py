"""The processor, its memory and the system, as far as they decide figures."""

import os
import platform
from pathlib import Path
from typing import Any

import psutil

from benchmarks.machine import groups
from benchmarks.machine.kernel_files import text

ROOT = Path("/")


def facts() -> dict[str, Any]:
    """Return what stays the same while a machine runs, as JSON values; None where the system does not tell."""
    return {
        "processor": cpu_name(),
        "architecture": platform.machine(),
        "cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "threads_available": threads_available(),
        "processor_quota": groups.processor_quota(),
        "virtual": is_virtual(),
        "memory_bytes": psutil.virtual_memory().total,
        "memory_limit_bytes": groups.memory_limit_bytes(),
        "system": f"{platform.system()} {platform.release()}",
        "libc": " ".join(platform.libc_ver()).strip(),
        "python": platform.python_version(),
    }


def cpu_name(root: Path = ROOT) -> str:
    """Return the processor's name as the kernel knows it."""
    fields: dict[str, str] = {}
    for line in text(root / "proc/cpuinfo").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    return (
        fields.get("model name")
        or text(root / "proc/device-tree/model").strip("\0")  # ARM boards have no model name
        or " ".join(f"{name} {fields[name]}" for name in ("CPU implementer", "CPU part") if name in fields)
        or platform.processor()
        or "unknown"
    )


def is_x86() -> bool:
    """Return whether the processor has x86's instruction sets, some or all of them."""
    return platform.machine().lower() in ("x86_64", "amd64")


def usable_cores() -> int:
    """Return on how many logical cores this process may run."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_available() -> int:
    """Return how many threads can really run at once: what affinity and the quota of the control group leave.

    A quota of 1.5 processors leaves one: a second thread would be stopped in every period.
    """
    quota = groups.processor_quota()
    return usable_cores() if quota is None else max(1, min(usable_cores(), int(quota)))


def is_virtual(root: Path = ROOT) -> bool:
    """Return whether the kernel sees a hypervisor: others may then share the processor without our seeing them."""
    flags = [line for line in text(root / "proc/cpuinfo").splitlines() if line.startswith("flags")]
    return bool(flags) and "hypervisor" in flags[0].split()


def frequency_control(root: Path = ROOT) -> dict[str, Any]:
    """Return what may change the clock: the governors in use and whether turbo is on; None where it cannot be told."""
    cpus = root / "sys/devices/system/cpu"
    governors = sorted({text(path) for path in cpus.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {""})
    no_turbo, boost = text(cpus / "intel_pstate/no_turbo"), text(cpus / "cpufreq/boost")
    turbo = no_turbo == "0" if no_turbo else boost == "1" if boost else None
    return {"governor": ", ".join(governors) or None, "turbo": turbo}
