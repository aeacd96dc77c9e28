"""Archives: only the files that a model names, of bounded sizes, under names that are ours and not the archive's."""

import gzip
import hashlib
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from weights.fetching.bounded import BoundedReader
from weights.fetching.bounds import size_problem
from weights.fetching.failures import ArchiveError, no_room, printable
from weights.fetching.progress import Progress, Throttled
from weights.registry.model import Member

ENTRIES_LIMIT = 1000
CHUNK_BYTES = 2**16
# What the standard library raises at content that is not as it should be. Its OSErrors but one are the disk's.
DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, struct.error, EOFError, ValueError,
    OverflowError,
    RuntimeError,  # encrypted, compressed in an unknown way, headers nested beyond measure
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What an archive says of one thing in it; `kind` is "" for a plain file, and otherwise what it is."""

    path: str
    size_bytes: int
    kind: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]


def unpack(archive: Path, members: Sequence[Member], folder: Path, progress: Progress) -> dict[str, str]:
    """Write the named members of an archive into an empty folder, and return name -> sha256.

    ArchiveError where the archive is damaged, holds too much, lacks a member, or holds it twice or as something else
    than a plain file.
    """
    found: dict[str, str] = {}
    seen: list[str] = []
    try:
        with closing(_entries(archive)) as entries:
            for entry in entries:
                seen.append(printable(entry.path))
                for member in members:
                    if not member.lies_at(str(PurePosixPath(entry.path))):
                        continue
                    if member.name in found:
                        raise ArchiveError(f"{archive.name}: holds {member.within} more than once")
                    found[member.name] = _take(archive, entry, member, folder, progress)
    except DAMAGE as error:
        raise ArchiveError(f"{archive.name}: is damaged or incomplete: {printable(error)}") from error
    _check_complete(archive, members, found, seen)
    return found


def _check_complete(archive: Path, members: Sequence[Member], found: dict[str, str], seen: Sequence[str]) -> None:
    missing = ", ".join(member.within for member in members if member.name not in found)
    if missing:
        shown = ", ".join(seen[:20]) + (f" and {len(seen) - 20} more" if len(seen) > 20 else "")
        raise ArchiveError(f"{archive.name}: holds no {missing}; it holds {shown or 'nothing'}")


def _take(archive: Path, entry: Entry, member: Member, folder: Path, progress: Progress) -> str:
    """Write one member, and return its sha256."""
    where = f"{archive.name}: {printable(entry.path)}"
    path = PurePosixPath(entry.path)
    if path.is_absolute() or ".." in path.parts:
        raise ArchiveError(f"{where}: its path leads out of the archive")
    if entry.kind:
        raise ArchiveError(f"{where}: is {entry.kind}, a plain file is expected")
    problem = size_problem(entry.size_bytes, member.size_bytes, hash_known=bool(member.sha256))
    if problem:
        raise ArchiveError(f"{where}: {problem}")
    free = shutil.disk_usage(folder).free
    if entry.size_bytes > free:
        raise no_room(folder, f"{member.name} has {entry.size_bytes:,} bytes, the disk has room for {free:,}")
    report = Throttled(progress, f"unpacking {member.name}")
    with entry.open() as source, (folder / member.name).open("xb") as target:
        return _copy(source, target, entry.size_bytes, report)


def _copy(source: IO[bytes], target: IO[bytes], size_bytes: int, report: Throttled) -> str:
    """Copy exactly so many bytes, and return their sha256."""
    digest, done = hashlib.sha256(), 0
    while chunk := source.read(CHUNK_BYTES):
        done += len(chunk)
        if done > size_bytes:
            raise EOFError(f"more than the {size_bytes:,} bytes that it states")
        digest.update(chunk)
        target.write(chunk)
        report(done, size_bytes)
    if done != size_bytes:
        raise EOFError(f"ends after {done:,} of {size_bytes:,} bytes")
    return digest.hexdigest()


def _entries(archive: Path) -> Generator[Entry, None, None]:
    """Yield what an archive holds, each to be read before the next is asked for."""
    for suffixes, entries in KINDS.items():
        if archive.name.lower().endswith(suffixes):
            return entries(archive)
    known = ", ".join(suffix for suffixes in KINDS for suffix in suffixes)
    raise ArchiveError(f"{archive.name}: is no archive that can be unpacked ({known})")


def _zip_entries(path: Path) -> Generator[Entry, None, None]:
    with zipfile.ZipFile(path) as opened:
        _check_count(len(opened.infolist()))
        for info in opened.infolist():
            yield Entry(
                path=info.filename, size_bytes=info.file_size, kind=_zip_kind(info), open=_zip_open(opened, info)
            )


def _zip_open(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    return lambda: opened.open(info)


def _zip_kind(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16  # as Unix has it; 0 where the archive was made elsewhere
    if info.is_dir():
        return "a folder"
    if stat.S_ISLNK(mode):
        return "a link"
    return "" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "a device"


def _tar_entries(path: Path) -> Generator[Entry, None, None]:
    with path.open("rb") as file:
        yield from _tar_members(BoundedReader(file))


def _gzipped_tar_entries(path: Path) -> Generator[Entry, None, None]:
    with gzip.open(path) as file:
        reader = BoundedReader(cast("IO[bytes]", file))
        yield from _tar_members(reader)
        reader.exhaust()  # the checksum stands at the end


def _tar_members(reader: BoundedReader) -> Generator[Entry, None, None]:
    with tarfile.open(fileobj=cast("IO[bytes]", reader), mode="r:") as opened:
        for count, info in enumerate(opened, 1):
            _check_count(count)
            yield Entry(path=info.name, size_bytes=info.size, kind=_tar_kind(info), open=_tar_open(opened, info))


def _tar_open(opened: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    return lambda: cast("IO[bytes]", opened.extractfile(info))


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.isreg():
        return "a file with holes" if info.issparse() else ""
    return "a folder" if info.isdir() else "a link" if info.issym() or info.islnk() else "a device"


def _check_count(count: int) -> None:
    if count > ENTRIES_LIMIT:
        raise ArchiveError(f"holds more than {ENTRIES_LIMIT:,} entries")


KINDS: dict[tuple[str, ...], Callable[[Path], Generator[Entry, None, None]]] = {
    (".tar.gz", ".tgz"): _gzipped_tar_entries,
    (".tar",): _tar_entries,
    (".zip",): _zip_entries,
}
