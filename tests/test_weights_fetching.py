"""Fetching: what is here, what may be downloaded, which hashes it is held to, and what is told meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fetching_cases import NAME, PATH, begin, keep_apart, placed, published, refused, unpublished
from hostile_server import HostileServer, Page
from made_up_weights import CONTENT, model, plain, sha256
from weights.errors import FetchError, LicenceError
from weights.fetching import progress
from weights.fetching.fetch import fetch
from weights.registry.model import Download, Licence, Member
from weights.store.files import FETCHED, record, recorded
from weights.store.place import downloads_folder


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_apart(tmp_path / "store", monkeypatch)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer({PATH: Page(CONTENT)}) as running:
        yield running


def test_a_published_file_arrives_under_its_name(server: HostileServer) -> None:
    fetched = fetch(published(server))
    assert fetched.files == {NAME: placed()}
    assert placed().read_bytes() == CONTENT
    assert fetched.hashes == {NAME: sha256(CONTENT)}
    assert fetched.sources == {NAME: server.url(PATH)}
    assert fetched.first_seen == ()
    assert not downloads_folder("made-up").exists()


def test_what_is_here_is_not_asked_for_again(server: HostileServer) -> None:
    first = fetch(published(server))
    again = fetch(published(server))
    assert server.targets == [PATH]
    assert (again.files, again.hashes, again.sources) == (first.files, first.hashes, {})


def test_a_file_that_changed_here_is_fetched_anew(server: HostileServer) -> None:
    fetch(published(server))
    placed().write_bytes(b"damaged")
    assert fetch(published(server)).sources == {NAME: server.url(PATH)}
    assert placed().read_bytes() == CONTENT


def test_a_published_md5_is_enough_of_a_hash(server: HostileServer) -> None:
    wanted, member = "5f02a8a0a5584b951abfe572a08e362f", Member(name=NAME, role="weights")
    made_up = model(Download(name=NAME, urls=(server.url(PATH),), md5=wanted, members=(member,)))
    refused(made_up, f"the file that came has md5:[0-9a-f]{{32}}, md5:{wanted} was published")
    server.pages[PATH].content = b"faceport"
    assert fetch(made_up).first_seen == ()
    assert fetch(made_up, offline=True, require_hash=True).hashes == {NAME: sha256(b"faceport")}


def test_offline_refuses_what_is_missing_and_asks_nobody(server: HostileServer) -> None:
    with pytest.raises(FetchError, match=f"--offline allows no download: {NAME} not here, or changed; .* weights add"):
        fetch(published(server), offline=True)
    assert server.asked == []
    fetch(published(server))
    assert fetch(published(server), offline=True).files == {NAME: placed()}
    placed().write_bytes(b"damaged")
    with pytest.raises(FetchError, match="not here, or changed"):
        fetch(published(server), offline=True)


def test_require_hash_refuses_what_nobody_published_a_hash_of(server: HostileServer) -> None:
    with pytest.raises(FetchError, match=f"refused by --require-hash: nobody published a hash of {NAME}"):
        fetch(unpublished(server), require_hash=True)
    assert server.asked == []
    assert fetch(published(server), require_hash=True).hashes == {NAME: sha256(CONTENT)}


def test_a_hash_that_nobody_published_is_recorded_at_first_sight_and_enforced(server: HostileServer) -> None:
    made_up = unpublished(server)
    first = fetch(made_up)
    assert first.first_seen == (NAME,)
    assert recorded(made_up) == {NAME: sha256(CONTENT)}
    assert fetch(made_up).first_seen == ()
    placed().unlink()
    server.pages[PATH].content = CONTENT[::-1]
    refused(made_up, f"{sha256(CONTENT)} was recorded when it was first seen here.*weights remove made-up --forget")
    server.pages[PATH].content = CONTENT
    assert fetch(made_up).first_seen == ()


def test_a_hash_of_first_sight_is_not_replaced(server: HostileServer) -> None:
    made_up = unpublished(server)
    record(made_up, {NAME: sha256(b"another")}, {NAME: FETCHED})
    refused(made_up, f"sha256:{sha256(b'another')} was recorded when it was first seen here")
    assert recorded(made_up) == {NAME: sha256(b"another")}


def test_a_file_of_unknown_origin_is_neither_trusted_nor_overwritten(server: HostileServer) -> None:
    placed().parent.mkdir(parents=True)
    placed().write_bytes(b"mine")
    with pytest.raises(FetchError, match=f"lies here, but .*weights add made-up {NAME}"):
        fetch(unpublished(server))
    assert placed().read_bytes() == b"mine"
    assert server.asked == []


def test_terms_are_shown_before_anything_is_asked_and_accepted_once(server: HostileServer) -> None:
    terms = Licence(name="Research only", text="Nobody may earn.", url="http://made.up/terms", non_commercial=True)
    made_up = model(*published(server).downloads, licence=terms)
    with pytest.raises(
        LicenceError, match="Research only\nNobody may earn.\n.*http://made.up/terms\n.*--accept-licence"
    ):
        fetch(made_up)
    assert server.asked == []
    fetch(made_up, accept_licence=True)
    placed().unlink()
    fetch(made_up)
    stricter = model(*made_up.downloads, licence=Licence(name="No", text="Nobody may look.", non_commercial=True))
    with pytest.raises(LicenceError, match="Nobody may look"):
        fetch(stricter)


def test_a_file_without_an_address_is_refused_only_where_it_is_needed(server: HostileServer) -> None:
    weights, labels = published(server).downloads[0], plain([], b"", name="labels.txt", role="labels")
    assert fetch(model(weights, labels)).unavailable == ("labels.txt",)
    placed().unlink()
    refused(model(plain([], CONTENT)), f"{NAME} of 'made-up' cannot be had: nobody published an address.*weights add")


def test_progress_tells_how_many_bytes_are_here(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    begin(server, published(server), monkeypatch)
    told: list[tuple[str, int, int | None]] = []
    fetch(published(server), progress=lambda *report: told.append(report))
    downloading = [report[1:] for report in told if report[0] == NAME]
    assert downloading[0] == (100_000, 300_001)
    assert downloading[-1] == (300_001, 300_001)
    assert [done for done, _ in downloading] == sorted(done for done, _ in downloading)


def test_progress_is_not_told_more_often_than_a_person_can_see(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 10.01, 10.2, 10.21, 10.22])
    monkeypatch.setattr(progress, "monotonic", lambda: next(clock))
    told: list[int] = []
    report = progress.Throttled(lambda _title, done, _total: told.append(done), "net")
    for done in (1, 2, 3, 4, 9):
        report(done, 9)
    assert told == [1, 3, 9]
