"""What a worker does for the engine that runs many of them: hash rows of a table, or embed them into whole shards."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from heads.embeddings.appearing import PARTIAL
from heads.embeddings.batches import PatientRunner
from heads.embeddings.content import face_rows
from heads.embeddings.decoding import FaceReader, in_order
from heads.embeddings.extraction import Backbone, EmbedOptions, Passage, decoded, preparer
from heads.embeddings.found import rows_found
from heads.embeddings.pace import Pace
from heads.embeddings.store import VECTORS, Store, place_shard
from heads.errors import HeadsError, MismatchError
from heads.faces import FaceTable
from heads.images.cropping import Detector
from heads.provenance import Crop, EmbeddingSpec

Array = np.ndarray[Any, Any]
# How often a worker may die at the same task.
ATTEMPTS = 2
# Plain JSON values, as are the answers.
Task = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What every worker needs: sent to each of them once."""

    store: Store
    table: FaceTable
    crop: Crop
    options: EmbedOptions
    run: str
    opener: Callable[..., Backbone]
    opened_with: Mapping[str, Any]
    detector: Detector | None = None


class _Everything:
    """Knows every key, so that images are hashed and never decoded."""

    def __contains__(self, _key: object) -> bool:
        return True


class Hashing:
    """A worker that hashes rows of a table."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def work(self, task: Task) -> Task:
        """Return number, key in hexadecimal and problem of each row from `first` to before `last`."""

        def undecoded(_image: bytes, _row: object) -> Array:
            raise AssertionError

        first = task["first"]
        part = self._job.table.with_rows(self._job.table.rows.iloc[first : task["last"]])
        reader = FaceReader(part, undecoded, _Everything())
        faces = in_order(face_rows(part, self._job.crop), reader, threads=2, ahead=64, at_once=8)
        return {**task, "found": [(first + face.row.number, face.key.hex(), face.problem) for face in faces]}


class Embedding:
    """A worker with an open network, which writes whole shards."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._backbone = job.opener(**job.opened_with)
        told = json.loads(json.dumps(self._backbone.spec(job.crop).to_json()))
        differences = job.store.spec.differences(EmbeddingSpec.from_json(told))
        if differences:
            raise MismatchError([f"the model that a worker opened is another one: {line}" for line in differences])
        self._patient = PatientRunner(self._backbone.run, job.store.spec.dimension, job.options.batch_size)

    def work(self, task: Task) -> Task:
        """Embed `rows`, whose keys are known, and write them as shard `number`; return what became of them."""
        with _counted(self._job.store.folder / VECTORS / f".{self._job.run}-{task['number']}{PARTIAL}"):
            return self._embedded(task)

    def _embedded(self, task: Task) -> Task:
        job, rows = self._job, task["rows"]
        table = job.table.with_rows(job.table.rows.iloc[rows])
        reader = FaceReader(table, preparer(self._backbone, job.crop, job.detector))
        kept = _Kept()
        with rows_found() as found:
            passage = Passage(found, set(), Pace(lambda _title, _fraction: None, len(table)))
            passage.through(decoded(table, job.crop, reader, job.options), self._patient, kept, job.options.batch_size)
            each = list(found)
        if kept.keys:
            place_shard(job.store, task["number"], kept.keys, kept.paths, np.concatenate(kept.vectors), job.run)
        problems = {rows[row.number]: row.problem for row in each if row.problem}
        for row, known in zip(each, task["keys"], strict=True):
            if not row.problem and row.key.hex() != known:
                problems[rows[row.number]] = "its content changed while it was embedded; run `heads embed` again"
        return {
            "number": task["number"],
            "computed": passage.computed,
            "batch_size": self._patient.size,
            "problems": problems,
            "rows_done": len(rows),
        }


@contextmanager
def _counted(trace: Path) -> Iterator[None]:
    """Leave a trace while something is done that may kill this process; HeadsError where that has happened too often.

    Ray gives the task of a dead worker to another one without end.
    """
    with trace.open("ab") as file:
        file.write(b".")
        times = file.tell()
    try:
        if times > ATTEMPTS:
            raise HeadsError(
                f"the worker died {ATTEMPTS} times at the same images; it may need more memory, or less work"
            )
        yield
    finally:
        # Who gets here has not died: neither a failure nor the next round may count as that.
        trace.unlink(missing_ok=True)


@dataclass
class _Kept:
    """Vectors of one shard, in memory."""

    keys: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    vectors: list[Array] = field(default_factory=list)

    def add(self, keys: Sequence[bytes], paths: Sequence[str], vectors: Array) -> None:
        """Take vectors (n, dimension) with the keys of their images and where those lie."""
        self.keys += keys
        self.paths += paths
        self.vectors.append(vectors)
