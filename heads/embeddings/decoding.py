"""From rows of a table to what a network takes: read, hashed, decoded and prepared by threads, in the table's order.

Pillow, zlib and sha256 let other threads run, so threads are enough; no more than a fixed number of images is in
memory. A file is read once: its bytes are hashed, and decoded only when their key is not known yet.
"""

import errno
import math
import os
import stat
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from heads.embeddings.content import FaceRow, content_key
from heads.errors import HeadsError
from heads.faces import Faces

Array = np.ndarray[Any, Any]
Given = TypeVar("Given")
Made = TypeVar("Made")

LARGEST_BYTES = 2**28
# These say that the machine, not the file, has come to an end.
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class ExhaustedError(HeadsError):
    """The machine has come to an end, not an image."""


@dataclass(frozen=True, slots=True)
class PreparedFace:
    """A row with what was made of it: `pixels` (channels, height, width), or None for a known key or a `problem`."""

    row: FaceRow
    key: bytes = b""
    pixels: Array | None = None
    problem: str = ""


@dataclass(frozen=True, eq=False)
class FaceReader:
    """Reads a row's image; `prepare` takes its bytes and row, and raises HeadsError for an image that cannot be used.

    Images whose key is in `known` are not decoded.
    """

    faces: Faces
    prepare: Callable[[bytes, FaceRow], Array]
    known: Container[bytes] = ()

    def __call__(self, row: FaceRow) -> PreparedFace:
        """Return the row prepared, or with its problem; HeadsError where memory or open files run out."""
        empty = [name for name, value in row.region.items() if not math.isfinite(value)]
        if empty:
            return PreparedFace(row, problem=f"the table has no number in {', '.join(empty)}")
        try:
            image = self._bytes(row)
            key = content_key(image, tuple(row.region.values()))
            return PreparedFace(row, key, None if key in self.known else self.prepare(image, row))
        except ExhaustedError:
            raise
        except HeadsError as error:
            return PreparedFace(row, problem="; ".join(error.problems).removeprefix(f"{row.path}: "))
        except MemoryError as error:
            raise ExhaustedError(
                f"{row.path}: memory ran out while it was decoded; choose a smaller batch, or fewer threads"
            ) from error

    def _bytes(self, row: FaceRow) -> bytes:
        try:
            place = os.path.join(self.faces.root, row.path)  # noqa: PTH118 - a tenth of the time of Path's
            state = os.stat(place)  # noqa: PTH116 - likewise
            if not stat.S_ISREG(state.st_mode):
                raise HeadsError("is not a file")
            if state.st_size > LARGEST_BYTES:
                raise HeadsError(f"has {state.st_size} bytes, more than the {LARGEST_BYTES} that are read")
            with open(place, "rb") as file:  # noqa: PTH123 - likewise
                return file.read()
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            if error.errno in EXHAUSTED:
                raise ExhaustedError(f"{row.path}: {reason}; close other programs, or choose fewer threads") from error
            raise HeadsError(f"cannot be read: {reason}") from error
        except ValueError as error:  # a path with a zero byte in it
            raise HeadsError(f"cannot be read: {error}") from error


def in_order(
    given: Iterable[Given], work: Callable[[Given], Made], *, threads: int, ahead: int, at_once: int = 1
) -> Generator[Made, None, None]:
    """Yield `work` of each value in order, done by threads up to `ahead` values before they are asked for.

    A thread takes `at_once` values together: handing them over one by one costs more than reading a small file.
    """
    values = iter(given)
    waiting: deque[Future[list[Made]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decoding")
    try:
        while True:
            while len(waiting) * at_once < ahead and (part := list(islice(values, at_once))):
                waiting.append(pool.submit(_each, work, part))
            if not waiting:
                return
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _each(work: Callable[[Given], Made], part: list[Given]) -> list[Made]:
    return [work(value) for value in part]
