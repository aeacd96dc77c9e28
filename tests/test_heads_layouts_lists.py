"""Data sets whose labels stand in lists of their own: CelebA, FairFace, MORPH-II, LFW."""

from pathlib import Path

import pytest

from heads.errors import DataError, UsageError
from heads.layouts.options import LayoutOptions
from heads.layouts.reading import read_faces, recognise
from heads_pictures import lines, pictures, told

NAMES = "5_o_Clock_Shadow Eyeglasses Male Pale_Skin Young"
ROWS = ("000001.jpg -1  1 -1 -1  1", "000002.jpg  1 -1  1 -1 -1", "000003.jpg -1 -1 -1  1  1")
POINTS = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
TEN = " 69  109  106  113   77  142   73  152  108  154"


def celeba(folder: Path, images: str = "img_align_celeba") -> Path:
    """Write three images of CelebA with the attributes as published."""
    lines(folder / "Anno" / "list_attr_celeba.txt", "3", NAMES, *ROWS)
    return pictures(folder, *(f"{images}/00000{number}.jpg" for number in (1, 2, 3)))


def complete(folder: Path) -> Path:
    """Write CelebA with identities, split and landmarks."""
    lines(folder / "Anno" / "identity_CelebA.txt", "000001.jpg 2880", "000002.jpg 2937", "000003.jpg 2880")
    lines(folder / "Eval" / "list_eval_partition.txt", "000001.jpg 0", "000002.jpg 1", "000003.jpg 2")
    points = [f"00000{number}.jpg {TEN}" for number in (1, 2, 3)]
    lines(folder / "Anno" / "list_landmarks_align_celeba.txt", "3", POINTS, *points)
    return celeba(folder)


@pytest.mark.parametrize("first", ["image_id,", "", "202599,"])
def test_celeba_as_csv(tmp_path: Path, first: str) -> None:
    """The header names the column of the files, leaves it out, or calls it by the count of rows."""
    header = first + NAMES.replace(" ", ",")
    rows = [",".join(row.split()) for row in ROWS]
    lines(tmp_path / "list_attr_celeba.csv", header, *rows)
    lines(tmp_path / "list_eval_partition.csv", "image_id,partition", "000001.jpg,0", "000002.jpg,2", "000003.jpg,1")
    pictures(tmp_path, *(f"img_align_celeba/img_align_celeba/00000{number}.jpg" for number in (1, 2, 3)))
    table = read_faces(tmp_path, "celeba")
    assert table.rows["path"].iloc[0] == "img_align_celeba/img_align_celeba/000001.jpg"
    assert list(table.rows["label"]) == ["female", "male", "female"]
    assert list(table.rows["split"]) == ["train", "test", "val"]


def test_celeba_groups_can_be_other_attributes(tmp_path: Path) -> None:
    table = read_faces(celeba(tmp_path), "celeba", LayoutOptions(groups=("Eyeglasses",)))
    assert table.groups == ["eyeglasses"]
    with pytest.raises(UsageError, match="has no attribute Smiling to group by"):
        read_faces(tmp_path, "celeba", LayoutOptions(groups=("Smiling",)))


def test_celeba_boxes_belong_to_whole_images_alone(tmp_path: Path) -> None:
    complete(tmp_path)
    boxes = [f"00000{number}.jpg    95  71 226 {300 + number}" for number in (1, 2, 3)]
    lines(tmp_path / "Anno" / "list_bbox_celeba.txt", "3", "image_id x_1 y_1 width height", *boxes)
    assert "box_left" not in read_faces(tmp_path, "celeba").rows.columns
    pictures(tmp_path, *(f"img_celeba/00000{number}.jpg" for number in (1, 2, 3)))
    table = read_faces(tmp_path, "celeba", LayoutOptions(images="img_celeba"))
    assert table.rows.loc[1, ["box_left", "box_top", "box_width", "box_height"]].tolist() == [95, 71, 226, 302]
    assert "left_eye_x" not in table.rows.columns  # those of the aligned images do not fit


def fairface(folder: Path) -> Path:
    """Write FairFace with three training images and two others."""
    header = "file,age,gender,race,service_test"
    train = ("train/1.jpg,50-59,Male,East Asian,True", "train/2.jpg,3-9,Female,Latino_Hispanic,False")
    lines(folder / "fairface_label_train.csv", header, *train, "train/3.jpg,more than 70,,Black,False")
    lines(folder / "fairface_label_val.csv", header, "val/1.jpg,0-2,Female,White,True")
    return pictures(folder, "train/1.jpg", "train/2.jpg", "train/3.jpg", "val/1.jpg")


def test_fairface(tmp_path: Path) -> None:
    table = read_faces(fairface(tmp_path), "fairface")
    assert list(table.rows["label"]) == ["male", "female", "female"]
    assert list(table.rows["split"]) == ["train", "train", "val"]
    assert list(table.rows["group_age_group"]) == ["50-59", "3-9", "0-2"]
    assert list(table.rows["group_race"]) == ["East Asian", "Latino_Hispanic", "White"]
    assert told(table, "fairface_label_train.csv: 1 row left out, gender is neither Male nor Female: line 4 ('')")
    assert (table.licence, table.label_source) == ("CC BY 4.0", "annotator-perceived")


def test_fairface_unpacked_twice_needs_a_choice(tmp_path: Path) -> None:
    fairface(tmp_path)
    for margin in ("margin025", "margin125"):
        pictures(tmp_path / margin, "train/1.jpg", "train/2.jpg", "train/3.jpg", "val/1.jpg")
    with pytest.raises(DataError, match="the images are there more than once, in ., margin025, margin125"):
        read_faces(tmp_path, "fairface")
    table = read_faces(tmp_path, "fairface", LayoutOptions(images="margin125"))
    assert table.rows["path"].str.startswith("margin125/").all()


def test_fairface_with_one_part(tmp_path: Path) -> None:
    fairface(tmp_path)
    (tmp_path / "fairface_label_train.csv").unlink()
    table = read_faces(tmp_path, "fairface")
    assert list(table.rows["path"]) == ["val/1.jpg"]
    assert told(table, "there is no fairface_label_train.csv")


MORPH = "id_num,picture_num,dob,doa,race,gender,facial_hair,age,age_diff,glasses,photo"


def morph(folder: Path, *rows: str) -> Path:
    lines(folder / "morph_2008_nonCommercial.csv", MORPH, *rows)
    return pictures(folder, *(row.rpartition(",")[2] for row in rows))


def test_morph(tmp_path: Path) -> None:
    rows = (
        "009055,0,01/30/1950,02/18/2004,B,M,NULL,54,0,NULL,Album2/009055_0M54.JPG",
        "009055,1,01/30/1950,02/18/2005,B,M,NULL,55,1,NULL,Album2/009055_1M55.JPG",
        "013217,0,10/15/1985,02/18/2004,H,F,NULL,18,0,NULL,Album2/013217_0F18.JPG",
    )
    table = read_faces(morph(tmp_path, *rows), "morph")
    assert list(table.rows["label"]) == ["male", "male", "female"]
    assert list(table.rows["identity"]) == ["009055", "009055", "013217"]
    assert list(table.rows["group_race"]) == ["Black", "Black", "Hispanic"]
    assert list(table.rows["group_age_group"]) == ["45-59", "45-59", "18-29"]
    assert (table.label_source, table.malformed) == ("metadata", ())
    assert recognise(tmp_path) == ["morph"]


def test_morph_what_contradicts_itself_is_unknown(tmp_path: Path) -> None:
    rows = (
        "1,0,01/30/1950,,B,M,NULL,54,0,NULL,a.jpg", "1,1,01/30/1950,,B,F,NULL,55,1,NULL,b.jpg",
        "2,0,01/30/1950,,W,F,NULL,54,0,NULL,c.jpg", "2,1,01/30/1950,,B,F,NULL,55,1,NULL,d.jpg",
        "3,0,01/30/1950,,W,M,NULL,54,0,NULL,e.jpg", "3,1,01/30/1985,,W,M,NULL,20,1,NULL,f.jpg",
        "4,0,01/30/1950,,X,Q,NULL,-3,0,NULL,g.jpg",
    )  # fmt: skip
    table = read_faces(morph(tmp_path, *rows), "morph")
    assert list(table.rows["label"]) == ["", "", "female", "female", "male", "male"]
    assert list(table.rows["group_race"]) == ["Black", "Black", "", "", "White", "White"]
    assert list(table.rows["group_age_group"]) == ["45-59", "45-59", "45-59", "45-59", "", ""]
    assert told(table, "2 rows kept without gender: it differs within one person: line 2 ('1'), line 3 ('1')")
    assert told(table, "2 rows kept without race", "line 4")
    assert told(table, "2 rows kept without dob", "line 6")
    assert told(table, "1 row left out", "line 8 ('Q')")


LFW = ("Aaron_Eckhart/Aaron_Eckhart_0001.jpg", "Abba_Eban/Abba_Eban_0001.jpg", "Abba_Eban/Abba_Eban_0002.jpg",
       "Zico/Zico_0001.jpg")  # fmt: skip


def lfw(folder: Path) -> Path:
    return pictures(folder / "lfw", *LFW).parent


def test_lfw_with_lists_of_names(tmp_path: Path) -> None:
    lines(lfw(tmp_path) / "male_names.txt", "Aaron_Eckhart_0001.jpg", "Zico", "")
    lines(tmp_path / "female_names.txt", "Abba_Eban/Abba_Eban_0001.jpg", "Zico_0001.jpg")
    lines(tmp_path / "peopleDevTrain.txt", "2", "Aaron_Eckhart\t1", "Zico\t1")
    lines(tmp_path / "peopleDevTest.txt", "2", "Abba_Eban\t2", "Nobody\t1")
    table = read_faces(tmp_path, "lfw")
    assert list(table.rows["label"]) == ["male", "female", "", ""]
    assert list(table.rows["identity"]) == ["Aaron_Eckhart", "Abba_Eban", "Abba_Eban", "Zico"]
    assert list(table.rows["split"]) == ["train", "test", "test", "train"]
    assert told(table, "lfw/Zico: 1 image named in both lists")
    assert told(table, "lfw/Abba_Eban: 1 image kept without a label: lfw/Abba_Eban/Abba_Eban_0002.jpg")
    assert told(table, "1 name in the official split without images: Nobody")


def test_lfw_with_folds(tmp_path: Path) -> None:
    lines(lfw(tmp_path) / "fold1.txt", "Aaron_Eckhart_0001.jpg\t1\tM", "Abba_Eban_0001.jpg\t1\tF", "No_0001.jpg\t1\tM")
    lines(tmp_path / "fold2.txt", "Abba_Eban_0002.jpg\t2\tF", "Zico_0001.jpg\t2\tX")
    table = read_faces(tmp_path, "lfw")
    assert list(table.rows["label"]) == ["male", "female", "female", ""]
    assert list(table.rows["fold"]) == ["1", "1", "2", ""]
    assert told(table, "fold1.txt: 1 row left out, the image is not there: line 3 ('No_0001.jpg')")
    assert told(table, "fold2.txt: 1 row left out, neither M nor F: line 2 ('X')")


def test_lfw_without_labels_is_refused(tmp_path: Path) -> None:
    lfw(tmp_path)
    with pytest.raises(DataError, match="no list says who is labelled how: put male_names.txt and female_names.txt"):
        read_faces(tmp_path, "lfw")
    assert recognise(tmp_path) == ["lfw"]
    pictures(tmp_path / "lfw-deepfunneled", *LFW)
    with pytest.raises(DataError, match="more than once, in lfw, lfw-deepfunneled; choose one with --images"):
        read_faces(tmp_path, "lfw")


def test_lfw_folds_can_be_official_splits(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"lfw/{name}/{name}_0001.jpg" for name in ("Ann_A", "Bo_B", "Cy_C")))
    lines(tmp_path / "folds.txt", "Ann_A_0001.jpg\t1\tF", "Bo_B_0001.jpg\t2\tM")
    table = read_faces(tmp_path, "lfw", LayoutOptions(splits={"1": "train", "2": "test"}))
    assert list(table.rows["split"]) == ["train", "test", ""]
    with pytest.raises(UsageError, match="say of fold 2 as well"):
        read_faces(tmp_path, "lfw", LayoutOptions(splits={"1": "train"}))
    (tmp_path / "folds.txt").rename(tmp_path / "male_names.txt")
    with pytest.raises(UsageError, match="lists of names have no folds"):
        read_faces(tmp_path, "lfw", LayoutOptions(splits={"1": "train"}))
