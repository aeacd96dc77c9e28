"""Files of a store, which appear under their names when they are whole and safe on the disk."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

from converters.files.whole_file import FULL, PARTIAL, remove_leftovers, whole_file
from heads.errors import HeadsError

__all__ = ["PARTIAL", "appearing", "remove_leftovers"]


def appearing(path: Path) -> AbstractContextManager[Path]:
    """Give a hidden name to write to, which becomes `path` at the end of the block; HeadsError where that fails."""
    return whole_file(path, _refused, durable=True)


def _refused(path: Path, error: OSError) -> HeadsError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    advice = "make room and run `heads embed` again" if error.errno in FULL else "run `heads embed` again after that"
    return HeadsError(f"{path}: cannot be written: {reason}; the files that were there before are whole: {advice}")
