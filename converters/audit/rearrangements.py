"""Under which of a few known rearrangements an array of a file is one of the reference.

Each candidate is tried on a sample first; only those that pass are compared whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np

from converters.audit.comparing import ROUNDING, Distance, distance, sample_places
from converters.audit.layouts import Layout, changed, layouts, moving
from converters.audit.tensors import Tensor
from converters.audit.wanted import IN, OUT, Wanted
from converters.ops import Array, BatchNormalization

# Kinds of steps; those in ORDERINGS say how values are laid out, the others how the network is to be used.
TRANSPOSED, AXES, ROWS, FORM = "transposed", "axes", "rows", "form"
CHANNELS, KERNEL, COLUMNS, SCALE, EPSILON, FOLDED, HALF = (
    "channels", "kernel", "columns", "scale", "epsilon", "folded", "rounded",
)  # fmt: skip
ORDERINGS = (TRANSPOSED, AXES, ROWS, FORM)

RGB_CHANNELS = 3
# Folding multiplies and divides once more than the others do.
FOLDING = 1e-5
_HALF_SAMPLE = 2.0**-8
_SCALES = (1e-4, 1e4)
_MOST_EPSILON = 1e-2
_WORDS = {"I": "channel", "D": "depth", "H": "height", "W": "width", "L": "place"}


class Step(NamedTuple):
    """One thing that was done to an array: its kind, in words, and a number where it has one."""

    kind: str
    text: str
    value: float = 1.0


@dataclass(frozen=True)
class Match:
    """What comparing an array came to, with the best rearrangement.

    `free` are kinds of steps that change nothing here: a symmetric kernel is its own mirror image.
    """

    steps: tuple[Step, ...]
    difference: float
    cosine: float
    equal: bool
    free: frozenset[str] = frozenset()

    @property
    def kinds(self) -> frozenset[str]:
        """Return the kinds of the steps."""
        return frozenset(step.kind for step in self.steps)


@dataclass(frozen=True)
class _Candidate:
    """A layout, axes that are turned round, and a factor or an offset."""

    layout: Layout
    steps: tuple[Step, ...]
    flipped: str = ""
    factor: float = 1.0
    offset: float = 0.0

    def view(self, array: Array, wanted: Wanted) -> Array:
        turned = self.layout.view(array, wanted.axes)
        places = tuple(slice(None, None, -1 if letter in self.flipped else 1) for letter in wanted.axes.letters)
        return turned[places] if self.flipped else turned


class _Sampled(NamedTuple):
    candidate: _Candidate
    difference: float
    cosine: float


def fits(wanted: Wanted, tensor: Tensor) -> bool:
    """Return whether the shape of a file's array allows it to be this one."""
    return wanted.size == tensor.size and bool(layouts(wanted.axes, tensor.shape))


def compared(wanted: Wanted, tensor: Tensor) -> Match:
    """Compare an array of a file with one of the reference, under each rearrangement that the shapes allow."""
    if not fits(wanted, tensor):
        return Match((), inf, 0.0, False)
    theirs, ours = tensor.array, wanted.array
    sampled = _sampled(wanted, tensor, theirs, ours)
    passing = [each for each in sampled if each.difference <= _tolerance(wanted)]
    likely = passing or [each for each in sampled if each.difference <= _HALF_SAMPLE and each.cosine > 0]
    best: Match | None = None
    for each in likely or [max(sampled, key=lambda each: each.cosine)]:
        found = _whole(wanted, each.candidate, theirs, ours, _free(passing))
        if found.equal:
            return found
        best = found if best is None or found.difference < best.difference else best
    assert best is not None
    return best


def _tolerance(wanted: Wanted) -> float:
    return FOLDING if wanted.folded else ROUNDING


def _sampled(wanted: Wanted, tensor: Tensor, theirs: Array, ours: Array) -> list[_Sampled]:
    places = sample_places(ours.shape)
    expected = np.asarray(ours[places], np.float64)
    found = []
    for candidate in sorted(_candidates(wanted, tensor), key=lambda each: len(each.steps)):
        got = np.asarray(candidate.view(theirs, wanted)[places], np.float64)
        found.append(_scored(candidate, got, expected))
        found += [_scored(other, got, expected) for other in _adjusted(wanted, candidate, got, expected)]
    return sorted(found, key=lambda each: len(each.candidate.steps))


def _scored(candidate: _Candidate, got: Array, expected: Array) -> _Sampled:
    plain = (got - candidate.offset) / candidate.factor
    measured = distance(plain, expected)
    return _Sampled(candidate, measured.difference, measured.cosine)


def _whole(wanted: Wanted, candidate: _Candidate, theirs: Array, ours: Array, free: frozenset[str]) -> Match:
    measured = distance(candidate.view(theirs, wanted), ours, candidate.factor, candidate.offset)
    equal = measured.difference <= _tolerance(wanted) or bool(measured.rounded)
    steps = [*candidate.steps]
    if wanted.folded:
        steps.append(Step(FOLDED, "batch normalization folded in"))
    if measured.rounded:
        steps.append(_rounding(measured))
    return Match(tuple(steps), measured.difference, measured.cosine, equal, free)


def _rounding(measured: Distance) -> Step:
    if measured.reference_rounded:
        return Step(HALF, f"not rounded to {measured.rounded}, as the reference is")
    return Step(HALF, f"rounded to {measured.rounded}")


def _free(passing: Sequence[_Sampled]) -> frozenset[str]:
    """Return the kinds of steps that some candidates with the same values have, and others not."""
    kinds = [{step.kind for step in each.candidate.steps} for each in passing]
    return frozenset(set().union(*kinds) - set(kinds[0]).intersection(*kinds)) if kinds else frozenset()


def _candidates(wanted: Wanted, tensor: Tensor) -> Iterator[_Candidate]:
    axes = wanted.axes
    mirrored = wanted.kernel and any(size > 1 for size in axes.sizes[2:])
    channels = wanted.first and axes.sizes[1] == RGB_CHANNELS
    for layout in layouts(axes, tensor.shape):
        ordering = tuple(_ordering(wanted, layout, tensor))
        for flipped in ("", IN)[: 1 + channels]:
            for turned in ("", axes.spatial)[: 1 + mirrored]:
                steps = [*ordering]
                steps += [Step(CHANNELS, "input channels flipped (RGB and BGR)")] if flipped else []
                steps += [Step(KERNEL, "kernels turned by 180 degrees")] if turned else []
                yield _Candidate(layout, tuple(steps), flipped + turned)


def _ordering(wanted: Wanted, layout: Layout, tensor: Tensor) -> Iterator[Step]:
    """Yield in words how a layout differs from the reference."""
    axes = wanted.axes
    flat = len(tensor.shape) <= 2
    if wanted.dense and not flat:
        yield Step(FORM, "convolution form of the dense layer")
    elif wanted.kernel and flat:
        yield Step(FORM, "dense form of the convolution")
    if not changed(axes, layout):
        return
    if flat or len(moving(axes, axes.letters)) == 2:
        yield from _of_matrix(wanted, layout)
    elif layout.letters.replace(axes.spatial[::-1], axes.spatial) != axes.letters:
        unswapped = layout.letters.replace(axes.spatial[::-1], axes.spatial)
        yield Step(AXES, f"axes {unswapped} for {axes.letters}")
    if layout.swapped:
        yield Step(COLUMNS, "height and width swapped")


def _of_matrix(wanted: Wanted, layout: Layout) -> Iterator[Step]:
    """Yield in words how the rows and columns of a matrix differ from the reference."""
    axes = wanted.axes
    order = moving(axes, layout.letters)
    if order.replace(OUT, "") != moving(axes, axes.letters).replace(OUT, ""):
        words = ", ".join(_WORDS.get(letter, letter) for letter in layout.letters.replace(OUT, ""))
        yield Step(ROWS, f"inputs in the order {words}")
    if order.startswith(OUT) != moving(axes, axes.letters).startswith(OUT):
        yield Step(TRANSPOSED, "transposed")


def _adjusted(wanted: Wanted, candidate: _Candidate, got: Array, expected: Array) -> Iterator[_Candidate]:
    """Yield a candidate once more with the factor or the offset that would explain what is left."""
    if wanted.first:
        squares = float(np.vdot(expected, expected))
        factor = float(np.vdot(expected, got)) / squares if squares else 0.0
        if _SCALES[0] < factor < _SCALES[1] and abs(factor - 1) > ROUNDING:
            step = Step(SCALE, f"multiplied by {factor:.6g}", factor)
            yield _Candidate(candidate.layout, (*candidate.steps, step), candidate.flipped, factor)
    if wanted.param == "variance" and isinstance(wanted.node.op, BatchNormalization) and got.size:
        offset = float(np.mean(got - expected))
        if 0 < abs(offset) < _MOST_EPSILON:
            step = Step(EPSILON, f"with an epsilon of {offset:.3g} added", offset)
            yield _Candidate(candidate.layout, (*candidate.steps, step), candidate.flipped, 1.0, offset)
