"""A folder of embeddings: vectors in shards, the table they belong to, and what they all are made from.

    store.json            the spec of all vectors, and the words that named the backbone
    vectors/part-*.parquet  vectors under the keys of their images; several files may hold the same key
    faces.csv             the table of faces with their `key`, in the order of the table that was embedded last
    unreadable.csv        the images of that table that have no embedding, and why

Only whole files carry these names, whenever the writer is stopped. One process writes at a time; any may read.
"""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from heads.embeddings.appearing import appearing, remove_leftovers
from heads.embeddings.found import RowFound, RowsFound
from heads.embeddings.known import KnownKeys, known_keys
from heads.embeddings.lock import locked
from heads.embeddings.shards import read_keys, write_shard
from heads.errors import HeadsError, MismatchError
from heads.face_files import write_rows
from heads.faces import Faces, FaceTable
from heads.provenance import EmbeddingSpec

VERSION = 1
STORE, FACES, UNREADABLE, VECTORS, LOCK = "store.json", "faces.csv", "unreadable.csv", "vectors", ".lock"
KEY = "key"
SHARD_NAME = re.compile(r"part-(\d+)(-[0-9a-f]+)?\.parquet")
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Store:
    """A folder that holds embeddings, as its store.json tells it."""

    folder: Path
    spec: EmbeddingSpec
    backbone: tuple[str, ...] = ()

    def shards(self) -> list[Path]:
        """Return the files of vectors, in the order of their numbers."""
        found = [path for path in (self.folder / VECTORS).glob("part-*.parquet") if SHARD_NAME.fullmatch(path.name)]
        return sorted(found, key=lambda path: (_number(path), path.name))

    def keys(self) -> Iterator[bytes]:
        """Yield the keys of all vectors; at the end, HeadsError lists the shards that cannot be read."""
        problems = []
        for path in self.shards():
            try:
                yield from map(bytes.fromhex, read_keys(path, self.spec))
            except HeadsError as error:
                problems += error.problems
        if problems:
            raise HeadsError(problems)

    def unreadable(self) -> dict[str, str]:
        """Return the images without an embedding, by path, and why."""
        path = self.folder / UNREADABLE
        if not path.exists():
            return {}
        with path.open(newline="", encoding="utf-8") as file:
            return {row["path"]: row["reason"] for row in csv.DictReader(file)}


@dataclass(frozen=True, kw_only=True)
class OpenStore(Store):
    """A store that this process alone may write to; `known` are the keys of its vectors."""

    known: KnownKeys

    def next_number(self) -> int:
        """Return the first number that no shard has yet."""
        return max((_number(path) for path in self.shards()), default=-1) + 1

    def finish(self, faces: Faces, found: RowsFound) -> None:
        """Write the table with its keys, and the rows that have no embedding with their reasons."""
        with appearing(self.folder / UNREADABLE) as hidden, hidden.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["path", "reason"])
            if found.problems():
                for part, rows in _together(faces, found):
                    told = zip(part.rows["path"], rows, strict=True)
                    writer.writerows((path, row.problem) for path, row in told if row.problem)
        with appearing(self.folder / FACES) as hidden, hidden.open("x", newline="", encoding="utf-8") as file:
            for number, (part, rows) in enumerate(_together(faces, found)):
                keys = ["" if row.problem else row.key.hex() for row in rows]
                part.rows[KEY] = pd.Series(keys, part.rows.index, str)
                write_rows(part, file, self.folder, names=number == 0)


def _together(faces: Faces, found: RowsFound) -> Iterator[tuple[FaceTable, list[RowFound]]]:
    """Yield some rows of a table at a time with what is found of them."""
    rows = iter(found)
    for part in faces.parts():
        yield part, list(islice(rows, len(part)))


def place_shard(
    store: Store, number: int, keys: Sequence[bytes], paths: Sequence[str], vectors: Array, run: str = ""
) -> None:
    """Write one file of vectors; `run` tells writers apart that choose their numbers without one another."""
    name = f"part-{number:06}{'-' if run else ''}{run}.parquet"
    with appearing(store.folder / VECTORS / name) as hidden, hidden.open("xb") as file:
        write_shard(file, store.spec, keys, paths, vectors)


def read_store(folder: Path) -> Store:
    """Return what a folder's store.json tells; HeadsError where it is none."""
    try:
        told = json.loads((folder / STORE).read_text(encoding="utf-8"))
        if told["version"] != VERSION:
            raise HeadsError(
                f"{folder / STORE}: is of version {told['version']}, this program reads {VERSION}; "
                "use the program that wrote it, or embed into another folder"
            )
        return Store(folder, EmbeddingSpec.from_json(told["spec"]), tuple(told["backbone"]))
    except FileNotFoundError:
        raise HeadsError(f"{folder}: holds no embeddings ({STORE} is missing); `heads embed` makes them") from None
    except OSError as error:
        raise HeadsError(f"{folder / STORE}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise HeadsError(
            f"{folder / STORE}: is damaged ({type(error).__name__}: {error}); restore it, or embed into another folder"
        ) from error


@contextmanager
def open_store(folder: Path, spec: EmbeddingSpec, backbone: Sequence[str] = ()) -> Iterator[OpenStore]:
    """Open a folder for writing vectors made as `spec` says, and make it where there is none.

    MismatchError where its vectors are made in another way; HeadsError where another process writes to it, it is no
    store, or a shard is damaged.
    """
    _make(folder)
    spec = EmbeddingSpec.from_json(json.loads(json.dumps(spec.to_json())))  # tuples are lists in what was read back
    with locked(folder / LOCK):
        _check_ours(folder)
        (folder / VECTORS).mkdir(exist_ok=True)
        remove_leftovers(folder)
        remove_leftovers(folder / VECTORS)
        store = _entered(folder, spec, tuple(backbone))
        with known_keys(store.keys()) as known:
            yield OpenStore(folder, store.spec, store.backbone, known=known)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / LOCK).exists():
            _check_ours(folder)
    except OSError as error:
        raise HeadsError(f"{folder}: cannot be made or read: {error.strerror or error}") from error


def _check_ours(folder: Path) -> None:
    """Refuse a folder that holds other things, or vectors of which nothing is known."""
    if (folder / STORE).exists():
        return
    if any((folder / VECTORS).glob("part-*.parquet")):
        raise HeadsError(
            f"{folder}: has vectors but no {STORE}, so what they are is unknown; restore that file, "
            "or embed into another folder"
        )
    strange = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".") and path.name != VECTORS)
    if strange:
        raise HeadsError(f"{folder}: is a folder with other files in it ({strange[0]}); choose another name")


def _entered(folder: Path, spec: EmbeddingSpec, backbone: tuple[str, ...]) -> Store:
    """Return the store that is there, after checking it against the spec, or begin one."""
    wanted = Store(folder, spec, backbone)
    if (folder / STORE).exists():
        found = read_store(folder)
        differences = spec.differences(found.spec)
        if differences:
            raise MismatchError(
                [f"{folder}: holds embeddings that were made otherwise: {line}" for line in differences]
                + [f"{folder}: choose another folder for these embeddings, or the settings of the ones it holds"]
            )
        if not backbone or found == wanted:
            return found
    with appearing(folder / STORE) as hidden:
        told = {"version": VERSION, "spec": spec.to_json(), "spec_key": spec.key, "backbone": list(backbone)}
        hidden.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return wanted


def _number(path: Path) -> int:
    found = SHARD_NAME.fullmatch(path.name)
    return int(found[1]) if found else -1
