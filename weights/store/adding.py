"""Files that a person has already become those of a model: matched, held to known hashes, copied, recorded."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from converters.errors import FormatError, did_you_mean
from converters.files.hashing import sha256
from converters.files.model_files import check_regular, check_weights_file, map_file
from weights.errors import UsageError, WeightsError
from weights.registry.model import Member, PublishedModel
from weights.store.files import expected_hash, local_files, record
from weights.store.locking import locked
from weights.store.place import model_folder
from weights.store.writing import replacing


def add(model: PublishedModel, words: Sequence[str], *, link: bool = False) -> dict[str, str]:
    """Take files as those of a model: paths, or NAME=PATH where the name here differs; return name -> sha256.

    They are copied, or with `link` left where they are. WeightsError with every problem, and nothing is taken then: a
    file that is not the published one, or another than the one that is here.
    """
    given = matched(model, words)
    with locked(model.name):
        hashes = _checked(model, given)
        here = local_files(model)
        for name, path in given.items():
            if name not in here:
                _take(path, model_folder(model.name) / name, hashes[name], link=link)
        record(model, hashes)
    return hashes


def matched(model: PublishedModel, words: Sequence[str]) -> dict[str, Path]:
    """Return which file of the model each given file is: by NAME=PATH, by its name, or by its suffix if that is clear.

    UsageError with every word that fits none.
    """
    members = {member.name: member for member in model.members}
    found: dict[str, Path] = {}
    problems = []
    for word in words:
        name, path = _named(model, word)
        problem = _misfit(model, members, found, name, path)
        if problem:
            problems.append(problem)
        else:
            found[name] = path
    if problems:
        raise UsageError(problems)
    return found


def _named(model: PublishedModel, word: str) -> tuple[str, Path]:
    """Return the name that a word states or suggests, "" for none, and its path."""
    name, equals, path = word.partition("=")
    if equals and name and not Path(word).exists():
        return name, Path(path)
    given = Path(word)
    names = [member.name for member in model.members]
    alike = [name for name in names if Path(name).suffix.lower() == given.suffix.lower()]
    return given.name if given.name in names else alike[0] if len(alike) == 1 else "", given


def _misfit(
    model: PublishedModel, members: dict[str, Member], found: dict[str, Path], name: str, path: Path
) -> str | None:
    known = ", ".join(members)
    archives = [download.name for download in model.downloads if download.archive]
    if path.name in archives and name not in members:
        return f"{path}: is the archive that the files come in; unpack it and name them instead: {known}"
    if not name:
        return f"{path}: fits no file of '{model.name}'; write NAME={path}, with one of {known}"
    if name not in members:
        return f"{name}={path}: '{model.name}' has no file '{name}'{did_you_mean(name, members)} ({known})"
    if name in found:
        return f"{path}: would be {name}, as {found[name]} is already; write NAME={path}, with one of {known}"
    return None


def _checked(model: PublishedModel, given: dict[str, Path]) -> dict[str, str]:
    """Return the hashes of the given files; WeightsError for every one that is not what it should be."""
    members = {member.name: member for member in model.members}
    problems: list[str] = []
    hashes = {}
    for name, path in given.items():
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
    wanted = expected_hash(model, member)
    here = local_files(model).get(member.name)
    if wanted and digest != wanted:
        whose = "that was published" if member.sha256 else "of its first sight here"
        return [
            f"{path}: is not {member.name} of '{model.name}': sha256 {digest}, expected {wanted} {whose}"
            + ("" if member.sha256 else f"; to begin anew, run: weights remove {model.name} --forget")
        ]
    if member.size_bytes and size != member.size_bytes:
        return [f"{path}: is not {member.name} of '{model.name}': {size} bytes, expected {member.size_bytes}"]
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
