"""What an image and the part of it that is cropped are known by: sha256 of their content, never their name."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heads.errors import DataError
from heads.faces import BOX, LANDMARKS, Faces
from heads.provenance import Crop

# The columns of a table that say where the face of a row is, by kind of crop; other kinds need no more than the image.
REGIONS = {"box": BOX, "landmarks": LANDMARKS}


@dataclass(frozen=True)
class FaceRow:
    """One row of a table, by its number: the image and where the face is in it, in the columns of its kind of crop."""

    number: int
    path: str
    region: dict[str, float]


def content_key(image: bytes, region: Sequence[float] = ()) -> bytes:
    """Return the 32 bytes that an embedding is kept under: sha256 of the file, or of that and the region's numbers."""
    of_file = hashlib.sha256(image)
    if not region:
        return of_file.digest()
    return hashlib.sha256(f"{of_file.hexdigest()} {json.dumps([float(value) for value in region])}".encode()).digest()


def region_columns(faces: Faces, crop: Crop) -> tuple[str, ...]:
    """Return the columns that a crop reads; DataError where the table has not all of them."""
    columns = REGIONS.get(crop.kind, ())
    missing = [name for name in columns if name not in faces.columns]
    if missing:
        raise DataError(
            f"{faces.layout}: the crop '{crop.kind}' needs the columns {', '.join(columns)}, but the table has no "
            f"{', '.join(missing)}; choose another crop"
        )
    return columns


def face_rows(faces: Faces, crop: Crop) -> Iterator[FaceRow]:
    """Yield the rows of a table, numbered from 0, a few at a time in memory."""
    columns = list(region_columns(faces, crop))
    number = 0
    for part in faces.parts():
        regions = part.rows[columns].to_numpy(float).tolist()
        for path, region in zip(part.rows["path"].tolist(), regions, strict=True):
            yield FaceRow(number, path, dict(zip(columns, region, strict=True)))
            number += 1
