"""A single file that appears whole or not at all, whatever stops its writer."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from converters.errors import ConversionError
from converters.files.whole_file import remove_leftovers, whole_file

ROOT = Path(__file__).parent.parent
KILLED = """
import os, pathlib, signal, sys
from converters.files.whole_file import whole_file

with whole_file(pathlib.Path(sys.argv[1])) as hidden:
    hidden.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("old")
    return tmp_path / "file"


def refused(path: Path, error: OSError) -> ConversionError:
    return ConversionError(f"{path}: {error.strerror}")


def failing(path: Path, error: BaseException) -> None:
    """Write half of a file, and fail; what was there before stays, and nothing is left beside it."""
    try:
        with whole_file(path, refused) as hidden:
            hidden.write_text("half")
            raise error
    finally:
        assert path.read_text() == "old"
        assert list(path.parent.iterdir()) == [path]


def test_a_file_takes_the_place_of_the_one_that_was_there(path: Path) -> None:
    before = os.umask(0o027)
    try:
        with whole_file(path) as hidden:
            hidden.write_text("new")
            assert path.read_text() == "old"
    finally:
        os.umask(before)
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), ConversionError("no")])
def test_whatever_fails_leaves_the_old_file_and_nothing_else(path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        failing(path, error)
    assert caught.value is error


def test_a_failure_of_this_file_is_told_in_the_words_of_who_writes_it(path: Path) -> None:
    for named in (None, str(path), str(path.parent / ".beside")):
        with pytest.raises(ConversionError, match="file: Permission denied"):
            failing(path, OSError(errno.EACCES, os.strerror(errno.EACCES), named))
    with pytest.raises(ConversionError, match="file: No space left on device"):
        failing(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "the source of a copy"))


@pytest.mark.parametrize("named", ["elsewhere", "{}-2/file"])
def test_a_failure_of_another_file_is_its_own(path: Path, named: str) -> None:
    with pytest.raises(PermissionError):
        failing(path, OSError(errno.EACCES, os.strerror(errno.EACCES), named.format(path.parent)))


def test_a_file_that_nobody_wrote_or_a_folder_that_is_not_there_is_told(path: Path) -> None:
    with pytest.raises(ConversionError, match="file: No such file"), whole_file(path, refused):
        pass
    with pytest.raises(FileNotFoundError), whole_file(path.parent / "none" / "file") as hidden:
        hidden.write_text("new")
    assert path.read_text() == "old"


def test_two_writers_at_once_do_not_meet(path: Path) -> None:
    with whole_file(path) as first, whole_file(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]


def test_a_durable_file_is_on_the_disk_before_it_appears(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    whole = os.fsync

    def watched(handle: int) -> None:
        seen.append((path.read_text(), os.fstat(handle).st_ino))
        whole(handle)

    monkeypatch.setattr(os, "fsync", watched)
    with whole_file(path, durable=True) as hidden:
        hidden.write_text("new")
    assert seen == [("old", path.stat().st_ino), ("new", path.parent.stat().st_ino)]


def test_a_writer_that_is_killed_leaves_the_old_file_and_what_can_be_removed(path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(path)]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert len(list(path.parent.iterdir())) == 2
    remove_leftovers(path.parent)
    assert list(path.parent.iterdir()) == [path]
