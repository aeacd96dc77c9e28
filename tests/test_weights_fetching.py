"""Fetching from a server that does whatever servers do: what is not right is refused, what is right is not lost."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from requests.utils import should_bypass_proxies

from hostile_server import ALWAYS, HostileServer, Page
from made_up_weights import CONTENT, VARIABLES, model, plain, sha256
from weights.errors import FetchError, LicenceError, UsageError, WeightsError
from weights.fetching import bounds, downloader, environment, obtaining, progress
from weights.fetching.fetch import fetch
from weights.fetching.part import Origin, Part
from weights.registry.model import Download, Licence, Member, PublishedModel
from weights.store.files import FETCHED, record, recorded
from weights.store.place import downloads_folder, model_folder

PATH = "/net.caffemodel"
NAME = "net.caffemodel"
WEB_PAGE = b"<!DOCTYPE html>\n<html><body>Moved.</body></html>"


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("FACEPORT_WEIGHTS", str(tmp_path / "store"))
    monkeypatch.setenv("FACEPORT_TIMEOUT", "20")
    monkeypatch.setattr(obtaining, "FIRST_WAIT_SECONDS", 0.0)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer({PATH: Page(CONTENT)}) as running:
        yield running


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


# What is here, and what may be downloaded


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


# Connections that break


def test_a_dropped_connection_is_continued(server: HostileServer) -> None:
    server.pages[PATH] = Page(CONTENT, drop_after=100_000, drops=1)
    fetch(published(server))
    assert placed().read_bytes() == CONTENT
    assert server.ranges == ["", "bytes=100000-"]
    assert server.asked[1].headers["If-Range"] == '"first"'


def test_a_connection_that_always_breaks_leads_to_the_end_as_long_as_something_comes(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(obtaining, "PROGRESS_BYTES", 1000)
    server.pages[PATH] = Page(CONTENT, drop_after=50_000, drops=ALWAYS)
    fetch(published(server))
    assert placed().read_bytes() == CONTENT
    assert server.ranges == ["", *(f"bytes={at}-" for at in range(50_000, 300_001, 50_000))]


def test_a_server_that_sends_no_parts_and_always_breaks_off_is_given_up(server: HostileServer) -> None:
    server.pages[PATH] = Page(CONTENT, drop_after=100_000, drops=ALWAYS, honours_range=False)
    refused(published(server), r"it ended in the middle of the file \(3 attempts\)")
    assert len(server.asked) == 3
    assert part().size_bytes == 100_000


def test_a_server_that_sends_no_parts_begins_anew(server: HostileServer) -> None:
    server.pages[PATH] = Page(CONTENT, drop_after=100_000, drops=1, honours_range=False)
    fetch(published(server))
    assert placed().read_bytes() == CONTENT
    assert server.ranges == ["", "bytes=100000-"]


def test_another_run_goes_on_where_the_last_one_broke_off(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(server, unpublished(server), monkeypatch)
    fetch(unpublished(server))
    assert placed().read_bytes() == CONTENT
    assert server.ranges == ["", "bytes=100000-"]


@pytest.mark.parametrize(("honest", "ranges"), [(True, ["bytes=100000-"]), (False, ["bytes=100000-", ""])])
def test_a_file_that_changed_on_the_server_begins_anew(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch, *, honest: bool, ranges: list[str]
) -> None:
    begin(server, unpublished(server), monkeypatch)
    server.pages[PATH] = Page(CONTENT[::-1], etag='"second"', honours_if_range=honest)
    fetch(unpublished(server))
    assert placed().read_bytes() == CONTENT[::-1]
    assert server.ranges[1:] == ranges


def test_the_date_tells_files_apart_where_there_is_no_strong_etag(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    date = "Sat, 01 Aug 2015 10:00:00 GMT"
    server.pages[PATH] = Page(CONTENT, etag='W/"weak"', last_modified=date)
    begin(server, unpublished(server), monkeypatch)
    fetch(unpublished(server))
    assert server.asked[1].headers["If-Range"] == date
    assert server.ranges == ["", "bytes=100000-"]


@pytest.mark.parametrize(("hash_known", "second"), [(True, "bytes=100000-"), (False, "")])
def test_without_anything_to_tell_files_apart_only_a_hash_allows_to_go_on(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch, *, hash_known: bool, second: str
) -> None:
    server.pages[PATH] = Page(CONTENT, etag="")
    made_up = published(server) if hash_known else unpublished(server)
    begin(server, made_up, monkeypatch)
    fetch(made_up)
    assert server.ranges == ["", second]
    assert placed().read_bytes() == CONTENT


def test_a_part_with_a_wrong_beginning_is_thrown_away(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(server, published(server), monkeypatch)
    part().path.write_bytes(bytes(100_000))
    fetch(published(server))
    assert placed().read_bytes() == CONTENT
    assert server.ranges == ["", "bytes=100000-", ""]


def test_a_part_longer_than_the_file_begins_anew(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(server, published(server), monkeypatch)
    part().path.write_bytes(bytes(400_000))
    fetch(published(server))
    assert server.ranges == ["", "bytes=400000-", ""]


def test_a_part_that_lacks_only_its_check_is_not_asked_for_again(server: HostileServer) -> None:
    downloads_folder("made-up").mkdir(parents=True)
    part().begin(Origin(url=server.url(PATH), length_bytes=len(CONTENT)))
    part().path.write_bytes(CONTENT)
    assert fetch(published(server)).sources == {NAME: server.url(PATH)}
    assert server.asked == []


def test_a_part_is_found_whole_where_nobody_had_told_the_length(server: HostileServer) -> None:
    downloads_folder("made-up").mkdir(parents=True)
    part().begin(Origin(url=server.url(PATH), etag='"first"'))
    part().path.write_bytes(CONTENT)
    fetch(unpublished(server))
    assert server.ranges == ["bytes=300001-"]
    assert placed().read_bytes() == CONTENT


@pytest.mark.parametrize("note", ["", "[]", '{"url": 1, "colour": "red"}', "{"])
def test_a_part_with_a_damaged_note_begins_anew(server: HostileServer, note: str) -> None:
    folder = downloads_folder("made-up")
    folder.mkdir(parents=True)
    part().path.write_bytes(CONTENT[:100_000])
    (folder / f"{NAME}.part.json").write_text(note)
    fetch(published(server))
    assert server.ranges == [""]


def test_a_stall_ends_and_the_download_goes_on(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEPORT_TIMEOUT", "0.5")
    server.pages[PATH] = Page(CONTENT, stall_after=100_000, stalls=1)
    fetch(published(server))
    assert placed().read_bytes() == CONTENT
    assert server.ranges[1].startswith("bytes=")


def test_a_server_that_never_answers_is_given_up(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEPORT_TIMEOUT", "0.2")
    server.pages[PATH] = Page(CONTENT, stall_after=0, stalls=ALWAYS)
    refused(published(server), r"sent nothing for 0.2 seconds \(3 attempts\)")


def test_a_slow_server_is_waited_for(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEPORT_TIMEOUT", "2")
    server.pages[PATH] = Page(CONTENT, piece_bytes=30_000, pause_seconds=0.02)
    fetch(published(server))
    assert len(server.asked) == 1


def test_nobody_at_the_address(server: HostileServer) -> None:
    with HostileServer() as gone:
        address = gone.url(PATH)
    fetched = fetch(model(plain([address, server.url(PATH)], CONTENT)))
    assert fetched.sources == {NAME: server.url(PATH)}
    placed().unlink()
    refused(model(plain([address], CONTENT)), r"the connection failed: Connection refused \(3 attempts\)")


def test_ctrl_c_keeps_what_has_come(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)

    def interrupt(_title: str, done_bytes: int, _total_bytes: int | None) -> None:
        if done_bytes > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(published(server), progress=interrupt)
    assert not placed().exists()
    names = {path.name for path in downloads_folder("made-up").iterdir()}
    assert names == {f"{NAME}.part", f"{NAME}.part.json", ".unpacked"}
    come = part().size_bytes
    fetch(published(server))
    assert server.ranges == ["", f"bytes={come}-"]
    assert placed().read_bytes() == CONTENT


# Answers that are not the file


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


# What is set from outside


def test_a_mirror_is_asked_first_and_the_published_address_next(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HostileServer({"/some/prefix/made-up/net.caffemodel": Page(CONTENT)}) as mirror:
        monkeypatch.setenv("FACEPORT_MIRROR", mirror.url("/some/prefix/"))
        assert fetch(published(server)).sources == {NAME: mirror.url("/some/prefix/made-up/net.caffemodel")}
        assert server.asked == []
        placed().unlink()
        mirror.pages.clear()
        assert fetch(published(server)).sources == {NAME: server.url(PATH)}
        assert len(mirror.asked) == 2


def test_the_address_that_a_part_came_from_is_asked_before_others(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(server, published(server), monkeypatch)
    with HostileServer({PATH: Page(CONTENT)}) as other:
        fetch(published(other, server))
        assert other.asked == []
    assert server.ranges == ["", "bytes=100000-"]


def test_a_part_is_kept_until_another_address_gives_more(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(server, published(server), monkeypatch)
    with HostileServer() as mirror:
        monkeypatch.setenv("FACEPORT_MIRROR", mirror.address)
        fetch(published(server))
        assert mirror.ranges == [""]
    assert server.ranges == ["", "bytes=100000-"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FACEPORT_MIRROR", "ftp://host/prefix"), ("FACEPORT_MIRROR", "host/prefix"), ("FACEPORT_MIRROR", "http:///prefix"),
        ("FACEPORT_TIMEOUT", "soon"), ("FACEPORT_TIMEOUT", "0"), ("FACEPORT_TIMEOUT", "nan"),
        ("FACEPORT_TIMEOUT", "inf"), ("FACEPORT_TIMEOUT", "-1"),
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=f"{variable}={value}: is to be"):
        fetch(published(server))


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_proxies_of_the_environment_are_asked(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, server.address)
    fetch(model(plain([f"http://weights.invalid{PATH}"], CONTENT)))
    assert server.targets == [f"http://weights.invalid{PATH}"]


@pytest.mark.parametrize("no_proxy", ["", "somewhere.invalid", "*"])
def test_no_proxy_is_asked_for_this_machine(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    with HostileServer() as proxy:
        for variable in ("http_proxy", "all_proxy"):
            monkeypatch.setenv(variable, proxy.address)
        monkeypatch.setenv("no_proxy", no_proxy)
        fetch(published(server))
        placed().unlink()
        fetch(model(plain([server.url(PATH).replace("127.0.0.1", "localhost")], CONTENT)))
        assert proxy.asked == []
    assert server.targets == [PATH, PATH]


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_hosts_that_a_person_excepts_stay_so(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "weights.invalid")
    excepted = environment.without_proxy()["no_proxy"]
    assert should_bypass_proxies("http://weights.invalid/net", excepted)
    assert should_bypass_proxies("http://[::1]/net", excepted)
    assert not should_bypass_proxies("http://elsewhere.invalid/net", excepted)


# Progress


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


def test_a_hash_of_first_sight_is_not_replaced(server: HostileServer) -> None:
    made_up = unpublished(server)
    record(made_up, {NAME: sha256(b"another")}, {NAME: FETCHED})
    refused(made_up, f"sha256:{sha256(b'another')} was recorded when it was first seen here")
    assert recorded(made_up) == {NAME: sha256(b"another")}
