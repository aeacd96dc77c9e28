"""Data sets whose labels stand in the names of files and folders: UTKFace, agegender_cleaned, the one of Kaggle."""

from pathlib import Path

import pytest

from heads.errors import DataError, UsageError
from heads.layouts.options import LayoutOptions
from heads.layouts.reading import LAYOUTS, describe, read_faces, recognise
from heads_pictures import column, counts, pictures, told

MALFORMED = (
    "61_3_20170109150557335.jpg.chip.jpg",
    "61_1_20170109142408075.jpg.chip.jpg",
    "39_1_20170116174525125.jpg.chip.jpg",
    "53__0_20170116184028385.jpg",
)


def test_utkface_names_say_age_gender_and_race(tmp_path: Path) -> None:
    folder = pictures(
        tmp_path,
        "UTKFace/1_0_2_20161219140623097.jpg.chip.jpg",
        "UTKFace/17_1_4_20170109142408075.jpg.chip.jpg",
        "UTKFace/18_1_0_20170109142408075.jpg.chip.jpg",
        "UTKFace/116_0_3_20170120134921760.jpg",
    )
    table = read_faces(folder, "utkface")
    assert column(table, "label") == {
        "1_0_2_20161219140623097.jpg.chip.jpg": "male",
        "17_1_4_20170109142408075.jpg.chip.jpg": "female",
        "18_1_0_20170109142408075.jpg.chip.jpg": "female",
        "116_0_3_20170120134921760.jpg": "male",
    }
    assert list(column(table, "group_race").values()) == ["Indian", "Other", "White", "Asian"]  # sorted by path
    assert list(column(table, "group_age_group").values()) == ["60+", "0-17", "18-29", "0-17"]
    assert set(table.rows["identity"]) == {""}
    assert (table.label_source, table.malformed) == ("annotator-perceived", ())
    assert "non-commercial" in table.licence
    assert recognise(folder) == ["utkface"]


def test_utkface_names_that_lack_a_field_are_left_out_and_listed(tmp_path: Path) -> None:
    others = ("24_0_7_20170109142408075.jpg", "24_2_1_20170109142408075.jpg", "240_0_1_20170109142408075.jpg")
    folder = pictures(tmp_path, *(f"part1/{name}" for name in (*MALFORMED, *others)), "part3/30_1_1_20170104.jpg")
    (folder / "part3" / "landmark list.txt").write_text("30_1_1 1 2 3")
    table = read_faces(folder, "utkface")
    assert list(table.rows["path"]) == ["part3/30_1_1_20170104.jpg"]
    (left_out,) = told(table, "left out")
    assert left_out.startswith("part1: 7 images left out, the name does not say age, gender 0 or 1")
    assert "part1/24_0_7_20170109142408075.jpg" in left_out
    assert told(table, "1 file not named as an image", "part3/landmark list.txt")


def test_utkface_faces_that_lie_in_two_folders_count_once(tmp_path: Path) -> None:
    name = "25_0_2_20170116174525125.jpg"
    table = read_faces(pictures(tmp_path, f"part1/{name}", f"crop/{name}.chip.jpg", f"part2/2{name}"), "utkface")
    assert counts(table, "label") == {"male": 1}
    assert told(table, "part1: 1 image left out, the same face lies in another folder, too")
    assert told(table, "part2: 1 image left out, the name does not say")  # 225 years


def test_utkface_age_bounds_can_be_chosen(tmp_path: Path) -> None:
    folder = pictures(tmp_path, "UTKFace/9_0_2_2016.jpg", "UTKFace/10_0_2_2016.jpg", "UTKFace/65_1_2_2016.jpg")
    table = read_faces(folder, "utkface", LayoutOptions(age_bounds=(10, 65)))
    assert column(table, "group_age_group") == {
        "9_0_2_2016.jpg": "0-9",
        "10_0_2_2016.jpg": "10-64",
        "65_1_2_2016.jpg": "65+",
    }


def test_agegender_folders_say_age_and_gender(tmp_path: Path) -> None:
    folder = pictures(
        tmp_path,
        "agegender_cleaned/combined/aligned/01_F/landmark 1.jpg",
        "agegender_cleaned/combined/aligned/45_M/a b (2).jpg",
        "agegender_cleaned/combined/valid/70_M/c.jpg",
        "agegender_cleaned/combined/valid/odd/d.jpg",
    )
    table = read_faces(folder, "agegender_cleaned")
    assert column(table, "label") == {"landmark 1.jpg": "female", "a b (2).jpg": "male", "c.jpg": "male"}
    assert column(table, "split") == {"landmark 1.jpg": "train", "a b (2).jpg": "train", "c.jpg": "val"}
    assert column(table, "group_age_group") == {"landmark 1.jpg": "0-17", "a b (2).jpg": "45-59", "c.jpg": "60+"}
    assert table.label_source == "folder"
    assert told(table, "1 image left out", "odd/d.jpg")
    assert all(table.image(path).is_file() for path in table.rows["path"])
    assert recognise(folder) == ["agegender_cleaned"]


@pytest.mark.parametrize("inner", ["combined/valid", "valid", "."])
def test_agegender_may_be_named_at_any_depth(tmp_path: Path, inner: str) -> None:
    pictures(tmp_path, "combined/valid/33_F/a.jpg", "combined/valid/34_M/b.jpg")
    folder = tmp_path / "combined" / "valid" if inner == "combined/valid" else tmp_path / "combined"
    table = read_faces(tmp_path if inner == "." else folder, "agegender_cleaned")
    assert column(table, "split") == {"a.jpg": "val", "b.jpg": "val"}


def test_agegender_parts_can_be_other_splits(tmp_path: Path) -> None:
    pictures(tmp_path, "aligned/33_F/a.jpg", "valid/34_M/b.jpg")
    table = read_faces(tmp_path, "agegender_cleaned", LayoutOptions(splits={"valid": "test"}))
    assert column(table, "split") == {"a.jpg": "train", "b.jpg": "test"}


def test_kaggle_parts_and_labels_are_folders(tmp_path: Path) -> None:
    names = ("Training/female/1 a.jpg", "Training/male/2.jpg", "Validation/male/3.jpg")
    folder = pictures(tmp_path, *(f"Dataset/{name}" for name in names))
    table = read_faces(folder, "kaggle-gender")
    assert column(table, "label") == {"1 a.jpg": "female", "2.jpg": "male", "3.jpg": "male"}
    assert column(table, "split") == {"1 a.jpg": "train", "2.jpg": "train", "3.jpg": "val"}
    assert told(table, "there is no folder Validation/female")
    assert recognise(folder) == ["kaggle-gender"]


def test_a_folder_that_does_not_fit_is_refused_with_the_layout_that_does(tmp_path: Path) -> None:
    pictures(tmp_path, "Training/female/1.jpg", "Training/male/2.jpg")
    with pytest.raises(DataError) as caught:
        read_faces(tmp_path, "utkface")
    first, second = caught.value.problems
    assert "is not laid out as utkface: none of its 2 images is named <age>_<gender>_<race>_<time>.jpg" in first
    assert second.endswith("found: Training/; it looks like the layout kaggle-gender")
    with pytest.raises(DataError, match="none of its 2 images lies in a folder like 25_F"):
        read_faces(tmp_path, "agegender_cleaned")
    empty = tmp_path / "empty"
    empty.mkdir()
    for layout in ("utkface", "agegender_cleaned", "kaggle-gender"):
        with pytest.raises(DataError, match="found: nothing"):
            read_faces(empty, layout)


def test_an_option_that_means_nothing_to_a_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="utkface has no use for"):
        read_faces(tmp_path, "utkface", LayoutOptions(several_faces=True))


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_every_layout_refuses_a_folder_of_something_else(tmp_path: Path, layout: str) -> None:
    (tmp_path / "readme.md").write_text("nothing")
    with pytest.raises(DataError) as caught:
        read_faces(tmp_path, layout)
    assert f"{tmp_path}: is not laid out as {layout}: " in caught.value.problems[0]
    assert caught.value.problems[-1] == f"expected: {LAYOUTS[layout].expects}; found: readme.md"
    assert recognise(tmp_path) == []


def test_all_published_sets_have_a_layout_that_is_described() -> None:
    published = {"agegender_cleaned", "celeba", "utkface", "adience", "fairface", "lfw", "morph", "imdb-wiki"}
    described = {entry["layout"]: entry for entry in describe()}
    assert {*published, "kaggle-gender", "folders", "csv"} <= set(described) == set(LAYOUTS)
    assert all(all(entry.values()) for entry in described.values())
    assert {described[name]["label source"] for name in published} == {"annotator-perceived", "metadata", "folder"}
