"""Time and memory of whole processes (Linux only)."""

import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SAMPLE_SECONDS = 0.01


@dataclass(frozen=True)
class Measured:
    """One process: wall time in seconds and the peak of its anonymous memory in bytes."""

    seconds: float
    anonymous_bytes: int


@dataclass(frozen=True)
class Bounds:
    """Beyond which a process is killed."""

    seconds: float = math.inf
    anonymous_bytes: float = math.inf


@dataclass(frozen=True)
class Attempt:
    """What became of a process: `problem` says why it did not end well, "" where it did; `said` is its stderr."""

    measured: Measured
    problem: str
    said: str


def measure(command: Sequence[str]) -> Measured:
    """Run a command to its end; a command that fails ends this program with what it said."""
    tried = attempt(command)
    if tried.problem:
        sys.exit(f"{' '.join(command)} failed:\n{tried.said}")
    return tried.measured


def attempt(
    command: Sequence[str], bounds: Bounds | None = None, environment: Mapping[str, str] | None = None
) -> Attempt:
    """Run a command to its end, or until it passes the bounds; `environment` is added to this process's own."""
    variables = {**os.environ, **(environment or {})}
    # A file: nobody reads a pipe meanwhile, and a command with much to say would wait for ever.
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=variables) as process:
            try:
                peak, passed = _watch(process, bounds or Bounds(), start)
            finally:
                process.kill()
        seconds = time.perf_counter() - start
        said = _read(errors)
    return Attempt(Measured(seconds, peak), passed or _problem(process.returncode, said), said)


def _watch(process: subprocess.Popen[bytes], bounds: Bounds, start: float) -> tuple[int, str]:
    """Return the peak of anonymous memory in bytes, and which bound was passed."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, _anonymous_bytes(process.pid))
        if peak > bounds.anonymous_bytes:
            return peak, f"killed at {bounds.anonymous_bytes / 1e9:.1f} GB"
        if time.perf_counter() - start > bounds.seconds:
            return peak, f"killed after {bounds.seconds:g} s"
        time.sleep(SAMPLE_SECONDS)
    return peak, ""


def _problem(status: int, said: str) -> str:
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"failed: {lines[-1] if lines else f'exit status {status}'}" if status else ""


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _anonymous_bytes(pid: int) -> int:
    # Counters that the kernel keeps anyway: /proc/<pid>/smaps_rollup walks all pages and holds up a large process.
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0  # the process has just ended
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), 0)
