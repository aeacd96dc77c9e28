"""One download from any of its addresses: each is asked a few times, each failure is told at the end."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pooch

from converters.files.hashing import sha256
from weights.errors import FetchError
from weights.fetching import environment
from weights.fetching.archives import unpack
from weights.fetching.downloader import ResumingDownloader
from weights.fetching.failures import AddressError, ArchiveError, BrokenOffError, WrongFileError
from weights.fetching.part import Part
from weights.fetching.present import known_hash
from weights.fetching.progress import Progress, Throttled
from weights.registry.model import Download, Member, PublishedModel
from weights.store.files import expected_hash

ATTEMPTS = 3
FIRST_WAIT_SECONDS = 1.0
# An attempt that brought at least so much does not count as failed: the next one goes on from there.
PROGRESS_BYTES = 2**20


@dataclass(frozen=True)
class Arrived:
    """Files that came: where they wait, their sha256, and the address that gave them."""

    files: dict[str, Path]
    hashes: dict[str, str]
    url: str


@dataclass(frozen=True, kw_only=True)
class Errand:
    """A download of a model, the folder for what is on its way, and an empty one for what is unpacked."""

    model: PublishedModel
    download: Download
    folder: Path
    unpacked: Path
    progress: Progress

    @property
    def final(self) -> Path:
        """Return where the download lies once it is complete and has the right hash."""
        return self.folder / self.download.name

    @property
    def part(self) -> Part:
        """Return what has come of it so far."""
        return Part(self.final)

    @property
    def only(self) -> Member | None:
        """Return the file that the download is, None for an archive."""
        return None if self.download.archive else self.download.members[0]

    @property
    def wanted(self) -> str:
        """Return the hash that the download should have, as pooch writes it, "" where none is known."""
        if self.only is None:
            return self.download.published_hash
        return known_hash(self.model, self.download, self.only)


def obtain(errand: Errand) -> Arrived:
    """Bring a download from the first address that gives it; FetchError with what each of them did."""
    failures = []
    for url in _in_order(errand):
        try:
            return _arrived(errand, url, _from_address(errand, url))
        except AddressError as error:
            failures.append(f"{url}: {error}")
    name = errand.model.name
    why = "cannot be had from any known address" if failures else "cannot be had: nobody published an address of it"
    raise FetchError([
        f"{errand.download.name} of '{name}' {why}; files you have can be taken with: weights add {name} FILE...",
        *failures,
    ])  # fmt: skip


def _in_order(errand: Errand) -> Iterator[str]:
    """Yield the addresses: a mirror that was named, then the one that a part came from, then the others."""
    urls = environment.addresses(errand.model.name, errand.download)
    begun = errand.part.origin()
    own = urls[: len(urls) - len(errand.download.urls)]
    yield from own
    yield from sorted(errand.download.urls, key=lambda url: begun is None or url != begun.url)


def _from_address(errand: Errand, url: str) -> Path:
    """Download from one address, going on where the connection broke off, as long as that leads anywhere."""
    part, attempts, wait_seconds = errand.part, 0, FIRST_WAIT_SECONDS
    begun = part.origin()
    furthest = part.size_bytes if begun is not None and begun.url == url else 0
    while True:
        try:
            return _retrieve(errand, url)
        except BrokenOffError as error:
            attempts += 1
            if part.size_bytes >= furthest + PROGRESS_BYTES:
                furthest, attempts, wait_seconds = part.size_bytes, 0, FIRST_WAIT_SECONDS
            if attempts >= ATTEMPTS:
                raise AddressError(f"{error} ({ATTEMPTS} attempts)") from error
            time.sleep(wait_seconds)
            wait_seconds *= 2
        except WrongFileError:
            part.discard()
            raise


def _retrieve(errand: Errand, url: str) -> Path:
    """Have pooch download a file, check its hash and only then give it its name."""
    pooch.get_logger().setLevel(logging.WARNING)  # it would print each address
    downloader = ResumingDownloader(
        errand.part,
        size_bytes=_published_size(errand),
        hash_known=bool(errand.wanted),
        report=Throttled(errand.progress, errand.download.name),
    )
    try:
        path = pooch.retrieve(
            url, errand.wanted or None, fname=errand.download.name, path=errand.folder, downloader=downloader
        )
    except ValueError as error:  # how pooch reports another hash
        problem = _wrong_hash(errand)
        errand.part.discard()
        if downloader.resumed:  # its beginning may be the wrong part
            raise BrokenOffError(problem) from error
        raise WrongFileError(problem) from error
    errand.part.forget_bytes()
    return Path(path)


def _published_size(errand: Errand) -> int | None:
    size = errand.download.size_bytes
    return size if size is not None or errand.only is None else errand.only.size_bytes


def _wrong_hash(errand: Errand) -> str:
    """Return what to say of a file that came with another hash."""
    algorithm = errand.wanted.partition(":")[0]
    part = errand.part.path
    found = f"{algorithm}:{pooch.file_hash(str(part), alg=algorithm)}" if part.exists() else "another hash"
    only = errand.only
    if errand.download.published_hash or (only is not None and only.sha256):
        return f"the file that came has {found}, {errand.wanted} was published"
    return (
        f"the file that came has {found}, {errand.wanted} was recorded when it was first seen here; if the new one is "
        f"right, run: weights remove {errand.model.name} --forget"
    )


def _arrived(errand: Errand, url: str, path: Path) -> Arrived:
    """Return the files of a download that is complete, unpacked where it is an archive, each with its known hash."""
    begun = errand.part.origin()  # one that was complete before comes from where it was noted
    url = begun.url if begun else url
    only = errand.only
    if only is not None:
        errand.progress(f"checking {only.name}", 0, None)
        hashes = {only.name: sha256(path)}
        files = {only.name: path}
    else:
        try:
            hashes = _unpacked(errand, path)
        except ArchiveError as error:
            raise _unfit(errand, path, error) from error
        files = {name: errand.unpacked / name for name in hashes}
    return Arrived(files, hashes, url)


def _unpacked(errand: Errand, path: Path) -> dict[str, str]:
    """Unpack an archive, and hold its files to what is known of them; a failure leaves none of them."""
    members = errand.download.members
    try:
        hashes = unpack(path, members, errand.unpacked, errand.progress)
        _check_hashes(errand, hashes)
    except BaseException:
        for member in members:
            (errand.unpacked / member.name).unlink(missing_ok=True)
        raise
    return hashes


def _check_hashes(errand: Errand, hashes: dict[str, str]) -> None:
    for member in errand.download.members:
        wanted, found = expected_hash(errand.model, member), hashes[member.name]
        if wanted and found != wanted:
            whose = "was published" if member.sha256 else "was recorded when it was first seen here"
            raise ArchiveError(f"{errand.download.name}: {member.name} has sha256 {found}, {wanted} {whose}")


def _unfit(errand: Errand, path: Path, error: ArchiveError) -> FetchError:
    """Return what follows from an archive that cannot be used: the published one will be the same elsewhere."""
    if errand.download.published_hash:
        return FetchError(
            f"{error}; it is the archive that was published, and stays at {path}: unpack it yourself, then "
            f"weights add {errand.model.name} FILE..."
        )
    path.unlink()
    errand.part.discard()
    return WrongFileError(str(error))
