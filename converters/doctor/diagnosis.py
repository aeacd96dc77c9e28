"""What is installed here, what is missing or broken, and on which devices it really runs."""

import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from converters.errors import MissingLibraryError
from converters.formats import DISTRIBUTION, load

RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-training")


@dataclass(frozen=True)
class Library:
    """An installed or missing distribution; `version` is empty when it is missing."""

    name: str
    version: str


@dataclass(frozen=True)
class Device:
    """One device of one runtime; `problem` is empty when a tiny model really ran on it."""

    runtime: str
    name: str
    problem: str = ""


@dataclass(frozen=True)
class Extra:
    """A part of the package that can be installed alone: its libraries, and whether all of them are there."""

    name: str
    libraries: tuple[Library, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return all(library.version for library in self.libraries)


@dataclass(frozen=True)
class Diagnosis:
    """What `doctor` found; `problems` are the things that must be mended."""

    system: dict[str, str]
    extras: tuple[Extra, ...]
    devices: tuple[Device, ...] = ()
    problems: tuple[str, ...] = field(default=())


def diagnose(progress: Callable[[str, float], None]) -> Diagnosis:
    """Look at everything; takes some seconds, since the libraries are loaded and used."""
    extras = tuple(Extra(name, tuple(_library(*names) for names in wanted)) for name, wanted in LIBRARIES.items())
    problems = clashes()
    devices: list[Device] = []
    for runtime, module in DEVICE_CHECKS.items():
        progress(f"trying {runtime}", 0.0)
        found, problem = _devices(runtime, module)
        devices += found
        problems += [problem] if problem else []
    return Diagnosis(_system(), extras, tuple(devices), tuple(problems))


def versions() -> dict[str, str]:
    """Return the versions of this package, Python and every library that is there."""
    installed = {names[0]: _library(*names).version for wanted in LIBRARIES.values() for names in wanted}
    return _system() | {name: version for name, version in installed.items() if version}


def _system() -> dict[str, str]:
    return {
        DISTRIBUTION: _version(DISTRIBUTION) or "unknown, not installed",
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _library(*names: str) -> Library:
    """Return the first distribution of several that do the same which is there, or the first as missing."""
    found = [Library(name, _version(name)) for name in names]
    return next((library for library in found if library.version), found[0])


def clashes() -> list[str]:
    """Return what is wrong with the builds of ONNX Runtime that are installed, one line each."""
    present = [name for name in RUNTIMES if _version(name)]
    if len(present) < 2:
        return []
    problem = (
        f"{' and '.join(present)} are installed side by side: they write the same folder, and chance decides which"
    )
    return [f"{problem} is used. Mend it with: pip uninstall {' '.join(present)}; pip install {present[-1]}"]


def _devices(runtime: str, module: str) -> tuple[list[Device], str]:
    """Return the devices of one runtime, and what is wrong with it; both are empty when it is not installed."""
    try:
        with _native_messages():
            check = load(module)
            names: list[str] = check.devices()
    except MissingLibraryError:
        return [], ""
    except Exception as error:  # noqa: BLE001 - a broken library may raise anything, and finding that out is the task
        return [], f"{runtime} is installed but does not work: {type(error).__name__}: {error}"
    return [Device(runtime, name, _problem(check.trial, name)) for name in names], ""


def _problem(trial: Callable[[str], str], name: str) -> str:
    with _native_messages() as messages:
        try:
            problem = trial(name)
        except Exception as error:  # noqa: BLE001 - as above
            problem = f"{type(error).__name__}: {error}"
    return problem and problem + _reason(messages)


def _reason(messages: list[str]) -> str:
    """Return what native code said about a library it could not load, to stand behind a problem."""
    telling = [line for line in messages if ".so" in line or ".dll" in line or "driver" in line.lower()]
    # The path of the library that could not load another one says nothing.
    return f" ({telling[0].strip().rpartition(' with error: ')[2][-160:]})" if telling else ""


@contextmanager
def _native_messages() -> Iterator[list[str]]:
    """Catch what is written to stdout, and to the file of stderr past Python; the lines are there after the block."""
    lines: list[str] = []
    sys.stderr.flush()
    with tempfile.TemporaryFile("w+", errors="replace") as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            with redirect_stdout(file):
                yield lines
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            lines += file.read().splitlines()


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis as plain values."""
    return {
        "system": diagnosis.system,
        "extras": {
            extra.name: {library.name: library.version or None for library in extra.libraries}
            for extra in diagnosis.extras
        },
        "devices": [
            {"runtime": d.runtime, "device": d.name, "runs": not d.problem, "problem": d.problem}
            for d in diagnosis.devices
        ],
        "problems": list(diagnosis.problems),
    }


# Extra -> its distributions; several in one tuple do the same, and one of them is enough.
LIBRARIES: dict[str, tuple[tuple[str, ...], ...]] = {
    "core": (("numpy",), ("h5py",), ("safetensors",), ("pooch",), ("requests",), ("typer",), ("rich",)),
    "onnx": (("onnx",), RUNTIMES),
    "torch": (("torch",),),
    "keras": (("keras",), ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-macos"), ("tf2onnx",)),
    "images": (("pillow",),),
}

DEVICE_CHECKS = {
    "onnxruntime": "converters.doctor.devices_onnx",
    "PyTorch": "converters.doctor.devices_torch",
    "TensorFlow": "converters.doctor.devices_keras",
}
