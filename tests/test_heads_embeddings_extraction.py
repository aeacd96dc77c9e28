"""Images become embeddings once, in the order of the table, and what cannot be used is listed."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedding_cases import StandIn, boxes, expected, table_of, write_images
from heads.embeddings.extraction import EmbedOptions, embed
from heads.embeddings.loading import load_labelled
from heads.errors import DataError, HeadsError, MismatchError, UsageError
from heads.provenance import Crop


def vectors_of(root: Path, paths: list[str]) -> Any:
    return np.stack([expected(root, path) for path in paths])


@pytest.fixture
def images(tmp_path: Path) -> Path:
    write_images(tmp_path / "images", 21)
    return tmp_path / "images"


@pytest.fixture
def names(images: Path) -> list[str]:
    return sorted(path.name for path in images.iterdir())


@pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (4, 3), (21, 2), (64, None)])
def test_vectors_stand_in_the_order_of_the_table(
    tmp_path: Path, images: Path, names: list[str], batch_size: int, threads: int | None
) -> None:
    shuffled = names[::-2] + names[1::2]
    result = embed(
        StandIn(), table_of(images, shuffled), tmp_path / "e", EmbedOptions(batch_size=batch_size, threads=threads)
    )
    labelled = load_labelled(tmp_path / "e")
    assert labelled.table.rows["path"].tolist() == shuffled
    np.testing.assert_array_equal(labelled.vectors, vectors_of(images, shuffled))
    assert (result.computed, result.reused, result.unreadable) == (21, 0, 0)
    assert labelled.backbone == ("net.onnx",) and labelled.spec == StandIn().spec()
    assert labelled.table.image(shuffled[0]).resolve() == (images / shuffled[0]).resolve()


def test_equal_images_are_computed_once(tmp_path: Path, images: Path, names: list[str]) -> None:
    (images / "copy.png").write_bytes((images / names[3]).read_bytes())
    paths = [*names, "copy.png", names[0]]
    backbone = StandIn()
    result = embed(backbone, table_of(images, paths), tmp_path / "e", EmbedOptions(batch_size=2))
    assert (backbone.computed, result.computed, result.reused) == (21, 21, 2)
    np.testing.assert_array_equal(load_labelled(tmp_path / "e").vectors, vectors_of(images, paths))


def test_more_images_compute_only_those(tmp_path: Path, images: Path, names: list[str]) -> None:
    embed(StandIn(), table_of(images, names[:15]), tmp_path / "e")
    backbone = StandIn()
    result = embed(backbone, table_of(images, names), tmp_path / "e")
    assert (backbone.computed, result.reused) == (6, 15)
    np.testing.assert_array_equal(load_labelled(tmp_path / "e").vectors, vectors_of(images, names))


def test_another_split_or_folder_of_the_same_images_computes_nothing(
    tmp_path: Path, images: Path, names: list[str]
) -> None:
    embed(StandIn(), table_of(images, names), tmp_path / "e")
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in names[5:]:
        (images / name).rename(moved / f"new-{name}")
    table = table_of(moved, [f"new-{name}" for name in names[5:]], split=["val"] * 6 + ["test"] * 10)
    result = embed(backbone := StandIn(), table, tmp_path / "e")
    labelled = load_labelled(tmp_path / "e")
    assert backbone.computed == 0 and result.reused == 16
    assert len(labelled.part("val")) == 6 and len(labelled.part("test")) == 10
    np.testing.assert_array_equal(labelled.vectors, vectors_of(moved, table.rows["path"].tolist()))


def test_a_file_with_new_content_is_computed_anew(tmp_path: Path, images: Path, names: list[str]) -> None:
    embed(StandIn(), table_of(images, names), tmp_path / "e")
    (images / names[2]).write_bytes((images / write_images(images, 1, first=99)[0]).read_bytes())
    assert embed(StandIn(), table_of(images, names), tmp_path / "e").computed == 1
    np.testing.assert_array_equal(load_labelled(tmp_path / "e").vectors, vectors_of(images, names))


def test_keys_are_sha256_of_the_file(tmp_path: Path, images: Path, names: list[str]) -> None:
    embed(StandIn(), table_of(images, names), tmp_path / "e")
    rows = load_labelled(tmp_path / "e").table.rows
    assert rows["key"].tolist() == [hashlib.sha256((images / name).read_bytes()).hexdigest() for name in names]


def test_each_box_of_an_image_has_its_own_vector(tmp_path: Path, images: Path, names: list[str]) -> None:
    table = table_of(images, [names[0]] * 3, **boxes([1.0, 4.0, 1.0]))
    crop = Crop("box", {"margin": 0.0})
    result = embed(StandIn(), table, tmp_path / "e", EmbedOptions(crop=crop))
    assert (result.computed, result.reused) == (2, 1)
    wanted = [expected(images, names[0], (left, 2, left + 10, 12)) for left in (1, 4, 1)]
    np.testing.assert_array_equal(load_labelled(tmp_path / "e").vectors, np.stack(wanted))
    again = embed(StandIn(), table, tmp_path / "e", EmbedOptions(crop=crop))
    assert (again.computed, again.reused) == (0, 3)


def test_a_crop_without_its_columns_is_refused(tmp_path: Path, images: Path, names: list[str]) -> None:
    with pytest.raises(DataError, match="needs the columns box_left, box_top, box_width, box_height"):
        embed(StandIn(), table_of(images, names), tmp_path / "e", EmbedOptions(crop=Crop("box")))
    assert not (tmp_path / "e").exists()


def test_images_that_cannot_be_used_are_listed(tmp_path: Path, images: Path, names: list[str]) -> None:
    whole = (images / names[1]).read_bytes()
    (images / "cut.png").write_bytes(whole[: len(whole) // 2])
    (images / "text.png").write_text("no image")
    (images / "empty.png").touch()
    (images / "folder.png").mkdir()
    bad = ["cut.png", "text.png", "empty.png", "folder.png", "gone.png"]
    result = embed(StandIn(), table_of(images, [bad[0], *names, *bad[1:]]), tmp_path / "e", EmbedOptions(batch_size=4))
    assert (result.computed, result.unreadable) == (21, 5)
    labelled = load_labelled(tmp_path / "e")
    np.testing.assert_array_equal(labelled.vectors, vectors_of(images, names))
    listed = (tmp_path / "e" / "unreadable.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in listed] == ["path", *bad]
    assert "is not a file" in listed[4] and "No such file" in listed[5]
    assert len(labelled.table.malformed) == 5
    assert labelled.table.malformed[0].startswith(f"{tmp_path / 'e' / 'faces.csv'}:2: cut.png: has no embedding (")


def test_a_box_without_numbers_is_listed(tmp_path: Path, images: Path, names: list[str]) -> None:
    table = table_of(images, names[:2], **boxes([1.0, float("nan")]))
    embed(StandIn(), table, tmp_path / "e", EmbedOptions(crop=Crop("box")))
    assert "the table has no number in box_left" in load_labelled(tmp_path / "e").table.malformed[0]


def test_no_usable_image_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of the 5 images can be used") as caught:
        embed(StandIn(), table_of(tmp_path, [f"{n}.png" for n in range(5)]), tmp_path / "e")
    assert caught.value.problems[1] == "0.png: cannot be read: No such file or directory"
    assert caught.value.problems[-1] == "... and 2 more"


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no face"):
        embed(StandIn(), table_of(tmp_path, []), tmp_path / "e")


class Spoiling(StandIn):
    def run(self, batch: Any) -> Any:
        vectors = super().run(batch)
        vectors[vectors[:, 0] == self.spoiled] = np.nan
        return vectors

    spoiled = 0.0


def test_values_that_are_no_numbers_are_not_kept(tmp_path: Path, images: Path, names: list[str]) -> None:
    backbone = Spoiling()
    backbone.spoiled = expected(images, names[4])[0]
    result = embed(backbone, table_of(images, [*names, names[4]]), tmp_path / "e", EmbedOptions(batch_size=5))
    assert result.unreadable == 2 and result.computed == 20
    assert "not finite" in (tmp_path / "e" / "unreadable.csv").read_text().splitlines()[1]
    np.testing.assert_array_equal(load_labelled(tmp_path / "e").vectors, vectors_of(images, names[:4] + names[5:]))


class Wrong(StandIn):
    def run(self, batch: Any) -> Any:
        return super().run(batch)[:, :7]


def test_vectors_of_another_length_are_refused(tmp_path: Path, images: Path, names: list[str]) -> None:
    with pytest.raises(MismatchError, match=r"gave \[21, 7\] for 21 images, expected \[21, 192\]"):
        embed(Wrong(), table_of(images, names), tmp_path / "e")


def test_another_kind_of_embeddings_is_refused_with_each_difference(
    tmp_path: Path, images: Path, names: list[str]
) -> None:
    table = table_of(images, names)
    embed(StandIn(), table, tmp_path / "e")
    other = EmbedOptions(crop=Crop("centre", {"fraction": 0.5}))
    with pytest.raises(MismatchError) as caught:
        embed(StandIn(model_sha256="b" * 64), table, tmp_path / "e", other)
    told = "\n".join(caught.value.problems)
    assert f"expected {'b' * 64}" in told and "crop kind none, expected centre" in told
    assert "crop fraction none, expected 0.5" in told and "choose another folder" in told
    assert len(load_labelled(tmp_path / "e")) == 21


def test_settings_given_as_tuples_are_the_same_kind(tmp_path: Path, images: Path, names: list[str]) -> None:
    crop = Crop("fixed", {"rows": (0, 20), "columns": (2, 20)})
    for computed in (21, 0):
        result = embed(StandIn(), table_of(images, names), tmp_path / "e", EmbedOptions(crop=crop))
        assert result.computed == computed
    assert load_labelled(tmp_path / "e").spec.key == StandIn().spec(crop).key


def test_where_the_backbone_lies_now_is_kept(tmp_path: Path, images: Path, names: list[str]) -> None:
    embed(StandIn(), table_of(images, names), tmp_path / "e")
    embed(StandIn(words=("elsewhere/net.onnx",)), table_of(images, names), tmp_path / "e")
    assert json.loads((tmp_path / "e" / "store.json").read_text())["backbone"] == ["elsewhere/net.onnx"]
    assert load_labelled(tmp_path / "e").backbone == ("elsewhere/net.onnx",)


def test_progress_reaches_the_end_and_says_how_fast(tmp_path: Path, images: Path, names: list[str]) -> None:
    told: list[tuple[str, float]] = []
    slow = StandIn(seconds=0.05)
    options = EmbedOptions(batch_size=1, threads=1)
    embed(
        slow, table_of(images, names), tmp_path / "e", options, lambda title, fraction: told.append((title, fraction))
    )
    assert told[-1][1] == 1.0 and told[-1][0].startswith("21 of 21 images, ")
    assert any(title.endswith(" left") and 0 < fraction < 1 for title, fraction in told)
    assert [fraction for _, fraction in told] == sorted(fraction for _, fraction in told)


def test_senseless_options_are_refused_together() -> None:
    with pytest.raises(UsageError) as caught:
        EmbedOptions(batch_size=0, threads=-1)
    assert caught.value.problems == ["batch size is 0, expected at least 1", "threads is -1, expected at least 1"]


def test_a_failing_network_loses_nothing_that_was_computed(tmp_path: Path, images: Path, names: list[str]) -> None:
    class Failing(StandIn):
        def run(self, batch: Any) -> Any:
            if self.computed >= 9:
                raise HeadsError("the device is lost")
            return super().run(batch)

    with pytest.raises(HeadsError, match="the device is lost"):
        embed(Failing(), table_of(images, names), tmp_path / "e", EmbedOptions(batch_size=3))
    with pytest.raises(HeadsError, match="stopped before it was done"):
        load_labelled(tmp_path / "e")
    assert embed(StandIn(), table_of(images, names), tmp_path / "e").reused == 9
