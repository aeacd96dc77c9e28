"""A local cluster of two workers makes the same embeddings as one process, whatever fails on the way."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from PIL import Image

from embedding_cases import StandIn, boxes, table_of, write_images
from heads.embeddings import ray_engine
from heads.embeddings.extraction import EmbedOptions, embed
from heads.embeddings.loading import load_labelled
from heads.embeddings.ray_engine import Cluster
from heads.embeddings.store import read_store
from heads.errors import DataError, HeadsError, MismatchError
from heads.provenance import Crop


@pytest.fixture(scope="module", autouse=True)
def two_workers() -> Iterator[None]:
    found = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])}
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100 * 2**20,
        runtime_env={"env_vars": found},
    )
    yield
    ray.shutdown()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    write_images(tmp_path / "images", 20)
    return tmp_path / "images"


def names(images: Path) -> list[str]:
    return sorted(path.name for path in images.iterdir())


def stand_in(**_: Any) -> StandIn:
    return StandIn()


def with_ray(table: Any, folder: Path, opener: Any = stand_in, **options: Any) -> Any:
    options = {"batch_size": 4, **options}
    return ray_engine.embed(
        StandIn(), table, folder, EmbedOptions(**options), cluster=Cluster(workers=2, opener=opener)
    )


def test_the_same_store_as_that_of_the_local_engine(tmp_path: Path, images: Path) -> None:
    (images / "copy.png").write_bytes((images / "00003.png").read_bytes())
    (images / "text.png").write_text("no image")
    paths = [*names(images), "gone.png", "00000.png"]
    table = table_of(images, paths, **boxes([1.0] * 23 + [5.0]))
    crop = Crop("box", {"margin": 0.0})
    result = with_ray(table, tmp_path / "ray", crop=crop)
    alone = embed(StandIn(), table, tmp_path / "local", EmbedOptions(crop))
    assert (result.computed, result.reused, result.unreadable) == (21, 1, 2)
    assert (alone.computed, alone.reused, alone.unreadable) == (21, 1, 2)
    ours, theirs = load_labelled(tmp_path / "ray"), load_labelled(tmp_path / "local")
    np.testing.assert_array_equal(ours.vectors, theirs.vectors)
    assert ours.spec == theirs.spec and ours.backbone == theirs.backbone
    for file in ("faces.csv", "unreadable.csv"):
        assert (tmp_path / "ray" / file).read_bytes() == (tmp_path / "local" / file).read_bytes()
    assert len(read_store(tmp_path / "ray").shards()) > 2


def test_one_engine_goes_on_where_the_other_was(tmp_path: Path, images: Path) -> None:
    embed(StandIn(), table_of(images, names(images)[:12]), tmp_path / "e")
    assert with_ray(table_of(images, names(images)), tmp_path / "e").computed == 8
    assert with_ray(table_of(images, names(images)), tmp_path / "e").computed == 0
    assert embed(StandIn(), table_of(images, names(images)), tmp_path / "e").reused == 20


@dataclass
class Shaky(StandIn):
    """Takes a file from a folder for each batch, and fails as the file's name says."""

    chances: Path = Path()

    def run(self, batch: Any) -> Any:
        for chance in sorted(self.chances.iterdir()):
            chance.unlink(missing_ok=True)
            if chance.name.startswith("dies"):
                os._exit(1)
            raise ValueError("the device is lost")
        return super().run(batch)


def shaky(chances: Path, **_: Any) -> Shaky:
    return Shaky(chances=chances)


def chances(folder: Path, *kinds: str) -> Any:
    folder.mkdir()
    for number, kind in enumerate(kinds):
        (folder / f"{kind}-{number}").touch()
    return partial(shaky, folder)


def test_failed_shards_are_given_out_again(tmp_path: Path, images: Path) -> None:
    opener = chances(tmp_path / "chances", "dies", "fails", "fails")
    assert with_ray(table_of(images, names(images)), tmp_path / "e", opener).computed == 20
    assert not list((tmp_path / "chances").iterdir())
    assert len(load_labelled(tmp_path / "e")) == 20


def test_a_worker_that_always_dies_is_an_error(tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_engine, "ROUNDS", 1)
    opener = chances(tmp_path / "chances", *["dies"] * 99)
    with pytest.raises(HeadsError, match="the worker died 2 times at the same images"):
        with_ray(table_of(images, names(images)[:3]), tmp_path / "e", opener)
    assert embed(StandIn(), table_of(images, names(images)), tmp_path / "e").computed == 20
    assert not list((tmp_path / "e").rglob("*.partial"))


def test_shards_that_always_fail_are_an_error_and_the_others_are_kept(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine, "ROUNDS", 2)
    with pytest.raises(HeadsError) as caught:
        with_ray(table_of(images, names(images)), tmp_path / "e", partial(picky, 10))
    assert "tasks failed 2 times; what the others wrote is kept" in caught.value.problems[0]
    assert caught.value.problems[1:] == ["ValueError: this worker dislikes an image"]
    kept = len(set(read_store(tmp_path / "e").keys()))
    assert 0 < kept < 20
    assert embed(StandIn(), table_of(images, names(images)), tmp_path / "e").reused == kept


@dataclass
class Picky(StandIn):
    disliked: Any = None

    def run(self, batch: Any) -> Any:
        if (batch == self.disliked).all(axis=(1, 2, 3)).any():
            raise ValueError("this worker dislikes an image")
        return super().run(batch)


def picky(number: int, **_: Any) -> Picky:
    noise = np.random.default_rng(number).integers(0, 256, (24, 24, 3), np.uint8)
    return Picky(disliked=StandIn().prepare(Image.fromarray(noise)))


def other_model(**_: Any) -> StandIn:
    return StandIn(model_sha256="b" * 64)


def test_workers_that_open_another_model_are_refused(tmp_path: Path, images: Path) -> None:
    with pytest.raises(MismatchError, match="the model that a worker opened is another one: model with sha256 b"):
        with_ray(table_of(images, names(images)), tmp_path / "e", other_model)


def test_no_usable_image_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of the 2 images can be used"):
        with_ray(table_of(tmp_path, ["a.png", "b.png"]), tmp_path / "e")
