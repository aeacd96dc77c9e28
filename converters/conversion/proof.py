"""Running what was written, and holding every value of it against the reference in NumPy."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from converters import parity, passes
from converters.conversion.samples import fitted
from converters.errors import ParityError
from converters.ir import Feeds, Graph, Runner
from converters.ops import Array, Shape

SEED = 0
TOLERANCES = {"float32": 1e-5, "float16": 1e-2}

# What a second size may cost in multiply-accumulates before a cheaper proof takes its place: a second or so in NumPy.
CHEAP_MACS = 4_000_000_000

Progress = Callable[[str, float], None]


def silent(_title: str, _fraction: float) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One run side by side: what was fed, at which shapes, what came out, and how long both sides took.

    `cause` is the likely cause of a difference; `seed` is None for data that the user gave.
    """

    title: str
    shapes: Mapping[str, Shape]
    report: parity.Report
    reference_seconds: float
    target_seconds: float
    seed: int | None = None
    cause: str = ""

    def problems(self) -> list[str]:
        """Return why the trial failed, with the first value that differs and the likely cause; empty when it is ok."""
        if self.report.ok:
            return []
        return [*(f"{self.title}: {line}" for line in self.report.problems()), *([self.cause] if self.cause else [])]

    def run(self) -> parity.Run:
        """Return what the certificate states: nothing that differs from one machine or day to another."""
        return parity.Run(self.title, self.shapes, self.report, self.seed, self.cause)


@dataclass(frozen=True, eq=False)
class Prover:
    """Runs a written artefact beside the reference; the artefact is known by its `runner` alone."""

    graph: Graph
    runner: Runner
    tolerance: float
    progress: Progress = silent

    def trials(self, open_axes: Sequence[str], samples: Sequence[tuple[str, Feeds]]) -> list[Trial]:
        """Return the trials at the stated size, at another one if axes are open, and on the user's samples."""
        feeds = parity.sample_feeds(self.graph, SEED)
        first, reference = self._trial("stated size", self.graph, feeds, SEED)
        found = [first]
        if open_axes and first.report.ok:
            found.append(self._at_another_size(open_axes, feeds, reference))
        for title, sample in samples:
            found.append(self._trial(title, fitted(self.graph, sample), sample, None)[0])
        return found

    def _trial(self, title: str, graph: Graph, feeds: Feeds, seed: int | None) -> tuple[Trial, dict[str, Array]]:
        start = time.perf_counter()
        reference = self._reference(graph, feeds)
        seconds = time.perf_counter() - start
        return self._judged(title, graph, feeds, reference, seconds, seed), reference

    def _judged(
        self, title: str, graph: Graph, feeds: Feeds, reference: Feeds, seconds: float, seed: int | None
    ) -> Trial:
        got, took = self._target(feeds)
        report = parity.compare(graph, feeds, got, tolerance=self.tolerance, reference=reference)
        cause = "" if report.ok else parity.likely_cause(graph, feeds, got, report, reference=reference)
        return Trial(title, dict(graph.inputs), report, seconds, took, seed, cause)

    def _reference(self, graph: Graph, feeds: Feeds) -> dict[str, Array]:
        values: dict[str, Array] = {}
        for name, array in graph.steps(feeds):
            values[name] = array
            self.progress("computing the reference", len(values) / len(graph.shapes))
        return values

    def _target(self, feeds: Feeds) -> tuple[dict[str, Array], float]:
        self.progress("running what was written", 0.0)
        start = time.perf_counter()
        got = self.runner(feeds)
        return got, time.perf_counter() - start

    def _at_another_size(self, open_axes: Sequence[str], feeds: Feeds, reference: Feeds) -> Trial:
        other = passes.at_another_size(self.graph, open_axes)
        if tuple(open_axes) == ("batch",) and macs(other) > CHEAP_MACS:
            trial = self._beside_others(other, feeds, reference)
            if trial.report.ok:
                return trial
        return self._trial("another size", other, parity.sample_feeds(other, SEED + 1), SEED + 1)[0]

    def _beside_others(self, other: Graph, feeds: Feeds, reference: Feeds) -> Trial:
        """Feed the known inputs behind others in one batch, and hold their part of each value against the reference."""
        strangers = parity.sample_feeds(other, SEED + 1)
        joined = {name: _with_tail(strangers[name], array) for name, array in feeds.items()}
        got, took = self._target(joined)
        tails = {
            name: _tail(array, self.graph.shapes[name]) for name, array in got.items() if name in self.graph.shapes
        }
        report = parity.compare(
            self.graph,
            feeds,
            {k: v for k, v in tails.items() if v is not None},
            tolerance=self.tolerance,
            reference=reference,
        )
        return Trial("in a larger batch", dict(other.inputs), report, 0.0, took, SEED + 1)


def macs(graph: Graph) -> int:
    """Return the multiply-accumulates of one pass."""
    return sum(node.op.macs(*graph.input_shapes(node)) for node in graph)


def refuse_failures(trials: Sequence[Trial]) -> None:
    """Raise ParityError with what differs, unless every trial is ok."""
    problems = [problem for trial in trials for problem in trial.problems()]
    if problems:
        raise ParityError(problems)


def _differing_axis(shape: Shape, other: Shape) -> int | None:
    differing = [axis for axis, (a, b) in enumerate(zip(shape, other, strict=False)) if a != b]
    return differing[0] if len(shape) == len(other) and len(differing) == 1 else None


def _with_tail(strangers: Array, known: Array) -> Array:
    axis = _differing_axis(strangers.shape, known.shape)
    if axis is None:
        return known
    kept = strangers.shape[axis] - known.shape[axis]
    return np.concatenate([np.take(strangers, range(kept), axis), known], axis)


def _tail(array: Array, shape: Shape) -> Array | None:
    """Return the last part of `array` that has this shape; None when no single axis tells which part that is."""
    if array.shape == shape:
        return array
    axis = _differing_axis(array.shape, shape)
    if axis is None or array.shape[axis] < shape[axis]:
        return None
    return np.take(array, range(array.shape[axis] - shape[axis], array.shape[axis]), axis)
