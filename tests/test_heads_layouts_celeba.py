"""CelebA in its variants: where its files may lie, in which form, and what they may lack."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from heads.errors import DataError
from heads.faces import LANDMARKS
from heads.layouts.reading import read_faces, recognise
from heads_pictures import column, lines, pictures, told

NAMES = ("5_o_Clock_Shadow", "Eyeglasses", "Male", "Pale_Skin", "Young")
VALUES = {
    "000001.jpg": ("-1", "1", "-1", "-1", "1"),
    "000002.jpg": ("1", "-1", "1", "-1", "1"),
    "000003.jpg": ("-1", "-1", "1", "1", "-1"),
    "000004.jpg": ("-1", "-1", "-1", "-1", "-1"),
}
POINTS = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"


def attributes(folder: Path, count: str = "4", values: Mapping[str, tuple[str, ...]] = VALUES) -> None:
    """Write the text as it is published: a count, names without one for the first column, rows with double blanks."""
    rows = [f"{name} {'  '.join(value)}" for name, value in values.items()]
    lines(folder / "list_attr_celeba.txt", count, " ".join(NAMES) + " ", *rows)


def as_published(folder: Path) -> Path:
    """Write all files where the archives of the set put them."""
    attributes(folder / "Anno")
    lines(folder / "Anno" / "identity_CelebA.txt", *(f"{name} {20 + int(name[5]) // 2}" for name in VALUES))
    lines(
        folder / "Eval" / "list_eval_partition.txt",
        *(f"{name} {part}" for name, part in zip(VALUES, "0120", strict=True)),
    )
    points = [f"{name} " + "  ".join(map(str, range(60, 70))) for name in VALUES]
    lines(folder / "Anno" / "list_landmarks_align_celeba.txt", "4", POINTS, *points)
    return pictures(folder, *(f"Img/img_align_celeba/{name}" for name in VALUES))


def test_all_files_as_published(tmp_path: Path) -> None:
    table = read_faces(as_published(tmp_path), "celeba")
    assert list(column(table, "label").values()) == ["female", "male", "male", "female"]
    assert list(table.rows["identity"]) == ["20", "21", "21", "22"]
    assert list(table.rows["split"]) == ["train", "val", "test", "train"]
    assert list(table.rows["group_young"]) == ["yes", "yes", "no", "no"]
    assert list(table.rows["group_eyeglasses"]) == ["yes", "no", "no", "no"]
    assert table.rows["path"][0] == "Img/img_align_celeba/000001.jpg"
    assert table.rows[list(LANDMARKS)].iloc[0].tolist() == [float(number) for number in range(60, 70)]
    assert table.malformed == ()
    assert (table.label_source, recognise(tmp_path)) == ("annotator-perceived", ["celeba"])
    assert "non-commercial" in table.licence


def test_files_as_csv_with_headers_and_images_in_a_folder_twice_over(tmp_path: Path) -> None:
    rows = [",".join((name, *value)) for name, value in VALUES.items()]
    lines(tmp_path / "list_attr_celeba.csv", "image_id," + ",".join(NAMES), *rows)
    parts = [f"{name},{part}" for name, part in zip(VALUES, "0012", strict=True)]
    lines(tmp_path / "list_eval_partition.csv", "image_id,partition", *parts)
    pictures(tmp_path, *(f"img_align_celeba/img_align_celeba/{name}" for name in VALUES))
    table = read_faces(tmp_path, "celeba")
    assert list(table.rows["label"]) == ["female", "male", "male", "female"]
    assert list(table.rows["split"]) == ["train", "train", "val", "test"]
    assert table.malformed == (
        "there is no identity_CelebA.txt: identities are unknown, and no split can keep people apart",
    )


def test_where_both_forms_are_there_the_text_is_read(tmp_path: Path) -> None:
    folder = as_published(tmp_path)
    lines(folder / "Anno" / "list_attr_celeba.csv", "image_id,Male", "000001.jpg,1")
    assert recognise(folder) == ["celeba"]
    assert len(read_faces(folder, "celeba")) == 4


def test_optional_files_may_be_missing_and_images_lie_beside_the_list(tmp_path: Path) -> None:
    attributes(tmp_path)
    table = read_faces(pictures(tmp_path, *VALUES), "celeba")
    assert len(table) == 4
    assert set(table.rows["identity"]) == set(table.rows["split"]) == {""}
    assert told(table, "there is no list_eval_partition.txt: the official split is unknown")


def test_images_as_png_go_by_the_names_of_the_list(tmp_path: Path) -> None:
    attributes(tmp_path)
    pictures(tmp_path, *(f"img_align_celeba_png/{name[:-4]}.png" for name in VALUES))
    assert read_faces(tmp_path, "celeba").rows["path"].tolist()[3] == "img_align_celeba_png/000004.png"


def test_malformed_rows_are_left_out_and_listed(tmp_path: Path) -> None:
    strange = {**VALUES, "000002.jpg": ("1", "-1", "0", "-1", "1"), "000005.jpg": ("1",)}
    attributes(tmp_path, "202599", strange)
    lines(tmp_path / "identity_CelebA.txt", "000001.jpg 7", "000003.jpg 7")
    lines(tmp_path / "list_eval_partition.txt", "000001.jpg 0", "000003.jpg 3", "000009.jpg 1")
    pictures(tmp_path, *(f"img_align_celeba/00000{number}.jpg" for number in (1, 2, 3, 8)))
    table = read_faces(tmp_path, "celeba")
    assert column(table, "identity") == {"000001.jpg": "7", "000003.jpg": "7"}
    assert column(table, "split") == {"000001.jpg": "train", "000003.jpg": ""}
    assert told(table, "says that 202599 rows follow, but there are 4")
    assert told(table, "1 row left out, not 6 fields long: line 7")
    assert told(table, "1 row left out, Male is neither 1 nor -1: line 4 ('0')")
    assert told(table, "1 row left out, the image is not there: line 6", "000004.jpg")
    assert told(table, "1 image not listed", "000008.jpg")
    assert told(table, "1 row in no official split: line 5 ('3')")


def test_an_image_without_a_line_has_no_identity(tmp_path: Path) -> None:
    folder = as_published(tmp_path)
    lines(folder / "Anno" / "identity_CelebA.txt", "000001.jpg 7")
    table = read_faces(folder, "celeba")
    assert list(table.rows["identity"]) == ["7", "", "", ""]
    assert told(table, "3 rows without a line in Anno/identity_CelebA.txt")


def test_a_folder_without_images_or_attributes_is_refused(tmp_path: Path) -> None:
    attributes(tmp_path)
    with pytest.raises(DataError, match="there is no folder img_align_celeba with the images"):
        read_faces(tmp_path, "celeba")
    (tmp_path / "img_align_celeba").mkdir()
    with pytest.raises(DataError, match="none of the 4 images of list_attr_celeba.txt is there"):
        read_faces(tmp_path, "celeba")
    with pytest.raises(DataError, match="it looks like the layout celeba"):
        read_faces(tmp_path, "fairface")
    (tmp_path / "list_attr_celeba.txt").unlink()
    with pytest.raises(DataError, match=r"there is no list_attr_celeba.txt or list_attr_celeba.csv"):
        read_faces(tmp_path, "celeba")
