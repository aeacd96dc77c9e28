"""The protocol: what every runtime is to the measurements. A new runtime is one class derived from `Runner`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.cells import ALL_INSTRUCTIONS, Settings
from benchmarks.errors import RunnerError
from converters.errors import did_you_mean

Array = NDArray[Any]


@dataclass(frozen=True)
class CallPath:
    """One way to call a network: a row of its own in every table.

    `layout` is what it feeds; `precisions` are those that it can do at all (a device may still refuse one); `devices`
    are kinds of devices, without numbers; `extra` says in a few words what it is.
    """

    layout: str = "channels-first"
    precisions: tuple[str, ...] = ("fp32-strict",)
    devices: tuple[str, ...] = ("cpu",)
    extra: str = ""


@dataclass(frozen=True)
class Device:
    """A device of a runtime: "cpu", "cuda:0"; `problem` says why it does not really run, "" if it does.

    `precisions` are those that it really computes in.
    """

    name: str
    precisions: tuple[str, ...] = ("fp32-strict",)
    problem: str = ""


class Runner(ABC):
    """One network on one runtime, run as `settings` say.

    The three steps before the first call are apart, since a cold start is made of them, and are called once, in this
    order: `import_library`, `read_weights`, `build`. Nothing heavy is imported before `import_library`.
    """

    # Distributions whose versions belong to a result, the first being the runtime itself.
    packages: ClassVar[tuple[str, ...]]
    # By name; the first is what is meant where none is named.
    call_paths: ClassVar[Mapping[str, CallPath]]
    # What can be asked for as Settings.denormals; the first is meant where nothing is.
    denormals: ClassVar[tuple[str, ...]] = ("keep",)
    # What can be asked for as Settings.instructions: a bound only where the runtime keeps it and can be asked for it.
    instructions: ClassVar[tuple[str, ...]] = (ALL_INSTRUCTIONS,)

    def __init__(self, files: Mapping[str, Path], nodes: Sequence[str], settings: Settings) -> None:
        self.files = files
        self.nodes = tuple(nodes)
        self.settings = settings

    @classmethod
    @abstractmethod
    def artefact(cls, settings: Settings) -> str:
        """Return the kind of artefact that these settings need, a key of `benchmarks.artefacts.KINDS`."""

    @classmethod
    def environment(cls, settings: Settings) -> dict[str, str]:
        """Return the environment variables that must be set before the process starts."""
        del settings
        return {}

    @classmethod
    def provider(cls, settings: Settings) -> str:
        """Return the execution provider that the device means here, "" where a runtime has none to choose from."""
        del settings
        return ""

    @classmethod
    @abstractmethod
    def devices(cls) -> list[Device]:
        """Import the library, try each device that it claims to have by computing something, and say what came out."""

    @abstractmethod
    def import_library(self) -> None:
        """Import the runtime and set what is set for a whole process (threads, flags)."""

    @abstractmethod
    def read_weights(self) -> None:
        """Bring the model's file into memory as the runtime reads it."""

    @abstractmethod
    def build(self) -> None:
        """Make what is called: session, graph, compiled function. RunnerError where the settings cannot be had."""

    @abstractmethod
    def prepare(self, batch: Array) -> Any:
        """Return the feed of a batch (n, channels, height, width) float32 in the layout and type wanted, not timed."""

    @abstractmethod
    def run(self, feed: Any) -> Any:
        """Compute, timed: from a feed on the host to answers that lie on the host, complete."""

    def wait(self) -> None:  # noqa: B027 - runtimes that block have nothing left to wait for
        """Block until the device has done everything; timed apart, to catch a runtime that answers too early."""

    @abstractmethod
    def values(self, answer: Any) -> dict[str, Array]:
        """Return an answer by node, float32, channels first, batch axis first, not timed; it shares no memory that the
        next `run` writes to.
        """

    @abstractmethod
    def read_back(self) -> dict[str, Any]:
        """Return the fields of Settings that the runtime can tell, as it really has them, without those it cannot.

        Called after the first `run`. Never repeat what was asked for: ask the runtime.
        """

    def facts(self) -> dict[str, Any]:
        """Return what else is worth keeping as JSON values: transposes in the graph, nodes left on the CPU ..."""
        return {}

    @property
    def call_path(self) -> CallPath:
        """Return the call path that is asked for; RunnerError where there is no such one."""
        wanted = self.settings.call_path
        if wanted not in self.call_paths:
            known = ", ".join(self.call_paths)
            raise RunnerError(
                f"{self} has no call path '{wanted}'{did_you_mean(wanted, self.call_paths)}; it has {known}"
            )
        return self.call_paths[wanted]

    @property
    def device_number(self) -> int | None:
        """Return the number of the GPU that is asked for, None for the CPU; RunnerError for a word that is neither."""
        kind, _, number = self.settings.device.partition(":")
        if self.settings.device == "cpu":
            return None
        if kind != "cuda" or not number.isdecimal():
            raise RunnerError(f"there is no device '{self.settings.device}'; choose cpu, or cuda:0, cuda:1 ...")
        return int(number)

    def refuse_impossible(self) -> None:
        """Raise RunnerError, with every reason, where the call path cannot have these settings on any machine."""
        path, asked = self.call_path, self.settings
        kind = "cpu" if self.device_number is None else "cuda"
        name = f"{self}, call path '{asked.call_path}',"
        checked: list[tuple[str, str, Sequence[str]]] = [
            ("runs on", kind, path.devices),
            ("computes in", asked.precision, path.precisions),
            ("is fed", asked.layout, (path.layout,)),
            ("treats subnormal numbers so:", asked.denormals, self.denormals),
            ("can be bound to these instructions:", asked.instructions, self.instructions),
        ]
        problems = [
            f"{name} {does} {' or '.join(known)}, not {wanted}"
            for does, wanted, known in checked
            if wanted not in known
        ]
        if asked.precision == "tf32" and kind == "cpu":
            problems.append(f"{name} cannot compute in tf32 on the CPU; TF32 is a format of NVIDIA's GPUs")
        if asked.instructions != ALL_INSTRUCTIONS and (kind, asked.precision) != ("cpu", "fp32-strict"):
            problems.append(f"{name} is bound to {asked.instructions} on the CPU in fp32-strict only")
        if asked.threads < 1:
            problems.append(f"{name} was asked for {asked.threads} threads; 1 or more are needed")
        if problems:
            raise RunnerError(problems)

    def __str__(self) -> str:
        return type(self).__name__


def either(*distributions: str) -> str:
    """Return the first of these that is installed, or the first: some libraries come under several names."""
    return next(filter(_is_installed, distributions), distributions[0])


def _is_installed(distribution: str) -> bool:
    try:
        return bool(version(distribution))
    except PackageNotFoundError:
        return False


def page_in(path: Path) -> None:
    """Read a file through, so that what maps it or reads it afterwards finds it in memory; nothing of it is kept."""
    buffer = bytearray(1 << 20)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def refuse_unknown(nodes: Sequence[str], known: Sequence[str], where: Path) -> None:
    """Raise RunnerError where a model does not give a node; `known` are those that it gives."""
    problems = [
        f"{where}: does not give the node '{name}'{did_you_mean(name, known)}; it gives {', '.join(known[-6:])}"
        for name in nodes
        if name not in known
    ]
    if problems:
        raise RunnerError(problems)


def as_float32(value: Any) -> Array:
    """Return a copy as float32."""
    return np.array(value, dtype=np.float32)
