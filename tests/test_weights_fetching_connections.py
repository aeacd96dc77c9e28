"""Connections that break, stall and come too late: what has come is gone on with, what is wrong is thrown away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fetching_cases import NAME, PATH, begin, keep_apart, part, placed, published, refused, unpublished
from hostile_server import ALWAYS, HostileServer, Page
from made_up_weights import CONTENT, model, plain
from weights.fetching import obtaining, progress
from weights.fetching.fetch import fetch
from weights.fetching.part import Origin
from weights.store.place import downloads_folder


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_apart(tmp_path / "store", monkeypatch)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer({PATH: Page(CONTENT)}) as running:
        yield running


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
