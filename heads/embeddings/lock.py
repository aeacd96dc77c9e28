"""One writer at a time: a lock that the system lets go of when its process ends, however it ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from converters.files.locking import TAKEN, take
from heads.errors import HeadsError


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock `path`, a file that stays; HeadsError where another program holds it, or the disk has no locks."""
    with path.open("ab") as file:
        try:
            take(file)
        except OSError as error:
            if error.errno in TAKEN:
                raise HeadsError(
                    f"{path.parent}: another program is writing embeddings here; wait until it is done, or stop it"
                ) from error
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise HeadsError(f"{path}: the file system cannot lock files: {reason}") from error
        yield
