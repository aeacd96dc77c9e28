"""The sha256 of a model that may be several files."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from converters.files.hashing import sha256


def fingerprint(files: Sequence[Path]) -> str:
    """Return the sha256 of a file; of several the sha256 over their sorted sha256, one a line, whatever their names."""
    hashes = sorted(sha256(file) for file in files)
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("".join(f"{one}\n" for one in hashes).encode()).hexdigest()
