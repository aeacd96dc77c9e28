"""The table of faces."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from heads.embeddings.labelled import Labelled
from heads.errors import DataError
from heads.faces import FaceTable
from heads.provenance import Crop, EmbeddingSpec
from heads_faces import three_faces

SPEC = EmbeddingSpec("net.onnx", "ab" * 32, ("fc7",), (2,), {"channel_order": "BGR"})


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no column label, identity"):
        FaceTable("x", tmp_path, pd.DataFrame({"path": ["a"], "split": [""]}), "folder")


def test_parts_of_labelled_embeddings(tmp_path: Path) -> None:
    labelled = Labelled(np.float32([[1, 2], [3, 4], [5, 6]]), three_faces(tmp_path), SPEC)
    assert labelled.part("test").vectors.tolist() == [[3, 4]]
    assert labelled.part("test").targets("female").tolist() == [1]
    with pytest.raises(DataError, match="no face is in the split 'val'"):
        labelled.part("val")


def test_a_spec_is_known_by_what_decides_the_values() -> None:
    again = EmbeddingSpec.from_json(SPEC.to_json())
    assert again == SPEC and again.key == SPEC.key
    renamed = EmbeddingSpec(**{**vars(SPEC), "model": "copy.onnx", "licence": "other"})
    assert renamed.key == SPEC.key and SPEC.differences(renamed) == []
    cropped = EmbeddingSpec(**{**vars(SPEC), "crop": Crop("box", {"margin": 0.25})})
    assert cropped.key != SPEC.key
    assert SPEC.differences(cropped) == ["crop kind box, expected none", "crop margin 0.25, expected none"]
    shifted = EmbeddingSpec(**{**vars(SPEC), "preprocessing": {**SPEC.preprocessing, "mean": [93.59400177001953]}})
    assert "preprocessing mean 93.594, expected" in SPEC.differences(shifted)[0]
    assert len(SPEC.differences(shifted)) == 1
    assert EmbeddingSpec.from_json(cropped.to_json()) == cropped
