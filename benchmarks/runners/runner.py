"""The protocol: what every runtime is to the measurements. A new runtime is one class derived from `Runner`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.cells import Settings

Array = NDArray[Any]


@dataclass(frozen=True)
class CallPath:
    """One way to call a network: a row of its own in every table.

    `layout` is what it feeds; `precisions` are those that it can do at all (a device may still refuse one); `extra`
    says in a few words what it is.
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


def as_float32(value: Any) -> Array:
    """Return a copy as float32."""
    return np.array(value, dtype=np.float32)
