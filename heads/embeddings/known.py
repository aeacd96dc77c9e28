"""The keys that a store holds, in a temporary file: ten million of them take no more memory than ten thousand."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from threading import Lock

from heads.errors import HeadsError

CACHE_KIB = 2048


class KnownKeys:
    """A set of keys of 32 bytes, which several threads may ask at once."""

    def __init__(self, database: sqlite3.Connection, keys: Iterable[bytes] = ()) -> None:
        self._database = database
        self._lock = Lock()
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
            database.execute(f"PRAGMA {pragma}")  # nothing of it outlives the process, so nothing has to be safe
        database.execute("CREATE TABLE known (key BLOB PRIMARY KEY) WITHOUT ROWID")
        database.executemany("INSERT OR IGNORE INTO known VALUES (?)", ((key,) for key in keys))

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return self._database.execute("SELECT 1 FROM known WHERE key = ?", (key,)).fetchone() is not None

    def add(self, key: bytes) -> None:
        """Take one more key."""
        with self._lock:
            self._database.execute("INSERT OR IGNORE INTO known VALUES (?)", (key,))


@contextmanager
def known_keys(keys: Iterable[bytes]) -> Iterator[KnownKeys]:
    """Keep keys while the block runs; HeadsError where they cannot be kept."""
    try:
        # Without a name, SQLite removes the file whatever happens, and writes it only when its cache is full.
        with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as database:
            yield KnownKeys(database, keys)
    except sqlite3.Error as error:
        raise HeadsError(
            f"the keys of images that are known cannot be kept in the folder for temporary files: {error}; make room, "
            "or name another folder by SQLITE_TMPDIR, and run `heads embed` again: what was written is whole"
        ) from error
