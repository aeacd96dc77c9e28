"""Which faces a head has had to do with: kept beside it, so that figures measured on any of them are told for that.

Splits are made anew, and embeddings carry the split that came last: without this a head could be measured on the very
faces that it was trained on, and nothing would show it. Kept are hashes, no paths and no names.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from converters.ops import Array
from heads.embeddings.labelled import Labelled
from heads.errors import HeadsError
from heads.training.data import TrainingData

SEEN = "seen.safetensors"
TRAINED, CHOSEN, PEOPLE = "trained_on", "chosen_by", "people"
BYTES = 8  # of a hash: among a million faces two agree by accident once in forty million such sets


def record(labelled: Labelled, data: TrainingData, *, refitted: bool) -> bytes:
    """Return a file's content: hashes of the embeddings that were trained on and chosen by, and of the people in them.

    A head that was `refitted` was trained on the validation faces as well.
    """
    rows = np.concatenate([data.train_rows, data.val_rows]) if refitted else data.train_rows
    content: bytes = save(
        {
            TRAINED: np.unique(_faces(data.vectors, rows)),
            CHOSEN: np.unique(_faces(data.vectors, data.val_rows)),
            PEOPLE: np.unique(_people(labelled.table.layout, labelled.table.rows["identity"].to_numpy()[rows])),
        }
    )
    return content


def warnings(folder: Path, part: Labelled, split: str) -> list[str]:
    """Return which faces of a part, called `split`, the head in a folder has had to do with, in words.

    What the name of the split says already is left out. HeadsError for a file that cannot be read.
    """
    try:
        seen = load((folder / SEEN).read_bytes())
    except FileNotFoundError:
        return [f"{folder}: does not say which faces it was trained on ({SEEN} is missing): some may be among these"]
    except (OSError, SafetensorError) as error:
        raise HeadsError(f"{folder / SEEN}: cannot be read: {error}; train the head again") from error
    faces = _faces(part.vectors.astype(np.float32, copy=False), np.arange(len(part)))
    trained, chosen = np.isin(faces, seen[TRAINED]), np.isin(faces, seen[CHOSEN])
    known = (part.table.rows["identity"] != "").to_numpy()
    people = np.zeros(len(part), bool)
    people[known] = np.isin(_people(part.table.layout, part.table.rows["identity"].to_numpy()[known]), seen[PEOPLE])
    told = (
        ("train", trained, "are among those that the head was trained on"),
        ("val", chosen & ~trained, "are among those that the head was chosen by"),
        ("train", people & ~trained, "show people that the head was trained on"),
    )
    return [
        f"{int(found.sum()):,} of {len(part):,} faces {what}: the figures flatter it"
        for name, found, what in told
        if name != split and found.any()
    ]


def _faces(vectors: Array, rows: Array) -> Array:
    return _hashes(np.ascontiguousarray(vectors[row]).tobytes() for row in rows)


def _people(layout: str, names: Iterable[str]) -> Array:
    return _hashes(f"{layout}\0{name}".encode() for name in names if name)


def _hashes(contents: Iterable[bytes]) -> Array:
    digests = b"".join(hashlib.blake2b(content, digest_size=BYTES).digest() for content in contents)
    return np.frombuffer(digests, "<u8")
