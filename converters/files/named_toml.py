"""TOML files that a package brings, by their names, and anybody's own by path."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from converters.errors import Refusal, did_you_mean

SUFFIX = ".toml"


@dataclass(frozen=True)
class NamedToml:
    """The TOML files of `package`; `kind` is what messages call one of them, `error` is raised for what cannot be."""

    package: str
    kind: str
    error: type[Refusal]

    def names(self) -> list[str]:
        """Return the names of the files that the package brings."""
        return sorted(path.name.removesuffix(SUFFIX) for path in self._folder().iterdir() if path.suffix == SUFFIX)

    def find(self, word: str | Path) -> tuple[str, Path]:
        """Return the name and place of what a word names; the error for what is neither a name nor a TOML's path."""
        given, path = str(word), Path(word)
        if given in self.names():
            return given, self._folder() / f"{given}{SUFFIX}"
        if path.suffix != SUFFIX:
            known = self.names()
            raise self.error(
                f"there is no {self.kind} '{given}'{did_you_mean(given, known)}; those here are {', '.join(known)}, "
                f"and a file of your own ends in {SUFFIX}"
            )
        return path.stem, path

    def read(self, path: Path) -> tuple[str, dict[str, Any]]:
        """Return a file's text and what it says; the error where it cannot be read or is no TOML."""
        try:
            text = path.read_text(encoding="utf-8")
            return text, tomllib.loads(text)
        except OSError as error:
            raise self.error(f"{path}: cannot be read: {error.strerror or error}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise self.error(f"{path}: is no TOML: {error}") from error

    def _folder(self) -> Path:
        folder: Traversable = resources.files(self.package)
        assert isinstance(folder, Path), "packages are installed as folders"
        return folder
