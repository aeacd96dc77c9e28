"""The probe set: real inputs of a network and what NumPy computed for them, cut into batches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cells import Task
from benchmarks.errors import BenchError

Array = NDArray[Any]
# Timed calls walk through so many different inputs: enough that no runtime profits from the one before.
DISTINCT_INPUTS = 8


@dataclass(frozen=True)
class Probe:
    """`inputs` (n, channels, height, width) float32; `reference` by node, in the task's order, (n, ...) float32.

    `condition` says of a softmax or sigmoid how many times a relative difference of its input grows in it.
    """

    inputs: Array
    reference: Mapping[str, Array]
    condition: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def scales(self) -> dict[str, float]:
        """Return what differences are relative to: each node's largest absolute value, times its condition."""
        return {
            node: (float(np.abs(value).max()) or 1.0) * self.condition.get(node, 1.0)
            for node, value in self.reference.items()
        }

    def batches(self, size: int) -> Iterator[Array]:
        """Yield the places of the images of each batch; the last is filled up from the first images."""
        count = len(self.inputs)
        for start in range(0, count, size):
            yield np.arange(start, start + size) % count

    def distinct(self, size: int) -> list[Array]:
        """Return the places of up to eight batches of which no two are equal."""
        count = len(self.inputs)
        batches = min(DISTINCT_INPUTS, count)
        step = size if count >= batches * size else max(1, count // batches)
        return [(np.arange(size) + k * step) % count for k in range(batches)]


def read_probe(task: Task) -> Probe:
    """Read the probe set of a task; BenchError, with everything that is wrong with it, where it does not fit."""
    path = Path(task.probe)
    if not path.is_file():
        raise BenchError(f"{path or 'no file'}: the probe set is not there; artefacts are made before measuring")
    with np.load(path) as held:
        missing = [node for node in task.nodes if f"reference/{node}" not in held] if task.nodes else ["any node"]
        if "inputs" not in held or missing:
            raise BenchError(f"{path}: the probe set has no reference of {', '.join(missing) or 'inputs'}")
        probe = Probe(
            held["inputs"],
            {node: held[f"reference/{node}"] for node in task.nodes},
            {node: float(held[f"condition/{node}"]) for node in task.nodes if f"condition/{node}" in held},
        )
    _check(probe, task, path)
    return probe


def _check(probe: Probe, task: Task, path: Path) -> None:
    problems = []
    if probe.inputs.shape[1:] != task.input_shape or len(probe.inputs) < 2:
        expected = f"at least 2 of {task.input_shape}"
        problems.append(f"{path}: inputs are {len(probe.inputs)} of {probe.inputs.shape[1:]}, expected {expected}")
    for node, value in probe.reference.items():
        if len(value) != len(probe.inputs):
            problems.append(f"{path}: node '{node}' has {len(value)} values for {len(probe.inputs)} inputs")
        if not np.isfinite(value).all():
            problems.append(f"{path}: the reference of node '{node}' is not finite; no difference to it means anything")
    if problems:
        raise BenchError(problems)
