"""Writing into the store: folders on demand, files that appear whole or not at all, and one message for a failure."""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from converters.files.whole_file import whole_file
from weights.errors import WeightsError
from weights.store.place import FOLDER_VARIABLE


def made(folder: Path) -> Path:
    """Make a folder of the store where it is missing, and return it; WeightsError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(folder, error) from error
    return folder


def refused(path: Path, error: OSError) -> WeightsError:
    """Return the error for a place that the system does not let us write to."""
    return WeightsError(
        f"{path}: cannot be written: {error.strerror or error}; {FOLDER_VARIABLE} names another folder for weights"
    )


def replacing(path: Path) -> AbstractContextManager[Path]:
    """Give a path in the same folder, whose file takes the place of `path` when the block ends well.

    Whoever calls this holds the lock of what is written.
    """
    return whole_file(made(path.parent) / path.name, refused)


def read_json(path: Path) -> dict[str, Any]:
    """Return what a record of ours holds, nothing where there is none; WeightsError where it cannot be read."""
    try:
        told = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise WeightsError(f"{path}: is no record of ours: {error}; remove it to begin anew") from error
    if not isinstance(told, dict):
        raise WeightsError(f"{path}: is no record of ours; remove it to begin anew")
    return told


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a record, whole or not at all."""
    with replacing(path) as new:
        new.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
