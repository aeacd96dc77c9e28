"""Holding a model against one that exists: an artefact, node by node where it allows that, or another source."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from converters import formats, parity, passes
from converters.conversion import names
from converters.conversion.pipeline import tolerance
from converters.conversion.preparation import prepared
from converters.conversion.proof import Progress, Prover, Trial, silent
from converters.conversion.samples import read_samples
from converters.conversion.sources import check_complete, find_model, read
from converters.errors import ConversionError, FormatError, ParityError
from converters.files.model_files import check_regular
from converters.foreign.matching import open_foreign
from converters.ir import Feeds, Graph, Runner
from converters.ops import Array
from converters.options import Options, UsageError


@dataclass(frozen=True, eq=False)
class Verification:
    """What a comparison came to: `trials` with an artefact, or the `agreement` of two sources.

    `notes` say how the two were compared, `hints` what else may explain a difference.
    """

    against: str
    trials: tuple[Trial, ...] = ()
    agreement: parity.Agreement | None = None
    notes: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether both compute the same."""
        return not self.problems()

    def problems(self) -> list[str]:
        """Return what differs, one line each; empty when nothing does."""
        found = [problem for trial in self.trials for problem in trial.problems()]
        if self.agreement and not self.agreement.same:
            found += [f"the networks differ: {line}" for line in self.agreement.lines[-1:]]
        return [*found, *self.hints] if found else []


def verify(words: Sequence[str], options: Options, progress: Progress = silent) -> Verification:
    """Compare the model that `words` name with what `options.against` names."""
    if not options.against:
        raise UsageError("there is nothing to compare with; name it with --against")
    model = find_model(words)
    check_complete(model, options)
    if _is_source(options.against):
        other = find_model(options.against)
        check_complete(other, options)
        first, second = (prepared(read(m, options), options) for m in (model, other))
        return verify_sources(first, second, " ".join(options.against), options)
    path = Path(options.against[0])
    check_exists(path)
    return verify_artefact(prepared(read(model, options), options), path, options, progress)


def verify_sources(first: Graph, second: Graph, against: str, options: Options) -> Verification:
    """Compare two networks that were read from sources: their weights in order, and what they compute."""
    folded = [passes.fold_batch_norm(graph) for graph in (first, second)]
    agreement = parity.same_network(folded[0], folded[1], tolerance=tolerance(options))
    return Verification(against, agreement=agreement)


def verify_artefact(graph: Graph, path: Path, options: Options, progress: Progress = silent) -> Verification:
    """Compare a graph with a converted model: every value that the model names, or else its outputs."""
    target = artefact_target(path)
    writer = formats.load(target.module)
    try:
        runner = writer.opened(graph, path)
    except FormatError as not_ours:
        foreign = open_foreign(graph, target, path)
        notes = (*not_ours.problems, *foreign.notes)
        return _verify(foreign.graph, path, foreign.run, options, progress, notes)
    strange: list[str] = []
    found = _verify(graph, path, partial(_known_values, runner, graph, path, strange), options, progress)
    return replace(found, hints=(_other_options(path, strange),)) if strange else found


def _known_values(runner: Runner, graph: Graph, path: Path, strange: list[str], feeds: Feeds) -> dict[str, Array]:
    """Run an artefact of ours; what it holds beyond the graph becomes `strange`, its outputs missing in it are told."""
    values = runner(feeds)
    known = {name: array for name, array in values.items() if name in graph.shapes}
    strange[:] = [name for name in values if name not in known]
    if strange and not set(graph.outputs.values()) <= set(known):
        raise ParityError(_other_options(path, strange))
    return known


def _other_options(path: Path, strange: Sequence[str]) -> str:
    return (
        f"{path}: holds '{strange[0]}', which the network does not; give the options it was converted with, "
        "such as --cut, --l2-normalize or --bake-preprocessing"
    )


def _verify(
    graph: Graph, path: Path, runner: Runner, options: Options, progress: Progress, notes: Sequence[str] = ()
) -> Verification:
    samples = read_samples(graph, options.samples)
    trials = Prover(graph, runner, tolerance(options), progress).trials((), samples)
    return Verification(str(path), tuple(trials), notes=tuple(notes))


def check_exists(path: Path) -> None:
    """Refuse a file that is not there or cannot be read; a folder may be an artefact."""
    if not path.is_dir():
        check_regular(path)


def artefact_target(path: Path) -> formats.Target:
    """Return which target an artefact is of."""
    if path.is_dir():
        return formats.TARGETS["keras" if (path / "saved_model.pb").exists() else "torch"]
    for target in formats.TARGETS.values():
        if target.suffix(path) or path.suffix.lower() in READABLE.get(target.name, ()):
            return target
    known = ", ".join(sorted({*formats.OUTPUT_SUFFIXES, *(s for suffixes in READABLE.values() for s in suffixes)}))
    raise ConversionError(f"{path}: is no artefact that can be compared; these can: {known}, and folders")


def _is_source(against: Sequence[str]) -> bool:
    known = {suffix for source in formats.SOURCES.values() for suffix in source.suffixes}
    first = Path(against[0])
    return len(against) > 1 or first.suffix.lower() in known or names.is_known(against[0])


# What can be read of a target beside what is written.
READABLE = {"keras": (".h5", ".hdf5"), "torch": (".py", ".safetensors")}
