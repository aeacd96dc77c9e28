"""A conversion from end to end: read, prepare, write, prove what was written, put it in its place."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from converters import formats, parity, passes
from converters.conversion.preparation import prepared
from converters.conversion.proof import TOLERANCES, Progress, Prover, Trial, refuse_failures, silent
from converters.conversion.samples import read_samples
from converters.conversion.sources import check_complete, find_model, read
from converters.doctor import diagnosis
from converters.errors import UnsupportedError
from converters.files.hashing import short_names
from converters.files.staging import Stage, check_output, commit
from converters.ir import Graph
from converters.options import Options, UsageError

# Options that say how and where a conversion runs, not what comes out of it.
UNCERTIFIED = ("out", "force", "certificate", "verify", "against")


@dataclass(frozen=True, eq=False)
class Conversion:
    """What came out of a conversion; `trials` are empty and `certificate` is None where no proof was wanted."""

    graph: Graph
    target: formats.Target
    dtype: str
    files: tuple[Path, ...]
    certificate: Path | None
    trials: tuple[Trial, ...]
    open_axes: passes.OpenAxes
    write_seconds: float


def convert(
    words: Sequence[str], source: str, target: str, options: Options, progress: Progress = silent
) -> Conversion:
    """Convert the model that `words` name; nothing appears at `options.out` unless it is proved.

    Raises ConversionError with all problems found, and leaves nothing behind then.
    """
    kind = formats.TARGETS[target]
    check_request(kind, options)
    model = find_model(words, source)
    check_complete(model, options)
    formats.load(kind.module)
    progress("reading", 0.0)
    graph = prepared(read(model, options), options)
    return write(graph, kind, options, short_names(model.files), progress)


def check_request(target: formats.Target, options: Options) -> None:
    """Refuse, before any work, options that this target does not have and an output that cannot be written."""
    out = output_path(options)
    target.check_suffix(out)
    problems = [
        f"--{name.replace('_', '-')} is for {formats.TARGETS[wanted].title}; {target.title} has no such thing"
        for name, wanted in ONLY_FOR.items()
        if name in options.given() and target.name != wanted
    ]
    if options.certificate and not options.verify:
        problems.append("a certificate states a proof: --certificate and --no-verify exclude each other")
    if problems:
        raise UsageError(problems)
    check_output(out, force=options.force, folder=target.is_folder(out))
    if options.verify and (options.certificate or not target.is_folder(out)):
        check_output(certificate_path(target, options), force=options.force)


def output_path(options: Options) -> Path:
    """Return the output's path, with a name of its own even where it is written as `.` or `..`."""
    if options.out is None:
        raise UsageError("the output is missing; name it with -o")
    return options.out if options.out.name not in ("", "..") else options.out.resolve()


def certificate_path(target: formats.Target, options: Options) -> Path:
    """Return where the certificate goes: the place asked for, inside an output folder, or beside an output file."""
    out = output_path(options)
    if options.certificate:
        return options.certificate
    return out / "certificate.json" if target.is_folder(out) else out.with_name(f"{out.name}.certificate.json")


def write(
    graph: Graph, target: formats.Target, options: Options, files_read: Mapping[str, Path], progress: Progress = silent
) -> Conversion:
    """Write a graph that is ready: refuse what has no form in the target, write, prove, certify, put in place."""
    writer = formats.load(target.module)
    axes = _open_axes(graph, options)
    samples = read_samples(graph, options.samples)
    with Stage(output_path(options), force=options.force) as stage:
        start = time.perf_counter()
        progress("writing", 0.0)
        axes = _save(writer, graph, stage, options, axes)
        seconds = time.perf_counter() - start
        trials: list[Trial] = []
        if options.verify:
            progress("loading what was written", 0.0)
            runner = writer.opened(graph, stage.path)
            trials = Prover(graph, runner, tolerance(options), progress).trials(axes.axes, samples)
            refuse_failures(trials)
        done = Conversion(graph, target, options.dtype, (), None, tuple(trials), axes, seconds)
        return finish(done, stage, options, files_read)


def finish(done: Conversion, stage: Stage, options: Options, files_read: Mapping[str, Path]) -> Conversion:
    """Certify what is proved, put everything that is staged in its place, and return the conversion with its files."""
    written = stage.files()
    files = tuple(stage.out.parent / name for name in written)
    if not options.verify:
        commit([stage])
        return replace(done, files=files)
    place = certificate_path(done.target, options)
    certificate = _certificate(done, options, files_read, written)
    with ExitStack() as stack:
        stages = [stage]
        if options.certificate is not None:
            stages.append(stack.enter_context(Stage(place, force=options.force)))
        _write_certificate(stages[-1], place, certificate)
        commit(stages)
    return replace(done, files=files, certificate=place)


def _open_axes(graph: Graph, options: Options) -> passes.OpenAxes:
    """Return which axes the network itself allows to stay open: of those asked for, or else the batch.

    UnsupportedError names what pins an axis that was asked for.
    """
    found = passes.open_axes(graph, ("batch",) if options.dynamic is None else options.dynamic)
    if options.dynamic and found.reasons:
        raise UnsupportedError([f"--dynamic {axis}: {reason}" for axis, reason in found.reasons.items()])
    return found


def _save(writer: ModuleType, graph: Graph, stage: Stage, options: Options, axes: passes.OpenAxes) -> passes.OpenAxes:
    """Write into the stage, with the batch fixed where the target cannot keep it open; return the open axes."""
    with stage.writing():
        try:
            writer.save(graph, stage.path, **_settings(options, axes.axes))
        except UnsupportedError as error:
            if options.dynamic is not None or not axes.axes:
                raise
            writer.save(graph, stage.path, **_settings(options, ()))
            return passes.OpenAxes((), {"batch": error.problems[0]})
    return axes


def tolerance(options: Options) -> float:
    """Return the tolerance asked for, or the one of the number type."""
    return TOLERANCES[options.dtype] if options.tolerance is None else options.tolerance


def _settings(options: Options, axes: Sequence[str]) -> dict[str, Any]:
    given = options.given()
    wanted = {name: given[name] for name in ("dtype", *ONLY_FOR) if name in given}
    return {"dynamic": axes, **wanted}


def _certificate(
    done: Conversion, options: Options, files_read: Mapping[str, Path], files_written: Mapping[str, Path]
) -> dict[str, Any]:
    installed = diagnosis.versions()
    told = {name: value for name, value in options.given().items() if name not in UNCERTIFIED}
    circumstances = parity.Circumstances(
        tool_version=installed[formats.DISTRIBUTION],
        files_read=files_read,
        files_written=files_written,
        versions={name: installed[name] for name in ("Python", "numpy", *done.target.libraries) if name in installed},
        input_files=short_names([path for _, path in options.samples]),
        hashes=done.graph.source.files,
        dtype=options.dtype,
        options=json.loads(json.dumps(told, default=_plain)),
    )
    return parity.certificate(done.graph, [trial.run() for trial in done.trials], circumstances)


def _plain(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value)


def _write_certificate(home: Stage, final: Path, certificate: Mapping[str, Any]) -> None:
    place = home.path.parent / final.relative_to(home.out.parent)
    with home.writing():
        place.write_text(json.dumps(certificate, indent=2, ensure_ascii=False) + "\n", "utf-8")


# Options that only one target has.
ONLY_FOR = {"opset": "onnx", "external_data": "onnx"}
