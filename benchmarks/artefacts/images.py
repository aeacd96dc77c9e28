"""Images that a network is tried on: faces that are drawn, or files of a folder, through its own preprocessing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.artefacts.network import Network
from benchmarks.errors import BenchError
from heads.errors import DataError
from heads.images.decoding import read_rgb
from heads.layouts.image_files import is_image_name
from heads.synthetic.drawing import draw
from heads.synthetic.people import person, sight

Array = np.ndarray[Any, Any]
SHOWN = 3


@dataclass(frozen=True, eq=False)
class Pictures:
    """Prepared images (n, channels, height, width) float32 and what each is called."""

    inputs: Array
    names: tuple[str, ...]


@dataclass(frozen=True)
class Gallery:
    """Where images come from: `folder`, in an order that `seed` decides, or drawn faces of people of that `seed`."""

    seed: int
    folder: str = ""

    def available(self) -> list[Path]:
        """Return the folder's images in their order; BenchError where it holds none."""
        root = Path(self.folder)
        if not root.is_dir():
            raise BenchError(f"{root}: is no folder; name one with images for the probe set, or none to draw faces")
        found = sorted(path for path in root.rglob("*") if is_image_name(path.name) and path.is_file())
        if not found:
            raise BenchError(f"{root}: the folder holds no image for the probe set")
        return [found[place] for place in np.random.default_rng(self.seed).permutation(len(found))]

    def pictures(self, network: Network, first: int, count: int) -> Pictures:
        """Return `count` images from number `first` on; fewer where a folder has no more.

        BenchError naming images that cannot be decoded.
        """
        if self.folder:
            return self._of_files(network, self.available()[first : first + count])
        drawn = [self._drawn(number) for number in range(first, first + count)]
        names = tuple(f"drawn-{self.seed}-{number}" for number in range(first, first + count))
        return Pictures(np.stack([network.preparation(image) for image in drawn]), names)

    def _drawn(self, number: int) -> Image.Image:
        grain = np.random.default_rng([self.seed, number, 1, 1])
        return draw(person(self.seed, number), sight(self.seed, number, 0), grain)

    def _of_files(self, network: Network, paths: list[Path]) -> Pictures:
        prepared, problems = [], []
        for path in paths:
            try:
                prepared.append(network.preparation(read_rgb(path.read_bytes(), str(path))))
            except DataError as error:
                problems += error.problems
            except OSError as error:
                problems.append(f"{path}: cannot be read: {error.strerror or error}")
        if problems:
            more = [f"... and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
            raise BenchError([*problems[:SHOWN], *more])
        root = Path(self.folder)
        inputs = np.stack(prepared) if prepared else np.zeros((0, *network.input_shape), np.float32)
        return Pictures(inputs, tuple(path.relative_to(root).as_posix() for path in paths))

    def content(self, first: int, count: int) -> list[Any]:
        """Return what decides the images, as JSON values: the names, sizes and times of files."""
        if not self.folder:
            return ["drawn", self.seed, first, count]
        chosen = self.available()[first : first + count]
        states = [path.stat() for path in chosen]
        return [[str(path), state.st_size, state.st_mtime_ns] for path, state in zip(chosen, states, strict=True)]
