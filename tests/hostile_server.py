"""A web server on loopback whose pages misbehave, each in the ways that its Page says."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

ALWAYS = 10**9


@dataclass
class Page:
    """A file on the server, and what is wrong with how it is served; tests change pages while they are served.

    `claimed` is a Content-Length that lies, `chunked` leaves it out. `drops` says how often the connection is closed
    after `drop_after` bytes of an answer, `errors` how often `error` is answered first. After `stall_after` bytes
    nothing comes any more, `stalls` times. `piece_bytes` are sent at a time, with `pause_seconds` between them.
    """

    content: bytes = b""
    status: int = 200
    content_type: str = "application/octet-stream"
    encoding: str = ""
    location: str = ""
    etag: str = '"first"'
    last_modified: str = ""
    honours_range: bool = True
    honours_if_range: bool = True
    claimed: int | None = None
    chunked: bool = False
    drop_after: int = 0
    drops: int = 0
    error: int = 500
    errors: int = 0
    stall_after: int = 0
    stalls: int = 0
    piece_bytes: int = 2**16
    pause_seconds: float = 0.0


class Asked(NamedTuple):
    """A request as it came: `target` is a path, or a whole address where this server is asked as a proxy."""

    target: str
    headers: Message

    @property
    def range(self) -> str:
        return self.headers.get("Range", "")


@dataclass
class Answer:
    """What is sent for one request."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Log:
    """All requests so far."""

    asked: list[Asked] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)


class HostileServer:
    """Serves `pages` by their paths while a `with` block runs; what was asked is in `asked`."""

    def __init__(self, pages: Mapping[str, Page] | None = None) -> None:
        self.pages = dict(pages or {})
        self.released = Event()
        self._log = Log()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str) -> str:
        return self.address + path

    @property
    def asked(self) -> list[Asked]:
        with self._log.lock:
            return list(self._log.asked)

    @property
    def targets(self) -> list[str]:
        return [asked.target for asked in self.asked]

    @property
    def ranges(self) -> list[str]:
        return [asked.range for asked in self.asked]

    def note(self, asked: Asked) -> None:
        with self._log.lock:
            self._log.asked.append(asked)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hostile = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hostile.note(Asked(self.path, self.headers))
                self.close_connection = True
                page = hostile.pages.get(urlsplit(self.path).path, Page(status=404, content=b"not here"))
                try:
                    _answer(self, page, hostile.released)
                except (BrokenPipeError, ConnectionResetError):
                    return  # who asked has gone, as clients do that were killed or have seen enough

            def log_message(self, *_: Any) -> None:
                """Say nothing on stderr."""

        return Handler


def _answer(handler: BaseHTTPRequestHandler, page: Page, released: Event) -> None:
    answer = _made(page, handler.headers)
    handler.send_response(answer.status)
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    handler.send_header("Connection", "close")
    handler.end_headers()
    _send(handler, page, answer.body, released)


def _made(page: Page, asked: Message) -> Answer:
    if page.errors:
        page.errors -= 1
        return Answer(page.error, {"Content-Length": "0"}, b"")
    headers = {"Content-Type": page.content_type}
    told = {
        "Content-Encoding": page.encoding, "Location": page.location, "ETag": page.etag,
        "Last-Modified": page.last_modified,
    }  # fmt: skip
    headers |= {name: value for name, value in told.items() if value}
    start, size = _start(page, asked), len(page.content)
    if start is None:
        return Answer(page.status, headers | _length(page, page.content), page.content)
    if start >= size:
        return Answer(416, {"Content-Range": f"bytes */{size}", "Content-Length": "0"}, b"")
    body = page.content[start:]
    headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
    return Answer(206, headers | _length(page, body), body)


def _start(page: Page, asked: Message) -> int | None:
    """Return where a partial answer has to begin, None for a whole one."""
    wanted, condition = asked.get("Range", ""), asked.get("If-Range", "")
    if not wanted or not page.honours_range or page.status != 200:
        return None
    if condition and page.honours_if_range and condition not in (page.etag, page.last_modified):
        return None
    return int(wanted.removeprefix("bytes=").removesuffix("-"))


def _length(page: Page, body: bytes) -> dict[str, str]:
    if page.chunked:
        return {"Transfer-Encoding": "chunked"}
    return {"Content-Length": str(len(body) if page.claimed is None else page.claimed)}


def _send(handler: BaseHTTPRequestHandler, page: Page, body: bytes, released: Event) -> None:
    drops, stalls = page.drops > 0, page.stalls > 0
    page.drops, page.stalls = max(page.drops - 1, 0), max(page.stalls - 1, 0)
    end = min(len(body), page.drop_after if drops else len(body), page.stall_after if stalls else len(body))
    for at in range(0, end, page.piece_bytes):
        piece = body[at : min(at + page.piece_bytes, end)]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if page.chunked else piece)
        handler.wfile.flush()
        if page.pause_seconds:
            time.sleep(page.pause_seconds)
    if stalls:
        released.wait()
    elif page.chunked and not drops:
        handler.wfile.write(b"0\r\n\r\n")
