"""Reading the text tables of data sets: separated by a character or by blanks, with or without a header."""

import csv
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import pandas as pd

from heads.errors import DataError
from heads.layouts.layout import Reading
from heads.layouts.notes import LINE, SOURCE, counted, first

BLANKS = " "
Line = tuple[int, list[str]]


def read_text_table(
    reading: Reading,
    path: Path,
    *,
    separator: str = ",",
    names: Sequence[str] = (),
    wanted: Collection[str] = (),
    first_name: str = "",
) -> pd.DataFrame:
    """Return the table in a text file as strings, with the columns SOURCE and LINE.

    `separator` BLANKS is any run of blanks. `names` are the columns of a file without a header; `wanted` are those to
    read, all if empty; `first_name` is that of the first column where the header does not say it. A number of rows that
    stands in the first line is compared with what follows. Rows with too few or too many fields are left out.
    """
    source = reading.relative(path)
    lines = _lines(path, separator)
    head = list(islice(lines, 3))
    count = int(_filled(head.pop(0))[0]) if head and _is_count(head[0]) else None
    if not names and not head:
        raise DataError(f"{path}: holds no table")
    header = list(names) or _header(head.pop(0)[1], head[0][1] if head else [], first_name)
    _check_header(path, header)
    columns = _columns(reading, source, header, chain(head, lines), wanted)
    rows = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    if count is not None and count != len(rows):
        reading.notes.tell(f"{source}: says that {counted(count, 'row')} follow, but there are {len(rows)}")
    return rows


def peek(path: Path, separator: str = ",") -> list[str]:
    """Return the fields of a file's first line that is not empty; none if the file is."""
    return next(_lines(path, separator), (0, []))[1]


def _filled(line: Line) -> list[str]:
    return [value for value in line[1] if value]


def _is_count(line: Line) -> bool:
    filled = _filled(line)
    return len(filled) == 1 and filled[0].isdecimal()


def _header(header: list[str], following: list[str], first_name: str) -> list[str]:
    header = [name.strip() for name in header]
    if not first_name or first_name in header:
        return header
    left_out = len(following) > len(header)
    return [first_name, *header] if left_out else [first_name, *header[1:]]


def _check_header(path: Path, header: list[str]) -> None:
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DataError(f"{path}:1: the column {', '.join(twice)} stands there more than once; rename one")


def _columns(
    reading: Reading, source: str, header: list[str], lines: Iterable[Line], wanted: Collection[str]
) -> dict[str, list[str] | list[int]]:
    """Return the wanted columns; memory is taken for these alone."""
    places = [(place, name) for place, name in enumerate(header) if name and (not wanted or name in wanted)]
    values: list[list[str]] = [[] for _ in places]
    numbers: list[int] = []
    ragged: list[int] = []
    width = len(header)
    for number, fields in lines:
        if len(fields) < width or any(fields[width:]):
            ragged.append(number)
            continue
        numbers.append(number)
        for column, (place, _) in zip(values, places, strict=True):
            column.append(fields[place].strip())
    if ragged:
        told = first([f"line {number}" for number in ragged[:10]], len(ragged))
        reading.notes.tell(f"{source}: {counted(len(ragged), 'row')} left out, not {width} fields long: {told}")
    named = {name: column for column, (_, name) in zip(values, places, strict=True)}
    return {**named, SOURCE: [source] * len(numbers), LINE: numbers}


def _lines(path: Path, separator: str) -> Iterator[Line]:
    """Yield the fields of every line that is not empty, with its number; a mark of byte order is passed over."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if separator == BLANKS:
                yield from ((number, line.split()) for number, line in enumerate(file, 1) if line.strip())
                return
            reader = csv.reader(file, delimiter=separator)
            for fields in reader:
                if any(field.strip() for field in fields):
                    yield reader.line_num, fields
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no text in UTF-8 (byte {error.start}: {error.reason})") from error
    except csv.Error as error:
        raise DataError(f"{path}: is no table: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
