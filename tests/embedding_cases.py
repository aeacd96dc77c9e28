"""Images of noise and a network that is simple arithmetic, for tests of embeddings that are kept."""

import resource
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from heads.faces import BOX, FaceTable
from heads.provenance import Crop, EmbeddingSpec

Array = np.ndarray[Any, Any]
SIDE = 8


def resident_bytes() -> int:
    """Return the memory of this process that no file backs."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


def write_images(folder: Path, count: int, first: int = 0, side: int = 24) -> list[str]:
    """Write PNG files of noise, each with another content, and return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number in range(first, first + count):
        pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:05}.png")
        names.append(f"{number:05}.png")
    return names


def table_of(root: Path, paths: list[str], **columns: Any) -> FaceTable:
    count = len(paths)
    rows = pd.DataFrame(
        {
            "path": paths,
            "label": ["male" if number % 2 else "female" for number in range(count)],
            "identity": [f"p{number // 3}" for number in range(count)],
            "split": "train",
            **columns,
        }
    )
    return FaceTable("csv", root, rows, "folder")


def boxes(lefts: list[float]) -> dict[str, Any]:
    """Return the columns of boxes of 10x10 pixels."""
    values = {"box_left": lefts, "box_top": 2.0, "box_width": 10.0, "box_height": 10.0}
    assert tuple(values) == BOX
    return values


@dataclass
class StandIn:
    """A backbone whose embedding is the image at 8x8 pixels, doubled; it counts what it computes."""

    model_sha256: str = "a" * 64
    words: tuple[str, ...] = ("net.onnx",)
    seconds: float = 0.0
    largest: int = 1_000_000
    error: Exception = field(default_factory=MemoryError)
    batches: list[int] = field(default_factory=list)

    @property
    def opened_with(self) -> Mapping[str, Any]:
        return {"words": self.words}

    def spec(self, crop: Crop | None = None) -> EmbeddingSpec:
        size = 3 * SIDE * SIDE
        return EmbeddingSpec("net", self.model_sha256, ("pool",), (size,), {"channel_order": "RGB"}, crop or Crop())

    def prepare(self, image: Image.Image) -> Array:
        pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float32)
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))

    def run(self, batch: Array) -> Array:
        if len(batch) > self.largest:
            raise self.error
        self.batches.append(len(batch))
        time.sleep(self.seconds)
        return 2 * batch.reshape(len(batch), -1)

    @property
    def computed(self) -> int:
        return sum(self.batches)


def expected(root: Path, path: str, box: tuple[int, int, int, int] | None = None) -> Array:
    """Return the embedding of one image, made directly."""
    backbone = StandIn()
    with Image.open(root / path) as image:
        return backbone.run(backbone.prepare(image.convert("RGB").crop(box))[None])[0]


def working_threads() -> list[str]:
    """Return the names of the threads that embedding has left behind."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("decoding", "network"))]


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handled = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handled)
