"""Stand-in runtimes that misbehave, each in one way, and the small task that they compute.

A measuring process loads them by name ("bench_fakes:Honest") where this folder is in PYTHONPATH. Environment variables
turn them: BENCH_FAKE_MS (how long a call sleeps, 3), BENCH_FAKE_NOTE (a file that names the frameworks loaded).
"""

import gc
import hashlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cells import INSTRUCTIONS, Limits, Settings, Task
from benchmarks.errors import RunnerError
from benchmarks.runners import CallPath, Device, Runner

Array = NDArray[Any]

SHAPE = (3, 8, 8)
NODES = ("fc", "prob")
CLASSES = 5
FRAMEWORKS = ("cv2", "keras", "onnx", "onnxruntime", "openvino", "pydantic", "scipy", "tensorflow", "torch")
# Long enough for every audit, short enough for a test.
QUICK = Limits(samples=24, least_samples=11, seconds=4.0, warm_up_seconds=4.0, timeout_seconds=30.0)


def compute(inputs: Array) -> dict[str, Array]:
    """Return what the fakes' network computes of (n, 3, 8, 8): five logits and their softmax."""
    weights = np.random.default_rng(7).standard_normal((int(np.prod(SHAPE)), CLASSES)) / 8
    logits = inputs.reshape(len(inputs), -1).astype(np.float64) @ weights
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    prob = powers / powers.sum(axis=1, keepdims=True)
    return {"fc": logits.astype(np.float32), "prob": prob.astype(np.float32)}


def pictures(count: int) -> Array:
    """Return the first images of the probe set."""
    return np.random.default_rng(3).standard_normal((count, *SHAPE)).astype(np.float32)


def write_probe(path: Path, images: int = 12) -> Path:
    """Write a probe set of the fakes' network."""
    inputs = pictures(images)
    np.savez(path, inputs=inputs, **{f"reference/{node}": value for node, value in compute(inputs).items()})
    return path


def task(folder: Path, runner: str = "Honest", scenario: str = "latency", **changes: Any) -> Task:
    """Return a task for a fake of this file, its probe set written into `folder`.

    Names of Settings among the changes change those.
    """
    settings = {name: changes.pop(name) for name in list(changes) if name in Settings.__dataclass_fields__}
    made = Task(
        model="fake", runner=f"bench_fakes:{runner}", settings=Settings(**settings), batch=1, scenario=scenario,
        nodes=NODES, input_shape=SHAPE, probe=str(write_probe(folder / "probe.npz")), limits=QUICK,
    )  # fmt: skip
    return replace(made, **changes)


def sleep_ms() -> float:
    return float(os.environ.get("BENCH_FAKE_MS", "3"))


def burn(until: float) -> None:
    """Keep a core busy, without holding the interpreter's lock, until the clock says so."""
    block = bytes(1 << 18)
    while time.perf_counter() < until:
        hashlib.sha256(block)


class Honest(Runner):
    """Sleeps a known time in each call, and answers rightly."""

    packages = ("numpy",)
    call_paths: Mapping[str, CallPath] = {
        "run": CallPath(precisions=("fp32-strict", "fp16"), devices=("cpu", "cuda:0")),
        "other": CallPath(layout="channels-last"),
    }

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.calls = 0

    @classmethod
    def artefact(cls, settings: Settings) -> str:
        del settings
        return "source"

    @classmethod
    def devices(cls) -> list[Device]:
        return [Device("cpu"), Device("cuda:0", problem="a stand-in has no GPU")]

    def import_library(self) -> None:
        time.sleep(0.02)

    def read_weights(self) -> None:
        time.sleep(0.01)

    def build(self) -> None:
        time.sleep(0.03)

    def prepare(self, batch: Array) -> Array:
        return batch.copy()

    def run(self, feed: Array) -> dict[str, Array]:
        self.calls += 1
        time.sleep(self.duration_ms() / 1e3)
        return compute(feed)

    def duration_ms(self) -> float:
        return sleep_ms()

    def values(self, answer: dict[str, Array]) -> dict[str, Array]:
        return {node: value.copy() for node, value in answer.items()}

    def read_back(self) -> dict[str, Any]:
        return {"device": self.settings.device, "precision": self.settings.precision, "threads": self.settings.threads}

    def facts(self) -> dict[str, Any]:
        note = os.environ.get("BENCH_FAKE_NOTE")
        if note:
            Path(note).write_text(json.dumps([name for name in FRAMEWORKS if name in sys.modules]), encoding="utf-8")
        return {"calls": self.calls}


def honest(folder: Path, **settings: Any) -> Honest:
    """Return an honest runner that is not yet built, its probe set written into `folder`."""
    made = task(folder, **settings)
    return Honest({}, made.nodes, made.settings)


class Slower(Honest):
    """Takes twice as long as the honest one."""

    def duration_ms(self) -> float:
        return 2 * sleep_ms()


class FirstSlow(Honest):
    """Compiles in its first call."""

    def duration_ms(self) -> float:
        return sleep_ms() + (60 if self.calls == 1 else 0)


class Drifting(Honest):
    """Gets slower with every timed call. That a call is timed shows in Python's garbage collector, which is off."""

    timed_calls = 0

    def duration_ms(self) -> float:
        self.timed_calls += not gc.isenabled()
        return sleep_ms() * (1 + 0.5 * self.timed_calls)


class NeverSteady(Honest):
    """Takes four times as long every quarter of a second, and begins anew after three times."""

    def duration_ms(self) -> float:
        return float(sleep_ms() * 4 ** (4 * time.monotonic() % 3))


class Exiting(Honest):
    """Leaves the process in a call, as a failed check in native code does."""

    def run(self, feed: Array) -> dict[str, Array]:
        del feed
        sys.stderr.write("native check failed\n")
        sys.stderr.flush()
        os._exit(3)


class Segfaulting(Honest):
    """Dies of a signal in a call."""

    def run(self, feed: Array) -> dict[str, Array]:
        os.kill(os.getpid(), signal.SIGSEGV)
        return compute(feed)


class Hanging(Honest):
    """Never comes back from a call."""

    def run(self, feed: Array) -> dict[str, Array]:
        time.sleep(3600)
        return compute(feed)


class Raising(Honest):
    """Fails in a call."""

    def run(self, feed: Array) -> dict[str, Array]:
        raise ValueError(f"shape {feed.shape} is not\nwhat the graph takes")


class Refusing(Honest):
    """Does not have what is asked."""

    def build(self) -> None:
        raise RunnerError("there is no device 'cuda:0' here; use --device cpu")


class Missing(Honest):
    """Its library is not installed."""

    packages = ("no-such-runtime",)

    @classmethod
    def devices(cls) -> list[Device]:
        raise ModuleNotFoundError("No module named 'no_such_runtime'", name="no_such_runtime")

    def import_library(self) -> None:
        raise ModuleNotFoundError("No module named 'no_such_runtime'", name="no_such_runtime")


class Broken(Honest):
    """Its library is installed, but cannot be imported."""

    @classmethod
    def devices(cls) -> list[Device]:
        raise ImportError("libnative.so.13: cannot open shared object file")

    def import_library(self) -> None:
        raise ImportError("libnative.so.13: cannot open shared object file")


class WrongForOneImage(Honest):
    """Answers a little wrongly for one image of the probe set."""

    def run(self, feed: Array) -> dict[str, Array]:
        answer = super().run(feed)
        wrong = (feed == pictures(5)[4]).all(axis=(1, 2, 3))
        answer["fc"][wrong] *= np.float32(1.001)
        return answer


class WrongWhenTimed(Honest):
    """Answers rightly until it is timed."""

    def run(self, feed: Array) -> dict[str, Array]:
        answer = super().run(feed)
        if not gc.isenabled():
            answer["fc"] = np.roll(answer["fc"], 1, axis=1)
        return answer


class NotANumber(Honest):
    """Answers with NaN in one place."""

    def run(self, feed: Array) -> dict[str, Array]:
        answer = super().run(feed)
        answer["prob"][0, 2] = np.nan
        return answer


class WrongShape(Honest):
    """Leaves out a class."""

    def run(self, feed: Array) -> dict[str, Array]:
        return {node: value[:, 1:] for node, value in super().run(feed).items()}


class ForgettingNode(Honest):
    """Does not give one of the nodes."""

    def run(self, feed: Array) -> dict[str, Array]:
        return {"prob": super().run(feed)["prob"]}


class Caching(Honest):
    """Remembers what it answered to every input."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.known: dict[bytes, dict[str, Array]] = {}

    def run(self, feed: Array) -> dict[str, Array]:
        key = hashlib.sha256(feed).digest()
        if key not in self.known:
            self.known[key] = super().run(feed)
        return self.known[key]


class Leaking(Honest):
    """Keeps 300 kB of every call."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.kept: list[Array] = []

    def run(self, feed: Array) -> dict[str, Array]:
        self.kept.append(np.ones(300_000, np.uint8))
        return super().run(feed)


class Filling(Honest):
    """Fills a pool in its first calls and keeps it: no leak."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.pool: list[Array] = []

    def run(self, feed: Array) -> dict[str, Array]:
        if len(self.pool) < 20:
            self.pool.append(np.ones(1_000_000, np.uint8))
        return super().run(feed)


class Asynchronous(Honest):
    """Says that it is done before it is; `wait` blocks until it really is."""

    done = 0.0

    def run(self, feed: Array) -> dict[str, Array]:
        self.calls += 1
        time.sleep(sleep_ms() / 10e3)
        answer = compute(feed)
        self.done = time.perf_counter() + sleep_ms() / 1e3
        return answer

    def wait(self) -> None:
        time.sleep(max(0.0, self.done - time.perf_counter()))


class Lazy(Honest):
    """Computes only when somebody looks at the answer."""

    def run(self, feed: Array) -> Any:
        self.calls += 1
        time.sleep(sleep_ms() / 10e3)
        return {"feed": feed}

    def values(self, answer: dict[str, Array]) -> dict[str, Array]:
        if "feed" in answer:
            time.sleep(sleep_ms() / 1e3)
            answer.update(compute(answer.pop("feed")))
        return super().values(answer)


class ClaimingThreads(Honest):
    """Got four threads where one was asked for, and says so."""

    def read_back(self) -> dict[str, Any]:
        return {**super().read_back(), "threads": 4}


class ClaimingInstructions(Honest):
    """Uses whatever the CPU has, though it could be bound, and says so."""

    instructions = INSTRUCTIONS

    def read_back(self) -> dict[str, Any]:
        return {**super().read_back(), "instructions": "all"}


class FallingBack(Honest):
    """Runs on the CPU whatever the device."""

    def read_back(self) -> dict[str, Any]:
        return {**super().read_back(), "device": "cpu"}


class BurningThreads(Honest):
    """Computes with two threads for ten times the time, whatever it was asked for and says."""

    def build(self) -> None:
        self.start, self.end, self.until = threading.Barrier(2), threading.Barrier(2), 0.0
        threading.Thread(target=self.second, daemon=True).start()

    def second(self) -> None:
        while True:
            self.start.wait()
            burn(self.until)
            self.end.wait()

    def run(self, feed: Array) -> dict[str, Array]:
        self.calls += 1
        self.until = time.perf_counter() + sleep_ms() / 1e2
        self.start.wait()
        burn(self.until)
        self.end.wait()
        return compute(feed)


class Spinning(Honest):
    """Its idle thread waits for work by burning a core, for a second after each call."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.until = 0.0
        self.spinner: threading.Thread | None = None

    def run(self, feed: Array) -> dict[str, Array]:
        self.until = time.perf_counter() + 1.0
        if self.spinner is None:
            self.spinner = threading.Thread(target=self.spin, daemon=True)
            self.spinner.start()
        return super().run(feed)

    def spin(self) -> None:
        while True:
            burn(self.until)
            time.sleep(0.01)


class OutOfMemory(Honest):
    """Asks for more than there is."""

    def build(self) -> None:
        raise MemoryError("Unable to allocate 512. GiB for an array")


class OutOfMemoryError(RuntimeError):
    """Bears the name that frameworks give to this."""


class FrameworkOutOfMemory(Honest):
    """Asks a device for more than it has."""

    def run(self, feed: Array) -> dict[str, Array]:
        del feed
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
