"""A download that was broken off: its bytes, and a note of what they are the beginning of."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from converters.files.whole_file import whole_file

SUFFIX, NOTE_SUFFIX = ".part", ".part.json"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where bytes come from, and what the server said of the whole file."""

    url: str
    etag: str = ""
    last_modified: str = ""
    length_bytes: int | None = None

    @property
    def validator(self) -> str:
        """Return what tells a server which file is meant (If-Range), "" where it gave nothing fit for that.

        A weak ETag promises the same meaning, not the same bytes (RFC 9110, 13.1.5).
        """
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified


class Part:
    """The bytes that have come of what will be `final`, in a file beside it."""

    def __init__(self, final: Path) -> None:
        self.path = final.with_name(final.name + SUFFIX)
        self._note = final.with_name(final.name + NOTE_SUFFIX)

    @property
    def size_bytes(self) -> int:
        """Return how many bytes have come."""
        return self.path.stat().st_size if self.path.exists() else 0

    def origin(self) -> Origin | None:
        """Return where the bytes come from, None where nothing usable was noted: then they cannot be continued."""
        try:
            return Origin(**json.loads(self._note.read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def begin(self, origin: Origin) -> None:
        """Forget all bytes, and note where the next ones come from."""
        # The bytes go first: whatever breaks this off, no note stands beside bytes of another file.
        self.path.write_bytes(b"")
        with whole_file(self._note) as hidden:
            hidden.write_text(json.dumps(asdict(origin)), "utf-8")

    def is_whole(self, url: str) -> bool:
        """Return whether all the bytes that this address announced have come."""
        origin = self.origin()
        return origin is not None and origin.url == url and 0 < self.size_bytes == origin.length_bytes

    def forget_bytes(self) -> None:
        """Remove the bytes; the note goes on telling where the finished file comes from."""
        self.path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the bytes and the note."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
