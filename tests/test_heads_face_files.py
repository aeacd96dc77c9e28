"""The table of faces as a CSV, read whole or part by part."""

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from embedding_cases import resident_bytes
from heads import face_files
from heads.errors import DataError
from heads.face_files import open_table, read_table, write_table
from heads_faces import three_faces

MANY = 200_000


def test_a_table_survives_its_csv(tmp_path: Path) -> None:
    table = three_faces(tmp_path / "images", box_left=["1.5", "2", "3"])
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
    write_table(three_faces(tmp_path / "images"), tmp_path / "split.csv")
    assert read_table(tmp_path / "split.csv", tmp_path / "moved").image("c/3.jpg") == tmp_path / "moved/c/3.jpg"


def test_a_whole_folder_can_be_moved(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    write_table(three_faces(tmp_path / "set/images"), tmp_path / "set/split.csv")
    (tmp_path / "set").rename(tmp_path / "elsewhere")
    assert read_table(tmp_path / "elsewhere/split.csv").root.resolve() == tmp_path / "elsewhere/images"


HEAD = "path,label,identity,split,root,layout,label_source,licence,seed\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na,b\n", "has no column identity, split, root"),
        (HEAD, "holds no row"),
        (f"{HEAD}a,m,,training,.,x,y,,\n", r":2: the split is 'trai"),
        (f"{HEAD}a,m,,,.,x,y,,\nb,m,,,.,z,y,,\n", "'layout' holds 'x' and 'z', but"),
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


@pytest.fixture
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_files, "PART_ROWS", 2)


@pytest.mark.usefixtures("two_at_once")
def test_a_table_in_parts_is_the_table(tmp_path: Path) -> None:
    write_table(three_faces(tmp_path / "images", box_left=["1.5", "", "3"]), tmp_path / "split.csv")
    whole = read_table(tmp_path / "split.csv", tmp_path / "moved")
    with open_table(tmp_path / "split.csv", tmp_path / "moved") as faces:
        assert (len(faces), faces.layout, faces.root, faces.columns) == (
            3,
            "folders",
            tmp_path / "moved",
            whole.columns,
        )
        for _ in range(2):
            parts = list(faces.parts())
            assert [len(part) for part in parts] == [2, 1]
            assert all((part.label_source, part.licence, part.seed) == ("folder", "CC BY 4.0", 3) for part in parts)
            pd.testing.assert_frame_equal(pd.concat([part.rows for part in parts], ignore_index=True), whole.rows)
        pd.testing.assert_frame_equal(faces.whole().rows, whole.rows)


def test_the_parts_of_a_table_in_memory_are_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heads.faces.PART_ROWS", 2)
    table = three_faces(tmp_path)
    assert [list(part.rows["path"]) for part in table.parts()] == [list(table.rows["path"][:2]), ["c/3.jpg"]]
    assert table.whole() is table


@pytest.mark.usefixtures("two_at_once")
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("c,m,,training,.,x,y,,", r":4: the split is 'trai"),
        ("c,m,,,elsewhere,x,y,,", "'root' holds '.' and 'elsewhere', but"),
        ("c,2.5,,,.,x,y,,", r"labels are numbers \(2.5\)"),
        ("c,m,,,.,x,y,,,,", "is no CSV"),
    ],
)
def test_what_is_wrong_further_down_is_found_before_anything_is_done(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "split.csv").write_text(f"{HEAD}a,m,,train,.,x,y,,\nb,m,,,.,x,y,,\n{row}\n")
    with pytest.raises(DataError, match=message), open_table(tmp_path / "split.csv"):
        raise AssertionError


@pytest.mark.usefixtures("two_at_once")
def test_a_table_that_is_written_to_meanwhile_is_refused(tmp_path: Path) -> None:
    write_table(three_faces(tmp_path), tmp_path / "split.csv")
    with open_table(tmp_path / "split.csv") as faces:
        parts = faces.parts()
        next(parts)
        with (tmp_path / "split.csv").open("a") as file:
            file.write("d,m,,train,.,folders,folder,CC BY 4.0,3\n")
        with pytest.raises(DataError, match="split.csv: was changed while it was read"):
            list(chain(parts, faces.parts()))


@pytest.mark.usefixtures("two_at_once")
def test_a_table_that_is_replaced_meanwhile_stays_what_it_was(tmp_path: Path) -> None:
    write_table(three_faces(tmp_path), tmp_path / "split.csv")
    with open_table(tmp_path / "split.csv") as faces:
        (tmp_path / "new.csv").write_text("something else\n")
        (tmp_path / "new.csv").replace(tmp_path / "split.csv")
        assert [len(part) for part in faces.parts()] == [2, 1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    keep = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        with (
            pytest.raises(DataError, match="is no file, and a table is read several times"),
            open_table(tmp_path / "pipe"),
        ):
            raise AssertionError
    finally:
        os.close(keep)


def test_arrow_gives_memory_back_while_a_table_is_open(tmp_path: Path) -> None:
    write_table(three_faces(tmp_path), tmp_path / "split.csv")
    before = pa.default_memory_pool().backend_name
    with open_table(tmp_path / "split.csv"):
        assert pa.default_memory_pool().backend_name == "system"
    assert pa.default_memory_pool().backend_name == before


def rows(count: int) -> Iterator[str]:
    return (
        f"{number:09}/a face with a name of some length.jpg,female,p{number // 3},train,.,x,y,,\n"
        for number in range(count)
    )


def test_a_large_table_takes_no_memory(tmp_path: Path) -> None:
    for count in (10_000, MANY):
        with (tmp_path / "split.csv").open("w") as file:
            file.write(HEAD)
            file.writelines(rows(count))
        before = resident_bytes()
        with open_table(tmp_path / "split.csv") as faces:
            assert sum(len(part) for part in faces.parts()) == count
            grown = resident_bytes() - before
    # The rows' text alone would take as much, and a table in memory takes four times that.
    assert grown < 60 * MANY
