"""What a head says of faces when their embeddings come from a runner: one prediction for each face."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.artefacts.origin import Origin, read_origin
from benchmarks.cells import Task
from benchmarks.errors import BenchError, RunnerError
from benchmarks.runners.runner import Runner
from heads.backbones.backbone import joined, unit_length
from heads.embeddings.batches import batches, stacked
from heads.embeddings.content import face_rows, region_columns
from heads.embeddings.decoding import FaceReader, PreparedFace, in_order
from heads.errors import HeadsError
from heads.face_files import read_table
from heads.faces import GROUP, FaceTable
from heads.images.cropping import crop
from heads.images.decoding import read_rgb
from heads.images.preprocessing import Preparation
from heads.models.head import Head, load_head
from heads.models.inference import probabilities
from heads.provenance import Crop, EmbeddingSpec

Array = np.ndarray[Any, Any]
# The faces that nobody trained on come first; those of the other part chose the head, and flatter it.
PARTS = ("test", "val")
# Batches that are decoded while another is in the network.
AHEAD = 2


@dataclass
class Embedded:
    """Embeddings (n, dimension) float32 of the rows of a table by their numbers; `unusable` says by row why not."""

    rows: list[int] = field(default_factory=list)
    parts: list[Array] = field(default_factory=list)
    unusable: dict[int, str] = field(default_factory=dict)


def measure(task: Task, runner: Runner) -> dict[str, Any]:
    """Return the fields of `Accuracy`: what `task.head` says of the faces of `task.faces`, embedded by `runner`.

    The runner is built already, and runs batches of `task.batch`. Faces are decoded as `heads embed` decodes them; of
    the table the part "test" counts, or else "val". As in `heads evaluate`, faces that have no label of the head are
    left out, and so are images that cannot be used; `left_out` says how many. BenchError with everything that keeps the
    head from being used on this network, RunnerError for embeddings that are no numbers.
    """
    try:
        head = load_head(Path(task.head))
        preparation = fitting(head, task, runner)
        part, table = chosen_part(read_table(Path(task.faces)), task.faces)
        known = table.rows["label"].isin(head.labels).to_numpy()
        labelled = table.with_rows(table.rows[known])
        if not len(labelled):
            raise BenchError(f"{task.faces}: no face of the part '{part}' is labelled {' or '.join(head.labels)}")
        found = _embedded(labelled, head.embedding, preparation, task, runner)
    except HeadsError as error:
        raise BenchError(error.problems) from error
    if not found.rows:
        first = f"{labelled.rows['path'].iloc[0]}: {found.unusable[0]}"
        raise BenchError(f"{task.faces}: none of the {len(labelled)} images can be used; the first is {first}")
    left_out = {"without a label of the head": int((~known).sum()), "unusable images": len(found.unusable)}
    return {
        "head": Path(task.head).resolve().name,
        "positive": head.positive,
        "predictions": _predictions(labelled.with_rows(labelled.rows.iloc[found.rows]), head, found),
        "part": part,
        "left_out": {reason: count for reason, count in left_out.items() if count},
    }


def fitting(head: Head, task: Task, runner: Runner) -> Preparation:
    """Return how the head's embeddings were prepared; BenchError with all that this network differs in."""
    spec, origin = head.embedding, read_origin(Path(task.probe))
    problems = [
        f"{task.head}: the head was trained on {line}"
        for line in (*_other_network(spec, origin, tuple(runner.nodes)), *_other_preprocessing(spec, origin))
    ]
    if spec.crop.kind == "detected":
        problems.append(
            f"{task.head}: its faces were found by a detector, which is not measured here; train it on faces that are "
            "cropped by their table, or not at all"
        )
    height, width = spec.preprocessing["size_height_width"]
    if (height, width) != tuple(task.input_shape[1:]):
        asked = "x".join(map(str, task.input_shape[1:]))
        problems.append(f"{task.head}: its images have {height}x{width} pixels, the network takes {asked}")
    if problems:
        raise BenchError(problems)
    return preparation_of(spec, origin)


def _other_network(spec: EmbeddingSpec, origin: Origin, nodes: tuple[str, ...]) -> Iterator[str]:
    if spec.model_sha256 != origin.model_sha256:
        yield (
            f"{spec.model} with the sha256 {spec.model_sha256}, but {origin.model} has {origin.model_sha256}; embed "
            "faces by the very files that are measured (`heads embed` takes the same words), and train on them"
        )
    if spec.nodes != nodes:
        yield f"the nodes {', '.join(spec.nodes)}, but {', '.join(nodes) or 'none'} are measured; measure the head's"


def _other_preprocessing(spec: EmbeddingSpec, origin: Origin) -> Iterator[str]:
    """Name what the network states otherwise; what was only assumed of it is the head's to say."""
    for name, value in origin.preprocessing.items():
        theirs = spec.preprocessing.get(name)
        if name not in origin.assumed and theirs != value:
            yield f"images whose {name.replace('_', ' ')} is {theirs}, but {origin.model} states {value}"


def preparation_of(spec: EmbeddingSpec, origin: Origin) -> Preparation:
    """Return what makes a network's input of an image, as a head's record says; a mean image lies with the network."""
    said = spec.preprocessing
    mean = origin.mean if isinstance(said["mean"], dict) else np.asarray(said["mean"], np.float32)
    height, width = said["size_height_width"]
    return Preparation((height, width), said["channel_order"], mean, tuple(said["scale"]))


def chosen_part(table: FaceTable, name: str) -> tuple[str, FaceTable]:
    """Return the faces that are predicted, and which part of the table they are; BenchError where there is none."""
    for part in PARTS:
        rows = table.rows["split"] == part
        if rows.any():
            return part, table.with_rows(table.rows[rows])
    raise BenchError(f"{name}: no face is in the part {' or '.join(PARTS)}; `heads split` makes the parts")


def _embedded(table: FaceTable, spec: EmbeddingSpec, preparation: Preparation, task: Task, runner: Runner) -> Embedded:
    region_columns(table, spec.crop)
    found = Embedded()
    reader = FaceReader(table, lambda data, row: preparation(_cropped(data, row.path, spec.crop, row.region)))
    threads, ahead = max(1, task.settings.threads), AHEAD * task.batch
    with closing(in_order(face_rows(table, spec.crop), reader, threads=threads, ahead=max(ahead, threads))) as faces:
        for batch in batches(_usable(faces, found), task.batch):
            found.rows += [face.row.number for face in batch]
            vectors = _vectors(stacked(batch), task.batch, runner)
            found.parts.append(unit_length(vectors) if spec.normalized else vectors)
    return found


def _cropped(data: bytes, name: str, how: Crop, region: dict[str, float]) -> Image.Image:
    return crop(read_rgb(data, name), how, region)


def _usable(faces: Iterator[PreparedFace], found: Embedded) -> Iterator[PreparedFace]:
    for face in faces:
        if face.problem:
            found.unusable[face.row.number] = face.problem
        else:
            yield face


def _vectors(images: Array, size: int, runner: Runner) -> Array:
    """Return the embeddings of a batch, filled up for the runner, which may take no other size."""
    count = len(images)
    batch = np.concatenate([images, images[-1:].repeat(size - count, 0)]) if count < size else images
    values = runner.values(runner.run(runner.prepare(batch)))
    vectors = joined([values[node] for node in runner.nodes], runner.nodes, size)[:count]
    if not np.isfinite(vectors).all():
        wrong = int((~np.isfinite(vectors).all(axis=1)).sum())
        raise RunnerError(f"the runner's embeddings of {wrong} of {count} faces are not finite numbers")
    return vectors


def _predictions(table: FaceTable, head: Head, found: Embedded) -> list[dict[str, Any]]:
    """Return the fields of `Prediction` for each row."""
    said = probabilities(head, np.concatenate(found.parts))
    positive = said >= head.calibration.threshold
    names = {GROUP + name: name for name in table.groups}
    rows = table.rows.to_dict("records")
    return [
        {
            "path": row["path"],
            "truth": row["label"],
            "predicted": head.labels[int(yes)],
            "probability": float(probability),
            "identity": row["identity"],
            "groups": {name: row[column] for column, name in names.items()},
        }
        for row, yes, probability in zip(rows, positive, said, strict=True)
    ]
