"""Downloads for pooch that go on where they were broken off."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin

import requests
from requests.utils import requote_uri
from urllib3.exceptions import HTTPError

from converters.description import tool_version
from converters.formats import DISTRIBUTION
from weights.fetching import answers, environment
from weights.fetching.bounds import limit_bytes, size_problem
from weights.fetching.failures import AddressError, BrokenOffError, WrongFileError, no_room
from weights.fetching.part import Origin, Part

CHUNK_BYTES = 2**16
REDIRECTS_LIMIT = 10


class _Session(requests.Session):
    """Follows no redirect: requests reads the body of each into memory, however long it is."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - the name that requests calls
        return None

    def next_address(self, response: requests.Response) -> str | None:
        """Return where an answer sends us, None where it is final."""
        target: str | None = super().get_redirect_target(response)
        return target


class ResumingDownloader:
    """Gives pooch a file at an address: from a part that outlives a broken connection, continued where that can be.

    `size_bytes` is what was published, None where nothing was. `hash_known` says that the file will be held against a
    hash afterwards: then the size may be off a little, and a part may be continued where the server tells nothing
    that its editions could be told apart by. `report` takes bytes done, and bytes in all or None. Raises
    AddressError, or FetchError where no address would help.
    """

    def __init__(
        self, part: Part, *, size_bytes: int | None, hash_known: bool, report: Callable[[int, int | None], None]
    ) -> None:
        # Whether bytes of an earlier attempt are a part of the file.
        self.resumed = False
        self._part = part
        self._size_bytes = size_bytes
        self._hash_known = hash_known
        self._report = report
        self._timeouts = environment.timeouts()

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        """Download what is at an address into a file that pooch has made."""
        if self._part.is_whole(url):
            self.resumed = True
        else:
            begun = self._begun(url)
            if begun is None or not self._resume(begun):
                self._start(url)
        problem = self._size_problem(self._part.size_bytes)
        if problem:
            raise WrongFileError(f"the file that came {problem}")
        self._hand_over(Path(output_file))

    def _begun(self, url: str) -> Origin | None:
        """Return what the part is the beginning of, None where it cannot be continued from this address."""
        begun = self._part.origin()
        if begun is None or begun.url != url or not self._part.size_bytes:
            return None
        return begun if begun.validator or self._hash_known else None

    def _start(self, url: str) -> None:
        with self._asked(url, {}) as response:
            answers.check_status(response, HTTPStatus.OK)
            self._take_all(response, url)

    def _resume(self, begun: Origin) -> bool:
        """Ask for the bytes that are missing; False where those here are no beginning of what the server has now."""
        offset = self._part.size_bytes
        condition = {"If-Range": begun.validator} if begun.validator else {}
        with self._asked(begun.url, {"Range": f"bytes={offset}-", **condition}) as response:
            if response.status_code == HTTPStatus.OK:  # it has another file now, or never sends a part
                self._take_all(response, begun.url)
                return True
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self.resumed = begun.length_bytes in (None, offset) and answers.total_bytes(response) == offset
                return self.resumed
            answers.check_status(response, HTTPStatus.PARTIAL_CONTENT)
            if not answers.continues(response, begun, offset):
                return False
            self.resumed = True
            self._take(response, begun.length_bytes or answers.total_bytes(response))
            return True

    def _take_all(self, response: requests.Response, url: str) -> None:
        origin = answers.origin(response, url)
        answers.check_kind(response, self._part.path.stem)
        problem = "" if origin.length_bytes is None else self._size_problem(origin.length_bytes)
        if problem:
            raise AddressError(f"the file that is announced {problem}")
        self.resumed = False
        self._part.begin(origin)
        self._take(response, origin.length_bytes)

    def _take(self, response: requests.Response, total: int | None) -> None:
        """Append what an answer holds to the part; `total` is the size of the whole file, None if nobody told it."""
        done = self._part.size_bytes
        self._check_room(done, total)
        self._report(done, total)
        with self._part.path.open("ab") as file:
            for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
                if not done:
                    answers.check_beginning(chunk)
                done += len(chunk)
                self._check_excess(done, total)
                file.write(chunk)
                file.flush()  # whatever ends this process, these bytes have come
                self._report(done, total)
        if total is not None and done != total:
            raise BrokenOffError(f"sent {done:,} bytes in all, {total:,} were announced")
        self._report(done, done)

    def _check_excess(self, done: int, total: int | None) -> None:
        if total is not None and done > total:
            raise WrongFileError(f"sends more than the {total:,} bytes that it announced")
        # A file whose end has not come may be too small as yet.
        limit = limit_bytes(self._size_bytes)
        if done > limit:
            raise WrongFileError(f"sends more than {limit:,} bytes, and nothing larger is expected")

    def _size_problem(self, found: int) -> str:
        return size_problem(found, self._size_bytes, hash_known=self._hash_known)

    def _check_room(self, done: int, total: int | None) -> None:
        folder = self._part.path.parent
        missing, free = (total or 0) - done, shutil.disk_usage(folder).free
        if missing > free:
            raise no_room(folder, f"{missing:,} bytes are to come, the disk has room for {free:,}")

    @contextmanager
    def _asked(self, url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
        """Yield the answer of a server, its body unread; whatever goes wrong meanwhile becomes an AddressError."""
        try:
            with _Session() as session, self._answer(session, url, headers) as response:
                yield response
        except (requests.RequestException, HTTPError, ValueError) as error:
            raise answers.failure(error, self._timeouts) from error

    def _answer(self, session: "_Session", url: str, headers: dict[str, str]) -> requests.Response:
        told = {
            "User-Agent": "/".join(filter(None, (DISTRIBUTION, tool_version()))),
            "Accept-Encoding": "identity",
            **headers,
        }
        for _ in range(REDIRECTS_LIMIT + 1):
            response = session.get(
                url,
                headers=told,
                stream=True,
                timeout=self._timeouts,
                proxies=environment.without_proxy(),
            )
            target = session.next_address(response)
            if target is None:
                return response
            response.close()
            url = urljoin(url, requote_uri(target))
        raise AddressError(f"redirects more than {REDIRECTS_LIMIT} times")

    def _hand_over(self, output: Path) -> None:
        """Let pooch's file be the part, by a second name: if its check is broken off, the part is still there."""
        output.unlink()
        try:
            output.hardlink_to(self._part.path)
        except OSError:  # a file system without second names
            self._part.path.rename(output)
