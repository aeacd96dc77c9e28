"""Archives: what a model names comes out of them, and nothing else happens, whatever else they hold."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from fetching_cases import keep_apart
from hostile_server import HostileServer, Page
from made_up_weights import CONTENT, model, sha256
from weights.errors import FetchError
from weights.fetching import archives, bounded, bounds, progress
from weights.fetching.archives import unpack
from weights.fetching.failures import ArchiveError
from weights.fetching.fetch import fetch
from weights.fetching.progress import silent
from weights.registry.model import Download, Member, PublishedModel
from weights.store.files import FETCHED, record, recorded
from weights.store.place import downloads_folder, model_folder

NET, NAMES = "made_up/net.caffemodel", "made_up/names.txt"
LABELS = b"Aamir\nZuleyka\n"
FILES = {"made_up/readme.txt": b"hello", NAMES: LABELS, NET: CONTENT, "made_up/ak.png": b"face"}
MEMBERS = (
    Member(name="net.caffemodel", role="weights", within=NET),
    Member(name="names.txt", role="labels", within=NAMES),
)
HASHES = {"net.caffemodel": sha256(CONTENT), "names.txt": sha256(LABELS)}


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_apart(tmp_path / "store", monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder to unpack into, deep enough that a way out of it stays in the test's own."""
    made = tmp_path / "a" / "b" / "unpacked"
    made.mkdir(parents=True)
    return made


def tar(entries: Mapping[str, bytes] | list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    pairs = [(plain(*each), each[1]) for each in entries.items()] if isinstance(entries, Mapping) else entries
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for info, content in pairs:
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def plain(name: str, content: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info


def gzipped_tar(entries: Mapping[str, bytes]) -> bytes:
    return gzip.compress(tar(entries), mtime=0)


def zipped(entries: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return packed.getvalue()


KINDS: dict[str, Callable[[Mapping[str, bytes]], bytes]] = {
    "net.tar": tar, "net.tar.gz": gzipped_tar, "net.tgz": gzipped_tar, "net.zip": zipped,
}  # fmt: skip
each_kind = pytest.mark.parametrize("name", KINDS)


def unpacked(folder: Path, name: str, content: bytes, *members: Member) -> dict[str, str]:
    archive = folder.parent / name
    archive.write_bytes(content)
    return unpack(archive, members or MEMBERS, folder, silent)


def refused(folder: Path, name: str, content: bytes, match: str, *members: Member) -> None:
    """Unpack, see it refused for this reason, and see that nothing was written beside the folder."""
    before = everything(folder.parents[2]) | {folder.parent / name}
    with pytest.raises(ArchiveError, match=match):
        unpacked(folder, name, content, *members)
    assert {path for path in everything(folder.parents[2]) if path.parent != folder} == before


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


# What is named comes out


@each_kind
def test_only_what_is_named_comes_out(folder: Path, name: str) -> None:
    assert unpacked(folder, name, KINDS[name](FILES)) == HASHES
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "net.caffemodel": CONTENT, "names.txt": LABELS,
    }  # fmt: skip


@each_kind
def test_a_pattern_finds_the_one_file_that_fits(folder: Path, name: str) -> None:
    files = {f"./{path}": content for path, content in FILES.items()} | {"./made_up/._net.caffemodel": b"shadow"}
    member = Member(name="net.caffemodel", role="weights", within="*.caffemodel")
    assert unpacked(folder, name, KINDS[name](files), member) == {"net.caffemodel": sha256(CONTENT)}


@each_kind
def test_two_files_that_fit_a_pattern_are_refused(folder: Path, name: str) -> None:
    member = Member(name="net.caffemodel", role="weights", within="*.caffemodel")
    content = KINDS[name]({**FILES, "made_up/old.caffemodel": b"old"})
    refused(folder, name, content, r"holds \*.caffemodel more than once", member)


@each_kind
def test_what_is_missing_is_said_beside_what_is_there(folder: Path, name: str) -> None:
    refused(folder, name, KINDS[name]({NET: CONTENT}), f"{name}: holds no {NAMES}; it holds {NET}$")


def test_much_that_is_there_is_counted(folder: Path) -> None:
    many = {f"f{number}": b"" for number in range(25)}
    refused(folder, "net.zip", zipped(many), f"holds no {NET}, {NAMES}; it holds f0, f1, .*, f19 and 5 more$")


def test_progress_tells_what_is_unpacked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    told: list[tuple[str, int, int | None]] = []
    archive = folder.parent / "net.zip"
    archive.write_bytes(zipped(FILES))
    unpack(archive, MEMBERS, folder, lambda *report: told.append(report))
    assert told[0] == ("unpacking names.txt", len(LABELS), len(LABELS))
    assert {title for title, _, _ in told[1:]} == {"unpacking net.caffemodel"}
    done = [done_bytes for _, done_bytes, _ in told[1:]]
    assert done == sorted(done)
    assert done[-1] == len(CONTENT)


def test_another_kind_of_archive_is_refused(folder: Path) -> None:
    refused(folder, "net.rar", b"Rar!", r"net.rar: is no archive that can be unpacked \(.tar.gz, .tgz, .tar, .zip\)")


# Evil members


@each_kind
@pytest.mark.parametrize("path", ["/net.caffemodel", "../net.caffemodel", "made_up/../../../net.caffemodel"])
def test_a_path_that_leads_out_is_refused_where_it_is_wanted(folder: Path, name: str, path: str) -> None:
    member = Member(name="net.caffemodel", role="weights", within="*net.caffemodel")
    refused(folder, name, KINDS[name]({path: CONTENT}), "its path leads out of the archive", member)


@each_kind
def test_a_path_that_leads_out_stays_in_where_nobody_wants_it(folder: Path, name: str) -> None:
    evil = {"../evil": b"evil", "/tmp/evil": b"evil", **FILES}  # noqa: S108 - this is what evil archives hold
    before = everything(folder.parents[2]) | {folder.parent / name}
    assert unpacked(folder, name, KINDS[name](evil)) == HASHES
    assert everything(folder.parents[2]) == before | {folder / "net.caffemodel", folder / "names.txt"}


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "a link"), (tarfile.LNKTYPE, "a link"), (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"), (tarfile.FIFOTYPE, "a device"), (tarfile.DIRTYPE, "a folder"),
    ],
)  # fmt: skip
def test_what_is_no_plain_file_is_refused(folder: Path, kind: bytes, what: str) -> None:
    info = tarfile.TarInfo(NET)
    info.type, info.linkname = kind, "/etc/passwd"
    refused(folder, "net.tar", tar([(info, b"")]), f"{NET}: is {what}, a plain file is expected")


def test_a_link_to_another_member_is_not_followed(folder: Path) -> None:
    link = tarfile.TarInfo(NET)
    link.type, link.linkname = tarfile.LNKTYPE, "made_up/other"
    content = tar([(plain("made_up/other", CONTENT), CONTENT), (link, b"")])
    refused(folder, "net.tar", content, "is a link, a plain file is expected")


def test_a_link_in_a_zip_is_refused(folder: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        info = zipfile.ZipInfo(NET)
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    refused(folder, "net.zip", packed.getvalue(), f"{NET}: is a link, a plain file is expected")


def test_names_in_an_archive_are_not_sent_to_the_terminal_as_they_are(folder: Path) -> None:
    content = tar({"\x1b[2Jnet\n": b"", "long" * 100: b""})
    refused(folder, "net.tar", content, rf"it holds \?\[2Jnet\?, {'long' * 50}\.\.\.$")


def test_a_member_that_comes_twice_is_refused(folder: Path) -> None:
    content = tar([(plain(NET, CONTENT), CONTENT), (plain(NET, b"other"), b"other")])
    refused(folder, "net.tar", content, f"holds {NET} more than once")


# Damage


@pytest.mark.parametrize("kept_fraction", [0.0, 0.1, 0.5, 0.9, 0.999])
@each_kind
def test_a_truncated_archive_is_refused(folder: Path, name: str, kept_fraction: float) -> None:
    # Nothing that the model names stands behind the cut of a .tar: its last kilobytes are filling.
    files = {NAMES: LABELS, NET: CONTENT} if name == "net.tar" else FILES
    content = KINDS[name](files)
    end = content.rindex(CONTENT[-100:]) + 100 if name == "net.tar" else len(content)
    refused(folder, name, content[: int(end * kept_fraction)], "is damaged or incomplete|holds no made_up")


@pytest.mark.parametrize("name", ["net.tar.gz", "net.zip"])
def test_a_changed_byte_is_noticed_by_the_checksum(folder: Path, name: str) -> None:
    content = bytearray(KINDS[name]({NAMES: LABELS, NET: CONTENT}))
    content[len(content) // 2] ^= 1  # in the middle of random numbers, which are stored as they are
    refused(folder, name, bytes(content), "is damaged or incomplete: ")


def test_the_checksum_at_the_end_of_an_archive_is_looked_at(folder: Path) -> None:
    content = bytearray(gzipped_tar(FILES))
    content[-8] ^= 1
    refused(folder, "net.tar.gz", bytes(content), "is damaged or incomplete: CRC check failed")


@each_kind
@pytest.mark.parametrize("content", [b"", b"<html>", bytes(2000), b"\x1f\x8b" + bytes(100), CONTENT[:5000]])
def test_what_is_no_archive_is_refused(folder: Path, name: str, content: bytes) -> None:
    refused(folder, name, content, "is damaged or incomplete: |holds no made_up.*; it holds nothing")


def test_an_encrypted_zip_is_refused(folder: Path) -> None:
    content = bytearray(zipped({NAMES: LABELS, NET: CONTENT}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        content[at + offset] |= 1
    refused(folder, "net.zip", bytes(content), "is damaged or incomplete: .*encrypted")


def test_a_zip_in_an_unknown_compression_is_refused(folder: Path) -> None:
    content = bytearray(zipped({NAMES: LABELS, NET: CONTENT}))
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", content, content.find(signature) + offset, 97)
    refused(folder, "net.zip", bytes(content), "is damaged or incomplete: .*compression")


# Bombs


@each_kind
def test_a_member_larger_than_expected_is_not_written(folder: Path, name: str) -> None:
    members = (Member(name="names.txt", role="labels", within=NAMES, size_bytes=len(LABELS)),)
    content = KINDS[name]({NAMES: bytes(10**6)})
    refused(folder, name, content, f"{NAMES}: has 1,000,000 bytes, 14 are expected", *members)
    assert list(folder.iterdir()) == []


@each_kind
def test_a_member_of_another_size_is_refused_where_no_hash_is_known(folder: Path, name: str) -> None:
    member = Member(name="names.txt", role="labels", within=NAMES, size_bytes=len(LABELS) + 1)
    refused(folder, name, KINDS[name]({NAMES: LABELS}), "has 14 bytes, 15 are expected", member)
    known = Member(name="names.txt", role="labels", within=NAMES, size_bytes=len(LABELS) + 1, sha256=sha256(LABELS))
    assert unpacked(folder, name, KINDS[name]({NAMES: LABELS}), known) == {"names.txt": sha256(LABELS)}


@each_kind
def test_a_member_of_unknown_size_has_a_bound(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(bounds, "UNKNOWN_LIMIT_BYTES", 1000)
    refused(folder, name, KINDS[name](FILES), f"{NET}: has 300,001 bytes, at most 1,000 are taken")


def test_a_small_zip_that_states_too_little_is_refused(folder: Path) -> None:
    content = bytearray(zipped({NAMES: LABELS, NET: bytes(10**6)}))
    struct.pack_into("<I", content, content.rfind(b"PK\x01\x02") + 24, 1000)
    refused(folder, "net.zip", bytes(content), "is damaged or incomplete: .*CRC")
    assert (folder / "net.caffemodel").stat().st_size <= 1000


def test_a_small_zip_that_states_too_much_is_refused(folder: Path) -> None:
    content = bytearray(zipped({NAMES: LABELS, NET: bytes(10**6)}))
    struct.pack_into("<I", content, content.rfind(b"PK\x01\x02") + 24, 2 * 10**6)
    refused(folder, "net.zip", bytes(content), "is damaged or incomplete: ")


def test_endless_zeros_that_nobody_wants_are_not_read_to_their_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "LENGTH_LIMIT_BYTES", 10**6)
    files = {"zeros": bytes(2 * 10**6), **FILES}
    refused(folder, "net.tar.gz", gzipped_tar(files), "is damaged or incomplete: holds more than 1,000,000 bytes")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_claims_gigabytes_takes_no_memory(folder: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, 2**33
    refused(folder, "net.tar", info.tobuf(tarfile.GNU_FORMAT) + bytes(4096), "a header claims 8,589,934,592 bytes")


def test_a_negative_size_does_not_lead_round_in_circles(folder: Path) -> None:
    info = tarfile.TarInfo("negative")
    info.size = -1024
    content = info.tobuf(tarfile.GNU_FORMAT) + tar(FILES)
    refused(folder, "net.tar", content, "is damaged or incomplete: (an entry claims less than no bytes|invalid offset)")


def test_headers_nested_without_end_are_refused(folder: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 5
    nested = (info.tobuf(tarfile.GNU_FORMAT) + b"name\0".ljust(512, b"\0")) * 3000
    refused(folder, "net.tar.gz", gzip.compress(nested), "is damaged or incomplete: ")


def test_a_file_with_holes_is_refused(folder: Path) -> None:
    info = tarfile.TarInfo(NET)
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 0
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"00000001000\0"  # its size once the holes are filled
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    refused(folder, "net.tar", bytes(header) + bytes(1024), f"{NET}: is a file with holes")


@pytest.mark.parametrize("name", ["net.tar", "net.zip"])
def test_entries_without_number_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(archives, "ENTRIES_LIMIT", 50)
    refused(folder, name, KINDS[name]({f"f{number}": b"" for number in range(51)}), "holds more than 50 entries")


def test_a_disk_without_room_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _folder: SimpleNamespace(free=1000))
    with pytest.raises(FetchError, match="net.caffemodel has 300,001 bytes, the disk has room for 1,000; .* is kept"):
        unpacked(folder, "net.zip", zipped(FILES))


# From a server


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer({"/net.tar.gz": Page(gzipped_tar(FILES))}) as running:
        yield running


def packed(*servers: HostileServer, digest: str = "", members: tuple[Member, ...] = MEMBERS) -> PublishedModel:
    urls = tuple(each.url("/net.tar.gz") for each in servers)
    return model(Download(name="net.tar.gz", urls=urls, sha256=digest, archive=True, members=members))


def test_an_archive_arrives_as_its_members(server: HostileServer) -> None:
    fetched = fetch(packed(server, digest=sha256(gzipped_tar(FILES))))
    assert (fetched.hashes, fetched.first_seen) == (HASHES, ())
    assert fetched.sources == {"net.tar.gz": server.url("/net.tar.gz")}
    assert {path.name for path in model_folder("made-up").iterdir()} == {*HASHES, "files.json"}
    assert not downloads_folder("made-up").exists()


def test_members_are_held_to_the_hashes_of_their_first_sight(server: HostileServer) -> None:
    made_up = packed(server)
    assert fetch(made_up).first_seen == ("names.txt", "net.caffemodel")
    assert recorded(made_up) == HASHES
    (model_folder("made-up") / "names.txt").unlink()
    server.pages["/net.tar.gz"].content = gzipped_tar({**FILES, NAMES: b"other"})
    with pytest.raises(FetchError, match=f"names.txt has sha256 .*, {HASHES['names.txt']} was recorded"):
        fetch(made_up)
    assert not (model_folder("made-up") / "names.txt").exists()
    assert list((downloads_folder("made-up") / ".unpacked").iterdir()) == []
    server.pages["/net.tar.gz"].content = gzipped_tar(FILES)
    assert fetch(made_up).first_seen == ()


def test_only_an_archive_whose_member_is_lacking_is_asked_for(server: HostileServer) -> None:
    fetch(packed(server))
    fetch(packed(server))
    assert len(server.asked) == 1
    (model_folder("made-up") / "net.caffemodel").write_bytes(b"damaged")
    assert fetch(packed(server)).hashes == HASHES
    assert len(server.asked) == 2


def test_a_damaged_archive_is_had_from_another_mirror(server: HostileServer) -> None:
    with HostileServer({"/net.tar.gz": Page(gzipped_tar(FILES)[:100_000])}) as damaged:
        with pytest.raises(FetchError, match="net.tar.gz: is damaged or incomplete"):
            fetch(packed(damaged))
        assert not (downloads_folder("made-up") / "net.tar.gz").exists()
        assert fetch(packed(damaged, server)).sources == {"net.tar.gz": server.url("/net.tar.gz")}


def test_a_published_archive_that_is_not_as_described_is_kept_for_a_person(server: HostileServer) -> None:
    content = gzipped_tar({"elsewhere/net.caffemodel": CONTENT})
    server.pages["/net.tar.gz"].content = content
    kept = downloads_folder("made-up") / "net.tar.gz"
    with pytest.raises(FetchError, match=f"holds no .* it holds elsewhere/.*stays at {kept}: unpack it yourself"):
        fetch(packed(server, server, digest=sha256(content)))
    assert kept.read_bytes() == content
    assert len(server.asked) == 1


def test_a_published_hash_of_a_member_is_held_to(server: HostileServer) -> None:
    wrong = Member(name="net.caffemodel", role="weights", within=NET, sha256="0" * 64)
    with pytest.raises(FetchError, match=f"net.caffemodel has sha256 {sha256(CONTENT)}, {'0' * 64} was published"):
        fetch(packed(server, members=(wrong,)))
    assert not model_folder("made-up").exists()


def test_an_archive_is_kept_when_the_disk_is_full(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(archives, "_copy", full)
        with pytest.raises(FetchError, match="No space left on device; what has come so far is kept"):
            fetch(packed(server))
    assert (downloads_folder("made-up") / "net.tar.gz").read_bytes() == gzipped_tar(FILES)
    assert fetch(packed(server)).sources == {"net.tar.gz": server.url("/net.tar.gz")}
    assert len(server.asked) == 1


def test_ctrl_c_while_unpacking_keeps_the_archive_and_no_half_file(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)

    def interrupt(title: str, _done_bytes: int, _total_bytes: int | None) -> None:
        if title == "unpacking net.caffemodel":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(packed(server), progress=interrupt)
    assert not model_folder("made-up").exists()
    assert list((downloads_folder("made-up") / ".unpacked").iterdir()) == []
    assert fetch(packed(server)).hashes == HASHES
    assert len(server.asked) == 1


def test_require_hash_is_content_with_hashes_of_the_members(server: HostileServer) -> None:
    known = tuple(
        Member(name=each.name, role=each.role, within=each.within, sha256=HASHES[each.name]) for each in MEMBERS
    )
    assert fetch(packed(server, members=known), require_hash=True).first_seen == ()
    with pytest.raises(FetchError, match="nobody published a hash of names.txt;"):
        fetch(packed(server, members=(known[0], MEMBERS[1])), require_hash=True)


def test_what_was_added_before_is_held_to_as_well(server: HostileServer) -> None:
    record(packed(server), {"names.txt": sha256(b"mine")}, {"names.txt": FETCHED})
    with pytest.raises(FetchError, match=f"{sha256(b'mine')} was recorded"):
        fetch(packed(server))
