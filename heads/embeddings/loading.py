"""What a folder of embeddings holds, as heads are trained on it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from heads.embeddings.labelled import Labelled
from heads.embeddings.shards import read_keys, read_vectors
from heads.embeddings.store import FACES, KEY, Store, read_store
from heads.errors import DataError, HeadsError
from heads.face_files import read_table
from heads.faces import FaceTable

Array = np.ndarray[Any, Any]

READERS = 2


def load_labelled(folder: Path, images: Path | None = None) -> Labelled:
    """Return the faces of the table that was embedded last, with their vectors, in the table's order.

    `images` names the images' root where they have moved. Rows whose vector is missing are left out, and are lines of
    the table's `malformed`. HeadsError where the folder holds no embeddings, is unfinished or damaged.
    """
    store = read_store(folder)
    if not (folder / FACES).exists():
        raise HeadsError(f"{folder}: embedding was stopped before it was done; run `heads embed` again, it goes on")
    table = read_table(folder / FACES, images)
    if KEY not in table.rows.columns:
        raise DataError(f"{folder / FACES}: has no column {KEY}; run `heads embed` again, which writes it")
    shards = store.shards()
    keys = [read_keys(path, store.spec) for path in shards]
    places = _places(table, [key for part in keys for key in part])
    vectors = _gathered(store, shards, np.cumsum([0, *map(len, keys)]), places[places >= 0])
    return Labelled(vectors, _found(store, table, places), store.spec, store.backbone)


def _places(table: FaceTable, keys: Sequence[str]) -> Array:
    """Return for each row of the table which of the keys it has; -1 for none."""
    # A key may be there twice, after a writer was stopped: its vectors are equal, and the first one is taken.
    known = pd.Series(np.arange(len(keys)), index=pd.Index(keys, dtype=str))
    known = known[~known.index.duplicated()]
    found: Array = known.reindex(table.rows[KEY].astype(str)).fillna(-1).to_numpy().astype(np.int64)
    return found


def _gathered(store: Store, shards: Sequence[Path], starts: Array, places: Array) -> Array:
    """Return (places, dimension) float32: the vectors at these places, where a shard begins at its `starts`."""
    vectors: Array = np.empty((len(places), store.spec.dimension), np.float32)
    order = np.argsort(places, kind="stable")
    in_order = places[order]

    def fill(path: Path, start: int) -> None:
        for part in read_vectors(path, store.spec):
            first, last = np.searchsorted(in_order, (start, start + len(part)))
            vectors[_run(order[first:last])] = part[_run(in_order[first:last] - start)]
            start += len(part)

    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(fill, shards, starts[:-1]))
    return vectors


def _run(indices: Array) -> Array | slice:
    """Return indices as a slice where they follow one another: that copies once less."""
    if len(indices) and (np.diff(indices) == 1).all():
        return slice(int(indices[0]), int(indices[-1]) + 1)
    return indices


def _found(store: Store, table: FaceTable, places: Array) -> FaceTable:
    """Return the rows that have a vector; the others are said to be malformed."""
    if (places < 0).all():
        raise DataError(f"{store.folder / FACES}: none of its images has an embedding; run `heads embed` again")
    if (places >= 0).all():
        return table
    reasons = store.unreadable()
    lines = [
        f"{store.folder / FACES}:{row + 2}: {path}: has no embedding ({reasons.get(path, 'run `heads embed` again')})"
        for row, path in zip(np.flatnonzero(places < 0), table.rows["path"][places < 0], strict=True)
    ]
    kept = table.with_rows(table.rows[places >= 0])
    return replace(kept, malformed=(*table.malformed, *lines))
