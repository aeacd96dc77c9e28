"""Files that a person has already become those of a model: matched, held to known hashes, copied, recorded."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pooch

from converters.errors import FormatError, did_you_mean
from converters.files.hashing import sha256
from converters.files.model_files import check_regular, check_weights_file, map_file
from weights.errors import UsageError, WeightsError
from weights.fetching.archives import unpack
from weights.fetching.progress import Progress, silent
from weights.registry.model import Download, Member, PublishedModel
from weights.store.files import ADDED, CONFIRMED, expected_hash, local_files, record
from weights.store.locking import locked
from weights.store.place import downloads_folder, model_folder
from weights.store.writing import made, replacing


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a person gave: files by the names that they have here, and archives that hold files."""

    files: dict[str, Path]
    archives: dict[str, Path]


def add(
    model: PublishedModel, words: Sequence[str], *, link: bool = False, progress: Progress = silent
) -> dict[str, str]:
    """Take files as those of a model: paths, NAME=PATH where the name here differs, or the archive; return hashes.

    They are copied, or with `link` left where they are. WeightsError with every problem, and nothing is taken then: a
    file that is not the published one, or another than the one that is here.
    """
    given = matched(model, words)
    if link and given.archives:
        archive = next(iter(given.archives.values()))
        raise UsageError(f"{archive}: is an archive, whose files have to be unpacked; --link is for files alone")
    with locked(model.name), _unpacked(model, given, progress) as files:
        hashes = _checked(model, files)
        here = local_files(model)
        # Recorded first: a process that ends in between leaves no file that nobody can judge.
        record(model, hashes, _origins(model, given, hashes))
        for name, path in files.items():
            if name not in here:
                _take(path, model_folder(model.name) / name, hashes[name], link=link)
    return hashes


def _origins(model: PublishedModel, given: Given, names: Iterable[str]) -> dict[str, str]:
    """Return what speaks for each file: a published hash, its own or that of the archive it was in, or its giver."""
    confirmed = {
        member.name
        for download in model.downloads
        for member in download.members
        if member.sha256 or (download.published_hash and (not download.archive or member.name not in given.files))
    }
    return {name: CONFIRMED if name in confirmed else ADDED for name in names}


def matched(model: PublishedModel, words: Sequence[str]) -> Given:
    """Return what each given file is: by NAME=PATH, by its name, or by its suffix if that is clear.

    UsageError with every word that fits nothing.
    """
    given = Given(files={}, archives={})
    archives = {download.name for download in model.downloads if download.archive}
    problems = []
    for word in words:
        name, path = _named(model, word)
        problem = _misfit(model, given, name, path) if path.name not in archives else None
        if problem:
            problems.append(problem)
        elif path.name in archives:
            given.archives[path.name] = path
        else:
            given.files[name] = path
    if problems:
        raise UsageError(problems)
    return given


def _named(model: PublishedModel, word: str) -> tuple[str, Path]:
    """Return the name that a word states or suggests, "" for none, and its path."""
    name, equals, path = word.partition("=")
    if equals and name and not Path(word).exists():
        return name, Path(path)
    given = Path(word)
    names = [member.name for member in model.members]
    alike = [name for name in names if Path(name).suffix.lower() == given.suffix.lower()]
    return given.name if given.name in names else alike[0] if len(alike) == 1 else "", given


def _misfit(model: PublishedModel, given: Given, name: str, path: Path) -> str | None:
    names = [member.name for member in model.members]
    known = ", ".join(names)
    if not name:
        return f"{path}: fits no file of '{model.name}'; write NAME={path}, with one of {known}"
    if name not in names:
        return f"{name}={path}: '{model.name}' has no file '{name}'{did_you_mean(name, names)} ({known})"
    if name in given.files:
        return f"{path}: would be {name}, as {given.files[name]} is already; write NAME={path}, with one of {known}"
    return None


@contextmanager
def _unpacked(model: PublishedModel, given: Given, progress: Progress) -> Iterator[dict[str, Path]]:
    """Give all files, those of archives unpacked for as long as the block runs; a file that is named itself wins."""
    if not given.archives:
        yield given.files
        return
    wanted = [download for download in model.downloads if download.name in given.archives]
    archives = [(download, given.archives[download.name]) for download in wanted]
    for download, archive in archives:
        _check_archive(model, download, archive)
    folder = made(downloads_folder(model.name))
    try:
        with tempfile.TemporaryDirectory(prefix=".added.", dir=folder) as place:
            files: dict[str, Path] = {}
            for download, archive in archives:
                names = unpack(archive, download.members, Path(place), progress)
                files |= {name: Path(place) / name for name in names}
            yield files | given.files
    finally:
        if not any(folder.iterdir()):
            folder.rmdir()


def _check_archive(model: PublishedModel, download: Download, archive: Path) -> None:
    """Refuse an archive that is not the published one, where its hash is known."""
    check_regular(archive)
    problem = _other_hash(model, download, archive)
    if problem:
        raise WeightsError(problem)


def _other_hash(model: PublishedModel, download: Download, path: Path) -> str | None:
    """Return how a file differs from the published download, None where it does not or no hash was published."""
    algorithm, _, wanted = download.published_hash.partition(":")
    if not wanted or (actual := pooch.file_hash(str(path), alg=algorithm)) == wanted:
        return None
    return f"{path}: is not {download.name} of '{model.name}': {algorithm} {actual}, expected {wanted} as published"


def _checked(model: PublishedModel, files: dict[str, Path]) -> dict[str, str]:
    """Return the hashes of the given files; WeightsError for every one that is not what it should be."""
    members = {member.name: member for member in model.members}
    problems: list[str] = []
    hashes = {}
    for name, path in files.items():
        try:
            size = check_regular(path)
            if members[name].role == "weights" and model.format == "caffe":
                check_weights_file(path, map_file(path))
        except FormatError as error:
            problems += error.problems
            continue
        hashes[name] = sha256(path)
        problems += _differences(model, members[name], path, size, hashes[name])
    if problems:
        raise WeightsError(problems)
    return hashes


def _differences(model: PublishedModel, member: Member, path: Path, size: int, digest: str) -> list[str]:
    whole = [download for download in model.downloads if not download.archive and member in download.members]
    problem = next(filter(None, (_other_hash(model, download, path) for download in whole)), None)
    if problem:
        return [problem]
    wanted = expected_hash(model, member)
    here = local_files(model).get(member.name)
    if wanted and digest != wanted:
        anew = "" if member.sha256 else f"; to begin anew, run: weights remove {model.name} --forget"
        whose = "as published" if member.sha256 else "as at its first sight here"
        return [f"{path}: is not {member.name} of '{model.name}': sha256 {digest}, expected {wanted} {whose}{anew}"]
    # A hash decides where there is one: a size may have been published for another edition.
    held = wanted or any(download.published_hash for download in whole)
    if not held and member.size_bytes and size != member.size_bytes:
        return [f"{path}: is not {member.name} of '{model.name}': {size:,} bytes, expected {member.size_bytes:,}"]
    if here is not None and sha256(here) != digest:
        return [f"{here}: is here already and differs; remove it first: weights remove {model.name}"]
    return []


def _take(path: Path, final: Path, digest: str, *, link: bool) -> None:
    with replacing(final) as new:
        if link:
            new.symlink_to(path.resolve())
            return
        shutil.copyfile(path, new)
        if sha256(new) != digest:
            raise WeightsError(f"{path}: changed while it was copied; try again")
