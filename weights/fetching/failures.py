"""Why a file could not be had: what is final, what another address may mend, and what another attempt may mend."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from converters.files.whole_file import FULL
from weights.errors import FetchError

SHOWN_CHARACTERS = 200


class AddressError(FetchError):
    """This address does not give the file; another one may."""


class WrongFileError(AddressError):
    """This address gave something else than the file; what came of it is of no use."""


class BrokenOffError(AddressError):
    """This address did not give all of the file; it may do so when asked again."""


class ArchiveError(WrongFileError):
    """An archive is damaged, does not hold what it should, or holds what no archive of weights should."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a failure of the file system inside the block into one message that names the place."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in FULL:
            raise no_room(folder, reason) from error
        raise FetchError(f"{error.filename or folder}: cannot be written: {reason}") from error


def printable(text: object) -> str:
    """Return what a stranger wrote (a server, an archive) as one line of bounded length that no terminal obeys."""
    shown = "".join(character if character.isprintable() else "?" for character in str(text)[:SHOWN_CHARACTERS])
    return shown + ("..." if len(str(text)) > SHOWN_CHARACTERS else "")


def no_room(folder: Path, reason: str) -> FetchError:
    """Return the error for a disk that does not take the file."""
    return FetchError(f"{folder}: {reason}; what has come so far is kept: make room there and fetch again")
