"""One process at a time for each model: a second one waits until the first is done, and then finds its files."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from converters.files.locking import TAKEN, take
from weights.errors import WeightsError
from weights.store.place import lock_file
from weights.store.writing import made

# A large model over a slow line takes hours; who waits in vain is told so, and by whom.
WAIT_SECONDS = 6 * 3600.0
POLL_SECONDS = 0.2


@contextmanager
def locked(
    name: str, *, wait_seconds: float = WAIT_SECONDS, waiting: Callable[[], None] | None = None
) -> Iterator[None]:
    """Hold the lock of a model; `waiting` is called once when another process holds it.

    WeightsError when it is not free after `wait_seconds`, or the file system has no locks.
    """
    path = lock_file(name)
    made(path.parent)
    with path.open("ab") as file:
        if not _taken(file, name):
            if waiting is not None:
                waiting()
            _wait(file, name, wait_seconds)
        yield


def _taken(file: BinaryIO, name: str) -> bool:
    """Take the lock and return True, or return False where another process holds it."""
    try:
        take(file)
    except OSError as error:
        if error.errno in TAKEN:
            return False
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise WeightsError(f"{lock_file(name)}: the file system cannot lock files: {reason}") from error
    return True


def _wait(file: BinaryIO, name: str, wait_seconds: float) -> None:
    end = time.monotonic() + wait_seconds
    while not _taken(file, name):
        if time.monotonic() >= end:
            raise WeightsError(
                f"'{name}' is being fetched or changed by another process; wait until it is done, or stop it "
                f"(its lock: {lock_file(name)})"
            )
        time.sleep(POLL_SECONDS)
