"""sha256 of files, computed beside other work."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Thread


def sha256(path: Path) -> str:
    """Return the sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class FileHashes(Mapping[str, str]):
    """File names -> sha256, computed in the background from the start on; looking one up waits for it.

    Hashing takes longer than copying. Who writes a model looks the hashes up last, and has lost no time.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._futures: dict[str, Future[str]] = {name: Future() for name in files}
        for name, path in files.items():
            # A daemon does not hold up the end of the program after a failure or Ctrl-C.
            Thread(target=_hash_into, args=(self._futures[name], path), daemon=True).start()

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
