"""Adience: five folds, albums as identities, the age groups that were published."""

from pathlib import Path

import pytest

from heads.errors import DataError, UsageError
from heads.layouts.adience import COLUMNS
from heads.layouts.options import LayoutOptions
from heads.layouts.reading import read_faces, recognise
from heads.splits.splitting import hold_out
from heads_pictures import column, lines, pictures, told

HEADER = (*COLUMNS, "x", "y", "dx", "dy", "tilt_ang", "fiducial_yaw_angle", "fiducial_score")
ALBUM = "30601258@N03"


def row(image: str, age: str, gender: str, user: str = ALBUM, face: int = 1) -> str:
    return "\t".join([user, image, str(face), age, gender, "0", "0", "1536", "1536", "115", "0", "52"])


def folds(folder: Path, *rows: str, frontal: bool = False) -> None:
    """Write five folds, one row each in turn."""
    for number in range(5):
        name = f"fold_{'frontal_' if frontal else ''}{number}_data.txt"
        lines(folder / name, "\t".join(HEADER), *rows[number::5])


def small(folder: Path, form: str = "aligned/{}/landmark_aligned_face.1.{}") -> Path:
    images = [f"{letter}_o.jpg" for letter in "abcdefg"]
    ages = ["(25, 32)", "(38, 42)", "35", "None", "(8, 23)", "(60, 100)", "2"]
    genders = ["m", "f", "u", "", "f", "m", "x"]
    folds(folder, *(row(*values) for values in zip(images, ages, genders, strict=True)))
    return pictures(folder, *(form.format(ALBUM, name) for name in images))


@pytest.mark.parametrize("form", ["aligned/{}/landmark_aligned_face.1.{}", "faces/{}/coarse_tilt_aligned_face.1.{}"])
def test_labels_identities_and_folds(tmp_path: Path, form: str) -> None:
    table = read_faces(small(tmp_path, form), "adience")
    labels = [column(table, "label")[Path(form.format("", f"{letter}_o.jpg")).name] for letter in "abcdef"]
    assert labels == ["male", "female", "", "", "female", "male"]
    assert set(table.rows["identity"]) == {ALBUM}
    assert table.rows.set_index("label")["fold"].to_dict()["male"] == "0"
    assert list(table.rows["fold"]) == ["0", "0", "1", "2", "3", "4"]  # the second row of fold 1 says x
    assert set(table.rows["split"]) == {""}
    assert told(table, "fold_1_data.txt: 1 row left out, this is no label of the set: line 3 ('x')")
    assert told(table, "fold_2_data.txt: 1 row kept without a label: line 2 ('u')")
    assert all(table.image(path).is_file() for path in table.rows["path"])
    assert recognise(tmp_path) == ["adience"]


def test_age_groups_are_those_published_and_the_rest_has_none(tmp_path: Path) -> None:
    table = read_faces(small(tmp_path), "adience")
    groups = {name[-7]: group for name, group in column(table, "group_age_group").items()}
    assert groups == {"a": "25-32", "b": "38-43", "c": "", "d": "", "e": "", "f": "60+"}
    assert len(told(table, "without an age group")) == 2  # 35 and (8, 23); "None" is no news
    with pytest.raises(UsageError, match="adience has no use for age_bounds"):
        read_faces(tmp_path, "adience", LayoutOptions(age_bounds=(40,)))


def test_a_fold_can_be_held_out(tmp_path: Path) -> None:
    table = hold_out(read_faces(small(tmp_path), "adience"), 4)
    assert dict(zip(table.rows["fold"], table.rows["split"], strict=True)) == {
        "0": "val", "1": "train", "2": "train", "3": "train", "4": "test",
    }  # fmt: skip


def test_folds_can_be_official_splits(tmp_path: Path) -> None:
    parts = {"0": "test", "fold_1_data": "val", "fold_2_data.txt": "train", "3": "train"}
    small(tmp_path)
    with pytest.raises(UsageError, match="say of fold 4 as well which split it is, as in --part 4=train"):
        read_faces(tmp_path, "adience", LayoutOptions(splits=parts))
    with pytest.raises(UsageError, match="there is no fold 7"):
        read_faces(tmp_path, "adience", LayoutOptions(splits={"7": "train"}))
    table = read_faces(tmp_path, "adience", LayoutOptions(splits={**parts, "4": "train"}))
    assert dict(zip(table.rows["fold"], table.rows["split"], strict=True)) == {
        "0": "test", "1": "val", "2": "train", "3": "train", "4": "train",
    }  # fmt: skip


def test_frontal_folds_can_be_named_and_missing_images_are_listed(tmp_path: Path) -> None:
    folds(tmp_path, row("a.jpg", "3", "f"), row("b.jpg", "(4, 6)", "m"), row("c.jpg", "1", "f"), frontal=True)
    pictures(
        tmp_path, f"aligned/{ALBUM}/landmark_aligned_face.1.a.jpg", f"aligned/{ALBUM}/landmark_aligned_face.1.b.jpg"
    )
    files = tuple(f"fold_frontal_{number}_data.txt" for number in range(3))
    table = read_faces(tmp_path, "adience", LayoutOptions(files=files))
    assert list(table.rows["label"]) == ["female", "male"]
    assert told(table, "fold_frontal_2_data.txt: 1 row left out, the image is not there", "c.jpg")


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    lines(tmp_path / "fold_0_data.txt", "\t".join(HEADER), row("a.jpg", "3", "f"))
    with pytest.raises(DataError, match=r"there is no fold_1_data.txt, .*fold_4_data.txt"):
        read_faces(tmp_path, "adience")
    only = LayoutOptions(files=("fold_0_data.txt",))
    with pytest.raises(DataError, match=rf"aligned/{ALBUM}/landmark_aligned_face.1.a.jpg, or the same in faces/"):
        read_faces(tmp_path, "adience", only)
    lines(tmp_path / "fold_0_data.txt", "user_id\tage", "1\t2")
    with pytest.raises(DataError, match="has no column original_image, face_id, gender"):
        read_faces(tmp_path, "adience", only)
    with pytest.raises(UsageError, match="is not named fold_<number>_data.txt"):
        read_faces(tmp_path, "adience", LayoutOptions(files=("list.txt",)))
    with pytest.raises(UsageError, match="fold 0 is named more than once"):
        read_faces(tmp_path, "adience", LayoutOptions(files=("fold_0_data.txt", "fold_0_data.txt")))
