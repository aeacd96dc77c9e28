"""Every image file of a table is read once: its sha256, whether it can be decoded, and what it roughly looks like."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pandas as pd
from PIL import Image

from heads.checks.plain import Progress, silent
from heads.faces import FaceTable
from heads.images.decoding import UnreadableImageError, read_rgb

Array = np.ndarray[Any, Any]

# A perceptual hash of 16 x 16 bits: between two different aligned faces in 6.5 million the distance was 48 or more, and
# up to 31 for copies at JPEG quality 10, a quarter of the size, or moved by 2 pixels. With the usual 8 x 8 bits there
# is no such gap.
HASH_SIDE = 16
HASH_BYTES = HASH_SIDE * HASH_SIDE // 8
THUMBNAIL_SIDE = 16
# No photograph of a face is larger; what is would only fill the memory.
LARGEST_BYTES = 2**28
AT_ONCE = 2048


@dataclass(frozen=True, eq=False)
class Examined:
    """What the rows' image files hold, row by row of the table that was examined.

    `sha256` (rows, 32) and `hashes` (rows, 32) are uint8, `thumbnails` (rows, 256) uint8 grey values of 16 x 16 pixels.
    `problems` says for the rows of unreadable files why; their hashes and thumbnails are 0, and their sha256 too unless
    the bytes could be read.
    """

    sha256: Array
    hashes: Array
    thumbnails: Array
    problems: dict[int, str]

    @property
    def readable(self) -> Array:
        """Return (rows,): whether the image could be decoded."""
        good = np.ones(len(self.sha256), bool)
        good[list(self.problems)] = False
        return good

    def where(self, chosen: Array) -> "Examined":
        """Return what is known of the rows at the positions `chosen`, in that order."""
        problems = {new: self.problems[old] for new, old in enumerate(chosen.tolist()) if old in self.problems}
        return Examined(self.sha256[chosen], self.hashes[chosen], self.thumbnails[chosen], problems)


@dataclass
class _Look:
    problem: str = ""
    sha256: bytes = bytes(32)
    pattern: bytes = bytes(HASH_BYTES)
    thumbnail: bytes = bytes(THUMBNAIL_SIDE**2)


def examine(table: FaceTable, progress: Progress = silent, threads: int | None = None) -> Examined:
    """Read and decode every image of a table, several at once; what cannot be read is noted and is no error."""
    codes, paths = pd.factorize(table.rows["path"])
    looks = _Collected(len(paths))
    pool = ThreadPoolExecutor(threads or os.cpu_count() or 1)
    try:
        for start in range(0, len(paths), AT_ONCE):
            files = [table.image(path) for path in paths[start : start + AT_ONCE]]
            for number, look in enumerate(pool.map(_look, files), start):
                looks.put(number, look)
                if number % 32 == 0:
                    progress("reading images", number / len(paths))
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C nothing is left to wait for
    progress("reading images", 1.0)
    return looks.examined().where(codes)


class _Collected:
    def __init__(self, count: int) -> None:
        self._sha256 = np.zeros((count, 32), np.uint8)
        self._hashes = np.zeros((count, HASH_BYTES), np.uint8)
        self._thumbnails = np.zeros((count, THUMBNAIL_SIDE**2), np.uint8)
        self._problems: dict[int, str] = {}

    def put(self, number: int, look: _Look) -> None:
        self._sha256[number] = np.frombuffer(look.sha256, np.uint8)
        self._hashes[number] = np.frombuffer(look.pattern, np.uint8)
        self._thumbnails[number] = np.frombuffer(look.thumbnail, np.uint8)
        if look.problem:
            self._problems[number] = look.problem

    def examined(self) -> Examined:
        return Examined(self._sha256, self._hashes, self._thumbnails, self._problems)


def _look(path: Path) -> _Look:
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            return _Look(f"holds {size} bytes, more than the {LARGEST_BYTES} that an image may have")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        return _Look(getattr(error, "strerror", None) or str(error))
    digest = hashlib.sha256(content).digest()
    try:
        grey = read_rgb(content, path.name).convert("L")
    except UnreadableImageError as error:
        return _Look(str(error).removeprefix(f"{path.name}: "), digest)
    pattern = np.packbits(imagehash.phash(grey, hash_size=HASH_SIDE).hash)
    thumbnail = grey.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
    return _Look("", digest, pattern.tobytes(), thumbnail.tobytes())
