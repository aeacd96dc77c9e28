"""The table of faces as a CSV that any program opens. Facts about the whole table stand in columns that hold one value.

A table is read whole, or part by part where it may be larger than memory.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TextIO

import pandas as pd

from heads.arrow_memory import given_back
from heads.errors import DataError
from heads.faces import BOX, COLUMNS, LANDMARKS, PART_ROWS, SPLITS, FaceTable

FACTS = ("root", "layout", "label_source", "licence", "seed")
SHOWN_NUMBERS = 5


def write_table(table: FaceTable, path: Path, place: Path | None = None) -> None:
    """Write a table as CSV; the images' root is written relative to the folder of `place`, where the CSV will lie."""
    with path.open("w", newline="", encoding="utf-8") as file:
        write_rows(table, file, (place or path).resolve().parent)


def write_rows(table: FaceTable, file: TextIO, folder: Path, *, names: bool = True) -> None:
    """Write rows to a CSV that will lie in `folder`, below the names of the columns or below other rows."""
    rows = table.rows.copy()
    try:
        root = Path(os.path.relpath(table.root.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive, on Windows
        root = table.root.resolve().as_posix()
    seed = "" if table.seed is None else str(table.seed)
    for name, value in zip(FACTS, (root, table.layout, table.label_source, table.licence, seed), strict=True):
        rows[name] = value
    rows.to_csv(file, index=False, header=names, lineterminator="\n")


def read_table(path: Path, images: Path | None = None) -> FaceTable:
    """Read a table that `write_table` wrote; `images` names the images' root where they have moved.

    DataError names what is missing, a row whose split is none of train, val, test or nothing, and labels that are
    numbers: nobody can tell what they mean.
    """
    with _opened(path) as file:
        checks = _Checks(path)
        return checks.table(pd.concat([checks.passed(part) for part in _parts(file, path)], ignore_index=True), images)


@contextmanager
def open_table(path: Path, images: Path | None = None) -> Iterator["FaceFile"]:
    """Check a table as `read_table` does, with the same errors, and give it as one that is read part by part.

    DataError also where `path` is no file, which cannot be read a second time.
    """
    with _opened(path) as file, given_back():
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise DataError(f"{path}: is no file, and a table is read several times; write it to a file first")
        state, checks = _state(file), _Checks(path)
        for part in _parts(file, path):
            empty = checks.passed(part).head(0)
        yield FaceFile(checks.table(empty, images), path, checks.rows, file, state)


@dataclass(frozen=True, eq=False)
class FaceFile:
    """A table of faces of which only some rows are in memory at a time: what `heads.faces.Faces` asks for.

    `empty` is the table without its rows. One of `parts` and `whole` at a time.
    """

    empty: FaceTable
    path: Path
    count: int
    _file: BinaryIO
    _state: tuple[int, int]

    @property
    def layout(self) -> str:
        """Return the name of the layout that the table was read from."""
        return self.empty.layout

    @property
    def root(self) -> Path:
        """Return the folder that the paths of images are relative to."""
        return self.empty.root

    @property
    def columns(self) -> list[str]:
        """Return the names of the columns."""
        return self.empty.columns

    def __len__(self) -> int:
        return self.count

    def parts(self) -> Iterator[FaceTable]:
        """Yield all rows in order, some at a time; DataError where the file changes meanwhile."""
        checks = _Checks(self.path)
        self._file.seek(0)
        for rows in _parts(self._file, self.path):
            if _state(self._file) != self._state:
                raise DataError(f"{self.path}: was changed while it was read; run this again, what was done is kept")
            yield self.empty.with_rows(checks.passed(rows))

    def whole(self) -> FaceTable:
        """Return the table with all its rows."""
        return self.empty.with_rows(pd.concat([part.rows for part in self.parts()], ignore_index=True))


def _state(file: BinaryIO) -> tuple[int, int]:
    """Return what tells that somebody wrote to an open file: its size and when it was written last."""
    state = os.fstat(file.fileno())
    return state.st_size, state.st_mtime_ns


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    with file:
        yield file


def _parts(file: BinaryIO, path: Path) -> Iterator[pd.DataFrame]:
    """Yield some rows at a time, all columns as text; one part without rows where there are none."""
    try:
        with pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8", chunksize=PART_ROWS) as parts:
            yield from parts
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path}: is no CSV: {error}") from error


@dataclass(eq=False)
class _Checks:
    """What is found of a file's rows while they pass by: their number, and the facts of the whole table."""

    path: Path
    rows: int = 0
    facts: dict[str, str] = field(default_factory=dict)

    def passed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return some rows without the facts, and with boxes and landmarks as numbers; DataError if they are wrong."""
        missing = [name for name in (*COLUMNS, *FACTS) if name not in rows.columns]
        if missing:
            raise DataError(f"{self.path}: has no column {', '.join(missing)}; `heads split` writes such a file")
        unknown = rows.index[~rows["split"].isin(["", *SPLITS])]
        if len(unknown):
            found = rows["split"][unknown[0]]
            raise DataError(f"{self.path}:{unknown[0] + 2}: the split is '{found}'; it is one of {', '.join(SPLITS)}")
        numeric = [label for label in rows["label"].unique() if is_number(label)]
        if numeric:
            raise DataError(
                f"{self.path}: labels are numbers ({', '.join(sorted(numeric)[:SHOWN_NUMBERS])}), and what these mean "
                "is not stated; write what they mean in their place, as --layout csv with --value 1=male "
                "--value 0=female does"
            )
        for name in FACTS:
            self._note(name, rows[name].unique())
        self.rows += len(rows)
        return _with_numbers(rows.drop(columns=list(FACTS)))

    def _note(self, name: str, values: Iterable[str]) -> None:
        for value in values:
            if self.facts.setdefault(name, value) != value:
                raise DataError(
                    f"{self.path}: column '{name}' holds '{self.facts[name]}' and '{value}', but it states one fact "
                    "of the whole table"
                )

    def table(self, rows: pd.DataFrame, images: Path | None) -> FaceTable:
        """Return a table of rows that have passed; DataError if none has."""
        if not self.rows:
            raise DataError(f"{self.path}: holds no row")
        root, layout, source, licence, seed = (self.facts[name] for name in FACTS)
        return FaceTable(
            layout,
            images or self.path.parent / root,
            rows,
            source,
            licence,
            seed=int(seed) if seed.isdecimal() else None,
        )


def _with_numbers(rows: pd.DataFrame) -> pd.DataFrame:
    for name in (*BOX, *LANDMARKS):
        if name in rows.columns:
            rows[name] = pd.to_numeric(rows[name], errors="coerce")
    return rows


def is_number(label: str) -> bool:
    """Return whether a label is a number, which says nothing of what it means."""
    try:
        float(label)
    except ValueError:
        return False
    return True
