"""Which terms a person has accepted: shown once, remembered until their text here changes."""

import hashlib
from datetime import UTC, datetime

from weights.registry.model import PublishedModel
from weights.store.locking import locked
from weights.store.place import LICENCES, store_folder
from weights.store.writing import read_json, write_json


def accepted(model: PublishedModel) -> bool:
    """Return whether a model's terms need not be accepted, or were accepted as they are written today."""
    if not model.licence.non_commercial:
        return True
    return _entries().get(model.name) == _fingerprint(model)


def accept(model: PublishedModel) -> None:
    """Remember that a model's terms were accepted."""
    path = store_folder() / LICENCES
    when = datetime.now(UTC).isoformat(timespec="seconds")
    with locked(LICENCES):
        write_json(path, {**read_json(path), model.name: {"text_sha256": _fingerprint(model), "accepted": when}})


def _entries() -> dict[str, str]:
    told = read_json(store_folder() / LICENCES)
    return {name: entry.get("text_sha256", "") for name, entry in told.items() if isinstance(entry, dict)}


def _fingerprint(model: PublishedModel) -> str:
    return hashlib.sha256(f"{model.licence.name}\n{model.licence.text}".encode()).hexdigest()
