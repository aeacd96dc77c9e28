"""Files of a store, which appear under their names when they are whole and safe on the disk."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from heads.errors import HeadsError

PARTIAL = ".partial"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Give a hidden name to write to, which becomes `path` at the end of the block; HeadsError where that fails."""
    hidden = path.with_name(f".{path.name}.{uuid4().hex[:8]}{PARTIAL}")
    try:
        yield hidden
        _to_disk(hidden)
        hidden.replace(path)
        _to_disk(path.parent)
    except OSError as error:
        if error.filename and not str(error.filename).startswith(str(path.parent)):
            raise
        raise HeadsError(_cannot_write(path, error)) from error
    finally:
        with suppress(OSError):  # a failure that matters is on its way already; leftovers go when the store is opened
            hidden.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what a writer that was killed left behind; only the holder of the lock may do so."""
    for path in folder.glob(f".*{PARTIAL}"):
        path.unlink(missing_ok=True)


def _cannot_write(path: Path, error: OSError) -> str:
    reason = os.strerror(error.errno) if error.errno else str(error)
    advice = "make room and run `heads embed` again" if error.errno in FULL else "run `heads embed` again after that"
    return f"{path}: cannot be written: {reason}; the files that were there before are whole: {advice}"


def _to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a loss of power."""
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
