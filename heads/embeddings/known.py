"""The keys that a store holds, in a temporary file: ten million of them take no more memory than ten thousand."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock

from heads.embeddings.scratch import scratch_database

CACHE_KIB = 2048


class KnownKeys:
    """A set of keys of 32 bytes, which several threads may ask at once."""

    def __init__(self, database: sqlite3.Connection, keys: Iterable[bytes] = ()) -> None:
        self._database = database
        self._lock = Lock()
        database.execute("CREATE TABLE known (key BLOB PRIMARY KEY) WITHOUT ROWID")
        database.executemany("INSERT OR IGNORE INTO known VALUES (?)", ((key,) for key in keys))

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return self._database.execute("SELECT 1 FROM known WHERE key = ?", (key,)).fetchone() is not None

    def add(self, key: bytes) -> bool:
        """Take one more key; return whether it is new."""
        with self._lock:
            return self._database.execute("INSERT OR IGNORE INTO known VALUES (?)", (key,)).rowcount == 1


@contextmanager
def known_keys(keys: Iterable[bytes] = ()) -> Iterator[KnownKeys]:
    """Keep keys while the block runs; HeadsError where they cannot be kept."""
    with scratch_database(CACHE_KIB) as database:
        yield KnownKeys(database, keys)
