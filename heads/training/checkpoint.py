"""Work that survives the end of its process: one file per part of a training, replaced whole, in a hidden folder."""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from converters.files.staging import cannot_write
from converters.files.whole_file import remove_leftovers, whole_file
from converters.ops import Array
from heads.errors import TrainingError

FACTS = "facts"
KEY = "key.json"
# Writing may take this part of the time, no more: large stacks are written after several epochs, small after each.
SHARE = 0.1


class Checkpoints:
    """What a training wrote down, in a hidden folder beside what it will become.

    `key` stands for all that decides the result. Where the folder belongs to another key, what it holds is of no use:
    it is emptied, and `replaced` is true.
    """

    def __init__(self, out: Path, key: str) -> None:
        self.folder = resume_folder(out)
        self.replaced = False
        self._last: dict[str, tuple[float, float]] = {}
        try:
            self.folder.mkdir(exist_ok=True)
            remove_leftovers(self.folder)
            if _key(self.folder) != key:
                self.replaced = any(self.folder.iterdir())
                shutil.rmtree(self.folder)
                self.folder.mkdir()
                _replace(self.folder / KEY, json.dumps(key).encode())
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def load(self, name: str) -> tuple[dict[str, Array], Any] | None:
        """Return arrays and facts of a part, or None where nothing (or nothing whole) was written."""
        path = self._path(name)
        told = self.peek(path)
        return None if told is None else (load_file(path), told)

    @staticmethod
    def peek(path: Path) -> Any:
        """Return the facts in a part's file without its arrays, or None where it is not there or not whole."""
        try:
            with safe_open(path, framework="numpy") as held:
                return json.loads(held.metadata()[FACTS])
        except (FileNotFoundError, SafetensorError):
            return None

    def save(self, name: str, arrays: Mapping[str, Array], told: Any) -> None:
        """Write down a part; arrays and facts stand in one file, so they never belong to different moments."""
        start = time.monotonic()
        try:
            _replace(self._path(name), save(dict(arrays), {FACTS: json.dumps(told)}))
        except OSError as error:
            raise TrainingError(
                f"{self.folder}: cannot be written: {error.strerror or error}; it keeps what was done before: make "
                "room and type the same again to go on from there"
            ) from error
        self._last[name] = (time.monotonic(), time.monotonic() - start)

    def due(self, name: str) -> bool:
        """Whether enough was done since a part was written down."""
        written, took = self._last.get(name, (-1e9, 0.0))
        return time.monotonic() - written >= took / SHARE

    def remove(self) -> None:
        """Forget everything: the training's result stands."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"


def resume_folder(out: Path) -> Path:
    """Return where a training that will become the folder `out` writes down how far it is."""
    return out.parent / f".{out.name}.training"


def _key(folder: Path) -> Any:
    try:
        return json.loads((folder / KEY).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _replace(path: Path, content: bytes) -> None:
    with whole_file(path) as hidden:
        hidden.write_bytes(content)
