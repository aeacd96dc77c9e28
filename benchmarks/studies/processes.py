"""Time and memory of whole processes (Linux only)."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.01


@dataclass(frozen=True)
class Measured:
    """One process: wall time in seconds and the peak of its anonymous memory in bytes."""

    seconds: float
    anonymous_bytes: int


def measure(command: Sequence[str]) -> Measured:
    """Run a command to its end; a command that fails ends this program with what it said."""
    start = time.perf_counter()
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            peak = max(peak, _anonymous_bytes(process.pid))
            time.sleep(SAMPLE_SECONDS)
        seconds = time.perf_counter() - start
        if process.returncode:
            message = process.stderr.read().decode() if process.stderr else ""
            sys.exit(f"{' '.join(command)} failed:\n{message}")
    return Measured(seconds, peak)


def _anonymous_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # the process has just ended
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:")), 0)
