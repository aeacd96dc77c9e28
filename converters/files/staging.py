"""Outputs that appear whole or not at all: written into a hidden folder beside their place, moved there by renaming."""

import atexit
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from converters.errors import ConversionError
from converters.files.interrupts import check, uninterrupted
from converters.files.whole_file import FULL, PARTIAL, concerns

_open_folders: set[Path] = set()


def check_output(path: Path, *, force: bool, folder: bool = False) -> None:
    """Refuse, before any work is done, an output that cannot be written, or that exists and may not be replaced.

    `folder` says that the output will be a folder: an empty one may be there already.
    """
    _check_parent(path)
    if not os.path.lexists(path):
        return
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode):
        if not folder:
            raise ConversionError(f"{path}: is a folder; name a file in it")
        if not force and any(path.iterdir()):
            raise ConversionError(
                f"{path}: is a folder with files in it; choose another name, or write there with --force"
            )
    elif folder or not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise ConversionError(
            f"{path}: exists and is not a {'folder' if folder else 'plain file'}; choose another name"
        )
    elif not force:
        raise ConversionError(f"{path}: exists already; choose another name, or replace it with --force")


def _check_parent(path: Path) -> None:
    try:
        if not stat.S_ISDIR(path.parent.stat().st_mode):
            raise ConversionError(f"{path}: {path.parent} is not a folder")
    except FileNotFoundError:
        raise ConversionError(f"{path}: the folder {path.parent} does not exist; create it first") from None
    except OSError as error:
        raise cannot_write(path, error) from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConversionError(f"{path}: cannot be written: {os.strerror(errno.EACCES)} for the folder {path.parent}")


def cannot_write(path: Path, error: OSError) -> ConversionError:
    """Return the error for an output that the system does not take."""
    reason = error.strerror or str(error)
    hint = "; nothing was left behind" if error.errno in FULL else ""
    return ConversionError(f"{path}: cannot be written: {reason}{hint}")


class Stage:
    """A hidden folder for what will be `out` (a file, several, or a folder), on the same file system.

    Write to `path` (and beside it), then `commit`. Leaving the `with` block removes all that was not committed. What
    lies in a folder that is there already stays, unless it has the name of something new; with `whole` it goes.
    """

    def __init__(self, out: Path, *, force: bool = False, whole: bool = False) -> None:
        self.out = out
        self._force = force
        self._whole = whole
        with uninterrupted():
            try:
                self.folder = Path(tempfile.mkdtemp(prefix=f".{out.name[:100]}.", suffix=PARTIAL, dir=out.parent))
            except OSError as error:
                raise cannot_write(out, error) from error
            _open_folders.add(self.folder)
        self.path = self.folder / "new" / out.name

    def __enter__(self) -> Self:
        with self.writing():
            self.path.parent.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the hidden folder; what was committed stays."""
        with uninterrupted():
            shutil.rmtree(self.folder, ignore_errors=True)
            _open_folders.discard(self.folder)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn a failure of the file system inside the block into one message that names the output."""
        try:
            yield
        except ConversionError:
            raise
        except OSError as error:
            if error.errno and not concerns(error, self.folder):
                raise
            number = error.errno or self._full(error)
            raise cannot_write(self.out, OSError(number, os.strerror(number)) if number else error) from error
        except Exception as error:
            full = self._full(error)  # libraries in C++ have kinds of their own for a full disk
            if full:
                raise cannot_write(self.out, OSError(full, os.strerror(full))) from error
            raise

    def files(self) -> dict[str, Path]:
        """Return what was written so far: its names relative to the folder of `out`, and where it lies now."""
        root = self.path.parent
        return {str(path.relative_to(root)): path for path in sorted(root.rglob("*")) if path.is_file()}

    def place(self, moved: list[tuple[Path, Path | None]]) -> None:
        """Move everything to its place, noting (final path, where the old file went) for each; `commit` calls this."""
        with self.writing():
            for top in sorted(self.path.parent.iterdir()):
                self._move(top, self.out.parent / top.name, moved)

    def _move(self, new: Path, final: Path, moved: list[tuple[Path, Path | None]]) -> None:
        """Rename one entry; unless it is replaced whole, a folder that exists takes what is in the new one."""
        if new.is_dir() and final.is_dir() and not final.is_symlink() and not self._whole:
            for inner in sorted(new.iterdir()):
                self._move(inner, final / inner.name, moved)
            return
        backup = None
        if os.path.lexists(final):
            # One that came meanwhile, or a second file of an output whose first one did not exist.
            check_output(final, force=self._force, folder=self._whole and new.is_dir())
            backup = self.folder / f"old{len(moved)}"
            final.rename(backup)
        moved.append((final, backup))
        new.rename(final)

    def _full(self, error: Exception) -> int:
        """Return the errno when an error of a library means that the disk is full, 0 otherwise."""
        told = [number for number in FULL if os.strerror(number) in str(error)]
        full = shutil.disk_usage(self.folder).free < 2**16
        return told[0] if told else errno.ENOSPC if full else 0


def commit(stages: Sequence[Stage]) -> list[Path]:
    """Move what all stages hold to its place and return the final paths; on a failure all is as it was before."""
    check()
    moved: list[tuple[Path, Path | None]] = []
    with uninterrupted():
        try:
            for stage in stages:
                stage.place(moved)
        except BaseException:
            _undo(moved)
            raise
    return [final for final, _ in moved]


def _undo(moved: list[tuple[Path, Path | None]]) -> None:
    for final, backup in reversed(moved):
        if os.path.lexists(final):
            if final.is_dir() and not final.is_symlink():
                shutil.rmtree(final)
            else:
                final.unlink()
        if backup is not None:
            backup.rename(final)


def _remove_all() -> None:
    for folder in list(_open_folders):
        shutil.rmtree(folder, ignore_errors=True)


# A Ctrl-C can strike between the end of a `with` block and its clean-up; then this is the net below.
atexit.register(_remove_all)
