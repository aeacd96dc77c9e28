"""One made-up file on a server that misbehaves: fetched, refused, begun; and where its parts lie."""

from pathlib import Path

import pytest

from hostile_server import HostileServer
from made_up_weights import CONTENT, VARIABLES, model, plain
from weights.errors import FetchError
from weights.fetching import obtaining
from weights.fetching.fetch import fetch
from weights.fetching.part import Part
from weights.registry.model import PublishedModel
from weights.store.place import downloads_folder, model_folder

PATH = "/net.caffemodel"
NAME = "net.caffemodel"


def keep_apart(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting of this machine play a part, keep what is fetched in `store`, and wait for nothing."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("FACEPORT_WEIGHTS", str(store))
    monkeypatch.setenv("FACEPORT_TIMEOUT", "20")
    monkeypatch.setattr(obtaining, "FIRST_WAIT_SECONDS", 0.0)


def published(*servers: HostileServer) -> PublishedModel:
    return model(plain([server.url(PATH) for server in servers], CONTENT))


def unpublished(server: HostileServer, size_bytes: int | None = None) -> PublishedModel:
    return model(plain([server.url(PATH)], size_bytes=size_bytes))


def part() -> Part:
    return Part(downloads_folder("made-up") / NAME)


def placed() -> Path:
    return model_folder("made-up") / NAME


def refused(made_up: PublishedModel, match: str) -> list[str]:
    """Fetch, see it refused for this reason, and see that no file took its place; return all reasons."""
    with pytest.raises(FetchError, match=match) as caught:
        fetch(made_up)
    assert not placed().exists()
    return caught.value.problems


def begin(server: HostileServer, made_up: PublishedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a download broken off after 100,000 bytes; the page behaves from then on."""
    server.pages[PATH].drop_after, server.pages[PATH].drops = 100_000, 1
    with monkeypatch.context() as patch:
        patch.setattr(obtaining, "ATTEMPTS", 1)
        refused(made_up, "the connection failed: it ended in the middle of the file")
    assert part().path.read_bytes() == CONTENT[:100_000]
