"""Splits of small tables: nobody in two parts, shares hit, nothing depends on the order of rows; bad wishes refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from heads.checks import Vectors, examine, find_duplicates, find_leaks
from heads.errors import DataError, UsageError
from heads.face_files import read_table, write_table
from heads.faces import FaceTable
from heads.splits import Split, SplitOptions, hold_out, split
from heads_faces import draw, face_table, people, picture, shuffled


def unopened(table: FaceTable, **options: Any) -> Split:
    return split(table, SplitOptions(open_images=False, **options))


def parts_of(made: Split, column: str = "identity") -> "pd.Series[int]":
    return made.table.rows.groupby(column)["split"].nunique()


def fractions(made: Split) -> dict[str, float]:
    return made.table.rows["split"].value_counts(normalize=True).to_dict()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("val", "test"), [(0.15, 0.15), (0.2, 0.2), (0.1, 0.0), (0.0, 0.3)])
def test_nobody_is_in_two_parts_and_the_shares_are_hit(seed: int, val: float, test: float) -> None:
    table = people(300, seed)
    made = unopened(table, val=val, test=test, seed=seed, stratify=("age",))
    assert made.by == "identity"
    assert parts_of(made).max() == 1
    assert len(made.table) == len(table)
    wanted = {"train": 1 - val - test, "val": val, "test": test}
    assert fractions(made) == pytest.approx({name: share for name, share in wanted.items() if share}, abs=0.005)
    for label in ("male", "female"):
        of_label = made.table.rows[made.table.rows["label"] == label]["split"].value_counts(normalize=True)
        assert of_label.to_dict() == pytest.approx(fractions(made), abs=0.01)
    assert all(leak.identities == leak.same_identity == leak.affected == 0 for leak in made.leaks.leaks)


WISHES: list[dict[str, Any]] = [
    {},
    {"by": "image"},
    {"by": "random"},
    {"folds": 5, "hold_out": 3},
    {"balance": "undersample"},
    {"per_group": 2, "per_group_by": ("identity",)},
    {"per_group": 5, "per_group_by": ("age", "label"), "balance": "undersample", "stratify": ("age",)},
]


@pytest.mark.parametrize("wish", WISHES, ids=str)
def test_the_same_seed_gives_the_same_rows_whatever_their_order(wish: dict[str, Any]) -> None:
    table = people(150, 1)
    first = unopened(table, seed=5, **wish)
    for order in range(3):
        again = unopened(shuffled(table, order), seed=5, **wish)
        pd.testing.assert_frame_equal(first.table.rows, again.table.rows)
        assert first.left_out == again.left_out
    other = unopened(table, seed=6, **wish)
    assert not first.table.rows.equals(other.table.rows)


def test_balancing_changes_nobodys_part() -> None:
    table = people(200, 2)
    plain, balanced = unopened(table, seed=3), unopened(table, seed=3, balance="undersample")
    both = plain.table.rows.merge(balanced.table.rows, on="path")
    assert (both["split_x"] == both["split_y"]).all()
    train = balanced.table.rows[balanced.table.rows["split"] == "train"]["label"].value_counts()
    assert train["male"] == train["female"]
    dropped = balanced.left_out["undersampled in train"]
    assert len(dropped) == len(plain.table) - len(balanced.table) > 0
    before = plain.table.rows.set_index("path").loc[list(dropped)]
    assert set(before["split"]) == {"train"}
    assert set(before["label"]) == {"female"}


@pytest.mark.parametrize("folds", [3, 5, 10])
def test_every_fold_is_held_out_once_and_nobody_is_in_two(folds: int, tmp_path: Path) -> None:
    table = people(200, 3)
    made = [unopened(table, folds=folds, hold_out=number, seed=1) for number in range(folds)]
    tested = [path for one in made for path in one.table.rows["path"][one.table.rows["split"] == "test"]]
    assert sorted(tested) == sorted(table.rows["path"])
    assert parts_of(made[0], "identity").max() == 1
    assert made[0].table.rows.groupby("identity")["fold"].nunique().max() == 1
    counts = made[0].table.rows["fold"].value_counts()
    assert counts.max() - counts.min() <= 3
    write_table(made[0].table, tmp_path / "split.csv")
    again = read_table(tmp_path / "split.csv")
    assert again.seed == 1
    for number in range(folds):
        assert hold_out(again, number).rows["split"].tolist() == made[number].table.rows["split"].tolist()
    assert set(hold_out(again, 0, validation=False).rows["split"]) == {"train", "test"}


def test_a_new_split_has_no_folds_of_an_old_one() -> None:
    made = unopened(people(50, 0), folds=3)
    assert "fold" not in unopened(made.table).table.rows.columns


def test_a_split_survives_its_csv(tmp_path: Path) -> None:
    made = unopened(people(80, 4), seed=7, per_group=3, per_group_by=("identity",))
    write_table(made.table, tmp_path / "a.csv")
    back = read_table(tmp_path / "a.csv")
    pd.testing.assert_frame_equal(back.rows, made.table.rows, check_dtype=False)
    assert back.seed == 7
    write_table(
        unopened(shuffled(people(80, 4), 9), seed=7, per_group=3, per_group_by=("identity",)).table, tmp_path / "b.csv"
    )
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_faces_with_unknown_labels_are_left_out_and_counted() -> None:
    table = people(60, 5)
    unknown = table.with_rows(table.rows.assign(label=table.rows["label"].where(table.rows.index % 10 != 0, "")))
    made = unopened(unknown)
    assert len(made.left_out["the label is unknown"]) == (unknown.rows["label"] == "").sum()
    assert set(made.table.rows["label"]) == {"male", "female"}
    assert ("left out", ("why", "faces")) in [(table.title, table.columns) for table in made.tables()]


@pytest.mark.parametrize(
    ("columns", "names"),
    [(("age", "label"), ["group_age", "label"]), (("identity",), ["identity"]), ((), ["label", "group_age"])],
)
def test_no_group_has_more_faces_than_wished(columns: tuple[str, ...], names: list[str]) -> None:
    table = people(120, 6)
    made = unopened(table, per_group=4, per_group_by=columns)
    before, after = (rows.groupby(names).size() for rows in (table.rows, made.table.rows))
    assert after.to_dict() == before.clip(upper=4).to_dict()
    (reason,) = made.left_out
    assert reason == f"beyond 4 faces of the same {' x '.join(columns or ('label', 'age'))}"


def test_without_groups_each_person_is_one() -> None:
    table = people(200, 7)
    plain = table.with_rows(table.rows.drop(columns="group_age"))
    assert list(unopened(plain, per_group=2).left_out) == ["beyond 2 faces of the same identity"]
    nobody = plain.with_rows(plain.rows.assign(identity=""))
    assert list(unopened(nobody, per_group=20).left_out) == ["beyond 20 faces of the same label"]


def test_a_limit_that_no_group_reaches_is_told() -> None:
    made = unopened(people(20, 7), per_group=500)
    assert not made.left_out
    assert "no label x age has more than 500 faces: none was left out" in made.warnings()


def test_faces_of_unknown_people_are_not_one_person() -> None:
    table = people(150, 8)
    known = table.rows.index % 3 != 0
    made = unopened(
        table.with_rows(table.rows.assign(identity=table.rows["identity"].where(known, ""))),
        per_group=2,
        per_group_by=("identity",),
    )
    assert made.by == "identity"
    assert (made.table.rows["identity"] == "").sum() == (~known).sum()
    assert fractions(made) == pytest.approx({"train": 0.7, "val": 0.15, "test": 0.15}, abs=0.01)
    assert parts_of(made).drop("").max() == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw(tmp_path, {f"{number:02}.png": number for number in range(40)})
    return tmp_path


def pictured(folder: Path, **columns: list[str]) -> FaceTable:
    names = sorted(path.name for path in folder.iterdir())
    labels = [("male", "female")[number % 2] for number in range(len(names))]
    return face_table(folder, **{"path": names, "label": labels, **columns})


def part(made: Split, path: str) -> str:
    return str(made.table.rows.set_index("path").loc[path, "split"])


@pytest.mark.parametrize("seed", range(3))
def test_copies_of_a_picture_stay_together_where_there_are_no_identities(seed: int, folder: Path) -> None:
    for number in range(0, 40, 3):
        picture(number).save(folder / f"{number:02}-small.jpg", quality=70)
        (folder / f"{number:02}-same.png").write_bytes((folder / f"{number:02}.png").read_bytes())
    made = split(pictured(folder), SplitOptions(seed=seed))
    assert made.by == "image"
    assert (made.units, made.largest_unit) == (40, 3)
    assert all(
        len({part(made, f"{n:02}{end}") for end in (".png", "-small.jpg", "-same.png")}) == 1 for n in (0, 3, 39)
    )
    assert made.leaks.clean
    apart = split(pictured(folder), SplitOptions(seed=seed, by="random"))
    assert not apart.leaks.clean
    leak = apart.leaks.leaks[0]
    assert leak.near is not None
    assert leak.identical is not None
    assert leak.near >= leak.identical > 0
    only_files = split(pictured(folder), SplitOptions(seed=seed, near_distance=None))
    assert only_files.largest_unit == 2


def test_equal_files_of_two_people_stay_together_and_near_ones_are_told(folder: Path) -> None:
    (folder / "00-same.png").write_bytes((folder / "01.png").read_bytes())
    for number in range(2, 30):
        picture(number).save(folder / f"{number:02}-z.jpg", quality=70)
    table = pictured(folder)
    table = table.with_rows(table.rows.assign(identity=[f"p{number // 2}" for number in range(len(table))]))
    made = split(table, SplitOptions())
    assert part(made, "00-same.png") == part(made, "01.png")
    assert parts_of(made).max() == 1
    assert all(leak.same_identity == leak.identical == 0 for leak in made.leaks.leaks)
    assert sum(leak.near or 0 for leak in made.leaks.leaks) > 0
    # Faces of an unknown person stay with whatever looks like them.
    some = table.with_rows(table.rows.assign(identity=table.rows["identity"].where(table.rows.index % 2 == 0, "")))
    kept = split(some, SplitOptions())
    assert kept.leaks.clean
    assert parts_of(kept).drop("").max() == 1


def test_rows_of_one_image_stay_together_though_it_is_not_opened() -> None:
    table = face_table(path=[f"{number // 4}.jpg" for number in range(80)], label=["male", "female"] * 40)
    made = unopened(table)
    assert made.largest_unit == 4
    assert parts_of(made, "path").max() == 1


def test_leaks_are_those_of_the_rows_that_are_left(folder: Path) -> None:
    for number in range(0, 40, 2):
        picture(number).save(folder / f"{number:02}-small.jpg", quality=70)
    table = pictured(folder)
    table = table.with_rows(table.rows.assign(label=["male"] * 18 + ["female"] * 42))
    made = split(table, SplitOptions(by="random", balance="undersample", per_group=30, per_group_by=("label",)))
    assert len(made.left_out) == 2
    assert made.leaks.as_json() == find_leaks(made.table.rows, find_duplicates(examine(made.table))).as_json()
    assert not made.leaks.clean


def test_unreadable_images_are_left_out_and_listed(folder: Path) -> None:
    (folder / "05.png").write_bytes(b"not an image")
    made = split(pictured(folder), SplitOptions())
    (reason,) = made.left_out
    assert reason.startswith("the image cannot be read (the first: 05.png: is no image")
    assert made.left_out[reason] == ("05.png",)
    assert len(made.table) == 39


def test_similar_embeddings_stay_together(folder: Path) -> None:
    table = pictured(folder)
    values = np.random.default_rng(0).standard_normal((40, 30))
    values[20:] = values[:20] + 0.05 * np.random.default_rng(1).standard_normal((20, 30))
    vectors = Vectors(table.rows["path"].tolist()[:39], values[:39].astype(np.float32))
    made = split(table, SplitOptions(), vectors=vectors)
    assert made.units == 21
    assert all(part(made, f"{n:02}.png") == part(made, f"{n + 20}.png") for n in range(19))
    assert made.leaks.cosine == 0.9
    assert made.notes == ("1 faces have no embedding to compare",)
    apart = split(table, SplitOptions(by="random"), vectors=vectors)
    assert any(leak.similar for leak in apart.leaks.leaks)


def test_by_random_divides_single_faces_and_says_what_leaks() -> None:
    made = unopened(people(300, 9), by="random")
    assert fractions(made) == pytest.approx({"train": 0.7, "val": 0.15, "test": 0.15}, abs=0.002)
    assert made.units == len(made.table)
    assert "people who are in train too" in made.warnings()[0]


def test_the_official_split_is_taken_as_it_is() -> None:
    table = people(100, 10)
    stated = np.random.default_rng(0).choice(["train", "val", ""], len(table), p=[0.6, 0.3, 0.1])
    table = table.with_rows(table.rows.assign(split=stated))
    made = unopened(table, by="official", seed=4)
    expected = table.rows[table.rows["split"] != ""].sort_values("path")["split"].tolist()
    assert made.table.rows["split"].tolist() == expected
    assert len(made.left_out["in no official part"]) == (table.rows["split"] == "").sum()
    assert made.notes == ("the official split has no test",)
    assert made.table.seed is None
    assert made.leaks.leaks[0].affected > 0
    balanced = unopened(table, by="official", seed=4, balance="undersample")
    assert balanced.table.seed == 4


def test_everything_is_told_as_json() -> None:
    made = unopened(people(60, 11), balance="undersample", stratify=("age",))
    told = json.loads(json.dumps(made.as_json(), allow_nan=False))
    assert told["options"]["seed"] == 0
    assert told["counts"]["rows"][0][:2] == ["train", int((made.table.rows["split"] == "train").sum())]
    assert told["leaks"]["images_looked_at"] is False


def test_shares_that_cannot_be_hit_are_told() -> None:
    table = face_table(label=["male", "female"] * 60, identity=[f"p{number // 20}" for number in range(120)])
    made = unopened(table, val=0.1, test=0.1)
    assert made.notes[0] == "train holds 0.667 of the faces instead of 0.800: 20 faces had to stay together"


BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"by": "identities"}, "split by 'identities': known are auto, identity, .*; did you mean 'identity'"),
    ({"balance": "undersampling"}, "balance 'undersampling': known is undersample, or nothing; did you mean"),
    ({"val": 1.5}, "val is 1.5: a fraction is at least 0 and below 1"),
    ({"test": -0.1}, "test is -0.1"),
    ({"val": float("nan")}, "val is nan"),
    ({"val": 0.5, "test": 0.5}, "val 0.5 and test 0.5 leave nothing for train"),
    ({"val": 0, "test": 0}, "nothing would be split"),
    ({"folds": 2}, "folds is 2: train, val, test need at least 3"),
    ({"folds": 1, "val": 0}, "folds is 1: train, test need at least 2"),
    ({"folds": 5, "hold_out": 5}, "hold_out is 5; with 5 folds it is 0 to 4"),
    ({"hold_out": 1}, "there are no folds to hold out from"),
    ({"folds": 5, "by": "official"}, "folds cannot be made of the official split"),
    ({"seed": -1}, "the seed is -1"),
    ({"per_group": -1}, "per_group is -1"),
    ({"per_group_by": ("label",)}, "per_group_by names label, but per_group gives no number"),
    ({"near_distance": 32}, "near_distance is 32; of 256 bits 0 to 31 may differ"),
    ({"cosine": 1.01}, "cosine is 1.01"),
]


@pytest.mark.parametrize(("wish", "message"), BAD_OPTIONS, ids=str)
def test_wishes_without_sense_are_refused(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SplitOptions(**wish)


def test_all_that_is_wrong_with_wishes_is_told_at_once() -> None:
    with pytest.raises(UsageError) as raised:
        SplitOptions(by="x", val=2, seed=-1, cosine=0)
    assert len(raised.value.problems) == 4
    with pytest.raises(UsageError) as raised:
        unopened(people(20, 0), stratify=("aeg", "label"), per_group=3, per_group_by=("ages",))
    assert raised.value.problems == [
        "stratify by 'aeg': the table has no such group; the groups are age; did you mean 'age'?",
        "stratify by 'label': the table has no such group; the groups are age",
        "per group of 'ages': it is none of label, identity, age; did you mean 'age'?",
    ]


def few(labels: str, identities: str = "", parts: str = "") -> FaceTable:
    """Make a table with a letter for each face: its label, its person, its official part."""
    words = {"m": "male", "f": "female", "-": "", "t": "train", "v": "val", "e": "test"}
    count = len(labels)
    return face_table(
        label=[words[letter] for letter in labels],
        identity=list(identities) or [""] * count,
        split=[words[letter] for letter in parts] or [""] * count,
    )


REFUSED: list[tuple[FaceTable, dict[str, Any], str]] = [
    (few("mfmf"), {"by": "identity"}, "csv: no face has an identity to split by; split by image"),
    (few("mfmf"), {"by": "official"}, "the data set has no split of its own; split by image"),
    (few("mfmf", "abcd"), {"by": "official"}, "no split of its own; split by identity"),
    (few("mfmf", "abcd", "tttt"), {"by": "official"}, "all 4 faces are in train; nothing is split"),
    (few("mfmm", "abcd", "ttvv"), {"by": "official"}, "val would hold none of the 1 faces with the label 'female'"),
    (few("mmmm", "abcd"), {}, "all 4 faces have the label 'male'; a head tells two labels apart"),
    (few("----"), {}, r"no face is left to split \(4: the label is unknown\)"),
    (
        few("mmmmffff", "aabbcdef"),
        {},
        r"'male' fall into 2 sets that .* too few for 3 parts; the largest set .* has 2 of 8 faces, among them 00000",
    ),
    (few("mmmffffff", "aaabcdefg"), {"test": 0}, "fall into 1 set that must stay together .* too few for 2 parts"),
    (
        few("mf" * 10, "abcdefghijklmnopqrst"),
        {"val": 0.01},
        "val would hold none of the 10 faces with the label 'female'",
    ),
    (few("mf" * 10, "abcdefghijklmnopqrst"), {"folds": 11}, "'female' fall into 10 sets .* too few for 11 parts"),
]


@pytest.mark.parametrize(("table", "wish", "message"), REFUSED)
def test_tables_that_cannot_be_split_so_are_refused_with_counts(
    table: FaceTable, wish: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        unopened(table, **wish)


def test_both_labels_and_all_parts_are_told_when_they_lack_faces() -> None:
    with pytest.raises(DataError) as raised:
        unopened(few("mf" * 20, ""), val=0.001, test=0.001)
    assert [problem.split(" faces")[0] for problem in raised.value.problems] == [
        f"csv: {name} would hold none of the 20" for name in ("val", "val", "test", "test")
    ]


def test_images_that_are_not_where_the_table_says_are_refused(tmp_path: Path) -> None:
    table = face_table(tmp_path, label=["male", "female"] * 5)
    message = r"no face is left to split \(10: the image cannot be read \(the first: 00000.png: No such file"
    with pytest.raises(DataError, match=message):
        split(table, SplitOptions())


@pytest.mark.parametrize(
    ("folds", "fold", "message"),
    [
        (None, 0, "has no column 'fold'; split it with folds"),
        (["0", "1", "2"], 3, "there is no fold 3; with 3 folds it is 0 to 2"),
        (["0", "1", "x"], 0, "the fold of 00002.png is no number"),
        (["0", "1", "0"], 0, "of 2 folds none is left for train beside val and test"),
    ],
)
def test_a_fold_that_is_not_there_cannot_be_held_out(folds: list[str] | None, fold: int, message: str) -> None:
    table = face_table(label=["male", "female", "male"], **({"fold": folds} if folds else {}))
    with pytest.raises(DataError, match=message):
        hold_out(table, fold)
