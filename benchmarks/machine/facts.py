"""The machine as results keep it: what stays, and what it was like during one measurement."""

import re
from dataclasses import asdict
from typing import Any

from benchmarks.machine import graphics, load, processor


def lasting() -> dict[str, Any]:
    """Return what decides figures on this machine and stays until somebody changes it, as JSON values.

    Keys: name, processor, cores (physical), logical_cores, threads_available, processor_quota, virtual, architecture,
    memory_bytes, memory_limit_bytes, system (with the kernel's version), libc, python, governor, turbo, gpus (a list
    of name, memory_bytes, driver, cuda). None where the system does not tell.
    """
    found = {**processor.facts(), **processor.frequency_control(), "gpus": graphics.facts()}
    return {"name": _name(found), **found}


def passing(disturbance: load.Disturbance, device: str) -> dict[str, Any]:
    """Return what the machine was like during a measurement on a device, right after it.

    Keys: load_average, others_cores and stolen_cores (how many cores other processes and other guests kept busy), gpu
    (clocks, temperature, why it is throttled, other processes on it).
    """
    kind, _, number = device.partition(":")
    state = {"gpu": graphics.state(int(number or 0))} if kind == "cuda" else {}
    return {"load_average": load.load_average(), **asdict(disturbance), **state}


def _name(found: dict[str, Any]) -> str:
    """Return a name that can be that of a folder: processor, cores and GPUs."""
    words = re.sub(r"\(.*?\)|@.*|\bCPU\b|\bProcessor\b", " ", str(found["processor"]))
    cores = f"{found['threads_available']} cores"
    gpus = [gpu["name"] for gpu in found["gpus"]]
    plain = re.sub(r"[^a-z0-9]+", "-", " ".join([words, cores, *sorted(set(gpus))]).lower())
    return plain.strip("-")
