"""Opening model files: mapping them, and recognising what is given in their place by mistake."""

import mmap
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from converters.errors import FormatError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# An HDF5 file may begin with a user block; the signature then stands at 512 or a doubling of it.
HDF5_OFFSETS = (0, 512, 1024, 2048, 4096, 8192)
_TEXT_BYTES = frozenset(range(32, 127)) | {9, 10, 13} | frozenset(range(128, 256))

PROTOTXT_FIRST = "The prototxt comes first, the weights second"
_WEB_PAGE = "is a web page; the download did not give the file itself"
_MATLAB = "is a MATLAB file; MatConvNet networks are read by the mat-to-... commands"
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "is a git-lfs pointer, not the file it stands for; fetch that with 'git lfs pull'"),
    (b"<!doctype html", _WEB_PAGE),
    (b"<html", _WEB_PAGE),
    (b"<?xml", "is an XML file; the download did not give the file itself"),
    (b"matlab 5.0 mat-file", _MATLAB),
    (b"matlab 7.3 mat-file", _MATLAB),
    (b"pk\x03\x04", "is a zip archive (or a PyTorch or Keras file); unpack it first"),
    (b"\x1f\x8b", "is a gzip archive; unpack it first"),
    (b"bzh", "is a bzip2 archive; unpack it first"),
    (b"\xfd7zxz", "is an xz archive; unpack it first"),
    (b"7z\xbc\xaf", "is a 7-Zip archive; unpack it first"),
    (b"rar!", "is a RAR archive; unpack it first"),
    (b"\x80\x02", "is a Python pickle"),
    (b"\x93numpy", "is a NumPy file"),
    (b"%pdf", "is a PDF document"),
    (b"\x89png", "is a PNG image"),
    (b"\xff\xd8\xff", "is a JPEG image"),
)


def check_regular(path: Path) -> int:
    """Return a file's size in bytes; raises `FormatError` for what cannot be read or is no plain file."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise FormatError(f"{path}: is a directory, a file is expected")
    if not stat.S_ISREG(status.st_mode):
        raise FormatError(f"{path}: is not a plain file")
    if status.st_size == 0:
        raise FormatError(f"{path}: is empty")
    return status.st_size


def unreadable(path: Path, error: OSError | ValueError) -> FormatError:
    """Return the error for a file that the system does not hand out."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return FormatError(f"{path}: cannot be read: {reason}")


def map_file(path: Path) -> mmap.mmap:
    """Map a file for reading; the mapping lives as long as an array looks into it."""
    check_regular(path)
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


@contextmanager
def without_readahead(buffer: mmap.mmap) -> Iterator[None]:
    """Let the system load only the pages that are touched.

    Leaping over a large file on a cold disk then takes a tenth of the time.
    """
    advise = getattr(buffer, "madvise", None)  # Windows has none
    if advise is None:
        yield
        return
    advise(mmap.MADV_RANDOM)
    try:
        yield
    finally:
        advise(mmap.MADV_NORMAL)


def is_hdf5(buffer: mmap.mmap) -> bool:
    """Tell whether a mapped file is HDF5, by its content."""
    return any(buffer[at : at + len(HDF5_SIGNATURE)] == HDF5_SIGNATURE for at in HDF5_OFFSETS)


def check_recognised(path: Path, head: bytes, wanted: str) -> None:
    """Raise `FormatError` if a file's first bytes show that it is evidently not what is wanted."""
    if head.startswith(b"\n") and not looks_like_text(head[:4096]):  # the tag of a caffemodel's name is a line feed
        return
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:32].lower()
    for beginning, explanation in _BEGINNINGS:
        if start.startswith(beginning):
            raise FormatError(f"{path}: {explanation}; {wanted} is expected")


def check_weights_file(path: Path, buffer: mmap.mmap) -> None:
    """Raise `FormatError` for a file that is evidently something else than a caffemodel."""
    head = buffer[:4096]
    check_recognised(path, head, "a caffemodel")
    if looks_like_text(head):
        raise FormatError(f"{path}: is a text file, a caffemodel is expected; is it the prototxt? {PROTOTXT_FIRST}")


def looks_like_text(head: bytes) -> bool:
    """Tell whether the beginning of a file is text; every caffemodel has control characters in its first fields."""
    return all(byte in _TEXT_BYTES for byte in head)
