"""A file that appears whole or not at all: written beside its place under a hidden name, then renamed.

Groups of files, and folders, are the business of `staging`.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PARTIAL = ".partial"
# What the system says when no more can be written.
FULL: tuple[int, ...] = tuple(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))


@contextmanager
def whole_file(
    path: Path, refused: Callable[[Path, OSError], Exception] | None = None, *, durable: bool = False
) -> Iterator[Path]:
    """Give a hidden name to write to, which becomes `path` at the end of the block; where that fails nothing is left.

    A failure of the file system that concerns this file is raised as what `refused` makes of it. A `durable` file is
    safe on the disk before it appears, and its name is when the block is done: both survive a loss of power.
    """
    hidden = path.with_name(f".{path.name}.{os.urandom(4).hex()}{PARTIAL}")
    try:
        yield hidden
        if durable:
            _to_disk(hidden)
        hidden.replace(path)
        if durable:
            _to_disk(path.parent)
    except OSError as error:
        if refused is None or not concerns(error, path.parent):
            raise
        raise refused(path, error) from error
    finally:
        with suppress(OSError):  # a failure that matters is on its way already
            hidden.unlink(missing_ok=True)


def concerns(error: OSError, folder: Path) -> bool:
    """Whether a failure is one of writing into a folder: of what lies there, of no named file, or of a full disk."""
    # A copy names its source when the disk is full.
    return not error.filename or error.errno in FULL or Path(str(error.filename)).is_relative_to(folder)


def remove_leftovers(folder: Path) -> None:
    """Remove what writers that were killed left behind; only who alone writes to the folder may do so."""
    for path in folder.glob(f".*{PARTIAL}"):
        path.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a loss of power."""
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
