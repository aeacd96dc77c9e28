"""What lies in a folder of embeddings opens in other programs, and is found again however it is spread."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedding_cases import StandIn, expected, table_of, write_images
from heads import faces
from heads.embeddings import shards, sink
from heads.embeddings.extraction import EmbedOptions, embed
from heads.embeddings.loading import load_labelled
from heads.embeddings.pace import Pace, duration
from heads.errors import DataError


def test_other_programs_open_the_vectors(tmp_path: Path) -> None:
    names = write_images(tmp_path / "images", 7)
    embed(StandIn(), table_of(tmp_path / "images", names), tmp_path / "e")
    schema = pq.read_schema(tmp_path / "e" / "vectors" / "part-000000.parquet")
    assert schema.names == ["key", "path", "embedding"]
    assert schema.field("embedding").type == pa.list_(pa.field("element", pa.float32(), nullable=False), 192)
    vectors = pd.read_parquet(tmp_path / "e" / "vectors")
    joined = pd.read_csv(tmp_path / "e" / "faces.csv").merge(vectors, on=["key", "path"])
    assert joined["path"].tolist() == names and joined["label"].tolist()[:2] == ["female", "male"]
    wanted = np.stack([expected(tmp_path / "images", name) for name in names])
    np.testing.assert_array_equal(np.stack(joined["embedding"]), wanted)


def test_vectors_are_found_in_any_number_of_files_and_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "SHARD_BYTES", 10 * 192 * 4)
    monkeypatch.setattr(shards, "GROUP_BYTES", 3 * 192 * 4)
    names = write_images(tmp_path / "images", 45)
    root = tmp_path / "images"
    embed(StandIn(), table_of(root, names), tmp_path / "e", EmbedOptions(batch_size=7))
    files = sorted((tmp_path / "e" / "vectors").iterdir())
    assert [pq.read_metadata(file).num_rows for file in files] == [10, 10, 10, 10, 5]
    assert pq.read_metadata(files[0]).num_row_groups == 4
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(45), 2))[:60]
    wanted = [names[at] for at in order]
    embed(StandIn(), table_of(root, wanted), tmp_path / "e")
    labelled = load_labelled(tmp_path / "e")
    assert labelled.table.rows["path"].tolist() == wanted
    np.testing.assert_array_equal(labelled.vectors, np.stack([expected(root, name) for name in wanted]))


def test_numbers_go_on_after_the_last_file(tmp_path: Path) -> None:
    names = write_images(tmp_path / "images", 9)
    for count in (3, 6, 9):
        embed(StandIn(), table_of(tmp_path / "images", names[:count]), tmp_path / "e")
    files = sorted(path.name for path in (tmp_path / "e" / "vectors").iterdir())
    assert files == ["part-000000.parquet", "part-000001.parquet", "part-000002.parquet"]


def test_images_that_have_moved_are_named(tmp_path: Path) -> None:
    names = write_images(tmp_path / "images", 2)
    embed(StandIn(), table_of(tmp_path / "images", names), tmp_path / "e")
    assert load_labelled(tmp_path / "e", tmp_path / "moved").table.root == tmp_path / "moved"


def test_a_table_without_keys_is_refused(tmp_path: Path) -> None:
    names = write_images(tmp_path / "images", 2)
    embed(StandIn(), table_of(tmp_path / "images", names), tmp_path / "e")
    faces = tmp_path / "e" / "faces.csv"
    pd.read_csv(faces).drop(columns="key").to_csv(faces, index=False)
    with pytest.raises(DataError, match="faces.csv: has no column key; run `heads embed` again"):
        load_labelled(tmp_path / "e")


def test_a_table_none_of_whose_vectors_is_there_is_refused(tmp_path: Path) -> None:
    names = write_images(tmp_path / "images", 2)
    embed(StandIn(), table_of(tmp_path / "images", names), tmp_path / "e")
    (tmp_path / "e" / "vectors" / "part-000000.parquet").unlink()
    with pytest.raises(DataError, match="none of its images has an embedding; run `heads embed` again"):
        load_labelled(tmp_path / "e")


def test_the_time_left_follows_the_last_seconds() -> None:
    now = [0.0]
    told: list[tuple[str, float]] = []
    pace = Pace(lambda title, fraction: told.append((title, fraction)), 1000, lambda: now[0])

    def after(seconds: float, count: int) -> Any:
        now[0] = seconds
        pace.done(count)
        return told[-1]

    assert after(1.0, 500) == ("500 of 1,000 images, 500 a second, 1 s left", 0.5)
    for second in range(2, 60):
        last = after(second, 500 + second)
    assert last == ("559 of 1,000 images, 1.0 a second, 7 min left", 0.559)
    before = len(told)
    after(59.1, 560)
    assert len(told) == before, "a few times a second are enough"
    assert after(59.2, 1000)[1] == 1.0


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (11_100, "3 h 5 min")]
)
def test_times_are_written_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_table_that_is_written_in_parts_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = write_images(tmp_path / "images", 11)
    table = table_of(tmp_path / "images", names, **{"group_note": ['a "b",\nc'] * 11, "group_x\ny": "1"})
    embed(StandIn(), table, tmp_path / "e")
    whole = (tmp_path / "e" / "faces.csv").read_bytes()
    monkeypatch.setattr(faces, "PART_ROWS", 4)
    embed(StandIn(), table, tmp_path / "e")
    assert (tmp_path / "e" / "faces.csv").read_bytes() == whole
    assert load_labelled(tmp_path / "e").table.rows["group_note"].tolist() == ['a "b",\nc'] * 11
