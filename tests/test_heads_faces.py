"""The table of faces, and its CSV."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from heads.embeddings.labelled import Labelled
from heads.errors import DataError
from heads.faces import FaceTable, read_table, write_table
from heads.provenance import Crop, EmbeddingSpec


def faces(root: Path, **columns: Any) -> FaceTable:
    rows = pd.DataFrame(
        {
            "path": ["a/one face.jpg", "b/zwei, Gesichter.jpg", "c/3.jpg"],
            "label": ["male", "female", ""],
            "identity": ["007", "NA", ""],
            "split": ["train", "test", ""],
            "group_age": ["18-25", "null", ""],
            **columns,
        }
    )
    return FaceTable("folders", root, rows, "folder", "CC BY 4.0", seed=3)


SPEC = EmbeddingSpec("net.onnx", "ab" * 32, ("fc7",), (2,), {"channel_order": "BGR"})


def test_a_table_survives_its_csv(tmp_path: Path) -> None:
    table = faces(tmp_path / "images", box_left=["1.5", "2", "3"])
    (tmp_path / "lists").mkdir()
    write_table(table, tmp_path / "lists" / "split.csv")
    again = read_table(tmp_path / "lists" / "split.csv")
    assert (again.layout, again.label_source, again.licence, again.seed) == ("folders", "folder", "CC BY 4.0", 3)
    assert again.root.resolve() == table.root.resolve()
    assert again.groups == ["age"]
    for name in ("path", "label", "identity", "split", "group_age"):
        assert list(again.rows[name]) == list(table.rows[name])
    assert list(again.rows["box_left"]) == [1.5, 2, 3]


def test_images_that_moved_are_found_again(tmp_path: Path) -> None:
    write_table(faces(tmp_path / "images"), tmp_path / "split.csv")
    assert read_table(tmp_path / "split.csv", tmp_path / "moved").image("c/3.jpg") == tmp_path / "moved/c/3.jpg"


def test_a_whole_folder_can_be_moved(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    write_table(faces(tmp_path / "set/images"), tmp_path / "set/split.csv")
    (tmp_path / "set").rename(tmp_path / "elsewhere")
    assert read_table(tmp_path / "elsewhere/split.csv").root.resolve() == tmp_path / "elsewhere/images"


HEAD = "path,label,identity,split,root,layout,label_source,licence,seed\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na,b\n", "has no column identity, split, root"),
        (HEAD, "holds no row"),
        (f"{HEAD}a,m,,training,.,x,y,,\n", r":2: the split is 'trai"),
        (f"{HEAD}a,m,,,.,x,y,,\nb,m,,,.,z,y,,\n", "'layout' holds 2"),
        ("", "is no CSV"),
        (f"{HEAD}a,1,,train,.,x,y,,\nb,0,,val,.,x,y,,\n", r"labels are numbers \(0, 1\), .* --value 1=male"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / "split.csv")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "split.csv")


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no column label, identity"):
        FaceTable("x", tmp_path, pd.DataFrame({"path": ["a"], "split": [""]}), "folder")


def test_parts_of_labelled_embeddings(tmp_path: Path) -> None:
    labelled = Labelled(np.float32([[1, 2], [3, 4], [5, 6]]), faces(tmp_path), SPEC)
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
