"""Vectors on their way to the disk: gathered into shards that are written every minute, or when they are large."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np

from heads.embeddings.store import OpenStore, place_shard

Array = np.ndarray[Any, Any]

# What a process that is killed may lose, and how much memory may wait: small enough for both, large enough to be few.
SHARD_SECONDS = 60.0
SHARD_BYTES = 16 * 2**20


class ShardSink:
    """Takes vectors with their keys and writes them as shards; leaving the `with` block writes the rest."""

    def __init__(self, store: OpenStore) -> None:
        self._store = store
        dimension = store.spec.dimension
        # Filled, so that the system hands the memory out now: what has room to begin has room to end.
        self._vectors: Array = np.full((max(1, SHARD_BYTES // (4 * dimension)), dimension), np.nan, np.float32)
        self._keys: list[bytes] = []
        self._paths: list[str] = []
        self._number = store.next_number()
        self._failed = False
        self._began = time.monotonic()

    def add(self, keys: Sequence[bytes], paths: Sequence[str], vectors: Array) -> None:
        """Take vectors (n, dimension); HeadsError where the disk does not take them."""
        start = 0
        while start < len(keys):
            count = min(len(keys) - start, len(self._vectors) - len(self._keys))
            part = slice(start, start + count)
            self._vectors[len(self._keys) : len(self._keys) + count] = vectors[part]
            self._keys += keys[part]
            self._paths += paths[part]
            start += count
            if len(self._keys) == len(self._vectors):
                self.write()
        if time.monotonic() - self._began > SHARD_SECONDS:
            self.write()

    def write(self) -> None:
        """Write what was gathered as one shard."""
        if self._keys:
            self._failed = True  # until it is done: what failed once is not tried again on the way out
            place_shard(self._store, self._number, self._keys, self._paths, self._vectors[: len(self._keys)])
            self._failed = False
            self._number += 1
            self._keys, self._paths = [], []
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._failed:
            self.write()
