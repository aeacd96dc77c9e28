"""What a reader of a data set is given and what is known of each set."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from heads.errors import DataError
from heads.layouts.notes import Notes
from heads.layouts.options import LayoutOptions

# Deep enough for a set that was unpacked into a folder of its own name, with its annotations in another one.
DEPTH = 2
_NOT_OURS = ("__MACOSX",)


class MisfitError(DataError):
    """A folder does not hold what the layout asks for; the message says what is missing, nothing more."""


@dataclass(frozen=True)
class Reading:
    """One data set being read: where it lies, what was said about it, and what was found wrong with it."""

    folder: Path
    options: LayoutOptions = field(default_factory=LayoutOptions)
    notes: Notes = field(default_factory=Notes)

    @cached_property
    def _levels(self) -> list[list[Path]]:
        """Return the folder, the folders in it, and those in these."""
        levels = [[self.folder]]
        for _ in range(DEPTH):
            levels.append([inner for outer in levels[-1] for inner in _folders(outer)])
        return levels

    def relative(self, path: Path) -> str:
        """Return a path below the folder as it is written in tables and messages; "" is the folder itself."""
        if not path.is_relative_to(self.folder):
            return path.as_posix()  # an annotation file may lie elsewhere
        told = path.relative_to(self.folder).as_posix()
        return "" if told == "." else told

    def find(self, *names: str) -> Path | None:
        """Return the file of one of these names in the folder or up to two levels below, the uppermost one.

        MisfitError if several lie equally high.
        """
        for folders in self._levels:
            found = [folder / name for name in names for folder in folders if (folder / name).is_file()]
            if len(found) > 1:
                told = ", ".join(map(self.relative, found))
                raise MisfitError(f"it holds {told}: name the folder of one of them")
            if found:
                return found[0]
        return None

    def need(self, *names: str) -> Path:
        """Return what `find` returns; MisfitError if it is nothing."""
        found = self.find(*names)
        if found is None:
            raise MisfitError(f"there is no {' or '.join(names)}")
        return found

    def find_folder(self, *names: str) -> Path | None:
        """Return the uppermost folder of one of these names, the folder itself included; earlier names come first."""
        for name in names:
            for folders in self._levels:
                found = [folder for folder in folders if folder.name == name]
                found += [folder / name for folder in folders if (folder / name).is_dir()]
                if found:
                    return found[0]
        return None

    def folders_named(self, *names: str) -> list[Path]:
        """Return all folders of these names that `find_folder` would look at."""
        below = [folder / name for folders in self._levels for folder in folders for name in names]
        itself = [self.folder] if self.folder.name in names else []
        return [*itself, *(folder for folder in below if folder.is_dir())]

    def named_images(self) -> Path | None:
        """Return the sub folder that the options name for the images; MisfitError if there is none."""
        if not self.options.images:
            return None
        found = self.folder / self.options.images
        if not found.is_dir():
            raise MisfitError(f"there is no folder {self.options.images}, which is to hold the images")
        return found


def _folders(folder: Path) -> list[Path]:
    # Not by pathlib: it would ask about each of the hundred thousands of images whether it is a folder.
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.name[0] != "." and entry.is_dir())
    return [folder / name for name in names if name not in _NOT_OURS]


@dataclass(frozen=True)
class Layout:
    """A way in which face data are laid out in a folder, and what is known of the set that is laid out so.

    `read` returns rows with `path` (relative to the data set's folder) and `label`, and perhaps `identity`, `split`,
    `fold`, group, box and landmark columns. `looks_so` tells at a glance whether a folder may be laid out so.
    `takes` names the options that mean something here.
    """

    read: Callable[[Reading], pd.DataFrame]
    looks_so: Callable[[Reading], bool]
    expects: str
    labels: str
    identities: str
    groups: str
    splits: str
    label_source: str
    licence: str
    takes: tuple[str, ...] = ()
