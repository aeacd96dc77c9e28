"""Answers that are not the file: wrong lengths, bytes and pages, redirects that lead nowhere, streams without end."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fetching_cases import NAME, PATH, begin, keep_apart, part, placed, published, refused, unpublished
from hostile_server import ALWAYS, HostileServer, Page
from made_up_weights import CONTENT, model, plain, sha256
from weights.errors import WeightsError
from weights.fetching import bounds, downloader, obtaining
from weights.fetching.fetch import fetch
from weights.store.files import recorded
from weights.store.place import model_folder

WEB_PAGE = b"<!DOCTYPE html>\n<html><body>Moved.</body></html>"


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_apart(tmp_path / "store", monkeypatch)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer({PATH: Page(CONTENT)}) as running:
        yield running


@pytest.mark.parametrize("hash_known", [True, False])
def test_a_length_that_is_too_large_is_no_complete_file(server: HostileServer, *, hash_known: bool) -> None:
    server.pages[PATH] = Page(CONTENT, claimed=len(CONTENT) + 500)
    refused(published(server) if hash_known else unpublished(server), "it ended in the middle of the file")
    assert len(server.asked) > 3


def test_a_length_that_is_too_small_gives_another_hash(server: HostileServer) -> None:
    server.pages[PATH] = Page(CONTENT, claimed=1000)
    refused(published(server), f"the file that came has sha256:{sha256(CONTENT[:1000])}, .* was published")
    assert len(server.asked) == 1


def test_a_size_that_was_published_is_held_to_where_no_hash_is_known(server: HostileServer) -> None:
    made_up = unpublished(server, size_bytes=len(CONTENT))
    server.pages[PATH] = Page(CONTENT, claimed=1000)
    refused(made_up, "the file that is announced has 1,000 bytes, 300,001 are expected")
    server.pages[PATH] = Page(CONTENT[:-1], chunked=True)
    refused(made_up, "the file that came has 300,000 bytes, 300,001 are expected")
    assert not part().path.exists()
    server.pages[PATH] = Page(CONTENT, chunked=True)
    assert fetch(made_up).first_seen == (NAME,)


def test_wrong_bytes_are_thrown_away_and_the_next_mirror_is_asked(server: HostileServer) -> None:
    with HostileServer({PATH: Page(CONTENT[::-1])}) as wrong:
        problems = refused(published(wrong), "was published")
        assert problems[1].startswith(f"{wrong.url(PATH)}: the file that came has sha256:{sha256(CONTENT[::-1])}")
        assert not part().path.exists()
        assert fetch(published(wrong, server)).sources == {NAME: server.url(PATH)}
    assert placed().read_bytes() == CONTENT


def test_the_error_tells_what_every_address_did(server: HostileServer) -> None:
    page = Page(WEB_PAGE, content_type="text/html")
    server.pages = {"/gone": Page(status=410), "/secret": Page(status=403), "/page": page}
    paths = ("/none", "/gone", "/secret", "/page")
    problems = refused(model(plain([server.url(path) for path in paths], CONTENT)), "from any known address")
    assert problems[1:] == [
        f"{server.url('/none')}: answers 404 Not Found",
        f"{server.url('/gone')}: answers 410 Gone",
        f"{server.url('/secret')}: answers 403 Forbidden",
        f"{server.url('/page')}: sends a web page (text/html) in place of the file",
    ]
    assert server.targets == list(paths)


def test_a_server_in_trouble_is_asked_again(server: HostileServer) -> None:
    server.pages[PATH].errors, server.pages[PATH].error = 2, 503
    fetch(published(server))
    assert len(server.asked) == 3


def test_a_server_that_stays_in_trouble_is_given_up(server: HostileServer) -> None:
    server.pages[PATH].errors = ALWAYS
    refused(published(server), r"answers 500 Internal Server Error \(3 attempts\)")
    assert len(server.asked) == 3


def test_waits_between_attempts_grow(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(obtaining, "FIRST_WAIT_SECONDS", 1.5)
    monkeypatch.setattr(obtaining, "time", SimpleNamespace(sleep=waited.append))
    server.pages[PATH].errors = ALWAYS
    refused(published(server), "3 attempts")
    assert waited == [1.5, 3.0]


def test_redirects_are_followed(server: HostileServer) -> None:
    server.pages["/old"] = Page(status=302, location=PATH)
    assert fetch(model(plain([server.url("/old")], CONTENT))).sources == {NAME: server.url("/old")}
    assert server.targets == ["/old", PATH]


def test_a_redirected_download_is_continued(server: HostileServer) -> None:
    server.pages["/old"] = Page(status=301, location=server.url(PATH))
    server.pages[PATH].drop_after, server.pages[PATH].drops = 100_000, 1
    fetch(model(plain([server.url("/old")], CONTENT)))
    assert server.ranges == ["", "", "bytes=100000-", "bytes=100000-"]


def test_the_body_of_a_redirect_is_not_waited_for(server: HostileServer) -> None:
    server.pages["/old"] = Page(bytes(1000), status=302, location=PATH, claimed=10**12, stall_after=1000, stalls=ALWAYS)
    fetch(model(plain([server.url("/old")], CONTENT)))
    assert server.targets == ["/old", PATH]


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("/there", "redirects more than 10 times"),
        ("ftp://127.0.0.1/net", "cannot be asked: No connection adapters were found for 'ftp://127.0.0.1/net'"),
        ("file:///etc/passwd", "cannot be asked: No connection adapters were found"),
        ("http://[::1/net", "cannot be asked: "),
    ],
)
def test_redirects_that_lead_nowhere(server: HostileServer, location: str, why: str) -> None:
    server.pages[PATH] = Page(status=302, location=location)
    server.pages["/there"] = Page(status=307, location=PATH)
    refused(published(server), why)


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (Page(WEB_PAGE, content_type="text/html; charset=utf-8"), r"sends a web page \(text/html\) in place"),
        (Page(b"\xef\xbb\xbf\r\n" + WEB_PAGE), "sends a web page in place of the file"),
        (Page(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "sends a git-lfs pointer in place"),
        (Page(CONTENT, encoding="gzip"), r"sends the file compressed \(gzip\), though it was asked not to"),
        (Page(CONTENT, status=206), "answers 206 Partial Content, 200 is expected"),
        (Page(status=204), "answers 204 No Content, 200 is expected"),
    ],
)
def test_what_stands_in_for_a_file_is_not_recorded_as_it(server: HostileServer, page: Page, why: str) -> None:
    server.pages[PATH] = page
    refused(unpublished(server), why)
    assert recorded(unpublished(server)) == {}


def test_a_web_page_does_not_cost_what_has_come(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(server, published(server), monkeypatch)
    honest = server.pages[PATH]
    server.pages[PATH] = Page(WEB_PAGE, content_type="text/html", honours_range=False)
    refused(published(server), "sends a web page")
    server.pages[PATH] = honest
    fetch(published(server))
    assert server.ranges == ["", "bytes=100000-", "bytes=100000-"]


def test_a_compressed_archive_may_be_called_compressed(server: HostileServer) -> None:
    # Apache says so of every .gz file; undoing it would give other bytes than the published ones.
    server.pages["/net.gz"] = Page(CONTENT, encoding="x-gzip")
    fetch(model(plain([server.url("/net.gz")], CONTENT, name="net.gz")))
    assert (model_folder("made-up") / "net.gz").read_bytes() == CONTENT


# Bounds


def test_a_stream_without_end_is_cut_off(server: HostileServer) -> None:
    server.pages[PATH] = Page(bytes(10**7), chunked=True)
    refused(model(plain([server.url(PATH)], CONTENT, size_bytes=len(CONTENT))), "sends more than 365,537 bytes")
    assert not part().path.exists()


def test_what_is_announced_too_large_is_not_begun(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "UNKNOWN_LIMIT_BYTES", 100_000)
    refused(unpublished(server), "the file that is announced has 300,001 bytes, at most 100,000 are taken")
    server.pages[PATH].chunked = True
    refused(unpublished(server), "sends more than 100,000 bytes")
    assert not part().path.exists()


def test_a_disk_without_room_says_so_before_it_is_full(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(server, published(server), monkeypatch)
    monkeypatch.setattr(downloader.shutil, "disk_usage", lambda _folder: SimpleNamespace(free=150_000))
    with HostileServer({PATH: Page(CONTENT)}) as mirror:
        refused(
            published(server, mirror),
            "200,001 bytes are to come, the disk has room for 150,000; what has come so far is kept: make room there",
        )
        assert mirror.asked == []
    assert part().size_bytes == 100_000


def test_a_folder_that_cannot_be_written_is_named(server: HostileServer, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / ".downloads").write_text("in the way")
    with pytest.raises(WeightsError, match=r"\.downloads.*: cannot be written: "):
        fetch(published(server))
