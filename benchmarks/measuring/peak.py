"""What this machine reaches in a matrix product and in a copy: what the figures of networks are held against.

Each library that can do both is tried in a process of its own, one after the other: two libraries in one process have
two pools of threads, and whose OpenMP is loaded first decides for both. The better figure counts.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.cells import Settings, Task
from benchmarks.errors import RunnerError

# Library -> what it can measure: the devices, and the precisions on each.
LIBRARIES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "numpy": {"cpu": ("fp32-strict",)},
    "torch": {"cpu": ("fp32-strict", "bf16"), "cuda": ("fp32-strict", "tf32", "fp16", "bf16")},
}
# Read when a BLAS or an OpenMP is loaded; the libraries are asked afterwards what they made of it.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PRODUCT, COPY, CORES = "multiply_adds_per_second", "bytes_per_second", "product_cores"


def measure(task: Task) -> dict[str, Any]:
    """Return the fields of `Peak` for the device, precision and threads of `task.settings`.

    A copy counts what is read and what is written. `samples` holds the figures of every repetition by library, and how
    many cores its product wanted. RunnerError where no library can do it as asked, with the reason of each.
    """
    settings = task.settings
    found: dict[str, dict[str, Any]] = {}
    problems = []
    libraries = able(settings)
    for library in libraries:
        try:
            # Half of the time is for loading a library and for warming up.
            limit = task.limits.timeout_seconds / len(libraries)
            found[library] = tried(library, settings, min(task.limits.seconds, limit / 2), limit)
        except RunnerError as error:
            problems += error.problems
    if not found:
        raise RunnerError(problems)
    return _best(found, settings)


def able(settings: Settings) -> list[str]:
    """Return the installed libraries that can do what is asked; RunnerError where there is none."""
    device = settings.device.partition(":")[0]
    suited = [name for name, can in LIBRARIES.items() if settings.precision in can.get(device, ())]
    if not suited:
        raise RunnerError(f"no peak is known how to measure on {settings.device} in {settings.precision}")
    installed = [name for name in suited if find_spec(name) is not None]
    if not installed:
        raise RunnerError(f"a peak on {settings.device} in {settings.precision} needs {' or '.join(suited)}")
    return installed


def tried(library: str, settings: Settings, seconds: float, timeout_seconds: float) -> dict[str, Any]:
    """Return what one library measured in a process of its own; RunnerError where it could not."""
    threads = str(settings.threads)
    with tempfile.TemporaryDirectory(prefix="peak-") as folder:
        asked, answered = Path(folder) / "asked.json", Path(folder) / "answered.json"
        asked.write_text(json.dumps({"library": library, "settings": asdict(settings), "seconds": seconds}), "utf-8")
        try:
            ended = subprocess.run(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "benchmarks.measuring.peak_trial", str(asked), str(answered)],
                env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, threads)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RunnerError(f"{library}: the peak was not measured within {timeout_seconds:.0f} s") from None
        if not answered.exists():
            lines = ended.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {ended.returncode}"]
            raise RunnerError(f"{library}: the peak cannot be measured: {lines[-1]}")
        told: dict[str, Any] = json.loads(answered.read_text("utf-8"))
    if told["problem"]:
        raise RunnerError(f"{library}: {told['problem']}")
    return told


def _best(found: Mapping[str, Mapping[str, Any]], settings: Settings) -> dict[str, Any]:
    best = {what: max(found, key=lambda name: max(found[name][what])) for what in (PRODUCT, COPY)}
    names = {name: told["name"] for name, told in found.items()}
    return {
        **{what: max(found[name][what]) for what, name in best.items()},
        "precision": settings.precision,
        "device": settings.device,
        "threads": settings.threads,
        "with_library": f"product: {names[best[PRODUCT]]}; copy: {names[best[COPY]]}",
        "samples": {
            f"{name} {what}": list(told[what]) for name, told in found.items() for what in (PRODUCT, COPY, CORES)
        },
    }
