"""sha256 of files, computed beside other work."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Thread


def sha256(path: Path) -> str:
    """Return the sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def begin(words: Sequence[str]) -> None:
    """Start hashing those words that name files, so that it goes on while libraries are still being loaded."""
    for word in words:
        if os.path.isfile(word):  # noqa: PTH113 - unlike Path's, it takes any word without raising
            _started(Path(word))


def _started(path: Path) -> "Future[str]":
    """Return the hash of a file as it is now, being computed."""
    try:
        state = path.stat()
    except OSError as error:
        missing: Future[str] = Future()
        missing.set_exception(error)
        return missing
    key = (str(path.resolve()), state.st_size, state.st_mtime_ns)
    if key not in _RUNNING:
        _RUNNING[key] = Future()
        # A daemon does not hold up the end of the program after a failure or Ctrl-C.
        Thread(target=_hash_into, args=(_RUNNING[key], path), daemon=True).start()
    return _RUNNING[key]


# Hashes of this process by path, size and time of change: the same file is not hashed twice.
_RUNNING: dict[tuple[str, int, int], "Future[str]"] = {}


class FileHashes(Mapping[str, str]):
    """File names -> sha256, computed in the background from the start on; looking one up waits for it.

    Hashing takes longer than copying. Who writes a model looks the hashes up last, and has lost no time.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._futures = {name: _started(path) for name, path in files.items()}

    def __getitem__(self, name: str) -> str:
        return self._futures[name].result()

    def __iter__(self) -> Iterator[str]:
        return iter(self._futures)

    def __len__(self) -> int:
        return len(self._futures)


def short_names(paths: Sequence[Path]) -> dict[str, Path]:
    """Name files without their folders, where that stays clear: those would make equal outputs differ."""
    unique = len({path.name for path in paths}) == len(set(paths))
    return {path.name if unique else str(path): path for path in paths}


def _hash_into(future: "Future[str]", path: Path) -> None:
    try:
        future.set_result(sha256(path))
    except OSError as error:
        future.set_exception(error)
