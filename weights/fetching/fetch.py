"""Fetching a model: terms first, one process at a time, only what is lacking, and all of it or nothing."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from converters.files.interrupts import uninterrupted
from weights.errors import FetchError, LicenceError
from weights.fetching.failures import writing
from weights.fetching.obtaining import Arrived, Errand, obtain
from weights.fetching.part import NOTE_SUFFIX, SUFFIX
from weights.fetching.present import Present, look
from weights.fetching.progress import Progress, silent
from weights.registry.model import Download, PublishedModel
from weights.store.files import CONFIRMED, FETCHED, local_files, record, recorded
from weights.store.licences import accept, accepted
from weights.store.locking import locked
from weights.store.place import downloads_folder, model_folder
from weights.store.writing import made

UNPACKED = ".unpacked"


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A model whose files are here.

    `hashes` are the sha256 of all of them. `first_seen` names those whose hash nobody published, and that is trusted
    from now on because it came first. `sources` maps downloads of this time to the addresses that gave them.
    `unavailable` names files that nobody published an address for; the network does without them.
    """

    model: PublishedModel
    files: dict[str, Path]
    hashes: dict[str, str]
    first_seen: tuple[str, ...] = ()
    sources: dict[str, str]
    unavailable: tuple[str, ...] = ()


def fetch(
    model: PublishedModel,
    *,
    offline: bool = False,
    require_hash: bool = False,
    accept_licence: bool = False,
    progress: Progress = silent,
) -> Fetched:
    """Bring all files of a model here, or find that they are here already.

    `progress` takes what is being done, bytes done, and bytes in all or None. LicenceError with the terms where they
    have not been accepted; FetchError with all reasons where a file cannot be had or is not the published one.
    """
    _settle_licence(model, accept_licence=accept_licence)
    if require_hash:
        _check_published(model)
    waiting = _told(progress, f"waiting for another process that fetches {model.name}")
    with locked(model.name, waiting=waiting):
        present = look(model, progress)
        _check_judged(model, present)
        if offline:
            _check_complete(model, present)
        return _fetched(model, present, progress)


def _told(progress: Progress, title: str) -> Callable[[], None]:
    return lambda: progress(title, 0, None)


def _settle_licence(model: PublishedModel, *, accept_licence: bool) -> None:
    if accepted(model):
        return
    licence = model.licence
    if not accept_licence:
        raise LicenceError([
            f"{model.title} may be used under terms that have to be accepted once: {licence.name}",
            *filter(None, (licence.text, licence.url and f"the page that states them: {licence.url}")),
            f"to accept them, run: weights fetch {model.name} --accept-licence",
        ])  # fmt: skip
    accept(model)


def _check_published(model: PublishedModel) -> None:
    """Raise FetchError unless all that could be fetched has a hash that was published."""
    bare = [
        member.name
        for download in _obtainable(model, model.downloads)
        if not download.published_hash
        for member in download.members
        if not member.sha256
    ]
    if bare:
        raise FetchError(
            f"'{model.name}' is refused by --require-hash: nobody published a hash of {', '.join(bare)}; "
            "without it, the hash of what comes first is recorded and enforced from then on"
        )


def _check_judged(model: PublishedModel, present: Present) -> None:
    if present.unjudged:
        raise FetchError(
            f"{path}: lies here, but its hash was neither published nor recorded; to fetch it, remove it; to keep it, "
            f"move it elsewhere and run: weights add {model.name} {path.name}"
            for path in present.unjudged
        )


def _check_complete(model: PublishedModel, present: Present) -> None:
    """Raise FetchError for what would have to be downloaded."""
    lacking = _obtainable(model, present.lacking)
    if lacking:
        names = ", ".join(
            member.name for download in lacking for member in download.members if member.name not in present.hashes
        )
        raise FetchError(
            f"'{model.name}' is not complete, and --offline allows no download: {names} not here, or changed; "
            f"files you have can be taken with: weights add {model.name} FILE..."
        )


def _obtainable(model: PublishedModel, lacking: Sequence[Download]) -> list[Download]:
    """Return what is lacking, but for files that have no address and that the network does without."""
    needed = set(model.needed)
    return [download for download in lacking if download.urls or needed.intersection(download.members)]


def _fetched(model: PublishedModel, present: Present, progress: Progress) -> Fetched:
    obtainable = _obtainable(model, present.lacking)
    arrivals = _bring(model, obtainable, progress) if obtainable else []
    hashes = present.hashes | {name: digest for arrived in arrivals for name, digest in arrived.hashes.items()}
    first_seen = _keep(model, arrivals)
    return Fetched(
        model=model,
        files=local_files(model),
        hashes={member.name: hashes[member.name] for member in model.members if member.name in hashes},
        first_seen=first_seen,
        sources={download.name: arrived.url for download, arrived in zip(obtainable, arrivals, strict=True)},
        unavailable=tuple(
            member.name for download in present.lacking if download not in obtainable for member in download.members
        ),
    )


def _bring(model: PublishedModel, lacking: Sequence[Download], progress: Progress) -> list[Arrived]:
    """Download what is lacking into the folder of what is on its way."""
    folder = made(downloads_folder(model.name))
    with writing(folder):
        _sweep(folder, model)
        (folder / UNPACKED).mkdir()
        return [
            obtain(Errand(model=model, download=download, folder=folder, unpacked=folder / UNPACKED, progress=progress))
            for download in lacking
        ]


def _sweep(folder: Path, model: PublishedModel) -> None:
    """Remove what a process that was ended left behind, but for parts and complete downloads."""
    kept = {download.name + suffix for download in model.downloads for suffix in ("", SUFFIX, NOTE_SUFFIX)}
    for path in folder.iterdir():
        if path.name in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _keep(model: PublishedModel, arrivals: Sequence[Arrived]) -> tuple[str, ...]:
    """Record the hashes of what came, move it to its place, and return what was seen for the first time."""
    if not arrivals:
        return ()
    hashes = {name: digest for arrived in arrivals for name, digest in arrived.hashes.items()}
    published = {
        member.name for download in model.downloads for member in download.members
        if member.sha256 or download.published_hash
    }  # fmt: skip
    known = recorded(model)
    folder = made(model_folder(model.name))
    with writing(folder), uninterrupted():
        # Recorded first: a process that ends in between leaves no file that nobody can judge.
        record(model, hashes, {name: CONFIRMED if name in published else FETCHED for name in hashes})
        for arrived in arrivals:
            for name, path in arrived.files.items():
                path.replace(folder / name)
        shutil.rmtree(downloads_folder(model.name))
    return tuple(name for name in hashes if name not in published and name not in known)
