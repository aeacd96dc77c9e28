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
from heads.embeddings.found import RowFound, RowsFound, rows_found
from heads.embeddings.pace import Pace, Progress
from heads.embeddings.sink import ShardSink
from heads.embeddings.store import OpenStore, open_store
from heads.errors import DataError, UsageError
from heads.faces import Faces
from heads.images.cropping import Detector, completed, crop
from heads.images.decoding import read_rgb
from heads.provenance import Crop, EmbeddingSpec

Array = np.ndarray[Any, Any]

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

    def add(self, key: bytes, /) -> object:
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
    faces: Faces,
    folder: Path,
    options: EmbedOptions | None = None,
    progress: Progress = lambda _title, _fraction: None,
    detector: Detector | None = None,
) -> EmbedResult:
    """Compute the embeddings that a folder does not hold yet, and write the table with their keys beside them.

    However many faces there are, only some of them are in memory at a time: `heads.face_files.open_table` gives such.
    The folder is made where it does not exist. Whatever stops this, what is in the folder stays right, and the same
    call goes on from there. Images that cannot be used are listed in its unreadable.csv; DataError if that is all of
    them. HeadsError where the folder is in use, damaged, full or of another kind of embeddings.
    """
    options = options or EmbedOptions()
    began = time.monotonic()
    how = completed(options.crop, detector)
    check_table(faces, how)
    words = backbone.opened_with.get("words", ())
    with open_store(folder, backbone.spec(how), words) as store, rows_found() as found:
        reader = FaceReader(faces, preparer(backbone, how, detector), store.known)
        run = Passage(found, store.known, Pace(progress, len(faces)))
        patient = PatientRunner(backbone.run, store.spec.dimension, options.batch_size)
        with ShardSink(store) as sink, closing(decoded(faces, how, reader, options)) as prepared:
            run.through(prepared, patient, sink, options.batch_size)
        unreadable = finish(store, faces, found)
    rest = len(faces) - run.computed - unreadable
    return EmbedResult(run.computed, rest, unreadable, time.monotonic() - began, patient.size)


def check_table(faces: Faces, how: Crop) -> None:
    """Refuse a table without rows, or without the columns that the crop reads."""
    region_columns(faces, how)
    if not len(faces):
        raise DataError(f"{faces.layout}: the table holds no face")


def decoded(faces: Faces, how: Crop, reader: FaceReader, options: EmbedOptions) -> Generator[PreparedFace, None, None]:
    """Read a table's images by threads; what they are ahead is enough for a batch while another is in the network."""
    threads = options.decoders
    at_once = max(1, min(AT_ONCE, options.batch_size // threads))
    ahead = options.batch_size + threads * at_once
    return in_order(face_rows(faces, how), reader, threads=threads, ahead=ahead, at_once=at_once)


def preparer(backbone: Backbone, how: Crop, detector: Detector | None) -> Callable[[bytes, FaceRow], Array]:
    """Return what makes the network's input of an image file's bytes and its row."""
    return lambda image, row: backbone.prepare(crop(read_rgb(image, row.path), how, row.region, detector))


def finish(store: OpenStore, faces: Faces, found: RowsFound) -> int:
    """Write the table beside its vectors, and return how many rows have none; DataError where that is all of them."""
    unreadable = found.problems()
    if unreadable == len(faces):
        first = next(iter(faces.parts()))
        shown = [f"{path}: {row.problem}" for path, row in zip(first.rows["path"].head(SHOWN), found, strict=False)]
        more = [f"... and {unreadable - SHOWN} more"] if unreadable > SHOWN else []
        raise DataError([f"{faces.root}: none of the {len(faces)} images can be used", *shown, *more])
    store.finish(faces, found)
    return unreadable


@dataclass(frozen=True)
class _Passing:
    """A batch in the network: what its vectors will be kept under, and the vectors to come."""

    keys: list[bytes]
    paths: list[str]
    vectors: "Future[Array]"


class Passage:
    """One way through a table, in its order: notes in `found` what becomes of each row."""

    def __init__(self, found: RowsFound, known: Known, pace: Pace) -> None:
        self.computed = 0
        self._found = found
        self._known = known
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
        self._pace.end()

    def _new(self, faces: Iterator[PreparedFace]) -> Iterator[PreparedFace]:
        """Note what is found of each row, and yield those that have to be computed."""
        for face in faces:
            self._pace.done(face.row.number)
            self._found.note(RowFound(face.row.number, face.key, face.problem))
            if face.pixels is not None and face.key not in self._known:
                self._known.add(face.key)
                yield face

    def _take(self, batch: _Passing, sink: Sink) -> None:
        """Hand vectors on to the disk, without those that are no numbers."""
        vectors = batch.vectors.result()
        finite = np.asarray(np.isfinite(vectors).all(axis=1))
        for at in np.flatnonzero(~finite):
            self._found.fail(batch.keys[at], "the network gives values for it that are not finite numbers")
        keep = np.flatnonzero(finite)
        sink.add([batch.keys[at] for at in keep], [batch.paths[at] for at in keep], vectors[keep])
        self.computed += len(keep)
