"""What is found of the rows of a table, in a temporary file: ten million take no more memory than ten thousand."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from heads.embeddings.scratch import scratch_database

# Given to the database together: one by one takes a third longer.
AT_ONCE = 256
# Rows are written and read in their order, so that little of them is of use in memory.
CACHE_KIB = 256
# A problem of the row itself stands before one of its content.
TABLES = (
    "CREATE TABLE rows (number INTEGER PRIMARY KEY, key BLOB, problem TEXT)",
    "CREATE TABLE failed (key BLOB PRIMARY KEY, problem TEXT) WITHOUT ROWID",
    """CREATE VIEW outcomes AS
        SELECT number, key, CASE rows.problem WHEN '' THEN COALESCE(failed.problem, '') ELSE rows.problem END AS problem
        FROM rows LEFT JOIN failed USING (key)""",
)


class RowFound(NamedTuple):
    """What is found of one row: `key` is 32 bytes, or b"" where `problem` says why the image cannot be read."""

    number: int
    key: bytes
    problem: str = ""


class RowsFound:
    """For each row of a table, by its number: the key of its image, or why that cannot be used."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._waiting: list[RowFound] = []
        for statement in TABLES:
            database.execute(statement)

    def note(self, row: RowFound) -> None:
        """Take what is found of a row."""
        self._waiting.append(row)
        if len(self._waiting) >= AT_ONCE:
            self._write()

    def fail(self, key: bytes, problem: str) -> None:
        """Give every row of this key the problem, those that are noted later too."""
        self._database.execute("INSERT OR IGNORE INTO failed VALUES (?, ?)", (key, problem))

    def problems(self) -> int:
        """Return how many rows cannot be used."""
        self._write()
        return int(self._database.execute("SELECT COUNT(*) FROM outcomes WHERE problem != ''").fetchone()[0])

    def key(self, number: int) -> bytes:
        """Return the key of a row that was noted."""
        self._write()
        found = self._database.execute("SELECT key FROM rows WHERE number = ?", (number,)).fetchone()
        return bytes(found[0])

    def __iter__(self) -> Iterator[RowFound]:
        """Yield all rows in their order."""
        self._write()
        yield from map(RowFound._make, self._database.execute("SELECT * FROM outcomes ORDER BY number"))

    def _write(self) -> None:
        self._database.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", self._waiting)
        self._waiting = []


@contextmanager
def rows_found() -> Iterator[RowsFound]:
    """Keep what is found of rows while the block runs; HeadsError where it cannot be kept."""
    with scratch_database(CACHE_KIB) as database:
        yield RowsFound(database)
