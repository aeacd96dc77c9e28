"""CSV files that list images in any way: columns, values and splits as the options say, or refused with what to say."""

from dataclasses import replace
from pathlib import Path

import pytest

from heads.errors import DataError, UsageError
from heads.layouts.options import LayoutOptions
from heads.layouts.reading import read_faces
from heads_pictures import column, counts, lines, pictures, told

CODES = {"1": "male", "0": "female"}
MAPPED = LayoutOptions(columns={"path": "file", "label": "male"}, values=CODES, images="images")


def two_lists(folder: Path) -> Path:
    """Write two lists of one project, coded by numbers."""
    lines(folder / "train.csv", "file,male,identity", "1.jpg,0,642", "2.jpg,1,13")
    lines(folder / "val.csv", "file,male,identity", "3.jpg,1,642")
    return pictures(folder, "images/1.jpg", "images/2.jpg", "images/3.jpg")


def refusal(folder: Path, options: LayoutOptions | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read_faces(folder, "csv", options)
    return str(caught.value)


def test_columns_values_and_splits_by_file(tmp_path: Path) -> None:
    table = read_faces(two_lists(tmp_path), "csv", MAPPED)
    assert list(table.rows["path"]) == ["images/1.jpg", "images/2.jpg", "images/3.jpg"]
    assert list(table.rows["label"]) == ["female", "male", "male"]
    assert list(table.rows["identity"]) == ["642", "13", "642"]
    assert list(table.rows["split"]) == ["train", "train", "val"]
    assert (table.malformed, table.label_source, table.licence) == ((), "unstated", "")


def test_numbers_without_a_meaning_are_refused(tmp_path: Path) -> None:
    options = LayoutOptions(columns={"path": "file", "label": "male"}, images="images")
    text = refusal(two_lists(tmp_path), options)
    assert "in the column 'male' there are the numbers 0, 1, and a number is no label" in text
    assert "--value 0=... --value 1=..." in text


def test_one_number_among_words_is_refused_too(tmp_path: Path) -> None:
    lines(tmp_path / "faces.csv", "path,label", "1.jpg,female", "2.jpg,-1.0")
    pictures(tmp_path, "1.jpg", "2.jpg")
    assert "there are the numbers -1.0" in refusal(tmp_path)


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    text = refusal(two_lists(tmp_path))
    assert "train.csv has no column 'path' (its columns are file, male, identity; say which is which, as in" in text
    assert "--column path=file --column label=male" in text
    assert all(f"{name}.csv has no column '{ours}'" in text for name in ("train", "val") for ours in ("path", "label"))
    text = refusal(tmp_path, LayoutOptions(columns={"path": "fil", "label": "male"}))
    assert "has no column 'fil' for our 'path'; did you mean 'file'?" in text


def test_a_column_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--column paht=...: 'paht' is no column of ours; did you mean 'path'?"):
        read_faces(two_lists(tmp_path), "csv", LayoutOptions(columns={"paht": "file"}))


def test_columns_of_our_names_need_no_option(tmp_path: Path) -> None:
    header = "path,label,identity,split,group_light,tone,age,fold"
    lines(tmp_path / "a.csv", header, "a b.jpg,female,p1,training,dim,x,17,0", "./c.jpg,male,,test,bright,y,18,1")
    pictures(tmp_path, "a b.jpg", "c.jpg")
    table = read_faces(tmp_path, "csv", LayoutOptions(groups=("tone",), label_source="self-report", licence="CC0"))
    assert column(table, "split") == {"a b.jpg": "train", "c.jpg": "test"}
    assert table.groups == ["light", "tone", "age_group"]
    assert list(table.rows["group_age_group"]) == ["0-17", "18-29"]
    assert list(table.rows["fold"]) == ["0", "1"]
    assert (table.label_source, table.licence) == ("self-report", "CC0")


def test_rows_that_do_not_fit_are_listed_and_left_out(tmp_path: Path) -> None:
    rows = (
        "1.jpg,1",
        "gone.jpg,1",
        ",1",
        "../out.jpg,0",
        "2.jpg,7",
        "3.jpg,",
        "1.jpg,1",
        "4.jpg,1",
        "4.jpg,0",
        "5.jpg",
    )
    lines(tmp_path / "faces.csv", "path,label", *rows)
    pictures(tmp_path, *(f"{number}.jpg" for number in range(1, 7)))
    table = read_faces(tmp_path, "csv", LayoutOptions(values=CODES))
    assert column(table, "label") == {"1.jpg": "male", "3.jpg": ""}
    expected = (
        "1 row left out, the image is not there: line 3 ('gone.jpg')", "1 row left out, no image is named: line 4",
        "1 row left out, the path leads out of the data set's folder: line 5 ('../out.jpg')",
        "1 row left out, no --value says what the label means: line 6 ('7')",
        "1 row left out, the same face is listed before: line 8 ('1.jpg')",
        "2 rows left out, the same face is listed with different labels: line 9 ('4.jpg'), line 10 ('4.jpg')",
        "1 row left out, not 2 fields long: line 11", "2 images not listed in faces.csv: 5.jpg, 6.jpg",
    )  # fmt: skip
    assert [words for words in expected if not told(table, words)] == []
    assert len(table.malformed) == len(expected)


def test_many_wrong_rows_take_one_line(tmp_path: Path) -> None:
    lines(tmp_path / "faces.csv", "path,label", "1.jpg,a", *(f"no{number}.jpg,b" for number in range(1000)))
    (line,) = read_faces(pictures(tmp_path, "1.jpg"), "csv").malformed
    assert line.startswith("faces.csv: 1000 rows left out, the image is not there: line 3 ('no0.jpg')")
    assert line.endswith("and 995 more")


def test_several_faces_of_an_image_have_boxes_of_their_own(tmp_path: Path) -> None:
    header = "path,label,box_left,box_top,box_width,box_height"
    lines(tmp_path / "a.csv", header, "1.jpg,a,0,0,2,2", "1.jpg,b,2,2,2.5,2", "1.jpg,b,x,2,2,2")
    pictures(tmp_path, "1.jpg")
    table = read_faces(tmp_path, "csv")
    assert table.rows["box_width"].tolist() == [2, 2.5]
    assert told(table, "1 row left out, box_left is no number: line 4")
    lines(tmp_path / "a.csv", "path,label,box_left", "1.jpg,a,0")
    assert "there is a column box_left, but none for box_top, box_width, box_height" in refusal(tmp_path)


def test_windows_files_are_read(tmp_path: Path) -> None:
    """A mark of byte order, carriage returns, backslashes, quotes and semicolons."""
    text = '\ufeffpath;label\r\n"sub\\a;1.jpg";female\r\n\r\n'
    (tmp_path / "faces.csv").write_bytes(text.encode())
    pictures(tmp_path, "sub/a;1.jpg")
    table = read_faces(tmp_path, "csv", LayoutOptions(separator=";"))
    assert list(table.rows["path"]) == ["sub/a;1.jpg"]


def test_tabs_separate_the_columns_of_tsv_files(tmp_path: Path) -> None:
    lines(tmp_path / "faces.tsv", "path\tlabel", "a, b.jpg\tfemale")
    assert len(read_faces(pictures(tmp_path, "a, b.jpg"), "csv")) == 1


def test_which_of_several_files_must_be_said(tmp_path: Path) -> None:
    two_lists(tmp_path)
    lines(tmp_path / "notes.csv", "a,b", "1,2")
    assert "it holds several: notes.csv, train.csv, val.csv; say which to read with --file" in refusal(tmp_path, MAPPED)
    chosen = replace(MAPPED, files=("train.csv",))
    assert counts(read_faces(tmp_path, "csv", chosen), "split") == {"train": 2}
    assert "there is no file tarin.csv" in refusal(tmp_path, LayoutOptions(files=("tarin.csv",)))
    assert "there is no .csv or .tsv file" in refusal(pictures(tmp_path / "none", "a.jpg"))


def test_files_that_are_no_known_part_need_a_split(tmp_path: Path) -> None:
    two_lists(tmp_path)
    (tmp_path / "val.csv").rename(tmp_path / "late.csv")
    options = replace(MAPPED, files=("train.csv", "late.csv"))
    assert "not late.csv: say which split each is, as in --part late=train" in refusal(tmp_path, options)
    table = read_faces(tmp_path, "csv", replace(options, splits={"late": "test"}))
    assert list(table.rows["split"]) == ["train", "train", "test"]


def test_a_split_column_of_other_words_needs_their_meaning(tmp_path: Path) -> None:
    lines(tmp_path / "a.csv", "path,label,split", "1.jpg,a,0", "2.jpg,b,")
    pictures(tmp_path, "1.jpg", "2.jpg")
    assert "holds '0': say which split each is, as in --part 0=train" in refusal(tmp_path)
    table = read_faces(tmp_path, "csv", LayoutOptions(splits={"0": "val"}))
    assert list(table.rows["split"]) == ["val", ""]


def test_values_that_fit_nothing_are_refused(tmp_path: Path) -> None:
    lines(tmp_path / "a.csv", "path,label", "1.jpg,M", "2.jpg,F")
    text = refusal(pictures(tmp_path, "1.jpg", "2.jpg"), LayoutOptions(values=CODES))
    assert "no --value says what the column 'label' holds: 'M', 'F'" in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"path,label\n", "a.csv holds a header and no row"),
        (b"", "holds no table"),
        (b"path,label\n\xff\xfe.jpg,a\n", "is no text in UTF-8"),
        (b"path,label,label\n1.jpg,a,b\n", "the column label stands there more than once"),
    ],
)
def test_files_that_are_no_lists_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    assert words in refusal(tmp_path)


def test_a_list_of_which_nothing_is_left_is_refused_with_the_reasons(tmp_path: Path) -> None:
    lines(tmp_path / "a.csv", "path,label", "1.jpg,a", "1.jpg,b")
    text = refusal(pictures(tmp_path, "1.jpg"))
    assert "no face is left of the layout csv" in text
    assert "2 rows left out, the same face is listed with different labels" in text


def test_an_absolute_path_below_the_folder_is_the_same_image(tmp_path: Path) -> None:
    lines(tmp_path / "a.csv", "path,label", f"{tmp_path}/sub/1.jpg,a", "/etc/1.jpg,a")
    table = read_faces(pictures(tmp_path, "sub/1.jpg"), "csv")
    assert list(table.rows["path"]) == ["sub/1.jpg"]
    assert told(table, "leads out of the data set's folder: line 3 ('/etc/1.jpg')")
