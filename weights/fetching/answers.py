"""What the answer of a server means for a download."""

import re
from http import HTTPStatus
from http.client import IncompleteRead

from requests import RequestException, Response
from requests.exceptions import ConnectTimeout, ReadTimeout, SSLError
from urllib3.exceptions import HTTPError, ReadTimeoutError

from weights.fetching.failures import AddressError, BrokenOffError, WrongFileError, printable
from weights.fetching.part import Origin

# Answers that may be another one a little later; all from 500 on are too.
PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
# No other attempt will mend these: certificates, and addresses that are none.
HOPELESS = (SSLError, ValueError)
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
STAND_INS = (
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"version https://git-lfs", "a git-lfs pointer"),
)


def check_status(response: Response, wanted: int) -> None:
    """Raise what another answer than the wanted one means: BrokenOffError where asking again may help."""
    status = response.status_code
    if status == wanted:
        return
    told = f"answers {status} {printable(response.reason or '')}".rstrip()
    if status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise BrokenOffError(told)
    raise AddressError(told if status >= HTTPStatus.BAD_REQUEST else f"{told}, {wanted} is expected")


def check_kind(response: Response, name: str) -> None:
    """Raise AddressError for a web page in place of a file, or one that would have to be decompressed first."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise AddressError(f"sends a web page ({kind}) in place of the file")
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    # Apache says so of archives that lie there compressed and are meant to stay so.
    archive = encoding in ("gzip", "x-gzip") and name.endswith((".gz", ".tgz"))
    if encoding not in ("", "identity") and not archive:
        raise AddressError(f"sends the file compressed ({printable(encoding)}), though it was asked not to")


def check_beginning(content: bytes) -> None:
    """Raise WrongFileError where the first bytes are of something that stands in for the file."""
    start = content[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginning, what in STAND_INS:
        if start.startswith(beginning):
            raise WrongFileError(f"sends {what} in place of the file")


def origin(response: Response, url: str) -> Origin:
    """Return what an answer that holds the whole file says of it."""
    length = response.headers.get("Content-Length", "")
    told = length.isdecimal() and "Transfer-Encoding" not in response.headers
    return Origin(
        url=url,
        etag=response.headers.get("ETag", ""),
        last_modified=response.headers.get("Last-Modified", ""),
        length_bytes=int(length) if told else None,
    )


def total_bytes(response: Response) -> int | None:
    """Return the size of the whole file as Content-Range tells it, None where it does not."""
    told = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    return int(told[2]) if told and told[2] != "*" else None


def continues(response: Response, begun: Origin, offset: int) -> bool:
    """Return whether a partial answer goes on at an offset, with the file that was begun."""
    told = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    total, etag = total_bytes(response), response.headers.get("ETag", "")
    same_length = None in (total, begun.length_bytes) or total == begun.length_bytes
    same_file = not (etag and begun.etag) or etag == begun.etag
    return told is not None and told[1] is not None and int(told[1]) == offset and same_length and same_file


def failure(error: RequestException | HTTPError | ValueError, timeouts: tuple[float, float]) -> AddressError:
    """Return what an exception of the libraries below means; `timeouts` are the seconds that were waited."""
    if isinstance(error, HOPELESS):
        return AddressError(f"cannot be asked: {_reason(error)}")
    if isinstance(error, ConnectTimeout):
        return BrokenOffError(f"cannot be reached within {timeouts[0]:g} seconds")
    if isinstance(error, (ReadTimeout, ReadTimeoutError)):
        return BrokenOffError(f"sent nothing for {timeouts[1]:g} seconds")
    return BrokenOffError(f"the connection failed: {_reason(error)}")


def _reason(error: BaseException) -> str:
    """Return the innermost reason of the system, or what the outermost exception says."""
    reason, cause = str(error), error.__cause__ or error.__context__
    while cause is not None:
        if isinstance(cause, IncompleteRead):
            return "it ended in the middle of the file"
        if isinstance(cause, OSError) and cause.strerror:
            reason = cause.strerror
        cause = cause.__cause__ or cause.__context__
    return printable(reason)
