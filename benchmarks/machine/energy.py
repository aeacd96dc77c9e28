"""Whether energy can be measured here: by a real counter only, never by an estimate."""

import os
from pathlib import Path

from benchmarks.machine import graphics

# Intel's and AMD's counters, as Linux shows them (Documentation/power/powercap/powercap.rst).
POWERCAP = Path("/sys/class/powercap")


def problem(device: str, powercap: Path = POWERCAP) -> str:
    """Return why the energy of a device cannot be measured here, "" if it can."""
    if device != "cpu":
        return graphics.problem()
    counters = sorted(powercap.glob("intel-rapl:*/energy_uj"))
    if not counters:
        return "the processor shows no energy counter (RAPL); in a virtual machine there is none"
    if not any(os.access(counter, os.R_OK) for counter in counters):
        return f"{counters[0]} may be read by root only; sudo chmod a+r {powercap}/intel-rapl:*/energy_uj"
    return ""
