"""A database in a temporary file, for what grows with the number of images and is of no use afterwards."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from heads.errors import HeadsError


@contextmanager
def scratch_database(cache_kib: int) -> Iterator[sqlite3.Connection]:
    """Give an empty database with a cache of `cache_kib` KiB, all the memory that it takes.

    HeadsError where the disk does not take it. Several threads may use it, one at a time.
    """
    try:
        # Without a name, SQLite removes the file whatever happens, and writes it only when its cache is full.
        with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as database:
            for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{cache_kib}"):
                database.execute(f"PRAGMA {pragma}")  # nothing outlives the process, so nothing has to be safe
            database.execute("BEGIN")  # never ended: a transaction for each statement takes twice as long
            yield database
    except sqlite3.Error as error:
        raise HeadsError(
            f"what is known of images cannot be kept in the folder for temporary files: {error}; make room, "
            "or name another folder by SQLITE_TMPDIR, and run `heads embed` again: what was written is whole"
        ) from error
