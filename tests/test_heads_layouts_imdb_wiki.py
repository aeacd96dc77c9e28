"""IMDB-WIKI: MATLAB structures with wrong dates, images without a face or with several, and unknown labels."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from heads.errors import DataError
from heads.layouts.options import LayoutOptions
from heads.layouts.reading import read_faces, recognise
from heads_pictures import column, counts, pictures, told
from matlab_files import cell

NAN, INF = np.nan, np.inf
NONE = np.zeros((0, 0))
# file, born, taken, gender, name, face score, second face score
Face = tuple[str, date | int, int, float, Any, float, float]
ASTAIRE: Face = ("01/a.jpg", date(1899, 5, 10), 1941, 1.0, "Fred Astaire", 4.3, NAN)
FACES: tuple[Face, ...] = (
    ASTAIRE,
    ("01/b c.jpg", date(1970, 7, 1), 2000, 0.0, "Zoë X", 3.0, NAN),
    ("02/c.jpg", date(1970, 7, 2), 2000, 0.0, "Zoë X", 3.0, NAN),
    ("02/d.jpg", date(1990, 1, 1), 1959, NAN, NONE, 2.0, NAN),
    ("02/e.jpg", 5, 2014, 1.0, "Year Naught", 2.0, NAN),
    ("03/f.jpg", date(1980, 1, 1), 2010, 1.0, "No Face", -INF, NAN),
    ("03/g.jpg", date(1980, 1, 1), 2010, 1.0, "Two Faces", 2.0, 1.5),
)


def write(folder: Path, name: str, faces: tuple[Face, ...] = FACES, **more: Any) -> Path:
    """Write the structure of a set as MATLAB would, and an image for each of its faces."""
    paths, born, taken, gender, names, score, second = zip(*faces, strict=True)
    days = [day if isinstance(day, int) else day.toordinal() + 366 for day in born]
    fields = {
        "dob": np.array([days], np.int32),
        "photo_taken": np.array([taken], np.uint16),
        "full_path": cell(paths),
        "gender": np.array([gender]),
        "name": cell(names),
        "face_location": cell([np.array([[11.0, 21.0, 110.0, 140.5]])] * len(faces)),
        "face_score": np.array([score]),
        "second_face_score": np.array([second]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(folder / f"{name}.mat", {name: {**fields, **more}}, do_compression=True)
    return pictures(folder, *paths)


def test_labels_people_and_ages(tmp_path: Path) -> None:
    write(tmp_path / "wiki_crop", "wiki")
    table = read_faces(tmp_path, "imdb-wiki")
    assert column(table, "label") == {
        "a.jpg": "male",
        "b c.jpg": "female",
        "c.jpg": "female",
        "d.jpg": "",
        "e.jpg": "male",
    }
    assert list(table.rows["identity"]) == ["Fred Astaire", "Zoë X", "Zoë X", "", "Year Naught"]
    assert list(table.rows["group_age_group"]) == ["30-44", "30-44", "18-29", "", ""]
    assert table.rows["path"].iloc[1] == "wiki_crop/01/b c.jpg"
    assert "box_left" not in table.rows.columns
    assert table.label_source == "metadata"
    assert recognise(tmp_path) == ["imdb-wiki"]


def test_odd_rows_are_listed(tmp_path: Path) -> None:
    table = read_faces(write(tmp_path, "wiki"), "imdb-wiki")
    assert told(table, "wiki.mat: 1 image left out, no face was found (face_score): 03/f.jpg")
    assert told(table, "wiki.mat: 1 image left out, a second face was found", "03/g.jpg")
    assert told(table, "wiki.mat: 1 image kept without a label: 02/d.jpg")
    assert told(table, "wiki.mat: 1 image kept without a name: 02/d.jpg")
    assert told(table, "wiki.mat: 2 images kept without an age group: 02/d.jpg ('-31'), 02/e.jpg ('2014')")
    assert len(table.malformed) == 5
    kept = read_faces(tmp_path, "imdb-wiki", LayoutOptions(several_faces=True))
    assert counts(kept, "identity")["Two Faces"] == 1


def test_a_person_is_the_same_one_in_both_sets(tmp_path: Path) -> None:
    known = {"celeb_names": cell(["Fred Astaire", "Zoë X"]), "celeb_id": np.array([[2.0, 1.0]])}
    write(tmp_path / "imdb_crop", "imdb", ((*FACES[1][:4], NONE, 3.0, NAN), ASTAIRE), **known)
    write(tmp_path / "wiki_crop", "wiki")
    table = read_faces(tmp_path, "imdb-wiki")
    assert len(table) == 7
    assert counts(table, "identity") == {"": 1, "Fred Astaire": 2, "Year Naught": 1, "Zoë X": 3}


def test_boxes_belong_to_whole_images(tmp_path: Path) -> None:
    write(tmp_path / "wiki", "wiki", (ASTAIRE,))
    table = read_faces(tmp_path, "imdb-wiki")
    assert table.rows.loc[0, ["box_left", "box_top", "box_width", "box_height"]].tolist() == [10, 20, 100, 120.5]


def test_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "wiki.mat", {"other": 1})
    with pytest.raises(DataError, match="wiki.mat: holds no structure 'wiki'"):
        read_faces(tmp_path, "imdb-wiki")
    scipy.io.savemat(tmp_path / "wiki.mat", {"wiki": {"dob": [1.0], "name": cell(["a", "b"])}})
    with pytest.raises(DataError, match="has no field photo_taken, full_path, gender, face_location"):
        read_faces(tmp_path, "imdb-wiki")
    (tmp_path / "wiki.mat").write_text("no MAT-file")
    with pytest.raises(DataError, match="is not a MAT-file"):
        read_faces(tmp_path, "imdb-wiki")
    write(tmp_path, "wiki", (ASTAIRE,), gender=np.array([[1.0, 0.0]]))
    with pytest.raises(DataError, match="differ in length: dob 1, photo_taken 1, full_path 1, gender 2"):
        read_faces(tmp_path, "imdb-wiki")
