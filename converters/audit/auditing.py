"""Holding a file that others converted against a network, array by array."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from converters import passes
from converters.audit.alignment import SAME, Alignment, Fingerprints, Pair
from converters.audit.conclusion import concluded
from converters.audit.names import key, says
from converters.audit.reading.opening import read_tensors
from converters.audit.rearrangements import COLUMNS, KERNEL, Match, compared, fits
from converters.audit.report import ArrayFinding, Audit, Extra, LayerFinding, Verdict, listed
from converters.audit.tensors import Contents, Tensor
from converters.audit.wanted import Wanted, wanted_arrays
from converters.conversion import names
from converters.conversion.preparation import prepared
from converters.conversion.sources import Model, check_complete, find_model, read
from converters.errors import ConversionError
from converters.ir import Graph
from converters.ops import BatchNormalization, Bias, Scale
from converters.options import Options

Progress = Callable[[str, float], None]
_NEUTRAL = {"bias": 0.0, "scale": 1.0}
_FOLDABLE = (BatchNormalization, Bias, Scale)
_ALONE = {
    KERNEL: "kernels are turned by 180 degrees in {some} and not in {others}",
    COLUMNS: "height and width are swapped in {some} and not in {others}",
}


def audit(file: str, against: Sequence[str], options: Options, progress: Progress = lambda _t, _f: None) -> Audit:
    """Compare a file's trained arrays with those of the network that `against` names, by a name or by its files.

    `file` may be the name of published weights that are here. Raises ConversionError with all problems of whichever
    cannot be read.
    """
    model = find_model(against)
    check_complete(model, options)
    contents = read_tensors(_path(file))
    graph = prepared(read(model, options), options)
    found = audited(contents, graph, " ".join(against), progress)
    return replace(found, conclusion=concluded(found, subject(model), graph.preprocessing))


def _path(file: str) -> Path:
    """Return the file to look at: the one of this path, or the weights that were published under a name."""
    published = names.find(file) if names.may_be_name(file) else None
    if published is None:
        return Path(file)
    wanted = 2 if published.format == "caffe" else 1
    if len(published.files) < wanted:
        raise ConversionError(f"'{file}' is not here; {published.advice}")
    return published.files[wanted - 1]


def subject(model: Model) -> str:
    """Say whose weights the reference is."""
    published = model.published
    if published is None:
        return f"the weights of {model.files[-1].name}"
    if published.files != model.files:
        return f"the weights of {published.name} in {model.files[-1].name}"
    if not published.title:
        return f"the weights of {published.name}"
    title = published.title.partition(",")[0]
    notes = [] if key(title) == key(published.name) else [published.name]
    notes += [published.doubt] if published.doubt else []
    official = "" if published.doubt else "official "
    return f"the {official}{title} weights" + (f" ({'; '.join(notes)})" if notes else "")


def audited(contents: Contents, graph: Graph, against: str, progress: Progress = lambda _t, _f: None) -> Audit:
    """Compare arrays with those of a graph; with its batch normalization folded where that explains more."""
    prints = Fingerprints()
    found = _audited(contents, wanted_arrays(graph), against, prints, progress)
    if found.same or not any(isinstance(node.op, _FOLDABLE) for node in graph):
        return found
    folded = passes.fold_batch_norm(graph)
    other = _audited(contents, wanted_arrays(folded, graph), against, prints, progress)
    return other if _share_alike(other) > _share_alike(found) else found


def _share_alike(found: Audit) -> float:
    alike = len(found.of("identical", "rearranged"))
    return alike / (len(found.layers) + len(found.extras))


def _audited(
    contents: Contents, wanted: Sequence[Wanted], against: str, prints: Fingerprints, progress: Progress
) -> Audit:
    if not wanted:
        raise ConversionError(f"{against}: has no trained arrays to compare with")
    progress("finding the layers in the file", 0.0)
    alignment = Alignment(wanted, contents.tensors, prints).run()
    findings: dict[int, ArrayFinding] = {}
    matches: list[tuple[Wanted, Match]] = []
    for done, each in enumerate(wanted):
        progress("comparing", done / len(wanted))
        pair = alignment.pairs.get(each.order)
        match = compared(each, pair.tensor) if pair else None
        if match:
            matches.append((each, match))
        findings[each.order] = _finding(each, pair, match)
    for each in wanted:
        if findings[each.order].verdict == "different" and each.matrix:
            note = _owner(alignment.pairs[each.order].tensor, each, wanted, prints)
            findings[each.order] = replace(findings[each.order], note=findings[each.order].note or note)
    extras, left_out = _rest(alignment, prints)
    return Audit(
        contents.path, contents.format, against, tuple(_layers(wanted, findings)), extras,
        (*contents.left_out, *left_out), tuple(alignment.notes), tuple(_inconsistencies(matches)),
    )  # fmt: skip


def _finding(wanted: Wanted, pair: Pair | None, match: Match | None) -> ArrayFinding:
    shape = wanted.node.params[wanted.param].shape
    if pair is None or match is None:
        neutral = _NEUTRAL.get(wanted.param)
        if neutral is not None and bool((wanted.array == neutral).all()):
            return ArrayFinding(wanted.param, "identical", shape, note=f"not in the file; the network's is {neutral:g}")
        return ArrayFinding(wanted.param, "missing", shape)
    verdict: Verdict = "different" if not match.equal else "rearranged" if match.steps else "identical"
    tensor = pair.tensor
    note = "" if fits(wanted, tensor) else f"shape {list(tensor.shape)} for {list(shape)}"
    return ArrayFinding(
        wanted.param, verdict, shape, tensor.name, tensor.shape, pair.how, match.steps, match.difference, match.cosine,
        note,
    )  # fmt: skip


def _owner(tensor: Tensor, wanted: Wanted, others: Sequence[Wanted], prints: Fingerprints) -> str:
    """Say which other array of the reference a file has in this one's place."""
    for other in others:
        if other is not wanted and other.matrix and prints.apart(other, tensor) <= SAME * SAME:
            return f"it holds the {other.param} of {other.node.layer}"
    return ""


def _layers(wanted: Sequence[Wanted], findings: dict[int, ArrayFinding]) -> Iterator[LayerFinding]:
    by_node: dict[str, list[Wanted]] = {}
    for each in wanted:
        by_node.setdefault(each.node.name, []).append(each)
    layers = [arrays[0].node.layer for arrays in by_node.values()]
    for name, arrays in by_node.items():
        node = arrays[0].node
        label = node.layer if layers.count(node.layer) == 1 else name
        yield LayerFinding(label, type(node.op).__name__, tuple(findings[each.order] for each in arrays))


def _rest(alignment: Alignment, prints: Fingerprints) -> tuple[tuple[Extra, ...], tuple[str, ...]]:
    """Return what nothing answers to: extra arrays, and in words what is none."""
    paired = [pair.tensor for pair in alignment.pairs.values()]
    kinds: dict[str, list[Tensor]] = {}
    for tensor in alignment.free():
        kinds.setdefault(_kind(tensor, paired, prints), []).append(tensor)
    extras = tuple(Extra(each.name, each.shape, each.dtype) for each in kinds.pop("", []))
    notes = (f"{len(group)} {kind}: {listed([each.name for each in group])}" for kind, group in kinds.items())
    return extras, tuple(notes)


def _kind(tensor: Tensor, paired: Sequence[Tensor], prints: Fingerprints) -> str:
    """Return what an array is that answers to nothing, if it is no trained array of its own."""
    if tensor.counts:
        return "counters or single numbers are left out"
    if tensor.constant:
        return "constants of the graph, which no layer with weights reads, are left out"
    if _is_idle(tensor):
        return "biases of zeros or scales of ones are left out"
    if any(prints.apart(other, tensor) <= SAME * SAME for other in paired):
        return "second copies of arrays are left out"
    return ""


def _is_idle(tensor: Tensor) -> bool:
    """Return whether an array changes nothing that is computed: a bias of zeros, a scale of ones."""
    if len([size for size in tensor.shape if size > 1]) > 1:
        return False
    bias = says("bias", tensor.slot)
    return bool(bias and not tensor.array.any()) or (
        tensor.slot in ("gamma", "scale") and bool((tensor.array == 1).all())
    )


def _inconsistencies(matches: Sequence[tuple[Wanted, Match]]) -> Iterator[str]:
    """Yield where kernels are turned, or rows and columns swapped, in some layers only."""
    for kind, text in _ALONE.items():
        told = [
            (wanted.node.layer, kind in match.kinds)
            for wanted, match in matches
            if match.equal and kind not in match.free and _shows(wanted, kind)
        ]
        some, others = ([name for name, has in told if has is which] for which in (True, False))
        if some and others:
            yield text.format(some=listed(some), others=listed(others))


def _shows(wanted: Wanted, kind: str) -> bool:
    """Return whether an array could have been rearranged so."""
    sizes = dict(zip(wanted.axes.letters, wanted.axes.sizes, strict=True))
    long = [letter for letter in wanted.axes.spatial if sizes[letter] > 1]
    return (wanted.kernel and bool(long)) if kind == KERNEL else len(long) > 1
