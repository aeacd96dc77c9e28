"""Zip archives of arrays (.keras, .npz): members as mapped bytes, nothing unpacked to a path."""

import io
import mmap
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from converters.errors import FormatError
from converters.files.model_files import check_recognised, map_file

_LOCAL_HEADER = b"PK\x03\x04"
_LOCAL_SIZE = 30
_ENCRYPTED = 1
_BLOCK_BYTES = 1 << 20
# zlib cannot pack better than this.
_BEST_RATIO = 1032
_FREE_BYTES = 1 << 20


class Archive:
    """A zip file whose members are read where they lie."""

    def __init__(self, path: Path, wanted: str) -> None:
        self.path = path
        mapped = map_file(path)
        self._bytes = memoryview(mapped)
        if mapped[:4] != _LOCAL_HEADER:
            check_recognised(path, mapped[:4096], wanted)
            raise FormatError(f"{path}: is no zip archive, which {wanted} is (it begins with {mapped[:8]!r})")
        with self._refusals(), zipfile.ZipFile(path) as archive:
            self.members = {info.filename: info for info in archive.infolist()}

    def content(self, name: str) -> memoryview:
        """Return the bytes of a member: a view of the file where it is stored as it is, else of what was unpacked."""
        info = self.members[name]
        if info.flag_bits & _ENCRYPTED:
            raise FormatError(f"{self.path}: '{name}' is encrypted")
        if info.compress_type == zipfile.ZIP_STORED:
            return self._stored(info)
        if info.file_size > info.compress_size * _BEST_RATIO + _FREE_BYTES:
            raise self._damaged(f"'{name}' claims to unpack {info.compress_size} bytes to {info.file_size}")
        return self._unpacked(info)

    def _stored(self, info: zipfile.ZipInfo) -> memoryview:
        at = info.header_offset
        header = bytes(self._bytes[at : at + _LOCAL_SIZE])
        if len(header) < _LOCAL_SIZE or not header.startswith(_LOCAL_HEADER):
            raise self._damaged(f"'{info.filename}' is not where the list of members says")
        name_size, extra_size = struct.unpack_from("<HH", header, 26)
        start = at + _LOCAL_SIZE + name_size + extra_size
        if info.compress_size != info.file_size or start + info.file_size > len(self._bytes):
            raise self._damaged(f"'{info.filename}' claims {info.file_size} bytes")
        return self._bytes[start : start + info.file_size]

    def _unpacked(self, info: zipfile.ZipInfo) -> memoryview:
        """Unpack into a file that has no name, and map that: a large member is not held in memory."""
        if not info.file_size:
            return memoryview(b"")
        with tempfile.TemporaryFile() as file, self._refusals(), zipfile.ZipFile(self.path) as archive:
            with archive.open(info) as member:
                while block := member.read(_BLOCK_BYTES):
                    file.write(block)
                    if file.tell() > info.file_size:
                        raise self._damaged(f"'{info.filename}' is longer than the {info.file_size} bytes it claims")
            file.flush()
            if file.tell() != info.file_size:
                raise self._damaged(f"'{info.filename}' holds {file.tell()} of the {info.file_size} bytes it claims")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def _damaged(self, what: str) -> FormatError:
        return FormatError(f"{self.path}: {what}; the archive is damaged")

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, ValueError) as error:
            raise FormatError(f"{self.path}: is a damaged zip archive: {error}") from error


class Window(io.RawIOBase):
    """Bytes in memory as a file, for libraries that want one."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._at = 0

    def readable(self) -> bool:
        """Return whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Return whether one can go elsewhere in it."""
        return True

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place, counted from the beginning, from here or from the end."""
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._content)}[whence] + offset
        return self._at

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]  # the stubs want a type without a name
        """Copy what follows into `target`; return how many bytes there were."""
        piece = self._content[self._at : self._at + len(target)]
        memoryview(target)[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
