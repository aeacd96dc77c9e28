"""What micro-benchmarks are measured against: work that no change of this project can make faster or slower.

Each does the same kind of work as what it is held beside, so that another machine, or a busy one, moves both alike.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

LOOPS = 10_000


@dataclass(frozen=True)
class Yardstick:
    """A piece of work by its name, which stands in the tables; `call` does it once."""

    name: str
    call: Callable[[], object]


def python_loop() -> Yardstick:
    """Return a loop in plain Python over strings, numbers and a dict, as parsers have it."""

    def loop() -> int:
        found: dict[str, int] = {}
        total = 0
        for number in range(LOOPS):
            word = str(number & 63)
            found[word] = found.get(word, 0) + number
            total += len(word)
        return total

    return Yardstick(f"Python loop of {LOOPS:,}", loop)


def json_loads(values: int = 5_000) -> Yardstick:
    """Return the parsing of a JSON text with so many small objects, by Python's own parser."""
    text = json.dumps([{"name": f"layer{number}", "size": number, "shape": [1, 2, 3]} for number in range(values)])
    return Yardstick(f"json.loads of {len(text) / 1e3:.0f} kB", lambda: json.loads(text))


def product_of(rows: int, inner: int, columns: int) -> Yardstick:
    """Return NumPy's matrix product (rows, inner) x (inner, columns) in float32."""
    random = np.random.default_rng(0)
    first = random.standard_normal((rows, inner), np.float32)
    second = random.standard_normal((inner, columns), np.float32)
    place = np.empty((rows, columns), np.float32)
    return Yardstick(f"product {rows}x{inner}x{columns}", lambda: np.matmul(first, second, out=place))


def sorted_numbers(count: int) -> Yardstick:
    """Return NumPy's sorting of so many random numbers."""
    numbers = np.random.default_rng(0).random(count)
    return Yardstick(f"sort of {count:,}", lambda: np.sort(numbers))


def pillow_decoding(data: bytes) -> Yardstick:
    """Return Pillow's decoding of an image file, and nothing else."""

    def decode() -> None:
        with Image.open(io.BytesIO(data)) as image:
            image.load()

    return Yardstick(f"Pillow decoding {len(data) / 1e3:.0f} kB", decode)


def pillow_resizing(image: Image.Image, size: tuple[int, int]) -> Yardstick:
    """Return Pillow's resizing of an image to `size` (height, width)."""
    wanted = (size[1], size[0])
    return Yardstick(f"Pillow resizing to {size[0]}x{size[1]}", lambda: image.resize(wanted, Image.Resampling.BILINEAR))
