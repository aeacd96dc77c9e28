"""The files of a model that are here, the hashes that they should have, and whether they have them."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from converters.files.hashing import sha256
from converters.files.whole_file import PARTIAL
from weights.errors import WeightsError
from weights.registry.model import Member, PublishedModel
from weights.store.locking import locked
from weights.store.place import RECORD, downloads_folder, model_folder
from weights.store.writing import read_json, refused, write_json

# What speaks for a file, the best first: a published hash of it or of its archive, the published address that it was
# fetched from, or only the person who added it.
CONFIRMED, FETCHED, ADDED = ORIGINS = ("confirmed", "fetched", "added")
OK, CHANGED, MISSING, UNRECORDED = "ok", "changed", "missing", "unrecorded"
# Takes what is being done, and which fraction of it is done (0..1).
Reporter = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What became of a file: "ok", "changed", "missing", or "unrecorded" where no hash is known to hold it to.

    `sha256` is what it has, "" when it is not here; `expected` what it should have, "" when nobody knows.
    """

    member: Member
    path: Path
    state: str
    sha256: str = ""
    expected: str = ""

    @property
    def wrong(self) -> bool:
        """Whether this is not the file that it should be."""
        return self.state in (CHANGED, MISSING)


def local_files(model: PublishedModel) -> dict[str, Path]:
    """Return the files of a model that are here: name -> path, in the model's order."""
    folder = model_folder(model.name)
    return {member.name: folder / member.name for member in model.members if (folder / member.name).is_file()}


def is_here(model: PublishedModel) -> bool:
    """Return whether all is here that makes a network."""
    local = local_files(model)
    return all(member.name in local for member in model.needed)


def recorded(model: PublishedModel) -> dict[str, str]:
    """Return the sha256 of files as they were first seen here: name -> hash. They outlive the files."""
    told = read_json(model_folder(model.name) / RECORD)
    return {name: entry["sha256"] for name, entry in told.items() if isinstance(entry, dict) and "sha256" in entry}


def expected_hash(model: PublishedModel, member: Member) -> str:
    """Return the sha256 that a file should have: the published one, or that of its first sight; "" without either."""
    return member.sha256 or recorded(model).get(member.name, "")


def origin(model: PublishedModel, name: str) -> str:
    """Return how a file that is here came to be trusted: one of ORIGINS, "" for one that was never seen."""
    entry = read_json(model_folder(model.name) / RECORD).get(name)
    return str(entry.get("origin", ADDED)) if isinstance(entry, dict) else ""


def record(model: PublishedModel, hashes: Mapping[str, str], origins: Mapping[str, str]) -> None:
    """Note the sha256 of files at their first sight, and where they came from; a better origin replaces the noted one.

    Whoever calls this holds the model's lock. WeightsError for a file that was seen before with another hash.
    """
    path = model_folder(model.name) / RECORD
    known = recorded(model)
    problems = [
        f"{model.name}: {name} has sha256 {digest}, expected {known[name]} as at its first sight; "
        f"if the new one is right, run: weights remove {model.name} --forget"
        for name, digest in hashes.items()
        if known.get(name, digest) != digest
    ]
    if problems:
        raise WeightsError(problems)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    new = {
        name: {"sha256": digest, "seen": when, "origin": origins[name]}
        for name, digest in hashes.items()
        if name not in known or ORIGINS.index(origins[name]) < ORIGINS.index(origin(model, name))
    }
    if new:
        write_json(path, {**read_json(path), **new})


def check(model: PublishedModel, progress: Reporter | None = None) -> list[Checked]:
    """Hash the files of a model again and compare; what is neither here, nor was, nor is needed is left out."""
    local, known = local_files(model), recorded(model)
    expected = {*local, *known, *(member.name for member in model.needed)}
    total = sum(path.stat().st_size for path in local.values())
    done, found = 0, []
    for member in (member for member in model.members if member.name in expected):
        if progress is not None:
            progress(f"hashing {model.name}/{member.name}", done / total if total else 0.0)
        found.append(_checked(member, model_folder(model.name) / member.name, member.sha256 or known.get(member.name)))
        done += local[member.name].stat().st_size if member.name in local else 0
    return found


def _checked(member: Member, path: Path, expected: str | None) -> Checked:
    if not path.is_file():
        return Checked(member=member, path=path, state=MISSING, expected=expected or "")
    try:
        actual = sha256(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    state = UNRECORDED if not expected else OK if actual == expected else CHANGED
    return Checked(member=member, path=path, state=state, sha256=actual, expected=expected or "")


def remove(model: PublishedModel, *, forget: bool = False) -> list[Path]:
    """Remove the files of a model, and what was downloaded of it so far; return what is gone.

    The hashes of first sight stay, so that what is fetched next is held to them; `forget` removes them too.
    """
    folder = model_folder(model.name)
    with locked(model.name):
        # A link whose file has gone is no file, and is to go as well.
        gone = [path for path in (folder / member.name for member in model.members) if os.path.lexists(path)]
        record_file = folder / RECORD
        partial = list(folder.glob(f".*{PARTIAL}"))
        if forget and record_file.exists():
            gone.append(record_file)
        for path in (*gone, *partial):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise refused(path, error) from error
        shutil.rmtree(downloads_folder(model.name), ignore_errors=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return gone
