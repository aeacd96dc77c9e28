"""Reading an archive of unknown origin: forwards, in bounded pieces, and not without end."""

import io
from typing import IO

# No archive of weights is longer once it is decompressed: a small file can stand for petabytes of zeros.
LENGTH_LIMIT_BYTES = 2**34
# tarfile takes extended headers into memory whole, as long as they say they are.
PIECE_LIMIT_BYTES = 2**16


class BoundedReader:
    """What tarfile needs of a file; EOFError for what no honest archive asks for."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._position = 0

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._position

    def read(self, size: int) -> bytes:
        """Read some bytes, fewer only at the end."""
        if not 0 <= size <= PIECE_LIMIT_BYTES:
            raise EOFError(f"a header claims {size:,} bytes")
        content = self._file.read(size)
        self._advance(len(content))
        return content

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        """Skip bytes, up to a position; never backwards."""
        assert whence == io.SEEK_SET
        if position < self._position:
            raise EOFError("an entry claims less than no bytes")
        while self._position < position:
            if not self.read(min(position - self._position, PIECE_LIMIT_BYTES)):
                raise EOFError(f"ends after {self._position:,} bytes, in the middle of an entry")
        return self._position

    def exhaust(self) -> None:
        """Read all that is left, so that checksums at the end are looked at."""
        while self.read(PIECE_LIMIT_BYTES):
            pass

    def _advance(self, count: int) -> None:
        self._position += count
        if self._position > LENGTH_LIMIT_BYTES:
            raise EOFError(f"holds more than {LENGTH_LIMIT_BYTES:,} bytes")
