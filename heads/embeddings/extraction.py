"""Images to embeddings that are kept: what is new is decoded beside the network, what is known is only hashed."""

import os
import time
from collections.abc import Callable, Container, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from heads.embeddings.batches import PatientRunner, batches, stacked
from heads.embeddings.content import FaceRow, face_rows, region_columns
from heads.embeddings.decoding import FaceReader, PreparedFace, in_order
from heads.embeddings.pace import Pace, Progress
from heads.embeddings.sink import ShardSink
from heads.embeddings.store import OpenStore, open_store
from heads.errors import DataError, UsageError
from heads.faces import FaceTable
from heads.images.cropping import Detector, completed, crop
from heads.images.decoding import read_rgb
from heads.provenance import Crop, EmbeddingSpec

Array = np.ndarray[Any, Any]

KEY_BYTES = 32
# Values that a decoding thread takes together, where there are enough for all threads.
AT_ONCE = 8
SHOWN = 3


class Backbone(Protocol):
    """What `embed` needs of a network; `heads.backbones.open_backbone` gives one.

    `prepare` is called by several threads at once, `run` by one that is not the main thread.
    """

    @property
    def opened_with(self) -> Mapping[str, Any]:
        """Return the arguments that open the same again; its "words" are kept with the embeddings."""

    def spec(self, crop: Crop) -> EmbeddingSpec:
        """Return all that decides the values of an embedding."""

    def prepare(self, image: Image.Image) -> Array:
        """Return the network's input (channels, height, width) for one RGB image that is cropped already."""

    def run(self, batch: Array) -> Array:
        """Return the embeddings (n, dimension) float32 of (n, channels, height, width)."""


class Known(Container[bytes], Protocol):
    """The keys of what needs not be computed."""

    def add(self, key: bytes, /) -> None:
        """Take one more key."""


class Sink(Protocol):
    """Where vectors go."""

    def add(self, keys: Sequence[bytes], paths: Sequence[str], vectors: Array) -> None:
        """Take vectors (n, dimension) with the keys of their images and where those lie."""


@dataclass(frozen=True)
class EmbedOptions:
    """How images are embedded; only `crop` has a part in the values.

    `batch_size` is halved when memory runs out. `threads` decode images; by default as many as there are processors.
    """

    crop: Crop = field(default_factory=Crop)
    batch_size: int = 32
    threads: int | None = None

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {value}, expected at least 1"
            for name, value in (("batch size", self.batch_size), ("threads", self.threads))
            if value is not None and value < 1
        ]
        if problems:
            raise UsageError(problems)

    @property
    def decoders(self) -> int:
        """Return the number of threads that decode."""
        return self.threads or processors()


@dataclass(frozen=True)
class EmbedResult:
    """What became of the rows of a table: `computed` now, `reused` from the store or from an equal row, `unreadable`.

    `rate` is computed images per second. `batch_size` is smaller than the one asked for if memory ran out.
    """

    computed: int
    reused: int
    unreadable: int
    seconds: float
    batch_size: int

    @property
    def rate(self) -> float:
        """Return how many images were computed per second."""
        return self.computed / self.seconds if self.seconds else 0.0


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def embed(
    backbone: Backbone,
    table: FaceTable,
    folder: Path,
    options: EmbedOptions | None = None,
    progress: Progress = lambda _title, _fraction: None,
    detector: Detector | None = None,
) -> EmbedResult:
    """Compute the embeddings that a folder does not hold yet, and write the table with their keys beside them.

    The folder is made where it does not exist. Whatever stops this, what is in the folder stays right, and the same
    call goes on from there. Images that cannot be used are listed in its unreadable.csv; DataError if that is all of
    them. HeadsError where the folder is in use, damaged, full or of another kind of embeddings.
    """
    options = options or EmbedOptions()
    began = time.monotonic()
    how = completed(options.crop, detector)
    check_table(table, how)
    with open_store(folder, backbone.spec(how), backbone.opened_with.get("words", ())) as store:
        reader = FaceReader(table, preparer(backbone, how, detector), store.known)
        run = Passage(table, store.known, Pace(progress, len(table)))
        patient = PatientRunner(backbone.run, store.spec.dimension, options.batch_size)
        with ShardSink(store) as sink, closing(decoded(table, how, reader, options)) as faces:
            run.through(faces, patient, sink, options.batch_size)
        finish(store, table, run.keys, run.problems)
    rest = len(table) - run.computed - len(run.problems)
    return EmbedResult(run.computed, rest, len(run.problems), time.monotonic() - began, patient.size)


def check_table(table: FaceTable, how: Crop) -> None:
    """Refuse a table without rows, or without the columns that the crop reads."""
    region_columns(table, how)
    if not len(table):
        raise DataError(f"{table.layout}: the table holds no face")


def decoded(
    table: FaceTable, how: Crop, reader: FaceReader, options: EmbedOptions
) -> Generator[PreparedFace, None, None]:
    """Read a table's images by threads; what they are ahead is enough for a batch while another is in the network."""
    threads = options.decoders
    at_once = max(1, min(AT_ONCE, options.batch_size // threads))
    ahead = options.batch_size + threads * at_once
    return in_order(face_rows(table, how), reader, threads=threads, ahead=ahead, at_once=at_once)


def preparer(backbone: Backbone, how: Crop, detector: Detector | None) -> Callable[[bytes, FaceRow], Array]:
    """Return what makes the network's input of an image file's bytes and its row."""
    return lambda image, row: backbone.prepare(crop(read_rgb(image, row.path), how, row.region, detector))


def finish(store: OpenStore, table: FaceTable, keys: Array, problems: Mapping[int, str]) -> None:
    """Write the table beside its vectors; DataError where no image at all can be used."""
    if len(problems) == len(table):
        shown = [f"{table.rows['path'].iloc[row]}: {problems[row]}" for row in sorted(problems)[:SHOWN]]
        more = [f"... and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise DataError([f"{table.root}: none of the {len(table)} images can be used", *shown, *more])
    store.finish(table, keys, problems)


@dataclass(frozen=True)
class _Passing:
    """A batch in the network: what its vectors will be kept under, and the vectors to come."""

    keys: list[bytes]
    paths: list[str]
    vectors: "Future[Array]"


class Passage:
    """One way through a table, in its order; `keys` (rows, 32) uint8 and `problems` by row are what is found."""

    def __init__(self, table: FaceTable, known: Known, pace: Pace) -> None:
        self.keys: Array = np.zeros((len(table), KEY_BYTES), np.uint8)
        self.problems: dict[int, str] = {}
        self.computed = 0
        self._known = known
        self._failed: set[bytes] = set()
        self._pace = pace

    def through(self, faces: Iterator[PreparedFace], run: Callable[[Array], Array], sink: Sink, size: int) -> None:
        """Take all rows through the network, which runs in a thread beside decoding, gathering and writing."""
        passing: _Passing | None = None
        with ThreadPoolExecutor(1, thread_name_prefix="network") as network:
            for batch in batches(self._new(faces), size):
                pixels = stacked(batch)
                if passing:
                    passing.vectors.result()  # waits: only one batch is in the network at a time
                before = passing
                names = [face.key for face in batch], [face.row.path for face in batch]
                passing = _Passing(*names, network.submit(run, pixels))
                if before:
                    self._take(before, sink)
            if passing:
                self._take(passing, sink)
        self._name_failed()
        self._pace.done(len(self.keys))

    def _new(self, faces: Iterator[PreparedFace]) -> Iterator[PreparedFace]:
        """Note what is known of each row, and yield those that have to be computed."""
        for face in faces:
            row = face.row.number
            self._pace.done(row)
            if face.problem:
                self.problems[row] = face.problem
                continue
            self.keys[row] = np.frombuffer(face.key, np.uint8)
            if face.pixels is not None and face.key not in self._known:
                self._known.add(face.key)
                yield face

    def _take(self, batch: _Passing, sink: Sink) -> None:
        """Hand vectors on to the disk, without those that are no numbers."""
        vectors = batch.vectors.result()
        finite = np.asarray(np.isfinite(vectors).all(axis=1))
        if not finite.all():
            self._failed.update(key for key, fine in zip(batch.keys, finite, strict=True) if not fine)
        keep = np.flatnonzero(finite)
        sink.add([batch.keys[at] for at in keep], [batch.paths[at] for at in keep], vectors[keep])
        self.computed += len(keep)

    def _name_failed(self) -> None:
        """List every row whose image the network makes no numbers of."""
        if self._failed:
            for row in range(len(self.keys)):
                if row not in self.problems and self.keys[row].tobytes() in self._failed:
                    self.problems[row] = "the network gives values for it that are not finite numbers"
