"""Which files of a model are here and right, and which downloads are lacking."""

from dataclasses import dataclass
from pathlib import Path

import pooch

from converters.files.hashing import sha256
from weights.fetching.progress import Progress
from weights.registry.model import Download, Member, PublishedModel
from weights.store.files import expected_hash, local_files


@dataclass(frozen=True)
class Present:
    """The sha256 of files that are here and right, the downloads whose files are not, and files nobody can judge."""

    hashes: dict[str, str]
    lacking: tuple[Download, ...]
    unjudged: tuple[Path, ...]


def look(model: PublishedModel, progress: Progress) -> Present:
    """Hash the files of a model that are here, and hold each to what was published or recorded of it."""
    local = local_files(model)
    hashes: dict[str, str] = {}
    lacking, unjudged = [], []
    for download in model.downloads:
        for member in download.members:
            path, wanted = local.get(member.name), known_hash(model, download, member)
            if path is None:
                continue
            progress(f"checking {member.name}", 0, None)
            if not wanted:
                unjudged.append(path)
            elif has_hash(path, wanted):
                hashes[member.name] = sha256(path)
        if not all(member.name in hashes for member in download.members):
            lacking.append(download)
    return Present(hashes, tuple(lacking), tuple(unjudged))


def known_hash(model: PublishedModel, download: Download, member: Member) -> str:
    """Return the hash that a file should have, as pooch writes it, "" where none was published or recorded."""
    if not download.archive and download.published_hash:
        return download.published_hash
    digest = expected_hash(model, member)
    return digest and f"sha256:{digest}"


def has_hash(path: Path, wanted: str) -> bool:
    """Return whether a file has a hash, as pooch writes it."""
    algorithm, _, digest = wanted.rpartition(":")
    return bool(pooch.file_hash(str(path), alg=algorithm or "sha256").lower() == digest.lower())
