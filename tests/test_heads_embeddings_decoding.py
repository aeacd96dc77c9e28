"""Images are decoded beside the network, in order, never more of them than were allowed."""

import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedding_cases import StandIn, table_of, working_threads, write_images
from heads.embeddings.content import FaceRow, content_key
from heads.embeddings.decoding import FaceReader, in_order
from heads.embeddings.extraction import EmbedOptions, embed
from heads.embeddings.loading import load_labelled
from heads.errors import HeadsError


@pytest.mark.parametrize("at_once", [1, 3])
def test_values_come_in_order_however_long_each_takes(at_once: int) -> None:
    delays = np.random.default_rng(0).uniform(0, 0.01, 40)

    def work(number: int) -> int:
        time.sleep(delays[number])
        return number

    assert list(in_order(range(40), work, threads=5, ahead=12, at_once=at_once)) == list(range(40))


def test_no_more_is_done_ahead_than_was_asked_for() -> None:
    begun: list[int] = []
    made = in_order(range(1000), lambda number: begun.append(number) or number, threads=2, ahead=10, at_once=2)
    taken = [next(made) for _ in range(50)]
    time.sleep(0.05)
    assert taken == list(range(50)) and len(begun) <= 62
    made.close()
    assert not working_threads()


def test_a_failure_comes_through_and_ends_the_threads() -> None:
    def work(number: int) -> int:
        if number == 7:
            raise HeadsError("no more")
        return number

    with pytest.raises(HeadsError, match="no more"):
        list(in_order(range(100), work, threads=3, ahead=9))
    assert not working_threads()


def test_the_next_batch_is_decoded_while_the_network_runs(tmp_path: Path) -> None:
    class Waiting(StandIn):
        prepared = 0
        enough = threading.Event()

        def prepare(self, image: Any) -> Any:
            self.prepared += 1
            if self.prepared >= 8:
                self.enough.set()
            return super().prepare(image)

        def run(self, batch: Any) -> Any:
            assert self.enough.wait(10), "nothing was decoded while the network ran"
            return super().run(batch)

    names = write_images(tmp_path / "images", 12)
    assert (
        embed(Waiting(), table_of(tmp_path / "images", names), tmp_path / "e", EmbedOptions(batch_size=4)).computed
        == 12
    )


def test_known_images_are_not_decoded(tmp_path: Path) -> None:
    class Blind(StandIn):
        def prepare(self, _image: Any) -> Any:
            raise AssertionError

    names = write_images(tmp_path / "images", 6)
    embed(StandIn(), table_of(tmp_path / "images", names), tmp_path / "e")
    assert embed(Blind(), table_of(tmp_path / "images", names), tmp_path / "e").reused == 6


def test_an_image_alone_has_the_vector_that_it_has_in_a_batch(tmp_path: Path) -> None:
    names = write_images(tmp_path / "images", 5)
    table = table_of(tmp_path / "images", names)
    vectors = []
    for batch_size in (1, 5):
        embed(StandIn(), table, tmp_path / str(batch_size), EmbedOptions(batch_size=batch_size))
        vectors.append(load_labelled(tmp_path / str(batch_size)).vectors)
    np.testing.assert_array_equal(*vectors)


def reader(root: Path, error: BaseException | None = None) -> FaceReader:
    def prepare(_image: bytes, _row: FaceRow) -> Any:
        if error:
            raise error
        return np.zeros((3, 8, 8), np.float32)

    return FaceReader(table_of(root, ["a.png"]), prepare)


def test_memory_that_runs_out_is_not_the_fault_of_an_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(HeadsError, match="a.png: memory ran out while it was decoded; choose a smaller batch"):
        reader(tmp_path, MemoryError())(FaceRow(0, "a.png", {}))


def test_too_many_open_files_are_not_the_fault_of_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.stat

    def full(path: Any, **settings: Any) -> Any:
        if str(path).endswith("a.png"):
            raise OSError(errno.EMFILE, "Too many open files")
        return whole(path, **settings)

    monkeypatch.setattr(os, "stat", full)
    with pytest.raises(HeadsError, match="a.png: Too many open files; close other programs"):
        reader(tmp_path)(FaceRow(0, "a.png", {}))


def test_strange_paths_are_problems_of_their_rows(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    read = reader(tmp_path)
    assert read(FaceRow(0, "folder", {})).problem == "is not a file"
    assert read(FaceRow(0, "nul\0byte", {})).problem.startswith("cannot be read: ")
    assert read(FaceRow(0, "gone", {})).problem == "cannot be read: No such file or directory"
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**28 + 1)
    assert read(FaceRow(0, "huge", {})).problem == "has 268435457 bytes, more than the 268435456 that are read"


def test_keys_tell_contents_and_regions_apart() -> None:
    keys = {
        content_key(image, region)
        for image in (b"one", b"two")
        for region in ((), (1.0, 2.0), (2.0, 1.0), (1.0, 2.5), (1.0, 2.0, 0.0))
    }
    assert len(keys) == 10
    assert content_key(b"one", (1, 2)) == content_key(b"one", (1.0, 2.0))
