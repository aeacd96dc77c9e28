"""The drawn faces: always the same for a seed, readable again, learnable but not perfectly."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from heads.errors import DataError, UsageError
from heads.faces import BOX, FaceTable
from heads.layouts.options import LayoutOptions
from heads.layouts.reading import LAYOUTS, read_faces, recognise
from heads.synthetic.drawing import SIZE
from heads.synthetic.drawn_set import LABEL_SOURCE, LAYOUT, LICENCE, draw_faces


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_seed_draws_the_same_pixels(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        draw_faces(tmp_path / name, people=4, per_person=2, seed=seed)
    first, again, other = (digest(tmp_path / name) for name in "abc")
    assert first == again
    assert len(first) == 4 * 2 + 2
    assert first.keys() == other.keys()
    assert sum(first[name] != other[name] for name in first) == len(first)


def test_more_people_and_images_leave_the_others_as_they_are(tmp_path: Path) -> None:
    draw_faces(tmp_path / "few", people=2, per_person=2, seed=1)
    draw_faces(tmp_path / "many", people=5, per_person=3, seed=1)
    few, many = (digest(tmp_path / name / "images") for name in ("few", "many"))
    assert few == {name: many[name] for name in few}


def test_labels_tones_and_people_are_balanced(tmp_path: Path) -> None:
    rows = draw_faces(tmp_path / "set", people=8, per_person=3, seed=0).rows
    assert rows.groupby(["label", "group_tone"]).size().tolist() == [6, 6, 6, 6]
    assert rows.groupby("identity").size().tolist() == [3] * 8
    assert (rows.groupby("identity")["label"].nunique() == 1).all()
    assert set(rows["group_light"]) == {"bright", "dim"}


def test_its_layout_reads_what_was_drawn(tmp_path: Path) -> None:
    drawn = draw_faces(tmp_path / "set", people=4, per_person=2, seed=0)
    table = read_faces(tmp_path / "set", LAYOUT)
    assert table.rows[drawn.rows.columns].equals(drawn.rows.astype(table.rows.dtypes[drawn.rows.columns]))
    assert (table.layout, table.label_source, table.licence) == (drawn.layout, drawn.label_source, drawn.licence)
    assert (LAYOUTS[LAYOUT].label_source, LAYOUTS[LAYOUT].licence) == (LABEL_SOURCE, LICENCE)
    assert table.malformed == ()
    assert recognise(tmp_path / "set") == [LAYOUT]


def test_missing_drawings_are_listed(tmp_path: Path) -> None:
    drawn = draw_faces(tmp_path / "set", people=2, per_person=2, seed=0)
    gone = drawn.rows["path"].iloc[1]
    drawn.image(gone).unlink()
    table = read_faces(tmp_path / "set", LAYOUT)
    assert len(table) == 3
    assert table.malformed == (f"faces.csv: 1 row left out, the image is not there: line 3 ('{gone}')",)
    with pytest.raises(UsageError, match="synthetic has no use for images"):
        read_faces(tmp_path / "set", LAYOUT, LayoutOptions(images="images"))


def test_it_is_called_synthetic_everywhere(tmp_path: Path) -> None:
    table = draw_faces(tmp_path / "set", people=2, per_person=1, seed=0)
    assert table.layout == "synthetic"
    assert "synthetic" in table.licence
    assert not {"male", "female"} & set(table.rows["label"])
    assert "These faces are synthetic" in (tmp_path / "set" / "README.txt").read_text()
    assert "synthetic" in (tmp_path / "set" / "faces.csv").read_text().splitlines()[1].split(",")


def test_box_and_landmarks_are_where_the_face_is_drawn(tmp_path: Path) -> None:
    table = draw_faces(tmp_path / "set", people=40, per_person=1, seed=2)
    rows = table.rows
    left, top, width, height = (rows[name].to_numpy() for name in BOX)
    assert (left >= 0).all() and (top >= -2).all()
    assert (left + width <= SIZE).all() and (top + height <= SIZE + 2).all()
    for point in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right"):
        x, y = rows[f"{point}_x"], rows[f"{point}_y"]
        assert ((x > left) & (x < left + width) & (y > top) & (y < top + height)).all()
    assert (rows["left_eye_x"] < rows["right_eye_x"]).all()
    darker = [darkness(table, row, "left_eye") < darkness(table, row, "nose") for row in range(len(rows))]
    assert np.mean(darker) > 0.9  # the pupil is dark


def darkness(table: FaceTable, row: int, point: str) -> float:
    """Return the mean brightness of 3 x 3 pixels at a landmark."""
    x, y = (round(table.rows[f"{point}_{axis}"].iloc[row]) for axis in "xy")
    pixels = np.asarray(Image.open(table.image(table.rows["path"].iloc[row])).convert("L"), float)
    return float(pixels[y - 1 : y + 2, x - 1 : x + 2].mean())


def features(table: FaceTable) -> np.ndarray:
    """Return each image as 24 x 24 gray values, standardised."""
    rows = []
    for path in table.rows["path"]:
        small = Image.open(table.image(path)).convert("L").resize((24, 24), Image.Resampling.BOX)
        values = np.asarray(small, np.float32).ravel()
        rows.append((values - values.mean()) / values.std())
    return np.stack(rows)


def test_a_linear_head_learns_most_labels_of_strangers_but_not_all(tmp_path: Path) -> None:
    table = draw_faces(tmp_path / "set", people=240, per_person=4, seed=3)
    people = table.rows["identity"].str[1:].astype(int).to_numpy()
    train, round_ = people < 180, (table.rows["label"] == "round").to_numpy()
    values = features(table)
    head = make_pipeline(StandardScaler(), LogisticRegression(C=1e-2, max_iter=300)).fit(values[train], round_[train])
    assert 0.82 <= head.score(values[~train], round_[~train]) <= 0.98


@pytest.mark.parametrize(
    ("people", "per_person", "seed", "words"),
    [(1, 1, 0, "at least 2"), (2, 0, 0, "at least 1"), (2, 1, -1, "0 or more"), (10**6, 2, 0, "at most 1,000,000")],
)
def test_senseless_numbers_are_refused(tmp_path: Path, people: int, per_person: int, seed: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        draw_faces(tmp_path / "set", people, per_person, seed)
    assert not (tmp_path / "set").exists()


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is a folder with files in it; choose another name$"):
        draw_faces(tmp_path, people=2, per_person=1, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_is_left_of_a_drawing_that_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("heads.synthetic.drawn_set.sight", stop)
    with pytest.raises(KeyboardInterrupt):
        draw_faces(tmp_path / "set", people=2, per_person=1, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_another_table_is_no_drawn_set(tmp_path: Path) -> None:
    draw_faces(tmp_path / "set", people=2, per_person=1, seed=0)
    faces = tmp_path / "set" / "faces.csv"
    faces.write_text(faces.read_text().replace(",synthetic,", ",celeba,"))
    with pytest.raises(DataError, match="faces.csv is a table of the layout 'celeba'"):
        read_faces(tmp_path / "set", LAYOUT)
    faces.write_text("path,label\na.jpg,round\n")
    with pytest.raises(DataError, match="has no column identity"):
        read_faces(tmp_path / "set", LAYOUT)
