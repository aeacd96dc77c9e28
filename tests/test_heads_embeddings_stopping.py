"""Whatever stops a writer, and whatever happens to its files, no embedding is lost or wrong."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from embedding_cases import StandIn, expected, files_up_to, table_of, working_threads, write_images
from heads.embeddings import sink
from heads.embeddings.extraction import EmbedOptions, embed
from heads.embeddings.loading import load_labelled
from heads.embeddings.store import read_store
from heads.errors import HeadsError

HERE = Path(__file__).parent
COUNT = 60


@pytest.fixture
def images(tmp_path: Path) -> Path:
    write_images(tmp_path / "images", COUNT)
    return tmp_path / "images"


def table(images: Path, count: int = COUNT) -> Any:
    return table_of(images, sorted(path.name for path in images.iterdir())[:count])


def writer(images: Path, folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "embedding_writer.py"), str(images), str(folder), *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent, env={"PYTHONPATH": str(HERE.parent)}
    )


def kept(folder: Path) -> int:
    return len(set(read_store(folder).keys())) if (folder / "store.json").exists() else 0


def check_all(images: Path, folder: Path) -> None:
    labelled = load_labelled(folder)
    assert len(labelled) == COUNT
    wanted = np.stack([expected(images, name) for name in labelled.table.rows["path"]])
    np.testing.assert_array_equal(labelled.vectors, wanted)
    assert not list(folder.rglob("*.partial"))


def test_a_writer_killed_again_and_again_goes_on_where_it_was(tmp_path: Path, images: Path) -> None:
    folder = tmp_path / "e"
    before = 0
    for delay_seconds in (0.0, 0.02, 0.04, 0.06):
        with writer(images, folder) as process:
            while len(list(folder.glob("vectors/part-*"))) < before // 2 + 3:
                assert process.poll() is None
            time.sleep(delay_seconds)
            process.kill()
            assert process.wait() == -signal.SIGKILL
        assert kept(folder) >= before + 6
        before = kept(folder)
    assert 0 < before < COUNT
    result = embed(StandIn(), table(images), folder)
    assert (result.computed, result.reused) == (COUNT - before, before)
    check_all(images, folder)


@pytest.mark.parametrize(
    ("step", "count"), [("hidden", 1), ("renamed", 1), ("hidden", 4), ("renamed", 4), ("hidden", 33)]
)
def test_a_writer_killed_while_it_writes_leaves_only_whole_files(
    tmp_path: Path, images: Path, step: str, count: int
) -> None:
    folder = tmp_path / "e"
    with writer(images, folder, step, str(count)) as process:
        assert process.wait() == -signal.SIGKILL
    assert bool(list(folder.rglob("*.partial"))) == (step == "hidden")
    before = kept(folder)
    assert embed(StandIn(), table(images), folder).reused == before
    check_all(images, folder)


def test_ctrl_c_keeps_what_was_computed(tmp_path: Path, images: Path) -> None:
    class Stopped(StandIn):
        def run(self, batch: Any) -> Any:
            if self.computed == 12:
                raise KeyboardInterrupt
            return super().run(batch)

    with pytest.raises(KeyboardInterrupt):
        embed(Stopped(), table(images), tmp_path / "e", EmbedOptions(batch_size=4))
    assert not working_threads()
    assert embed(StandIn(), table(images), tmp_path / "e").reused == 12
    check_all(images, tmp_path / "e")


def test_two_writers_at_once_are_refused(tmp_path: Path, images: Path) -> None:
    with writer(images, tmp_path / "e") as process:
        assert process.stdout is not None
        process.stdout.readline()
        while not (tmp_path / "e" / "store.json").exists():
            assert process.poll() is None
        with pytest.raises(HeadsError, match="another program is writing embeddings here"):
            embed(StandIn(), table(images), tmp_path / "e")
        assert process.stdout.readline() == f"{COUNT} 0\n"
    check_all(images, tmp_path / "e")


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embed(StandIn(), table(images, 4), tmp_path / "e")
    before = {path: path.read_bytes() for path in (tmp_path / "e").rglob("*.*")}
    with (
        files_up_to(12_000),
        pytest.raises(HeadsError, match="part-000001.parquet: cannot be written: File too large; the files") as caught,
    ):
        embed(StandIn(), table(images), tmp_path / "e")
    assert "make room and run `heads embed` again" in str(caught.value)
    assert {path: path.read_bytes() for path in (tmp_path / "e").rglob("*.*")} == before
    monkeypatch.setattr(sink, "SHARD_SECONDS", 0.0)
    assert embed(StandIn(), table(images), tmp_path / "e").reused == 4
    check_all(images, tmp_path / "e")


def test_a_full_disk_at_the_end_keeps_the_vectors(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "SHARD_SECONDS", 0.0)
    with files_up_to(5_000), pytest.raises(HeadsError, match="faces.csv: cannot be written"):
        embed(StandIn(), table(images), tmp_path / "e", EmbedOptions(batch_size=1))
    assert embed(StandIn(), table(images), tmp_path / "e").reused == COUNT
    check_all(images, tmp_path / "e")


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


def test_a_damaged_shard_is_refused_by_name_and_can_be_deleted(tmp_path: Path, images: Path) -> None:
    folder = tmp_path / "e"
    embed(StandIn(), table(images, 30), folder)
    embed(StandIn(), table(images), folder)
    shard = folder / "vectors" / "part-000001.parquet"
    whole = shard.read_bytes()
    for damage in (b"", whole[:-100], whole[: len(whole) // 2], b"PAR1" + bytes(200) + b"PAR1"):
        shard.write_bytes(damage)
        for used in (lambda: embed(StandIn(), table(images), folder), lambda: load_labelled(folder)):
            with pytest.raises(
                HeadsError, match=f"{shard}: is damaged .*; delete this file and run `heads embed` again"
            ):
                used()
    shard.unlink()
    assert len(load_labelled(folder)) == 30
    assert embed(StandIn(), table(images), folder).computed == 30
    check_all(images, folder)


def test_a_flipped_bit_in_a_vector_is_found(tmp_path: Path, images: Path) -> None:
    embed(StandIn(), table(images), tmp_path / "e")
    shard = tmp_path / "e" / "vectors" / "part-000000.parquet"
    column = pq.read_metadata(shard).row_group(0).column(2)
    flip(shard, column.data_page_offset + column.total_compressed_size // 2)
    with pytest.raises(HeadsError, match="part-000000.parquet: is damaged"):
        load_labelled(tmp_path / "e")


def test_vectors_of_another_store_are_refused(tmp_path: Path, images: Path) -> None:
    embed(StandIn(), table(images), tmp_path / "e")
    embed(StandIn(model_sha256="b" * 64), table(images), tmp_path / "other")
    (tmp_path / "other" / "vectors" / "part-000000.parquet").rename(tmp_path / "e" / "vectors" / "part-000007.parquet")
    with pytest.raises(HeadsError, match="part-000007.parquet: holds embeddings of another kind"):
        embed(StandIn(), table(images), tmp_path / "e")


def test_the_same_vectors_twice_do_no_harm(tmp_path: Path, images: Path) -> None:
    embed(StandIn(), table(images), tmp_path / "e")
    vectors = tmp_path / "e" / "vectors"
    (vectors / "part-000003.parquet").write_bytes((vectors / "part-000000.parquet").read_bytes())
    check_all(images, tmp_path / "e")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "store.json: is damaged"),
        ('{"version": 1}', "store.json: is damaged (KeyError: 'spec')"),
        ('{"version": 2}', "is of version 2, this program reads 1"),
        (None, "holds no embeddings (store.json is missing)"),
    ],
)
def test_a_folder_that_is_no_store_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "store.json").write_text(content)
    with pytest.raises(HeadsError) as caught:
        load_labelled(tmp_path)
    assert message in str(caught.value)


def test_a_folder_with_other_files_is_left_alone(images: Path) -> None:
    with pytest.raises(HeadsError, match=r"is a folder with other files in it \(00000.png\)"):
        embed(StandIn(), table(images), images)
    assert sorted(path.suffix for path in images.iterdir()) == [".png"] * COUNT


def test_vectors_without_their_description_are_left_alone(tmp_path: Path, images: Path) -> None:
    embed(StandIn(), table(images), tmp_path / "e")
    (tmp_path / "e" / "store.json").unlink()
    with pytest.raises(HeadsError, match="has vectors but no store.json"):
        embed(StandIn(), table(images), tmp_path / "e")
