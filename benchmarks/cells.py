"""What is measured, and how: the plain data that the parent writes and the measuring process reads.

A *cell* is one process that measures one kind of thing of one network on one runner. Nothing here imports a framework.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

# What one pass can measure; never two of them in one process.
SCENARIOS = ("latency", "throughput", "cold_start", "memory", "accuracy", "energy", "peak")
# "fp32" alone is no precision: on a GPU it may silently be TF32.
PRECISIONS = ("fp32-strict", "tf32", "fp16", "bf16", "int8")
# "all" bounds nothing; "avx2" leaves out AVX-512 and whatever came later.
ALL_INSTRUCTIONS, AVX2 = INSTRUCTIONS = ("all", "avx2")
# The largest difference to the reference, relative to the largest value of a node, that a precision is allowed.
# int8 has none: what it loses is measured and printed, never judged by a tolerance.
TOLERANCES: Mapping[str, float | None] = {
    "fp32-strict": 1e-5, "tf32": 2e-3, "fp16": 1e-2, "bf16": 5e-2, "int8": None,
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """How a runtime is asked to run a network. Each field is read back from the runtime and compared.

    `device` is "cpu" or "cuda:<number>"; `provider` the execution provider of runtimes that have several, "" for
    others; `layout` is "channels-first" or "channels-last"; `call_path` names the way in which the network is called
    (eager, compiled, `predict` ...); `denormals` is "keep" or "flush"; `spinning`: do idle threads burn a core?
    `instructions` are those of the CPU that may be used, one of INSTRUCTIONS; results without it are of all of them.
    """

    device: str = "cpu"
    provider: str = ""
    precision: str = "fp32-strict"
    threads: int = 1
    layout: str = "channels-first"
    call_path: str = "run"
    denormals: str = "keep"
    spinning: bool = False
    instructions: str = ALL_INSTRUCTIONS


@dataclass(frozen=True)
class Limits:
    """When a measurement is long enough, and when it is too long.

    `samples` are wanted for each round (64 support a p90), but a round ends after `seconds` if it has at least
    `least_samples`. Warm-up ends when the medians of three windows in a row lie within `steady_fraction`, and is given
    up after `warm_up_seconds`. `timeout_seconds` is for the whole process: after it the parent kills it.
    """

    samples: int = 64
    least_samples: int = 11
    seconds: float = 20.0
    warm_up_seconds: float = 30.0
    steady_fraction: float = 0.10
    timeout_seconds: float = 300.0


@dataclass(frozen=True)
class Task:
    """All that a measuring process is told.

    `runner` is a name of `benchmarks.runners.RUNNERS` or "module:Class"; `files` are the artefact's files by role, as
    `benchmarks.artefacts` made them; `nodes` are the values that the network gives, in order; `input_shape` is
    (channels, height, width). `probe` is an .npz file: `inputs` (n, channels, height, width) float32, what the network
    reads, and `reference/<node>` (n, ...) float32, what NumPy computed. `tolerance` None: the loss is only measured.
    `head` and `faces` belong to the scenario "accuracy". `expected` are Settings by name that must be read back.
    """

    model: str
    runner: str
    settings: Settings
    batch: int
    scenario: str
    files: Mapping[str, str] = field(default_factory=dict)
    nodes: tuple[str, ...] = ()
    input_shape: tuple[int, int, int] = (3, 224, 224)
    probe: str = ""
    tolerance: float | None = 1e-5
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    head: str = ""
    faces: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Task":
        """Return the task that `to_json` wrote; TypeError or KeyError where it is none."""
        known = {each.name for each in fields(cls)}
        values = {name: value for name, value in given.items() if name in known}
        return cls(
            **{
                **values,
                "settings": Settings(**given["settings"]),
                "limits": Limits(**given["limits"]),
                "nodes": tuple(given["nodes"]),
                "input_shape": tuple(given["input_shape"]),
            }
        )


def configuration_hash(configuration: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits for JSON values: equal configurations have equal ones, on every machine."""
    text = json.dumps(configuration, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
