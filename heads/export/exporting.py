"""An export from end to end: open, recognise, join, write, prove from pixels, certify, put in place."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from converters import formats, parity
from converters.conversion.proof import Progress, silent
from converters.doctor import diagnosis
from converters.files.hashing import short_names
from converters.files.staging import Stage, commit
from converters.ir import Feeds, Runner
from heads.backbones import Backbone
from heads.errors import HeadsError
from heads.export.facts import told_by
from heads.export.identity import Identity, opened, recognised
from heads.export.kinds import SOURCES, check_kind, check_precision, files_of
from heads.export.pieces import EMBEDDING, IMAGE, PROBABILITY, joined, logit_to_probability
from heads.export.probes import drawn_images, drawn_vectors
from heads.export.proof import (
    Expected,
    compared,
    expected_of_embeddings,
    expected_of_images,
    in_batches,
    refuse_difference,
)
from heads.export.request import Exported, ExportOptions, certificate_place, target_of
from heads.export.sources import read_sources, whole_graph
from heads.export.writing import Place, Written, write_composition, write_graph
from heads.models.graph import head_graph
from heads.models.head import HEAD, WEIGHTS, Array, Head, load_head

PROBES = 9


def export(folder: Path, out: Path, options: ExportOptions | None = None, progress: Progress = silent) -> Exported:
    """Write the head in `folder` to `out`: .onnx, .keras, .pt, .pt2, or a folder with a PyTorch module.

    It takes images, uint8 RGB of the network's size, with `with_backbone`, else embeddings, and gives the calibrated
    probability of the positive label. Nothing appears at `out` unless every value from pixels to probability is what
    the head computes by `heads predict`; the certificate beside it says so. Raises HeadsError or ConversionError else.
    """
    asked = options or ExportOptions()
    head, target = load_head(folder), target_of(out, asked)
    with Stage(out, force=asked.force) as stage:
        place = Place(target, stage, progress)
        done = _with_backbone(head, place, asked) if asked.with_backbone else _alone(head, place)
        runs = [*done.written.runs, *_end_to_end(done, place)]
        return _finished(done, runs, place, asked, folder)


@dataclass(frozen=True, eq=False)
class _Done:
    """What was written, and what it has to compute."""

    written: Written
    expected: Expected
    identity: Identity | None = None
    words: tuple[str, ...] = ()


def _alone(head: Head, place: Place) -> _Done:
    name = place.stage.out.stem
    parts = [head_graph(head), logit_to_probability(head.calibration.temperature)]
    whole = joined(name, parts)
    whole = replace(whole, graph=told_by(whole.graph, head, with_backbone=False))
    vectors = drawn_vectors(head, PROBES)
    sample = ("drawn embeddings", {EMBEDDING: vectors})
    return _Done(write_graph(whole, head, place, [sample]), expected_of_embeddings(head, vectors))


def _with_backbone(head: Head, place: Place, options: ExportOptions) -> _Done:
    words = options.backbone or recorded_words(head)
    out = place.stage.out
    kind = check_kind(words, out, place.target)
    head_graph(head)  # a kind of head without a graph is refused before the backbone is opened
    place.progress("opening the backbone", 0.0)
    backbone = opened(words, head.embedding)
    check_precision(words, backbone)
    evidence = options.evidence
    if not evidence.original and options.backbone:
        evidence = replace(evidence, original=_recorded_or_none(head))
    identity = recognised(head, backbone, evidence)
    if kind == SOURCES:
        written = _of_sources(words, backbone, head, place)
    else:
        written = write_composition(kind, Path(words[0]), backbone, head, place)
    expected = expected_of_images(head, backbone, drawn_images(backbone.preparation.size, PROBES))
    return _Done(written, expected, identity, tuple(words))


def _of_sources(words: Sequence[str], backbone: Backbone, head: Head, place: Place) -> Written:
    whole = whole_graph(
        read_sources(words, backbone.preparation.size), backbone.preprocessing, head, place.stage.out.stem
    )
    return write_graph(replace(whole, graph=told_by(whole.graph, head, with_backbone=True)), head, place)


def recorded_words(head: Head) -> tuple[str, ...]:
    """Return the words that named the backbone when the head was trained; HeadsError where they are not recorded."""
    words = _recorded_or_none(head)
    if not words:
        raise HeadsError(
            f"the head does not say where its backbone ({head.embedding.model}) lies; name it with --backbone"
        )
    return words


def _recorded_or_none(head: Head) -> tuple[str, ...]:
    return tuple(map(str, head.facts.get("backbone", ())))


def _end_to_end(done: _Done, place: Place) -> list[parity.Run]:
    """Compare what the file computes with what training computed, from pixels on; ParityError where that differs."""
    place.progress("comparing from pixels on", 0.0)
    source, written = done.expected.source, done.written
    title = f"from {'pixels' if source == IMAGE else 'embeddings'} to probability"
    runs = [compared(title, in_batches(written.runner, written.batch), done.expected)]
    if place.target.name == "onnx":
        optimised = in_batches(_as_people_run_it(place.stage.path), written.batch)
        runs.append(compared(f"{title}, optimised", optimised, done.expected))
    for run in runs:
        refuse_difference(run)
    return runs


def _as_people_run_it(path: Path) -> Runner:
    """Return a runner of an ONNX file that onnxruntime has optimised: it gives the probability alone."""
    onnx_models = formats.load("converters.foreign.onnx_models")
    name = next(iter(onnx_models.inputs(path)))

    def run(feeds: Feeds) -> dict[str, Array]:
        outputs = onnx_models.run(path, {name: next(iter(feeds.values()))})
        return {PROBABILITY: next(iter(outputs.values()))}

    return run


def _finished(done: _Done, runs: Sequence[parity.Run], place: Place, options: ExportOptions, folder: Path) -> Exported:
    """Certify what is proved, and put everything in its place."""
    out, stage = place.stage.out, place.stage
    written = stage.files()
    final = certificate_place(place.target, out, options)
    told = _certificate(done, runs, place, folder)
    with ExitStack() as stack:
        stages = [stage]
        if options.certificate is not None:
            stages.append(stack.enter_context(Stage(final, force=options.force)))
        home = stages[-1]
        with home.writing():
            text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
            (home.path.parent / final.relative_to(home.out.parent)).write_text(text, "utf-8")
        commit(stages)
    files = tuple(out.parent / name for name in written)
    return Exported(files, final, _largest(runs), done.identity, _notes(runs))


def _certificate(done: _Done, runs: Sequence[parity.Run], place: Place, folder: Path) -> dict[str, Any]:
    installed = diagnosis.versions()
    read = [folder / HEAD, folder / WEIGHTS, *(files_of(done.words) if done.words else ())]
    circumstances = parity.Circumstances(
        tool_version=installed[formats.DISTRIBUTION],
        files_read=short_names(read),
        files_written=place.stage.files(),
        versions={name: installed[name] for name in ("Python", "numpy", *place.target.libraries) if name in installed},
        hashes=done.written.graph.source.files,
        options={"with_backbone": bool(done.words)},
    )
    told = parity.certificate(done.written.graph, runs, circumstances)
    told["backbone_recognised"] = done.identity.to_json() if done.identity else None
    return told


def _largest(runs: Sequence[parity.Run]) -> dict[str, float]:
    """Return the largest difference of each value that was compared from pixels on."""
    found: dict[str, float] = {}
    for run in runs:
        for node in run.report.nodes:
            if node.op == "prediction":
                found[node.node] = max(found.get(node.node, 0.0), node.difference)
    return found


def _notes(runs: Sequence[parity.Run]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(warning for run in runs for warning in run.report.warnings))
