"""Locks on files, which the system lets go of when their process ends, however it ends."""

import errno
import sys
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt

    def take(file: BinaryIO) -> None:
        """Lock an open file for this process; OSError with one of `TAKEN` where another one holds it."""
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def take(file: BinaryIO) -> None:
        """Lock an open file for this process; OSError with one of `TAKEN` where another one holds it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


# What the system says of a lock that somebody else holds; any other error means that it has no locks there.
TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
