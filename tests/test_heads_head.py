"""The file of a head."""

import json
from pathlib import Path

import numpy as np
import pytest

from heads.errors import HeadsError
from heads.models.head import Calibration, Head, load_head, save_head
from heads.provenance import EmbeddingSpec

SPEC = EmbeddingSpec("net.onnx", "ab" * 32, ("fc7", "pool5"), (2, 3), {"mean": [1.5, 2, 3]}, normalized=True)
HEAD = Head(
    "linear",
    "linear",
    ("female", "male"),
    {"weight": np.float32([[1, -2, 3, 4, 5]]), "bias": np.float32([0.5])},
    {"c": 0.1},
    SPEC,
    Calibration(1.5, 0.4, 0.3, 0.6),
    {"seeds": {"split": 3}},
)


def test_a_head_survives_its_files(tmp_path: Path) -> None:
    files = save_head(HEAD, tmp_path)
    assert sorted(file.name for file in files) == ["head.json", "weights.safetensors"]
    again = load_head(tmp_path)
    assert (again.recipe, again.kind, again.labels, again.positive) == ("linear", "linear", ("female", "male"), "male")
    assert (again.settings, again.facts, again.embedding) == (HEAD.settings, HEAD.facts, SPEC)
    assert again.calibration == HEAD.calibration and again.parameters == 6
    for name, array in HEAD.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)


def test_the_same_head_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        save_head(HEAD, tmp_path / name)
    for file in ("head.json", "weights.safetensors"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_head_is_changed_by_making_another() -> None:
    other = HEAD.with_calibration(Calibration(2.0)).with_facts(note="x")
    assert (other.calibration.temperature, other.facts) == (2.0, {"seeds": {"split": 3}, "note": "x"})
    assert (HEAD.calibration.temperature, HEAD.facts) == (1.5, {"seeds": {"split": 3}})


def test_folders_without_a_head_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HeadsError, match=r"holds no head \(head.json is missing\)"):
        load_head(tmp_path)
    save_head(HEAD, tmp_path)
    (tmp_path / "weights.safetensors").unlink()
    with pytest.raises(HeadsError, match=r"weights.safetensors is missing"):
        load_head(tmp_path)


@pytest.mark.parametrize("name", ["head.json", "weights.safetensors"])
def test_a_damaged_head_is_refused(tmp_path: Path, name: str) -> None:
    save_head(HEAD, tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:40])
    with pytest.raises(HeadsError, match="the head cannot be read"):
        load_head(tmp_path)


def test_a_head_without_a_fact_is_refused(tmp_path: Path) -> None:
    save_head(HEAD, tmp_path)
    told = json.loads((tmp_path / "head.json").read_text())
    del told["embedding"]
    (tmp_path / "head.json").write_text(json.dumps(told))
    with pytest.raises(HeadsError, match="KeyError: 'embedding'"):
        load_head(tmp_path)


def test_what_is_not_finite_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_head(HEAD.with_facts(loss=float("nan")), tmp_path)
    assert not list(tmp_path.iterdir())
