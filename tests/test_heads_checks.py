"""What a check finds in tables and images that are made to be wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from heads.checks import CheckOptions, PlainTable, check, examine, find_duplicates, find_leaks
from heads.checks import examination as examination_module
from heads.checks.examination import Examined
from heads.errors import UsageError
from heads.faces import FaceTable
from heads_faces import draw, face_table, picture


def find(tables: list[PlainTable], title: str) -> PlainTable:
    return next(table for table in tables if table.title.startswith(title))


def of_files(root: Path, labels: str = "", **columns: list[str]) -> FaceTable:
    """Make a table of all files in a folder; one letter of `labels` for each."""
    names = sorted(path.name for path in root.iterdir())
    words = {"f": "female", "m": "male", "-": ""}
    return face_table(root, path=names, label=[words[letter] for letter in labels or "f" * len(names)], **columns)


def test_unreadable_images_are_listed_with_the_reason_and_are_not_fatal(tmp_path: Path) -> None:
    draw(tmp_path, {"good.jpg": 1, "other.png": 2})
    whole = (tmp_path / "good.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[:-200])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "nothing.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("not an image")
    (tmp_path / "folder.jpg").mkdir()
    table = of_files(tmp_path)
    table = table.with_rows(table.rows.assign(path=table.rows["path"].replace("other.png", "missing.png")))
    found = check(table)
    reasons = dict(found.unreadable)
    assert sorted(reasons) == ["cut.jpg", "empty.jpg", "folder.jpg", "missing.png", "nothing.jpg", "text.jpg"]
    assert "truncated" in reasons["cut.jpg"]
    assert "is empty" in reasons["empty.jpg"]
    assert "is no image" in reasons["text.jpg"]
    assert reasons["folder.jpg"] == "Is a directory"
    assert reasons["missing.png"] == "No such file or directory"
    assert found.problems[0].startswith("6 images cannot be read, the first is cut.jpg: ")
    assert found.identical is not None
    assert found.identical.sets == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_jpeg_is_unreadable_wherever_it_is_cut_so_that_pixels_are_lost(seed: int, tmp_path: Path) -> None:
    draw(tmp_path, {"whole.jpg": seed})
    whole = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "whole.jpg").unlink()
    cuts = np.random.default_rng(seed).integers(3, len(whole), 25)
    for cut in cuts:
        (tmp_path / f"{cut}.jpg").write_bytes(whole[:-cut])
    table = of_files(tmp_path)
    assert len(examine(table).problems) == len(table)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path, {"a.png": 1})
    monkeypatch.setattr(examination_module, "LARGEST_BYTES", 100)
    assert examine(of_files(tmp_path)).problems[0].endswith("more than the 100 that an image may have")


def test_reading_in_several_threads_and_rounds_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path, {f"{number}.png": number for number in range(20)})
    (tmp_path / "bad.png").write_bytes(b"bad")
    table = of_files(tmp_path)
    told: list[float] = []
    together = examine(table, threads=4)
    monkeypatch.setattr(examination_module, "AT_ONCE", 6)
    apart = examine(table, lambda _title, done: told.append(done), threads=1)
    for name in ("sha256", "hashes", "thumbnails"):
        assert np.array_equal(getattr(together, name), getattr(apart, name))
    assert together.problems == apart.problems
    assert told[-1] == 1.0
    assert told == sorted(told)


def test_rows_of_one_path_share_what_is_known_of_it(tmp_path: Path) -> None:
    draw(tmp_path, {"a.png": 1, "b.png": 2})
    (tmp_path / "bad.png").write_bytes(b"bad")
    examined = examine(face_table(tmp_path, path=["b.png", "bad.png", "a.png", "bad.png", "b.png"]))
    assert sorted(examined.problems) == [1, 3]
    assert np.array_equal(examined.hashes[0], examined.hashes[4])
    assert not np.array_equal(examined.hashes[0], examined.hashes[2])
    assert examined.where(np.array([4, 3])).problems == {1: examined.problems[1]}


CHANGES = {
    "lower quality": lambda image: image,
    "smaller": lambda image: image.resize((40, 40)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "grey": lambda image: image.convert("L"),
    "less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "a pixel cut off": lambda image: image.crop((1, 1, 95, 95)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_that_were_changed_a_little_are_near_duplicates(change: str, tmp_path: Path) -> None:
    draw(tmp_path, {f"{number}.png": number for number in range(12)})
    for number in (3, 7):
        CHANGES[change](picture(number)).save(tmp_path / f"{number}-copy.jpg", quality=60)
    found = check(of_files(tmp_path))
    assert found.near is not None
    assert found.near.paths == (("3-copy.jpg", "3.png"), ("7-copy.jpg", "7.png"))
    assert found.identical is not None
    assert found.identical.sets == 0
    assert "4 faces are copies of one another, in 2 sets" in found.problems


def test_different_pictures_are_no_duplicates_of_one_another(tmp_path: Path) -> None:
    draw(tmp_path, {f"{number}.png": number for number in range(60)})
    duplicates = find_duplicates(examine(of_files(tmp_path)))
    assert duplicates.pairs == 0
    assert len(set(duplicates.near.tolist())) == 60


def test_a_hash_that_agrees_is_confirmed_by_the_pixels() -> None:
    rng = np.random.default_rng(0)
    sha256, hashes = rng.integers(0, 256, (2, 3, 32), dtype=np.uint8)
    hashes[:] = hashes[0]
    thumbnails = rng.integers(0, 256, (3, 256), dtype=np.uint8)
    thumbnails[2] = 255 - thumbnails[0] // 2
    thumbnails[1] = thumbnails[0] // 2 + 20
    found = find_duplicates(Examined(sha256, hashes, thumbnails, {}))
    assert (found.candidates, found.pairs) == (3, 1)
    assert found.near.tolist() == [0, 0, 2]
    assert (found.closest[0].first, found.closest[0].second, found.closest[0].distance) == (0, 1, 0)
    assert found.closest[0].correlation > 0.99


def test_blank_pictures_are_named_and_alike_only_as_files(tmp_path: Path) -> None:
    for name, value in (("a.png", 7), ("b.png", 7), ("c.png", 200)):
        Image.new("L", (64, 64), value).save(tmp_path / name)
    draw(tmp_path, {"face.png": 1})
    nearly = Image.fromarray(np.random.default_rng(0).integers(99, 102, (64, 64), dtype=np.uint8))
    nearly.save(tmp_path / "d.png")
    nearly.save(tmp_path / "e.bmp")
    found = check(of_files(tmp_path))
    assert found.blank == ("a.png", "b.png", "c.png", "d.png", "e.bmp")
    assert found.near is not None
    assert found.near.paths == (("a.png", "b.png"),)


def test_the_same_picture_with_several_labels_is_told(tmp_path: Path) -> None:
    draw(tmp_path, {"1.png": 1, "2.png": 2, "3.png": 3, "4.png": 1})
    picture(2).save(tmp_path / "5.jpg", quality=70)
    found = check(of_files(tmp_path, "fmfmf"))
    assert [conflict.paths for conflict in found.label_conflicts] == [("1.png", "4.png"), ("2.png", "5.jpg")]
    assert found.label_conflicts[0].counts == (("female", 1), ("male", 1))
    assert found.problems[0] == "2 pictures with several labels, the first is 1.png"
    assert check(of_files(tmp_path, "fmf-f")).label_conflicts[0].paths == ("2.png", "5.jpg")


def test_a_path_in_several_rows_with_several_labels_is_told_even_where_no_image_is_opened() -> None:
    table = face_table(path=["a", "b", "a", "a"], label=["male", "male", "female", "male"])
    found = check(table, CheckOptions(open_images=False))
    assert found.repeated == (("a", 3),)
    assert found.label_conflicts[0].counts == (("male", 2), ("female", 1))
    assert found.near is found.identical is None
    assert dict(find(found.tables(), "found").rows)["unreadable images"] is None


def test_two_faces_of_one_image_are_no_conflict(tmp_path: Path) -> None:
    draw(tmp_path, {"two.png": 1, "copy.png": 1})
    table = face_table(tmp_path, path=["two.png", "two.png", "copy.png"], label=["male", "female", "male"])
    boxes = {"box_left": [0.0, 50.0, 0.0], "box_top": 0.0, "box_width": 40.0, "box_height": 90.0}
    table = table.with_rows(table.rows.assign(**boxes))
    assert check(table).repeated == ()
    assert check(table).label_conflicts == ()
    same_place = table.with_rows(table.rows.assign(box_left=0.0))
    assert check(same_place).repeated == (("two.png 0.0 0.0 40.0 90.0", 2),)
    assert len(check(same_place).label_conflicts) == 1


def test_people_with_several_labels_are_told_and_unknown_people_are_not() -> None:
    table = face_table(label=["male", "female", "male", "", "female"], identity=["a", "a", "b", "b", ""])
    found = check(table, CheckOptions(open_images=False))
    assert [(conflict.what, dict(conflict.counts)) for conflict in found.identity_conflicts] == [
        ("identity a", {"female": 1, "male": 1})
    ]
    assert vars(found.people) == {"identities": 2, "faces_without": 1, "fewest": 2, "median": 2.0, "most": 2}
    assert "1 of 2 identities have several labels" in found.problems


def test_counts_are_by_part_and_label_and_by_groups_and_crossings() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(["male", "female", ""], 400, p=[0.5, 0.4, 0.1]).tolist()
    table = face_table(label=labels, split=rng.choice(["train", "test", ""], 400).tolist())
    table = table.with_rows(
        table.rows.assign(group_age=rng.choice(["young", "old"], 400), group_race=rng.choice(["A", "B", ""], 400))
    )
    found = check(table, CheckOptions(open_images=False))
    rows = table.rows
    assert found.counts.columns == ("part", "faces", "female", "male", "(unknown)")
    assert [row[0] for row in found.counts.rows] == ["train", "test", "(no part)", "all"]
    assert found.counts.rows[0][3] == ((rows["split"] == "train") & (rows["label"] == "male")).sum()
    assert found.counts.rows[3][1:] == (400, *(labels.count(label) for label in ("female", "male", "")))
    assert [grouping.groups for grouping in found.groupings] == [("age",), ("race",), ("age", "race")]
    crossing = dict(found.groupings[2].cells)
    old_unknown = (rows["group_age"] == "old") & (rows["group_race"] == "")
    assert crossing["old", "(unknown)"][1] == (old_unknown & (rows["label"] == "male")).sum()
    json.dumps(found.as_json(), allow_nan=False)


def test_many_labels_stand_below_one_another() -> None:
    names = [f"p{number:02}" for number in range(20)]
    table = face_table(Path(), path=[f"{name}.jpg" for name in names], label=names, group_light=["day"] * 20)
    tables = check(table, CheckOptions(open_images=False)).tables()
    counts = find(tables, "faces")
    assert counts.columns == ("part", "(no part)", "all")
    assert counts.rows[:2] == (("faces", 20, 20), ("p00", 1, 1))
    assert find(tables, "faces by light").columns == ("light", "faces", "small")
    assert dict(find(tables, "found").rows)["labels"] == "p00, p01, p02, p03, p04, p05 and 14 more"


def test_groups_with_too_few_faces_of_a_label_are_named() -> None:
    labels = ["male"] * 70 + ["female"] * 59
    table = face_table(label=labels)
    ages = ["young"] * 40 + ["old"] * 30 + ["young"] * 30 + ["old"] * 29
    found = check(table.with_rows(table.rows.assign(group_age=ages)), CheckOptions(open_images=False))
    assert found.groupings[0].small == [("old",)]
    assert found.groupings[0].table().rows == (("old", 59, 29, 30, "below 30"), ("young", 70, 30, 40, ""))
    assert found.problems == ["age: 1 of 2 groups have a label with fewer than 30 faces, too few to report on"]


def test_crossings_of_unknown_groups_are_refused() -> None:
    table = face_table(label=["male"])
    table = table.with_rows(table.rows.assign(group_age="young"))
    with pytest.raises(UsageError, match="group 'aeg': the table has no such group; the groups are age; did you mean"):
        check(table, CheckOptions(crossings=(("age", "aeg"),), open_images=False))


def test_labels_that_are_numbers_are_questioned_and_malformed_rows_told() -> None:
    table = FaceTable("csv", Path(), face_table(label=["0", "1"]).rows, "metadata", malformed=("list.txt:3: no label",))
    found = check(table, CheckOptions(open_images=False))
    assert found.problems == [
        "the labels 0, 1 are numbers: say what they mean",
        "the data set's files: list.txt:3: no label",
    ]
    assert find(found.tables(), "remarks").rows == (("list.txt:3: no label",),)


def test_a_clean_table_has_no_problem(tmp_path: Path) -> None:
    draw(tmp_path, {f"{number}.png": number for number in range(8)})
    table = of_files(tmp_path, "fmfmfmfm", identity=list("abcdefgh"), split=["train", "train", "val", "test"] * 2)
    found = check(table)
    assert found.problems == []
    assert found.leaks is not None
    assert found.leaks.clean


def test_leaks_between_the_official_parts_are_told_by_person_file_and_picture(tmp_path: Path) -> None:
    draw(tmp_path, {"0.png": 0, "1.png": 1, "2.png": 2, "3.png": 3, "4.png": 0, "6.png": 6, "7.png": 7})
    picture(1).save(tmp_path / "5.jpg", quality=60)
    parts = ["train"] * 4 + ["val", "val", "val", "test"]
    table = of_files(tmp_path, identity=["a", "b", "c", "c", "d", "e", "c", "f"], split=parts)
    leaks = check(table).leaks
    assert leaks is not None
    told = {(leak.part, leak.source): leak for leak in leaks.leaks}
    val = told["val", "train"]
    assert (val.identities, val.same_identity, val.identical, val.near, val.similar) == (1, 1, 1, 2, None)
    assert (val.affected, val.faces, val.affected_fraction) == (3, 3, 1.0)
    assert val.examples == (
        ("6.png", "2.png", "same identity"),
        ("4.png", "0.png", "identical file"),
        ("5.jpg", "1.png", "near-duplicate"),
    )
    assert told["test", "train"].affected == told["test", "val"].affected == 0
    (said,) = leaks.warnings()
    assert said == (
        "3 of 3 faces (100.0 %) of val leak from train: 1 show one of 1 people who are in train too, "
        "1 are files that are in train too, 2 are pictures that are in train too"
    )


def test_what_could_not_be_looked_for_is_not_called_nothing() -> None:
    table = face_table(path=["a", "b", "c"], split=["train", "train", "val"])
    leaks = find_leaks(table.rows)
    leak = leaks.leaks[0]
    assert (leak.identities, leak.same_identity, leak.identical, leak.near) == (None, None, None, None)
    assert leaks.warnings() == [
        "no face has an identity: the same person may be in several parts without being noticed",
        "the images were not opened: duplicates were not looked for",
    ]
    some = find_leaks(table.rows.assign(identity=["x", "", "x"]))
    assert some.leaks[0].same_identity == 1
    assert "1 faces lack an identity" in some.warnings()[1]
    assert find_leaks(table.rows.assign(path=["a", "b", "a"])).leaks[0].identical == 1


def test_long_lists_are_cut_for_people_and_whole_for_programs() -> None:
    table = face_table(path=["a", "b"] * 30, label=["male"] * 60)
    table = table.with_rows(table.rows.assign(path=[f"{number // 2:02}" for number in range(60)]))
    found = check(table, CheckOptions(open_images=False))
    listed = find(found.tables(), "paths in several rows")
    assert listed.title == "paths in several rows (the first 20 of 30)"
    assert len(listed.rows) == 20
    assert len(found.as_json()["repeated_paths"]) == 30
