"""Does the network answer what NumPy computed? Asked in the very process that is timed."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cells import Task
from benchmarks.errors import RunnerError
from benchmarks.measuring.probe import Probe
from benchmarks.runners import Runner

Array = NDArray[Any]
# A precision without a tolerance may answer differently while timed only as far as batches and rounding explain.
LOOSENESS = 1.5


@dataclass
class Comparison:
    """What is known of a runner's values so far; images may come in any order and more than once."""

    probe: Probe
    by_node: dict[str, float] = field(default_factory=dict)
    cosine: float = 1.0
    answers: dict[int, int] = field(default_factory=dict)

    @property
    def difference(self) -> float:
        """Return the largest difference over nodes."""
        return max(self.by_node.values(), default=0.0)

    def add(self, images: Array, values: dict[str, Array]) -> None:
        """Compare the values of some images; RunnerError where they are none that could be compared."""
        for node, reference in self.probe.reference.items():
            expected = reference[images].reshape(len(images), -1).astype(np.float64)
            got = _flat(node, values, expected.shape).astype(np.float64)
            difference = float(np.abs(got - expected).max()) / self.probe.scales[node]
            self.by_node[node] = max(self.by_node.get(node, 0.0), difference)
            self.cosine = min(self.cosine, float(cosines(got, expected).min()))
        for image, answer in zip(images.tolist(), got.argmax(axis=1).tolist(), strict=True):
            self.answers[image] = answer


def parity(runner: Runner, probe: Probe, task: Task) -> dict[str, Any]:
    """Run the whole probe set and return the fields of `Parity`, its `ok` included."""
    seen = Comparison(probe)
    for images in probe.batches(task.batch):
        answer = runner.run(runner.prepare(probe.inputs[images]))
        runner.wait()
        seen.add(images, runner.values(answer))
    last = probe.reference[task.nodes[-1]]
    answers = [seen.answers[image] for image in range(len(probe.inputs))]
    expected = [int(place) for place in last.reshape(len(last), -1).argmax(axis=1)]
    return {
        "ok": task.tolerance is None or seen.difference <= task.tolerance,
        "images": len(answers),
        "difference": seen.difference,
        "tolerance": task.tolerance,
        "cosine": seen.cosine,
        "disagreements": sum(one != other for one, other in zip(answers, expected, strict=True)),
        "answers": answers,
        "reference_answers": expected,
        "timed_difference": None,
        "by_node": seen.by_node,
    }


def require(found: dict[str, Any]) -> None:
    """Refuse a runner that failed parity, naming the first node that differs."""
    if found["ok"]:
        return
    node = next(node for node, value in found["by_node"].items() if value > found["tolerance"])
    raise RunnerError(
        f"failed parity: node '{node}' differs from the reference by {found['by_node'][node]:.2g} of its largest value,"
        f" {found['tolerance']:.2g} is allowed; {found['disagreements']} of {found['images']} images are answered"
        " otherwise"
    )


def require_timed(found: dict[str, Any], difference: float) -> None:
    """Note how far answers of timed calls were off, and refuse a runner that answers otherwise once it is timed.

    MLPerf audits the same (TEST01): answers are sampled while performance is measured.
    """
    found["timed_difference"] = difference
    allowed = found["tolerance"]
    if allowed is None:
        allowed = LOOSENESS * found["difference"] + np.finfo(np.float32).eps
    if difference > allowed:
        found["ok"] = False
        raise RunnerError(
            f"answers of timed calls differ from the reference by {difference:.2g} of the largest value, {allowed:.2g}"
            f" is allowed; before timing they differed by {found['difference']:.2g}"
        )


def cosines(got: Array, expected: Array) -> Array:
    """Return the cosine of each pair of rows: 1 where both are zero, 0 where one is."""
    products = np.einsum("ij,ij->i", got, expected)
    lengths = np.linalg.norm(got, axis=1) * np.linalg.norm(expected, axis=1)
    equal = (got == expected).all(axis=1)
    return np.where(equal, 1.0, products / np.where(lengths == 0, 1.0, lengths))


def _flat(node: str, values: dict[str, Array], shape: tuple[int, ...]) -> Array:
    if node not in values:
        raise RunnerError(f"the runtime gives no node '{node}'; it gives {', '.join(values) or 'none'}")
    value = values[node]
    if value.size != np.prod(shape) or len(value) != shape[0]:
        raise RunnerError(f"node '{node}': values are {value.shape}, expected {shape[0]} of {shape[1]} numbers")
    if not np.isfinite(value).all():
        raise RunnerError(f"node '{node}': {int((~np.isfinite(value)).sum())} of {value.size} values are not finite")
    return value.reshape(shape)
