"""Telling how far a download is, without slowing it down."""

from collections.abc import Callable
from time import monotonic

# Takes what is being done, how many bytes are done, and of how many (None where nobody knows).
Progress = Callable[[str, int, int | None], None]

EVERY_SECONDS = 0.1


def silent(_title: str, _done_bytes: int, _total_bytes: int | None) -> None:
    """Tell nobody."""


class Throttled:
    """Passes on the first report, the last one, and between them one now and then."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._title = title
        self._due = 0.0

    def __call__(self, done_bytes: int, total_bytes: int | None) -> None:
        """Report how many bytes are done, of how many."""
        now = monotonic()
        if now >= self._due or done_bytes == total_bytes:
            self._due = now + EVERY_SECONDS
            self._progress(self._title, done_bytes, total_bytes)
