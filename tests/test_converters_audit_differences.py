"""Networks under audit that are not the one they are compared with: what differs is named."""

from pathlib import Path

import numpy as np

from audit_cases import WHOSE, against_tiny, npz, verdicts
from audited_files import DENSE, caffe_form, renamed
from converters.audit.auditing import audit
from converters.options import Options


def test_another_network_of_the_same_shapes(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    layers = {
        name: {n: rng.normal(0, 1, a.shape).astype(np.float32) for n, a in arrays.items()}
        for name, arrays in caffe_form().items()
    }
    found = against_tiny(npz(tmp_path / "other.npz", layers))
    assert not found.same and found.conclusion == "not the same network: 16 of 16 layers differ, first conv1_1"
    unnamed = against_tiny(npz(tmp_path / "unnamed.npz", renamed(layers, [f"block{i}" for i in range(16)])))
    assert unnamed.conclusion == found.conclusion
    assert any("paired by their order alone" in note for note in unnamed.notes)


def test_a_fine_tuned_head_is_named(tmp_path: Path) -> None:
    layers = caffe_form()
    layers["fc8"]["weight"] = layers["fc8"]["weight"] + np.float32(0.01)
    found = against_tiny(npz(tmp_path / "tuned.npz", layers))
    assert found.conclusion == f"not the same network: 1 of 16 layers differs, first fc8; the other 15 hold {WHOSE}"
    (array,) = [a for layer in found.layers for a in layer.arrays if a.verdict == "different"]
    assert 0 < array.difference < 2 and 0 < array.cosine < 1


def test_a_head_of_another_size_is_named(tmp_path: Path) -> None:
    layers = caffe_form()
    layers["fc8"] = {"weight": np.ones((10, 256), np.float32), "bias": np.ones(10, np.float32)}
    found = against_tiny(npz(tmp_path / "head.npz", layers))
    assert not found.same and "first fc8 (shape [10, 256] for [164, 256])" in found.conclusion


def test_two_layers_that_changed_places_are_named(tmp_path: Path) -> None:
    layers = caffe_form()
    layers["conv3_2"], layers["conv3_3"] = layers["conv3_3"], layers["conv3_2"]
    found = against_tiny(npz(tmp_path / "swapped.npz", layers))
    assert not found.same and verdicts(found)["different"] == ["conv3_2", "conv3_3"]
    assert "first conv3_2 (it holds the weight of conv3_3)" in found.conclusion


def test_a_part_of_the_network_is_called_so(tmp_path: Path) -> None:
    layers = {name: arrays for name, arrays in caffe_form().items() if name not in DENSE}
    path = npz(tmp_path / "notop.npz", layers)
    found = against_tiny(path)
    assert not found.same and verdicts(found)["missing"] == list(DENSE)
    assert found.conclusion.startswith(f"not the whole network: 13 of 16 layers hold {WHOSE}, fc6, fc7, fc8 missing")
    assert audit(str(path), ["vgg-face-tiny"], Options(cut=("pool5",))).same


def test_a_file_with_more_in_it_is_not_the_same(tmp_path: Path) -> None:
    layers = caffe_form()
    layers["extra"] = {"weight": np.ones((7, 5), np.float32) * np.arange(5, dtype=np.float32)}
    found = against_tiny(npz(tmp_path / "more.npz", layers))
    assert not found.same and "first 'extra.weight' (7x5)" in found.conclusion
    layers = {**caffe_form(), "copy": {"weight": caffe_form()["fc7"]["weight"]}}
    found = against_tiny(npz(tmp_path / "copy.npz", layers))
    assert found.same and found.left_out == ("1 second copies of arrays are left out: copy.weight",)


def test_nothing_in_common(tmp_path: Path) -> None:
    np.savez(tmp_path / "net.npz", a=np.ones((11, 13), np.float32) * np.arange(13))
    found = against_tiny(tmp_path / "net.npz")
    assert found.conclusion == "not the same network: none of its 16 layers is in the file"
    assert [extra.name for extra in found.extras] == ["a"]
