"""Plans of stand-in runtimes, what stands in for the processes of a run, and one who notes what a run tells."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench_fakes import NODES, SHAPE, Honest, write_probe
from benchmarks.artefacts.request import Answer
from benchmarks.artefacts.request import Request as Wanted
from benchmarks.cells import Settings
from benchmarks.execution import Plan, Request, Step, plan
from benchmarks.records.result import Result

SUITE = """
models = ["a-network"]
runners = [{runners}]
threads = [1]
scenarios = ["latency"]
rounds = {rounds}
busy_fraction = 1000.0
[limits]
samples = 11
seconds = 1.0
warm_up_seconds = 1.0
steady_fraction = 0.9
timeout_seconds = {timeout}
"""


class Telling(Honest):
    """Tells which environment its process was started with."""

    @classmethod
    def environment(cls, settings: Settings) -> dict[str, str]:
        return {"BENCH_OF_RUNNER": f"{settings.threads} threads", "OPENBLAS_NUM_THREADS": "7"}


class Named(Honest):
    """What becomes of its process, bench_measuring.py knows by the name under which it stands here."""


Killed = Ungrateful = Scribbling = Silent = Garbled = Inventing = WithChild = Named


def quick(module: str, *arguments: str) -> list[str]:
    """Return the command of the stand-in for a module that would measure."""
    assert module == "benchmarks.measuring"
    return [sys.executable, "-S", str(Path(__file__).parent / "bench_measuring.py"), *arguments]


class Shown:
    """Notes what a run tells."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def preparing(self, what: str) -> None:
        self.lines.append(f"preparing {what}")

    def started(self, step: Step, number: int, total: int, seconds_left: float) -> None:
        self.lines.append(f"started {number}/{total} {step.cell.runner}{step.twin} {seconds_left > 0}")

    def finished(self, step: Step, result: Result, seconds_left: float) -> None:
        self.lines.append(f"finished {step.cell.runner}{step.twin} {result.measured.status} {seconds_left > 0}")

    def kept(self, step: Step, number: int, total: int) -> None:
        self.lines.append(f"kept {number}/{total} {step.cell.runner}{step.twin}")

    def waiting(self, reason: str) -> None:
        self.lines.append(reason)


def answered(request: Wanted, folder: Path, **changes: Any) -> Answer:
    """Stand in for the process that makes artefacts: the stand-ins' network needs no files."""
    told = {
        "model": request.model[0], "model_sha256": "a" * 64, "nodes": NODES, "input_shape": SHAPE,
        "network": {"parameters": 960}, "facts": {"source": {"nodes": 4}},
        "files": {"source": {"any": {"network": "none"}}},
        "probe": str(write_probe(folder / "probe.npz")), **changes,
    }  # fmt: skip
    return Answer(**told)


def planned(folder: Path, runners: Sequence[str], *, rounds: int = 1, timeout: float = 30.0, **asked: Any) -> Plan:
    """Plan a latency cell of each stand-in: names of bench_fakes, or "module:Class"."""
    suite = folder / "suite.toml"
    names = [each if ":" in each else f"bench_fakes:{each}" for each in runners]
    quoted = ", ".join(f'"{name}"' for name in names)
    suite.write_text(SUITE.format(runners=quoted, rounds=rounds, timeout=timeout), encoding="utf-8")
    return plan(Request(suite=str(suite), work=folder / "work", repeats=asked.pop("repeats", 0), **asked))
