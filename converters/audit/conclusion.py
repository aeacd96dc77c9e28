"""One line at the end of an audit that a person can act on."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from converters.audit.rearrangements import (
    CHANNELS,
    COLUMNS,
    EPSILON,
    FOLDED,
    FORM,
    HALF,
    KERNEL,
    ORDERINGS,
    ROWS,
    SCALE,
    Step,
)
from converters.audit.report import Audit, LayerFinding, listed
from converters.ir import Preprocessing
from converters.ops import Array

_OTHER_ORDER = {"RGB": "BGR", "BGR": "RGB"}
_NEARLY = 1e-3


def concluded(found: Audit, subject: str, said: Preprocessing) -> str:
    """Return the line; `subject` says whose weights the reference is, `said` how its images are prepared."""
    if found.of("different"):
        return _of_different(found, subject)
    if found.of("missing"):
        return _of_missing(found, subject)
    if found.inconsistent:
        return f"not the same network: it holds {subject}, but {'; '.join(found.inconsistent)}"
    if found.extras:
        return _of_more(found, subject)
    steps = {step.kind: step for layer in found.layers for step in layer.steps}
    clauses = [*_rearrangements(found.layers, steps, said)]
    line = ", ".join((subject, *(clauses or ["unchanged"])))
    feed = feeding(said, steps)
    return f"{line}: {feed}" if feed else line


def _of_different(found: Audit, subject: str) -> str:
    different, missing, count = found.of("different"), found.of("missing"), len(found.layers)
    note = _first_note(different[0])
    line = f"not the same network: {len(different)} of {count} layers differ{'s' if len(different) == 1 else ''}"
    line += f", first {different[0].layer}" + (f" ({note})" if note else "")
    line += f"; {listed([layer.layer for layer in missing])} missing" if missing else ""
    alike = len(found.of("identical", "rearranged"))
    return f"{line}; the other {alike} hold {subject}" if alike > count / 2 else line


def _first_note(layer: LayerFinding) -> str:
    """Return what is known of why a layer differs, "" for nothing."""
    for array in layer.arrays:
        if array.verdict == "missing":
            return f"without its {array.param}"
        if array.verdict == "different" and array.note:
            return array.note
    return ""


def _of_missing(found: Audit, subject: str) -> str:
    missing, count = found.of("missing"), len(found.layers)
    if len(missing) == count:
        return f"not the same network: none of its {count} layers is in the file"
    named = listed([layer.layer for layer in missing])
    return (
        f"not the whole network: {count - len(missing)} of {count} layers hold {subject}, {named} missing; if it ends "
        f"before {missing[0].layer}, end the network there as well (--cut)"
    )


def _of_more(found: Audit, subject: str) -> str:
    first = found.extras[0]
    shape, count = "x".join(map(str, first.shape)), len(found.extras)
    return (
        f"not the same network: it holds {subject}, and {count} array{'s' if count > 1 else ''} that the network does "
        f"not have, first '{first.name}' ({shape})"
    )


def _rearrangements(layers: Sequence[LayerFinding], steps: Mapping[str, Step], said: Preprocessing) -> Iterator[str]:
    """Yield what somebody who uses the file has to know of its arrangement."""
    if CHANNELS in steps:
        other = _OTHER_ORDER.get(said.channel_order or "")
        yield f"first convolution flipped to {other}" if other else "first convolution with its channels flipped"
    if SCALE in steps:
        yield f"first convolution {steps[SCALE].text}"
    for kind in (FORM, ROWS):
        for text, named in _by_text(layers, kind).items():
            yield f"{text} ({listed(named)})"
    for kind in (FOLDED, KERNEL, COLUMNS, EPSILON, HALF):
        if kind in steps:
            yield _PLAIN.get(kind, steps[kind].text)
    if steps and not steps.keys() - set(ORDERINGS) and not steps.keys() & {FORM, ROWS}:
        yield "the same values with axes in another order"


def _by_text(layers: Sequence[LayerFinding], kind: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for layer in layers:
        for step in layer.steps:
            if step.kind == kind:
                found.setdefault(step.text, []).append(layer.layer)
    return found


def feeding(said: Preprocessing, steps: Mapping[str, Step]) -> str:
    """Return what to do with pixels 0..255 before they go in, "" where the reference does not say."""
    flipped, factor = CHANNELS in steps, steps[SCALE].value if SCALE in steps else 1.0
    if said.channel_order is None and said.mean is None:
        return "feed the channels the other way round" if flipped else ""
    order = said.channel_order or ""
    doing = [f"feed {_OTHER_ORDER.get(order, order) if flipped else order}".rstrip()] if order else []
    if said.mean is not None:
        doing.append(_subtraction(said.mean, flipped=flipped))
    scales = np.asarray(said.scale or (1.0,), np.float64)[:: -1 if flipped else 1] / factor
    if np.abs(scales - 1).max() > _NEARLY:
        doing.append(_multiplication([float(scale) for scale in scales]))
    if COLUMNS in steps:
        doing.append("swap height and width")
    return ", ".join(doing)


def _subtraction(mean: Array, *, flipped: bool) -> str:
    channels = mean.reshape(mean.shape[0], -1).mean(axis=1, dtype=np.float64)[:: -1 if flipped else 1]
    numbers = ", ".join(f"{value:.2f}" if abs(value) >= 1 else f"{value:.4g}" for value in channels)
    return f"subtract {numbers}" if mean.ndim == 1 else f"subtract the mean image (about {numbers})"


def _multiplication(scales: list[float]) -> str:
    values = scales[:1] if max(scales) - min(scales) < _NEARLY * max(map(abs, scales)) else scales
    divisors = [round(1 / scale) if scale else 0 for scale in values]
    if all(divisor > 1 and abs(scale * divisor - 1) < _NEARLY for scale, divisor in zip(values, divisors, strict=True)):
        return f"divide by {', '.join(map(str, divisors))}"
    return f"multiply by {', '.join(f'{scale:.6g}' for scale in values)}"


_PLAIN = {KERNEL: "kernels turned by 180 degrees", COLUMNS: "height and width swapped"}
