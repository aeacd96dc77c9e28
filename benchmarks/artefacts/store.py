"""What was made before: folders that appear whole, each with a record of its files, known by what decides them."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import converters
from benchmarks.cells import configuration_hash
from benchmarks.errors import BenchError
from converters.description import tool_version
from converters.files.staging import Stage, commit
from heads.embeddings.lock import locked
from heads.errors import HeadsError

RECORD = "made.json"
LOCK = "lock"
# Raise it when what is made of the same sources with the same converters changes.
FORMAT = 1


@dataclass(frozen=True)
class Store:
    """The folder of one network: its sources, the values wanted, and the version of the tool decide its name."""

    folder: Path

    def entry(self, name: str, decided_by: Mapping[str, Any]) -> "Entry":
        """Return the place of something that is made; it is made again when what it is `decided_by` changes."""
        return Entry(self.folder / name, json.loads(json.dumps(decided_by)))

    def entry_by(self, name: str, decided_by: Mapping[str, Any]) -> "Entry":
        """Return the place of one of several things of a name, each with what it is decided by in the folder's name."""
        return self.entry(f"{name}-{configuration_hash(decided_by)}", decided_by)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; BenchError where another process does, which would be in our way and we in its."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.folder / LOCK))
            except HeadsError as error:
                raise BenchError(
                    f"{self.folder}: cannot be locked, another process may be making artefacts there; wait until it is "
                    "done, or name another work folder"
                ) from error
            yield


@dataclass(frozen=True)
class Entry:
    """A folder that was, or will be, made by one step; `decided_by` are plain JSON values."""

    folder: Path
    decided_by: Mapping[str, Any]

    def facts(self) -> dict[str, Any] | None:
        """Return what was recorded when it was made; None where it is not there, not whole, or decided by other things.

        Whole is a folder whose files have the sizes that were recorded.
        """
        try:
            record = json.loads((self.folder / RECORD).read_text("utf-8"))
            sizes = {name: (self.folder / name).stat().st_size for name in record["sizes"]}
        except (OSError, ValueError, KeyError):
            return None
        whole = sizes == record["sizes"] and record["decided_by"] == self.decided_by
        return dict(record["facts"]) if whole else None

    def made(self, make: Callable[[Path], Mapping[str, Any]]) -> dict[str, Any]:
        """Return what is recorded; `make` writes into the folder that it is given, and returns the facts to record."""
        known = self.facts()
        if known is not None:
            return known
        with Stage(self.folder) as stage:
            stage.path.mkdir()
            facts = dict(make(stage.path))
            self._record(stage.path, facts)
            if self.folder.exists():
                shutil.rmtree(self.folder)
            commit([stage])
        return facts

    def _record(self, folder: Path, facts: Mapping[str, Any]) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        record = {
            "decided_by": self.decided_by,
            "facts": facts,
            "sizes": {path.relative_to(folder).as_posix(): path.stat().st_size for path in files},
        }
        (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def store_of(work: Path, name: str, model_sha256: str, nodes: tuple[str, ...], more: Mapping[str, Any]) -> Store:
    """Return the store of a network within a work folder."""
    decided = {"model": model_sha256, "nodes": list(nodes), "tool": tool(), **more}
    plain = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in name)[:60]
    return Store(work / f"{plain}-{configuration_hash(decided)}")


@cache
def tool() -> str:
    """Return the version of the converters: the package's, and a hash of their code, which decides what they write."""
    root = Path(converters.__file__).parent
    digest = hashlib.sha256(f"{FORMAT}".encode())
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return f"{tool_version()} {digest.hexdigest()[:16]}"


def versions(libraries: Sequence[str]) -> dict[str, str]:
    """Return the versions of distributions, "" for those that are not installed."""
    return {name: _version(name) for name in libraries}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
