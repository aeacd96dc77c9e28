"""A file for writers in C++ that end the whole process when a write fails, on a full disk for example."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import SEEK_SET, RawIOBase
from pathlib import Path
from typing import IO, Any


class PatientFile(RawIOBase):
    """Takes whatever is written; after the first failure it only notes that, in `failure`."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self.failure: OSError | None = None
        self._file = file

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def seekable(self) -> bool:
        """Say that positions can be set."""
        return True

    def write(self, data: Any) -> int:
        """Write bytes and return their number, as if nothing could go wrong."""
        self._attempt(self._file.write, data)
        return len(data)

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Set the position and return it."""
        return self._attempt(self._file.seek, offset, whence) or 0

    def flush(self) -> None:
        """Write what is still held back."""
        self._attempt(self._file.flush)

    def _attempt(self, action: Callable[..., Any], *arguments: Any) -> Any:
        if self.failure is None:
            try:
                return action(*arguments)
            except OSError as error:
                self.failure = error
        return None


@contextmanager
def patient_file(path: Path) -> Iterator[PatientFile]:
    """Open a file for such a writer; what failed meanwhile is raised at the end of the block, as OSError."""
    with path.open("wb") as file:
        patient = PatientFile(file)
        try:
            yield patient
            patient.flush()
        finally:
            # The writer may have stumbled over what it did not find: what failed first is the reason.
            if patient.failure is not None:
                raise patient.failure
