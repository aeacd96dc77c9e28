"""The commands that use a trained head: prediction, export and the model card."""

from pathlib import Path
from typing import Any

from converters.command_line import terminal
from heads.command_line.training_commands import EVALUATIONS
from heads.errors import DataError, HeadsError
from heads.models.head import Head, load_head


def predict(given: Any) -> None:
    """Say what a head says of images."""
    from heads.command_line.embedding_commands import detector_of
    from heads.prediction import describe
    from heads.prediction import predict as predicted
    from heads.prediction.wording import as_json

    head = load_head(given.needed_head)
    paths = _images(given.faces)
    trained = head.embedding.crop.kind
    if given.face_crop and given.face_crop != trained:
        terminal.warn(
            [f"the head was trained on faces with the crop {trained}: with {given.face_crop} answers may differ"]
        )
    with terminal.progress() as progress:
        progress("opening the backbone", 0.0)
        backbone = _backbone(head, given)
        found = predicted(
            paths,
            head,
            backbone,
            how=_crop(given),
            detector=detector_of(given),
            progress=lambda done, count: progress("predicting", done / count),
        )
    if given.json:
        terminal.say_json([as_json(one, head) for one in found])
    else:
        for one in found:
            terminal.say(describe(one, head))
    if not any(one.usable for one in found):
        raise HeadsError("no image could be used")


def _images(paths: list[Path]) -> list[Path]:
    """Return the images that are named, and those in folders that are."""
    from heads.layouts.image_files import is_image_name

    found: list[Path] = []
    for path in paths:
        inside = sorted(inner for inner in path.rglob("*") if is_image_name(inner.name)) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"{path}: the folder holds no image")
        found += inside
    return found


def _backbone(head: Head, given: Any) -> Any:
    from heads.export.exporting import recorded_words
    from heads.export.identity import opened

    return opened(given.backbone or recorded_words(head), head.embedding)


def _crop(given: Any) -> Any:
    from heads.command_line.embedding_commands import crop_of

    return crop_of(given.face_crop, given) if given.face_crop else None


def export(given: Any) -> None:
    """Write a head, alone or with its backbone, as one model."""
    from heads.command_line.embedding_commands import detector_of
    from heads.embeddings.loading import load_labelled
    from heads.export.exporting import export as exported
    from heads.export.identity import Evidence
    from heads.export.request import ExportOptions

    labelled = load_labelled(given.evidence) if given.evidence else None
    options = ExportOptions(
        with_backbone=given.with_backbone,
        backbone=tuple(given.backbone),
        evidence=Evidence(labelled=labelled, detector=detector_of(given)),
        certificate=given.certificate,
        force=given.force,
    )
    with terminal.progress() as progress:
        done = exported(given.head, given.out, options, progress)
    if given.json:
        terminal.say_json(
            {
                "files": [str(path) for path in done.files],
                "certificate": str(done.certificate),
                "differences": dict(done.differences),
                "notes": list(done.notes),
            }
        )
        return
    terminal.warn(done.notes)
    for name, difference in done.differences.items():
        share = "" if name == "probability" else " of its largest value"
        terminal.say(f"{name:<12}{difference:.1e}{share} apart from what training computed")
    for path in done.files:
        terminal.say(f"wrote {path} ({terminal.amount(path.stat().st_size, terminal.BYTES)})")
    terminal.say(f"certificate: {done.certificate}")


def card(given: Any) -> None:
    """Write a head's model card."""
    from heads.card import write_card

    kept = [path for path in (given.head / name for name in EVALUATIONS.values()) if path.exists()]
    evaluation = given.evaluation or next(iter(kept), None)
    if evaluation is None:
        terminal.warn(["no evaluation of this head is there: the card says so; `heads evaluate` makes one"])
    written = write_card(given.head, given.out, evaluation, force=given.force)
    if given.json:
        terminal.say_json({"file": str(written), "evaluation": None if evaluation is None else str(evaluation)})
    else:
        terminal.say(f"wrote {written}")
