"""Tables of faces with small drawn pictures, for the tests of splits and checks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from heads.faces import FaceTable

Array = np.ndarray[Any, Any]


def face_table(root: Path = Path(), **columns: Sequence[str]) -> FaceTable:
    """Make a table of these columns; what is not given is unknown, and the paths are numbered."""
    count = len(next(iter(columns.values())))
    given = {"path": [f"{number:05}.png" for number in range(count)], **columns}
    rows = pd.DataFrame({name: given.get(name, [""] * count) for name in ("path", "label", "identity", "split")})
    extra = {name: values for name, values in given.items() if name not in rows.columns}
    return FaceTable("csv", root, rows.assign(**extra), "annotator-perceived")


def people(count: int, seed: int, most: int = 12, share: float = 0.4) -> FaceTable:
    """Make a table of `count` people with 1 to `most` faces each, by far most of them few; no images."""
    rng = np.random.default_rng(seed)
    sizes = np.minimum(rng.geometric(0.35, count), most)
    labels = np.where(rng.random(count) < share, "male", "female")
    groups = rng.choice(["young", "old", ""], (count,), p=[0.5, 0.3, 0.2])
    owners = np.repeat(np.arange(count), sizes)
    table = face_table(label=labels[owners].tolist(), identity=[f"p{owner}" for owner in owners])
    return table.with_rows(table.rows.assign(group_age=groups[owners]))


def shuffled(table: FaceTable, seed: int) -> FaceTable:
    """Return the rows in another order."""
    return table.with_rows(table.rows.iloc[np.random.default_rng(seed).permutation(len(table))])


def picture(seed: int, side: int = 96) -> Image.Image:
    """Draw blobs of all sizes, the larger the stronger: as unlike those of another seed as two photographs."""
    rng = np.random.default_rng(seed)
    total = np.zeros((side, side, 3))
    for blobs in (3, 6, 12, 24, 48):
        layer = Image.fromarray(rng.integers(0, 256, (blobs, blobs, 3), dtype=np.uint8))
        total += (np.asarray(layer.resize((side, side), Image.Resampling.BICUBIC), float) - 128) * 3 / blobs
    return Image.fromarray(np.clip(128 + 0.7 * total, 0, 255).astype(np.uint8))


def draw(root: Path, names: Mapping[str, int]) -> None:
    """Write the picture of each seed under its name; PNG or JPEG by the suffix."""
    for name, seed in names.items():
        picture(seed).save(root / name)


def three_faces(root: Path, **columns: Any) -> FaceTable:
    """Return a table of three rows whose fields are hard to keep in a CSV."""
    rows = pd.DataFrame(
        {
            "path": ["a/one face.jpg", "b/zwei, Gesichter.jpg", "c/3.jpg"],
            "label": ["male", "female", ""],
            "identity": ["007", "NA", ""],
            "split": ["train", "test", ""],
            "group_age": ["18-25", "null", ""],
            **columns,
        }
    )
    return FaceTable("folders", root, rows, "folder", "CC BY 4.0", seed=3)
