"""What is kept of published models: files, hashes of their first sight, licences, one process at a time."""

import errno
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from published_models import LABELS, NETWORK, WEIGHTS, Published, digest, publish
from weights import adding
from weights.errors import UsageError, WeightsError
from weights.registry import reading
from weights.registry.model import PublishedModel
from weights.store import files, licences, locking, place, writing


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Published:
    return publish(tmp_path, monkeypatch)


def keep(name: str, contents: Mapping[str, bytes]) -> None:
    folder = writing.made(place.model_folder(name))
    for member, content in contents.items():
        (folder / member).write_bytes(content)


def states(name: str) -> dict[str, str]:
    return {each.member.name: each.state for each in files.check(reading.model(name))}


def test_the_store_is_a_cache_folder_unless_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(place.FOLDER_VARIABLE, str(tmp_path))
    assert place.store_folder() == tmp_path
    monkeypatch.delenv(place.FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert place.store_folder().parts[-2:] == ("faceport", "weights")


@pytest.mark.usefixtures("published")
def test_a_model_is_here_when_all_is_that_makes_a_network() -> None:
    face, age = reading.model("tiny-face"), reading.model("tiny-age")
    assert files.local_files(face) == {} and not files.is_here(face)
    keep("tiny-face", {"net.caffemodel": b"w", "names.txt": b"n", "strange": b"s"})
    assert list(files.local_files(face)) == ["net.caffemodel", "names.txt"] and not files.is_here(face)
    keep("tiny-face", {"net.prototxt": b"p"})
    assert files.is_here(face)
    keep("tiny-age", {"age.caffemodel": b"w"})
    assert files.is_here(age)  # its prototxt is packed


def note(model: PublishedModel, hashes: dict[str, str], origin: str = files.FETCHED) -> None:
    files.record(model, hashes, dict.fromkeys(hashes, origin))


@pytest.mark.usefixtures("published")
def test_hashes_of_the_first_sight_are_kept_and_enforced() -> None:
    model = reading.model("tiny-face")
    note(model, {"net.caffemodel": "a" * 64})
    note(model, {"net.caffemodel": "a" * 64, "names.txt": "b" * 64})
    assert files.recorded(model) == {"net.caffemodel": "a" * 64, "names.txt": "b" * 64}
    with pytest.raises(WeightsError) as caught:
        note(model, {"net.caffemodel": "c" * 64, "names.txt": "b" * 64})
    assert len(caught.value.problems) == 1
    assert f"has sha256 {'c' * 64}, expected {'a' * 64} as at its first sight" in str(caught.value)
    assert "weights remove tiny-face --forget" in str(caught.value)
    assert files.recorded(model)["net.caffemodel"] == "a" * 64


@pytest.mark.usefixtures("published")
def test_the_best_that_speaks_for_a_file_is_kept() -> None:
    model = reading.model("tiny-face")
    assert files.origin(model, "net.caffemodel") == ""
    for given, kept in (
        (files.ADDED, files.ADDED),
        (files.CONFIRMED, files.CONFIRMED),
        (files.FETCHED, files.CONFIRMED),
    ):
        note(model, {"net.caffemodel": "a" * 64}, given)
        assert files.origin(model, "net.caffemodel") == kept


def test_a_published_hash_comes_before_a_recorded_one(published: Published) -> None:
    model = reading.model("tiny-mat")
    note(model, {"net.mat": "a" * 64})
    assert files.expected_hash(model, model.members[0]) == digest(published.mat)


@pytest.mark.usefixtures("published")
def test_every_file_is_judged() -> None:
    assert states("tiny-face") == {"net.prototxt": "missing", "net.caffemodel": "missing"}
    keep("tiny-face", {"net.prototxt": b"p", "net.caffemodel": b"w"})
    assert states("tiny-face") == {"net.prototxt": "unrecorded", "net.caffemodel": "unrecorded"}
    model = reading.model("tiny-face")
    hashes = {each.member.name: each.sha256 for each in files.check(model)}
    note(model, {**hashes, "names.txt": "b" * 64})
    assert states("tiny-face") == {"net.prototxt": "ok", "net.caffemodel": "ok", "names.txt": "missing"}
    keep("tiny-face", {"net.caffemodel": b"v"})
    changed = next(each for each in files.check(model) if each.state == "changed")
    assert changed.wrong and changed.expected == hashes["net.caffemodel"] != changed.sha256


def test_checking_tells_how_far_it_is(published: Published) -> None:
    adding.add(reading.model("tiny-face"), [str(published.archive)])
    told: list[tuple[str, float]] = []
    files.check(reading.model("tiny-face"), lambda title, done: told.append((title, done)))
    members = ("net.prototxt", "net.caffemodel", "names.txt")
    assert [title for title, _ in told] == [f"hashing tiny-face/{name}" for name in members]
    fractions = [done for _, done in told]
    assert fractions[0] == 0 and fractions == sorted(fractions) and fractions[-1] < 1


def test_removing_leaves_the_hashes_and_the_other_models(published: Published) -> None:
    model = reading.model("tiny-face")
    adding.add(model, [str(published.archive)])
    adding.add(reading.model("tiny-mat"), [str(published.mat)])
    known = files.recorded(model)
    part = writing.made(place.downloads_folder("tiny-face")) / "tiny_face.tar.gz.part"
    part.write_bytes(b"half")
    gone = files.remove(model)
    assert {path.name for path in gone} == {"net.prototxt", "net.caffemodel", "names.txt"}
    assert not any(path.exists() for path in (*gone, part))
    assert files.recorded(model) == known and states("tiny-mat") == {"net.mat": "ok"}
    files.remove(model, forget=True)
    assert files.recorded(model) == {} and not place.model_folder("tiny-face").exists()
    assert files.remove(model) == []


def test_a_link_whose_file_has_gone_is_removed_too(published: Published, tmp_path: Path) -> None:
    own = tmp_path / "net.mat"
    own.write_bytes(published.mat.read_bytes())
    model = reading.model("tiny-mat")
    adding.add(model, [str(own)], link=True)
    assert files.local_files(model)["net.mat"].is_symlink() and states("tiny-mat") == {"net.mat": "ok"}
    own.unlink()
    assert files.local_files(model) == {}
    assert [path.name for path in files.remove(model)] == ["net.mat"]
    assert not os.path.lexists(place.model_folder("tiny-mat") / "net.mat")


@pytest.mark.usefixtures("published")
def test_terms_are_accepted_once_and_until_they_change() -> None:
    face, age = reading.model("tiny-face"), reading.model("tiny-age")
    assert licences.accepted(age) and not licences.accepted(face)
    licences.accept(face)
    assert licences.accepted(face) and not licences.accepted(reading.model("tiny-mat"))
    assert not licences.accepted(replace(face, licence=replace(face.licence, text="Other terms.")))


@pytest.mark.usefixtures("published")
def test_a_second_one_waits_until_the_first_is_done() -> None:
    order: list[str] = []
    waits = threading.Event()

    def second() -> None:
        with locking.locked("tiny-face", waiting=waits.set):
            order.append("second")

    with locking.locked("tiny-face"):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(20)
        with locking.locked("tiny-age"):
            order.append("another model")
        time.sleep(2 * locking.POLL_SECONDS)
        order.append("first")
    thread.join(20)
    assert order == ["another model", "first", "second"]


@pytest.mark.usefixtures("published")
def test_who_waits_in_vain_is_told() -> None:
    first, second = locking.locked("tiny-face"), locking.locked("tiny-face", wait_seconds=0)
    with first, pytest.raises(WeightsError) as caught, second:
        pass
    assert "'tiny-face' is being fetched or changed by another process" in str(caught.value)
    assert str(place.lock_file("tiny-face")) in str(caught.value)


@pytest.mark.usefixtures("published")
def test_a_file_system_without_locks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locking, "take", refuse)
    with pytest.raises(WeightsError, match="the file system cannot lock files: No locks"), locking.locked("tiny-face"):
        pass


def test_a_place_that_takes_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("a file where a folder is wanted")
    monkeypatch.setenv(place.FOLDER_VARIABLE, str(tmp_path / "file" / "store"))
    with pytest.raises(WeightsError, match=r"cannot be written: .*; FACEPORT_WEIGHTS names another folder"):
        writing.made(place.model_folder("tiny-face"))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "files.json"
    path.write_text("old")

    def fail(number: int, name: str) -> None:
        with writing.replacing(path) as new:
            new.write_text("half")
            raise OSError(number, os.strerror(number), name)

    with pytest.raises(WeightsError, match="No space left"):
        fail(errno.ENOSPC, "the source of a copy")
    with pytest.raises(PermissionError, match="another file"):
        fail(errno.EACCES, "another file")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["{", "[]", "\udcff"])
def test_a_damaged_record_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "files.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(WeightsError, match="is no record of ours.*; remove it to begin anew"):
        writing.read_json(path)


def test_files_that_one_has_become_those_of_a_model(published: Published, tmp_path: Path) -> None:
    model = reading.model("tiny-face")
    (tmp_path / "VGG_FACE.caffemodel").write_bytes(WEIGHTS.read_bytes())
    (tmp_path / "list").write_text("\n".join(LABELS))
    given = [str(tmp_path / "VGG_FACE.caffemodel"), str(NETWORK), f"names.txt={tmp_path / 'list'}"]
    hashes = adding.add(model, given)
    assert hashes == {
        "net.caffemodel": digest(WEIGHTS), "net.prototxt": digest(NETWORK), "names.txt": digest(tmp_path / "list"),
    }  # fmt: skip
    assert files.is_here(model) and files.recorded(model) == hashes
    kept = files.local_files(model)["net.caffemodel"]
    assert kept.parent == published.store / "tiny-face" and not kept.is_symlink()
    assert adding.add(model, given) == hashes  # once more changes nothing
    assert set(states("tiny-face").values()) == {"ok"}


def test_the_archive_that_one_has_is_unpacked(published: Published) -> None:
    model = reading.model("tiny-face")
    hashes = adding.add(model, [str(published.archive)])
    assert hashes["net.caffemodel"] == digest(WEIGHTS) and files.is_here(model)
    assert not place.downloads_folder("tiny-face").exists()
    files.remove(model, forget=True)
    published.archive.write_bytes(published.archive.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="is not tiny_face.tar.gz of 'tiny-face': md5 .*, expected .* as published"):
        adding.add(model, [str(published.archive)])
    assert files.local_files(model) == {} and not files.recorded(model)
    with pytest.raises(UsageError, match="--link is for files alone"):
        adding.add(model, [str(published.archive)], link=True)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["a.png"], ["a.png: fits no file of 'tiny-face'; write NAME=a.png, with one of net.prototxt, net.caffemodel"]),
        (["nest.txt=a"], ["'tiny-face' has no file 'nest.txt'; did you mean 'names.txt'?"]),
        (["a.txt", "b.txt"], ["b.txt: would be names.txt, as a.txt is already"]),
        (["a.png", "b.jpg"], ["a.png: fits no file", "b.jpg: fits no file"]),
    ],
)
def test_what_fits_no_file_of_a_model_is_told(words: list[str], messages: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        adding.add(reading.model("tiny-face"), words)
    assert len(caught.value.problems) == len(messages)
    assert all(message in problem for message, problem in zip(messages, caught.value.problems, strict=True))


def test_files_that_are_something_else_are_all_told_and_none_is_taken(published: Published, tmp_path: Path) -> None:
    page, empty = tmp_path / "net.caffemodel", tmp_path / "names.txt"
    page.write_text("<!doctype html><title>404</title>")
    empty.write_bytes(b"")
    with pytest.raises(WeightsError) as caught:
        adding.add(reading.model("tiny-face"), [str(page), str(empty), str(NETWORK)])
    told = sorted(caught.value.problems)
    assert len(told) == 2 and "is empty" in told[0] and "is a web page" in told[1]
    assert files.local_files(reading.model("tiny-face")) == {}
    published.mat.write_bytes(b"another")
    with pytest.raises(WeightsError, match="is not net.mat of 'tiny-mat': sha256 .*, expected .* as published"):
        adding.add(reading.model("tiny-mat"), [str(published.mat)])
    short = tmp_path / "short.h5"
    short.write_bytes(b"123")
    with pytest.raises(WeightsError, match="is not net.h5 of 'tiny-keras': 3 bytes, expected 10"):
        adding.add(reading.model("tiny-keras"), [str(short)])


@pytest.mark.usefixtures("published")
def test_another_file_than_that_of_the_first_sight_is_refused(tmp_path: Path) -> None:
    model = reading.model("tiny-keras")
    first, second = tmp_path / "first.h5", tmp_path / "second.h5"
    first.write_bytes(b"0123456789")
    second.write_bytes(b"9876543210")
    adding.add(model, [str(first)])
    files.remove(model)
    with pytest.raises(WeightsError, match="as at its first sight here; .* run: weights remove tiny-keras --forget"):
        adding.add(model, [str(second)])
    files.remove(model, forget=True)
    adding.add(model, [str(second)])
    assert states("tiny-keras") == {"net.h5": "ok"}


@pytest.mark.usefixtures("published")
def test_a_file_that_is_here_already_is_not_replaced(tmp_path: Path) -> None:
    keep("tiny-keras", {"net.h5": b"0123456789"})
    other = tmp_path / "other.h5"
    other.write_bytes(b"9876543210")
    with pytest.raises(WeightsError, match="is here already and differs; remove it first: weights remove tiny-keras"):
        adding.add(reading.model("tiny-keras"), [str(other)])
