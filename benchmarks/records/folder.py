"""A folder of results: one JSON file for each cell and round, written whole or not at all."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.errors import BenchError
from benchmarks.records.result import SCHEMA, Result
from converters.files.interrupts import uninterrupted
from converters.files.whole_file import whole_file

SUFFIX = ".json"
# A foreign file may be wrong in hundreds of places; the first few say what it is.
SHOWN_PROBLEMS = 3


def write(result: Result, folder: Path) -> Path:
    """Write a result to `folder`/<key>.json and return the path; one of the same key is replaced.

    BenchError where the file system does not take it.
    """
    path = folder / f"{result.key}{SUFFIX}"
    write_whole(path, result.model_dump_json(indent=1) + "\n")
    return path


def write_whole(path: Path, text: str) -> None:
    """Write a text file that appears whole or not at all, replacing one of its name; its folder is made if missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with uninterrupted(), whole_file(path) as hidden:
            hidden.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{path}: cannot be written: {error.strerror or error}") from error


def files(folder: Path) -> list[Path]:
    """Return the files of results in a folder, sorted by name; none for a folder that is not there.

    BenchError for a path that is no folder.
    """
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise BenchError(f"{folder}: is no folder; results are kept in a folder, one file for each cell and round")
    return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX and not path.name.startswith("."))


def read_all(folder: Path) -> list[Result]:
    """Return the results of a folder, by order of their start; BenchError lists every file that is none.

    A folder without results is refused: a table of nothing is a mistake in a path.
    """
    found = files(folder)
    if not found:
        missing = "holds no results" if folder.exists() else "there is no such folder"
        raise BenchError(f"{folder}: {missing}; `bench run` writes one .json file for each cell and round")
    return read_files(found)


def read_files(paths: Iterable[Path]) -> list[Result]:
    """Return the results in these files, by order of their start; BenchError lists every file that is none."""
    results, problems = [], []
    for path in paths:
        try:
            results.append(read(path))
        except BenchError as error:
            problems += error.problems
    if problems:
        raise BenchError(problems)
    return sorted(results, key=lambda result: (result.started, result.key))


def read(path: Path) -> Result:
    """Return the result in one file; BenchError says what is wrong with it."""
    told = _told(path)
    version = told.get("schema_version")
    if not isinstance(version, int) or "measured" not in told:
        raise BenchError(f"{path}: is no result of a benchmark: it holds {_held(told)}; take it out of the folder")
    if version > SCHEMA:
        raise BenchError(
            f"{path}: was written by a newer version of this package: schema {version}, this one reads {SCHEMA}; "
            "upgrade faceport"
        )
    try:
        return Result.model_validate(told)
    except ValidationError as error:
        raise BenchError(f"{path}: is no whole result: {_problems(error)}") from error


def _told(path: Path) -> Mapping[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror or error}") from error
    except json.JSONDecodeError as error:
        raise BenchError(
            f"{path}:{error.lineno}: is no JSON: {error.msg}, column {error.colno}; a result is written whole, "
            "so this file was changed or cut afterwards"
        ) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise BenchError(f"{path}: is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise BenchError(f"{path}: is no result of a benchmark: it holds a {type(told).__name__}, expected an object")
    return told


def _held(told: Mapping[str, Any]) -> str:
    names = ", ".join(f"'{name}'" for name in list(told)[:SHOWN_PROBLEMS])
    return f"the keys {names}{' ...' if len(told) > SHOWN_PROBLEMS else ''}" if told else "nothing"


def _problems(error: ValidationError) -> str:
    told = [
        f"{'.'.join(str(step) for step in each['loc'])}: {each['msg'].lower()}"
        for each in error.errors(include_url=False, include_input=False)
    ]
    more = f"; and {len(told) - SHOWN_PROBLEMS} more" if len(told) > SHOWN_PROBLEMS else ""
    return "; ".join(told[:SHOWN_PROBLEMS]) + more
