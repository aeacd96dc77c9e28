"""Real runtimes at work in processes of their own: asks go in as JSON, what came of each comes out as JSON.

Threads, flags and what becomes of subnormal numbers belong to a whole process and cannot be taken back in it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import prototxt
from benchmarks.cells import Settings
from benchmarks.errors import BenchError
from benchmarks.machine.kernel_files import text
from benchmarks.runners import load
from converters.errors import Refusal
from converters.from_caffe import read_caffe
from converters.ir import Graph

Array = NDArray[Any]

ROOT = Path(__file__).parent.parent
# A map, a value in the middle that a ReLU changes in place afterwards, and the end.
NODES = ("pool5", "fc7", "prob")
IMAGES = 3
SECONDS = 120
# What runtimes use where nothing bounds them.
WIDEST = "all" if "avx512f" in text(Path("/proc/cpuinfo")) else "avx2"


@dataclass(frozen=True)
class Ask:
    """A network to be run with these settings, on each of these numbers of images."""

    runner: str
    files: Mapping[str, str]
    settings: Settings
    nodes: tuple[str, ...] = NODES
    batches: tuple[int, ...] = (1, IMAGES)


@dataclass
class Answer:
    """`difference` by batch and node, relative to the largest value; `problems` of a refusal."""

    difference: dict[str, dict[str, float]] = field(default_factory=dict)
    read_back: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    step: str = ""

    @property
    def largest(self) -> float:
        """Return the largest difference; infinite where nothing was computed."""
        return max((value for nodes in self.difference.values() for value in nodes.values()), default=float("inf"))


def tiny_files() -> tuple[Path, Path]:
    """Return the packaged network with weights."""
    deploy = prototxt.find("vgg-face-tiny")
    assert deploy.weights is not None
    return deploy.prototxt, deploy.weights


def tiny() -> Graph:
    """Return the packaged network as a graph."""
    return read_caffe(*tiny_files())


def source() -> dict[str, str]:
    """Return the packaged network's files by role."""
    return dict(zip(("network", "weights"), map(str, tiny_files()), strict=True))


def asked(runner: str, call_path: str, **changes: Any) -> Settings:
    """Return settings of a call path, with its layout and with what becomes of subnormal numbers there."""
    kind = load(runner)
    layout = kind.call_paths[call_path].layout
    return Settings(**{"call_path": call_path, "layout": layout, "denormals": kind.denormals[0], **changes})


def images() -> Array:
    """Return what the network reads."""
    return np.random.default_rng(5).uniform(-120, 130, (IMAGES, 3, 64, 64)).astype(np.float32)


def run(asks: Mapping[str, Ask], folder: Path) -> dict[str, Answer]:
    """Run asks one after the other in a process of their own, with the environment that their runners want."""
    environment = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    for ask in asks.values():
        environment |= load(ask.runner).environment(ask.settings)
    given, answered = folder / "asks.json", folder / "answers.json"
    given.write_text(json.dumps({name: asdict(ask) for name, ask in asks.items()}))
    command = [sys.executable, __file__, str(given), str(answered)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return {name: Answer(**told) for name, told in json.loads(answered.read_text()).items()}


def main(given: str, answered: str) -> None:
    """Answer the asks of a file."""
    asks = json.loads(Path(given).read_text())
    inputs = images()
    values = tiny().with_inputs({"data": inputs.shape}).run({"data": inputs})
    answers = {name: asdict(answer(ask, inputs, values)) for name, ask in asks.items()}
    Path(answered).write_text(json.dumps(answers))


def answer(ask: Mapping[str, Any], inputs: Array, expected: Mapping[str, Array]) -> Answer:
    """Return what came of an ask."""
    files = {role: Path(path) for role, path in ask["files"].items()}
    runner = load(ask["runner"])(files, ask["nodes"], Settings(**ask["settings"]))
    found = Answer()
    try:
        for found.step in ("import_library", "read_weights", "build"):
            getattr(runner, found.step)()
    except BenchError as error:
        found.problems = list(error.problems)
        return found
    for count in ask["batches"]:
        feed, other = (runner.prepare(each[:count]) for each in (inputs, np.roll(inputs, 1, axis=0)))
        result = runner.run(feed)
        runner.wait()
        values = runner.values(result)
        runner.run(other)  # what was given out must not change any more
        found.difference[str(count)] = compared(values, {node: expected[node][:count] for node in ask["nodes"]})
    found.read_back, found.facts = runner.read_back(), runner.facts()
    return found


def compared(got: Mapping[str, Array], expected: Mapping[str, Array]) -> dict[str, float]:
    """Return the difference of each node, which must have the very shape, relative to the largest value."""
    assert list(got) == list(expected)
    assert {node: value.shape for node, value in got.items()} == {node: e.shape for node, e in expected.items()}
    assert {value.dtype.name for value in got.values()} == {"float32"}
    return {node: float(np.abs(got[node] - wanted).max() / np.abs(wanted).max()) for node, wanted in expected.items()}


def problems_of(error: Refusal) -> str:
    """Return every problem as one text."""
    return "\n".join(error.problems)


def refusal(ask: Ask, folder: Path) -> Sequence[str]:
    """Return why an ask is refused."""
    return run({"it": ask}, folder)["it"].problems


if __name__ == "__main__":
    main(*sys.argv[1:])
