"""`convert audit`: what it is told, and how its findings look."""

from collections.abc import Sequence
from math import isfinite

from rich.text import Text

from converters.audit import auditing
from converters.audit.report import VERDICTS, ArrayFinding, Audit, LayerFinding, as_json
from converters.command_line.terminal import out, progress, say, say_json, sizes, table
from converters.errors import ConversionError
from converters.options import Options, UsageError

_STYLES = {"identical": "green", "rearranged": "green", "different": "bold red", "missing": "bold red"}
MOST_EXTRAS = 20


def audit(words: Sequence[str], given: Options, *, json: bool) -> None:
    """Hold a file against a network; ConversionError where it does not hold the same one.

    Words behind the file belong to the reference: `audit FILE --against vgg-face net.caffemodel`.
    """
    if not given.against:
        raise UsageError("there is nothing to compare with; name it with --against")
    with progress() as reporter:
        found = auditing.audit(words[0], (*given.against, *words[1:]), given, reporter)
    if json:
        say_json(as_json(found))
    else:
        show_audit(found)
    if not found.same:
        raise ConversionError(found.conclusion)


def show_audit(found: Audit) -> None:
    """Print every layer with its verdict, what is beside them in the file, and the conclusion of a good end."""
    say(f"{found.path} ({found.format}), held against {found.against}", "bold")
    shown = table("layer", "op", "verdict", "how", "in the file", kept="layer")
    for layer in found.layers:
        how = "; ".join(_how(layer))
        shown.add_row(layer.layer, layer.op, Text(layer.verdict, _STYLES[layer.verdict]), how, _where(layer))
    out.print(shown)
    counts = [f"{len(found.of(verdict))} {verdict}" for verdict in VERDICTS if found.of(verdict)]
    say(f"{len(found.layers)} layers: {', '.join(counts)}")
    for extra in found.extras[:MOST_EXTRAS]:
        say(f"extra: {extra.name} {sizes(extra.shape)} {extra.dtype}", "yellow")
    if len(found.extras) > MOST_EXTRAS:
        say(f"extra: {len(found.extras) - MOST_EXTRAS} more", "yellow")
    for line in (*found.notes, *found.left_out):
        say(line)
    if found.same:
        say(found.conclusion, "green")


def _how(layer: LayerFinding) -> list[str]:
    """Say how the arrays of a layer are arranged, or how far they are from the reference's."""
    alike = [array for array in layer.arrays if array.verdict in ("identical", "rearranged")]
    steps = dict.fromkeys(step.text for array in alike for step in array.steps)
    lines = [", ".join(steps)] if steps else []
    lines += [array.note for array in alike if array.note]
    return lines + [_difference(array) for array in layer.arrays if array not in alike]


def _difference(array: ArrayFinding) -> str:
    if array.verdict == "missing":
        return f"{array.param} missing"
    if not isfinite(array.difference):
        return f"{array.param}: {array.note or 'values that are not finite'}"
    apart = f"{array.param} differs by {array.difference:.2g} of its largest value, cosine {array.cosine:.4f}"
    best = f", at best {', '.join(step.text for step in array.steps)}" if array.steps else ""
    return f"{apart}{best}" + (f" ({array.note})" if array.note else "")


def _where(layer: LayerFinding) -> str:
    """Return what the layer's arrays are called in the file, and how they were found where not by their names."""
    named = [array for array in layer.arrays if array.name]
    if not named:
        return ""
    how = dict.fromkeys(array.how for array in named if array.how != "name")
    more = f" and {len(named) - 1} more" if len(named) > 1 else ""
    return f"{named[0].name}{more}" + (f" (by {' and '.join(how)})" if how else "")
