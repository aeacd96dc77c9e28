"""What a written model says of its preprocessing is read back as it was, in both forms and whatever it leaves out."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import small_graphs
from converters.description import as_text, described, from_text, preprocessing_read
from converters.errors import FormatError
from converters.ir import Preprocessing, Source

MEAN = np.array([93.594, 104.7624, 129.1863], np.float32)
IMAGE = np.random.default_rng(0).normal(100, 9, (3, 13, 11)).astype(np.float32)

KNOWN = {
    "nothing": Preprocessing(),
    "all": Preprocessing("BGR", MEAN, (0.017, 0.018, 0.019), (13, 11)),
    "no scale": Preprocessing("RGB", MEAN),
    "mean image": Preprocessing("BGR", IMAGE, (1.0, 1.0, 1.0), (13, 11)),
    "grey": Preprocessing("gray", np.array([127.5], np.float32), (0.0078125,), (13, 11)),
    "no mean": Preprocessing("RGB", np.zeros(3, np.float32), (1.0, 1.0, 1.0)),
}


def same(read: Preprocessing, known: Preprocessing) -> bool:
    assert (read.mean is None) == (known.mean is None)
    if read.mean is not None and known.mean is not None:
        assert read.mean.dtype == np.float32
        assert read.mean.shape == known.mean.shape
        assert (read.mean == known.mean).all()
    return replace(read, mean=None).__dict__ == replace(known, mean=None).__dict__


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN.keys())
@pytest.mark.parametrize(
    "carried", [lambda told: json.loads(json.dumps(told)), lambda told: from_text(as_text(told))], ids=["JSON", "text"]
)
def test_both_directions_agree(known: Preprocessing, carried: Callable[[Any], Any]) -> None:
    told = carried(described(small_graphs.face(preprocessing=known)))
    assert same(preprocessing_read(told), known)


def test_a_mean_image_in_a_tensor_is_fetched_from_there() -> None:
    told = described(small_graphs.face(preprocessing=KNOWN["mean image"]), mean_image="mean_image")
    assert same(preprocessing_read(told, {"mean_image": IMAGE}.__getitem__), KNOWN["mean image"])
    with pytest.raises(FormatError, match="it lies in the tensor 'mean_image', which is not at hand"):
        preprocessing_read(told)


def test_structures_come_back_from_text() -> None:
    graph = small_graphs.face(labels=("a", "b", "c", "d", "e"), source=Source("Caffe", {"x": "ab"}, "MIT"))
    told = described(graph)
    assert from_text(as_text(told)) == told


def test_metadata_of_others_may_be_anything_but_preprocessing() -> None:
    assert from_text({"labels": "cat, dog", "author": "someone"}) == {"labels": "cat, dog", "author": "someone"}
    with pytest.raises(FormatError, match="the metadata entry 'preprocessing' is not JSON"):
        from_text({"preprocessing": "imagenet"})


def test_all_that_makes_no_sense_is_told_at_once() -> None:
    said = {"channel_order": "rgb", "mean": [1, float("nan"), 2], "scale": 3, "size_height_width": [0, 4]}
    with pytest.raises(FormatError) as caught:
        preprocessing_read({"preprocessing": said})
    assert [problem.split()[3] for problem in caught.value.problems] == [
        "channel_order", "mean", "scale", "size_height_width",
    ]  # fmt: skip
    with pytest.raises(FormatError, match="'preprocessing' is 'imagenet', expected names and values"):
        preprocessing_read({"preprocessing": "imagenet"})
