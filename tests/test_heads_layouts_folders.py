"""Trees whose folders are labels; what layouts have in common: options and their checks."""

from pathlib import Path

import pytest

from heads.errors import DataError, UsageError
from heads.layouts.ages import age_group_names
from heads.layouts.options import LayoutOptions
from heads.layouts.reading import read_faces, recognise
from heads_pictures import column, counts, lines, pictures, told


def test_folders_are_labels(tmp_path: Path) -> None:
    folder = pictures(tmp_path, "cat/1 a.jpg", "cat/deep/er/2.PNG".lower(), "dog/3.jpeg", "loose.jpg", ".hidden/4.jpg")
    lines(tmp_path / "cat" / "readme.txt", "words")
    lines(tmp_path / "cat" / "Thumbs.db", "litter")
    table = read_faces(folder, "folders")
    assert column(table, "label") == {"1 a.jpg": "cat", "2.png": "cat", "3.jpeg": "dog"}
    assert counts(table, "split") == {"": 3}
    assert told(table, "1 image left out, in no folder that could be its label: loose.jpg")
    assert told(table, "1 file not named as an image: cat/readme.txt")
    assert len(table.malformed) == 2
    assert table.label_source == "folder"
    assert recognise(folder) == ["folders"]


def test_folders_of_splits_stand_above_those_of_labels(tmp_path: Path) -> None:
    folder = pictures(tmp_path, "Train/a/1.jpg", "validation/b/2.jpg", "test/a/3.jpg")
    table = read_faces(folder, "folders")
    assert list(table.rows["split"]) == ["train", "test", "val"]
    assert list(table.rows["label"]) == ["a", "a", "b"]
    pictures(tmp_path, "extra/b/4.jpg")
    table = read_faces(folder, "folders", LayoutOptions(splits={"extra": "train"}))
    assert column(table, "split")["4.jpg"] == "train"
    assert counts(read_faces(folder, "folders"), "label") == {"Train": 1, "extra": 1, "test": 1, "validation": 1}


def test_numbered_folders_need_a_meaning(tmp_path: Path) -> None:
    folder = pictures(tmp_path, "faces/0/1.jpg", "faces/1/2.jpg", "faces/other/3.jpg")
    with pytest.raises(DataError, match="in the names of the folders there are the numbers 0, 1"):
        read_faces(folder, "folders", LayoutOptions(images="faces"))
    told_values = LayoutOptions(images="faces", values={"0": "female", "1": "male"})
    table = read_faces(folder, "folders", told_values)
    assert column(table, "label") == {"1.jpg": "female", "2.jpg": "male"}
    assert told(table, "no --value says what the folder means", "('other')")
    with pytest.raises(DataError, match="no --value names one of its folders"):
        read_faces(pictures(tmp_path / "x", "a/1.jpg"), "folders", LayoutOptions(values={"b": "male"}))


def test_identities_are_found_in_the_paths(tmp_path: Path) -> None:
    folder = pictures(tmp_path, "a/ann_1.jpg", "a/ann_2.jpg", "b/bob_1.jpg", "b/nobody.jpg")
    table = read_faces(folder, "folders", LayoutOptions(identity_pattern=r"([^/_]+)_"))
    assert list(table.rows["identity"]) == ["ann", "ann", "bob", ""]
    assert told(table, "b: 1 image without an identity", "b/nobody.jpg")


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    pictures(tmp_path / "elsewhere", "1.jpg")
    pictures(tmp_path / "set", "b/2.jpg")
    (tmp_path / "set" / "a").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "set" / "b" / "again").symlink_to(tmp_path / "set", target_is_directory=True)
    table = read_faces(tmp_path / "set", "folders")
    assert list(table.rows["path"]) == ["a/1.jpg", "b/2.jpg"]


def test_a_tree_without_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="there is no image in it"):
        read_faces(tmp_path, "folders")
    with pytest.raises(DataError, match="its images lie in no folder that could be their label"):
        read_faces(pictures(tmp_path, "1.jpg"), "folders")
    with pytest.raises(DataError, match="there is no folder photos, which is to hold the images"):
        read_faces(tmp_path, "folders", LayoutOptions(images="photos"))


def test_names_are_checked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no layout 'celebA' among .*; did you mean 'celeba'"):
        read_faces(tmp_path, "celebA")
    with pytest.raises(DataError, match="is no folder; name the one that holds the data set"):
        read_faces(tmp_path / "gone", "celeba")
    with pytest.raises(UsageError, match="folders has no use for columns, age_bounds; it takes images"):
        read_faces(tmp_path, "folders", LayoutOptions(columns={"path": "x"}, age_bounds=(10,)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"splits": {"a": "dev"}}, "'a' cannot be 'dev', but train, val or test"),
        ({"values": {"1": ""}}, "'1' has an empty label"),
        ({"age_bounds": (30, 20)}, "age bounds are"),
        ({"age_bounds": ()}, "age bounds are"),
        ({"age_bounds": (0, 20)}, "age bounds are"),
        ({"identity_pattern": "("}, "is no regular expression"),
        ({"identity_pattern": "a_b"}, "has 0 groups in brackets; one marks the identity"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        LayoutOptions(**options)  # type: ignore[arg-type]  # wrong on purpose
    assert words in str(caught.value)


def test_age_groups_are_named_by_their_bounds() -> None:
    assert age_group_names((18, 30, 45)) == ["0-17", "18-29", "30-44", "45+"]
