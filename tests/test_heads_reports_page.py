"""Pictures and the page: the same bytes every time, nothing from elsewhere, whole or not at all."""

import base64
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from converters.errors import ConversionError
from heads.errors import DataError, UsageError
from heads.metrics import EvaluateOptions, Evaluation, compare, evaluate
from heads.reports.figures import confusion, faces, groups, history, reliability, roc
from heads.reports.figures.picture import DARK, LIGHT, Picture, render
from heads.reports.figures.thumbnails import thumbnail
from heads.reports.material import Material
from heads.reports.page import page
from heads.reports.sweep import parse_threshold
from heads.reports.writing import pictures, write_report
from heads_scores import counted_scores, drawn_scores, plain_scores

FEW = EvaluateOptions(by=("age_group", "light"), resamples=100)
VOID = {"meta", "img", "source", "br"}
HISTORY = pd.DataFrame(
    {
        "run": [0, 0, 1, 1],
        "recipe": ["mlp"] * 4,
        "epoch": [1, 2, 1, 2],
        "train_loss": [0.6, 0.4, 0.5, 0.3],
        "val_loss": [0.6, 0.5, 0.55, 0.45],
        "val_accuracy": [0.7, 0.8, 0.75, 0.85],
        "learning_rate": [1e-3] * 4,
    }
)
RUNS = pd.DataFrame({"run": [0, 1], "recipe": ["mlp", "<i>"], "val_accuracy": [0.8, 0.85], "chosen": [False, True]})


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluate(drawn_scores(120, people=60), FEW)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn images for some of the faces; one file that is none."""
    folder = tmp_path_factory.mktemp("images")
    for number in range(0, 120, 2):
        Image.new("RGB", (30, 40), (number, 120, 200)).save(folder / f"{number:05}.jpg")
    (folder / "00001.jpg").write_bytes(b"no image")
    return folder


class Page(HTMLParser):
    """Reads a page and notes its tags, addresses and text; fails where tags are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.addresses += [str(value) for name, value in attrs if name in {"src", "srcset", "href"}]
        self.ids += [str(value) for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def all_pictures(evaluation: Evaluation, images: Path) -> Iterator[Picture]:
    yield confusion.confusion(evaluation)
    yield roc.roc(evaluation)
    yield reliability.reliability(evaluation)
    yield groups.groups(evaluation, 1)
    yield history.history(HISTORY)
    yield faces.sample(evaluation, images)


def test_pictures_are_the_same_bytes_every_time(evaluation: Evaluation, images: Path) -> None:
    for picture in all_pictures(evaluation, images):
        kind = "jpg" if picture.photographs else "svg"
        first = render(picture, kind)
        assert first == render(picture, kind), picture.name
        assert first != render(picture, kind, DARK), picture.name
        assert not re.search(rb"<dc:date>|\d{4}-\d\d-\d\dT|Matplotlib v", first)
    assert len({render(confusion.confusion(evaluation), "png") for _ in range(2)}) == 1


def test_pictures_have_the_size_they_say_and_are_not_empty(evaluation: Evaluation, images: Path) -> None:
    for picture in all_pictures(evaluation, images):
        with Image.open(io.BytesIO(render(picture, "png"))) as image:
            pixels = np.asarray(image.convert("RGB"))
        assert abs(pixels.shape[1] - picture.size[0] * 150) <= 1
        assert pixels.shape[1] <= 1300  # readable at the width of a README
        assert 0.01 < (pixels != 255).any(axis=2).mean() < 0.95
        assert picture.text.endswith(".")


def test_drawing_leaves_no_trace_in_matplotlib(evaluation: Evaluation) -> None:
    before = dict(mpl.rcParams)
    render(confusion.confusion(evaluation), "svg", DARK)
    assert dict(mpl.rcParams) == before


def test_a_users_own_settings_change_nothing(evaluation: Evaluation) -> None:
    picture = confusion.confusion(evaluation)
    plain = render(picture, "png")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 20}):
        assert render(picture, "png") == plain


def axes_of(picture: Picture) -> list:
    figure = Figure(figsize=picture.size)
    picture.draw(figure, LIGHT)
    return figure.axes


def texts(picture: Picture) -> str:
    return "\n".join(one.get_text() for axes in axes_of(picture) for one in axes.texts)


def test_the_confusion_matrix_shows_the_counts() -> None:
    picture = confusion.confusion(evaluate(counted_scores(247, 18, 23, 272), EvaluateOptions(resamples=100)))
    assert texts(picture).split() == ["272", "92.2", "%", "23", "7.8", "%", "18", "6.8", "%", "247", "93.2", "%"]


def test_the_confusion_matrix_of_one_label_has_no_shares_of_the_other() -> None:
    picture = confusion.confusion(evaluate(counted_scores(5, 1, 0, 0, ranked=True), EvaluateOptions(resamples=100)))
    assert texts(picture).count("no face") == 2


def test_groups_are_drawn_lowest_first_when_crossed(evaluation: Evaluation) -> None:
    names = [label.get_text() for label in axes_of(groups.groups(evaluation, 2))[0].get_yticklabels()]
    values = {row.name: row.metrics["accuracy"].number for row in evaluation.rows if len(row.where) == 2}
    assert len(names) == 1 + len(values)
    lowest = min(values, key=lambda name: values[name])
    assert names[1].replace(" ", "=").split(",")[0] in lowest or names[1].split(", ")[-1] in lowest
    assert f"{values[lowest]:.3f}" in groups.groups(evaluation, 2).text
    with pytest.raises(ValueError, match="no crossing of 3 columns"):
        groups.groups(evaluation, 3)


def test_of_many_groups_the_lowest_are_drawn() -> None:
    random = np.random.default_rng(0)
    table = pd.DataFrame({"band": [f"{number % 45:02}" for number in range(900)]})
    scores = plain_scores(random.random(900), random.random(900) < 0.5, groups=table)
    picture = groups.groups(evaluate(scores, EvaluateOptions(by=("band",), crossings=1, resamples=100)), 1)
    assert "40 lowest of 47 groups" in picture.text


def test_the_roc_curve_is_undefined_for_hard_labels() -> None:
    with pytest.raises(ValueError, match="hard labels"):
        roc.roc(evaluate(counted_scores(3, 1, 1, 3), EvaluateOptions(resamples=100)))


def test_the_history_names_the_best_head() -> None:
    picture = history.history(HISTORY)
    assert "2 trained heads" in picture.text
    assert "0.4500" in picture.text
    legend = axes_of(picture)[1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["lowest loss: epoch 2", "mlp, run 0", "mlp, run 1"]


def test_a_history_of_many_heads_and_of_one_epoch() -> None:
    many = pd.concat([HISTORY.assign(run=HISTORY["run"] + 2 * number, val_loss=0.5 + number) for number in range(5)])
    labels = [text.get_text() for text in axes_of(history.history(many))[1].get_legend().get_texts()]
    assert labels[1:] == ["lowest loss: mlp, run 0", "9 others"]
    single = history.history(HISTORY.head(1).rename(columns={"run": "head"}))
    assert "1 trained head by epoch" in single.text
    assert axes_of(single)[0].lines[0].get_marker() == "o"


def test_a_history_without_numbers_is_drawn_and_one_without_columns_refused() -> None:
    assert render(history.history(HISTORY.assign(val_loss=np.nan)), "png")
    with pytest.raises(DataError, match="no column val_loss, head"):
        history.history(HISTORY.drop(columns=["val_loss", "run"]))


def test_faces_are_shown_with_what_was_said(evaluation: Evaluation, images: Path) -> None:
    picture = faces.sample(evaluation, images)
    words = texts(picture)
    assert len(axes_of(picture)) == 30
    assert "image missing" in words
    assert words.count("labelled ") == 30
    scores = evaluation.scores
    wrong = words.count("WRONG")
    assert wrong + words.count("right") == 30
    assert f": {wrong} wrong." in picture.text
    shown = sum(bool(axes.images) for axes in axes_of(picture))
    assert 0 < shown < 30
    assert len(scores) == 120


def test_the_surest_errors_come_first(evaluation: Evaluation, images: Path) -> None:
    words = texts(faces.errors(evaluation, images))
    likely = [float(found) for found in re.findall(r"(\d\.\d\d), WRONG", words)]
    assert likely == sorted(likely, reverse=True)
    assert "right" not in words


def test_sheets_need_images_and_errors(images: Path) -> None:
    perfect = evaluate(plain_scores([0.1, 0.9], [False, True]), EvaluateOptions(resamples=100))
    with pytest.raises(ValueError, match="no face was predicted wrongly"):
        faces.errors(perfect, images)
    unnamed = evaluate(plain_scores([0.1, 0.9], [False, True], paths=np.empty(0, str)), EvaluateOptions(resamples=100))
    with pytest.raises(ValueError, match="say nothing of images"):
        faces.sample(unnamed, images)


def test_thumbnails_keep_their_shape_and_say_what_is_wrong(images: Path) -> None:
    found = thumbnail(images / "00002.jpg", 20)
    assert not isinstance(found, str)
    assert found.shape == (20, 15, 3)
    assert thumbnail(images / "00001.jpg", 20) == "image unreadable"
    assert thumbnail(images / "none.jpg", 20) == "image missing"


@pytest.fixture(scope="module")
def full(evaluation: Evaluation, images: Path) -> str:
    scores = evaluation.scores
    other = plain_scores(
        np.roll(scores.probabilities, 1),
        scores.targets,
        identities=scores.identities,
        groups=scores.groups,
        paths=scores.paths,
    )
    material = Material(
        history=HISTORY,
        runs=RUNS,
        thresholds=(parse_threshold("val_accuracy>=0.82"),),
        images_root=images,
        facts={
            "licence": "CC BY-NC 4.0",
            "label_source": "annotator-perceived",
            "embedding": {"nodes": ["fc7", "<x>"]},
        },
        comparisons=(compare(scores, other, ("linear", "<mlp>"), EvaluateOptions(resamples=100)),),
    )
    drawn, absent = pictures(evaluation, material)
    return page(evaluation, drawn, absent, material)


def test_the_page_is_sound_and_stands_alone(full: str) -> None:
    read = Page(full)
    assert not {"script", "link", "iframe", "object"} & set(read.tags)
    outside = [one for one in read.addresses if not one.startswith(("data:image/", "#"))]
    assert outside == []
    assert not re.search(r"url\(|@import", full)
    assert len(read.ids) == len(set(read.ids))
    assert {one[1:] for one in read.addresses if one.startswith("#")} <= set(read.ids)
    assert not [name for name in read.attributes if name.startswith("on")]
    assert read.attributes.count("alt") == read.tags.count("img") == 8
    for address in read.addresses:
        if address.startswith("data:image/svg"):
            assert b"<svg" in base64.b64decode(address.partition(",")[2])[:400]


def test_the_page_says_all_that_was_given(full: str) -> None:
    text = Page(full).text
    for part in (
        "perceived gender (male or female)", "licence CC BY-NC 4.0", "label source annotator-perceived",
        "nodes: fc7, <x>", "linear and <mlp>", "exact McNemar test", "0.85 ✓ ★", "30 of 120 faces", "undefined",
        "How to read this", "Wilson", "worst group", "of 51 people",
    ):  # fmt: skip
        assert part in text, part
    assert "prefers-color-scheme: dark" in full
    assert "@media print" in full


@pytest.fixture
def blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take most of the time; the words of a page do not need them."""
    monkeypatch.setattr("heads.reports.page.render", lambda *_: b"")


@pytest.mark.usefixtures("blank")
def test_the_page_says_what_it_lacks(images: Path) -> None:
    evaluation = evaluate(counted_scores(4, 0, 0, 4), EvaluateOptions(resamples=100))
    material = Material(images_root=images)
    drawn, absent = pictures(evaluation, material)
    text = Page(page(evaluation, drawn, absent, material)).text
    assert set(absent) == {"roc", "errors"}
    assert 'No picture "roc": the scores take two values only' in text
    assert 'No picture "errors": no face was predicted wrongly' in text
    assert "licence not stated" in text
    assert "label source not stated" in text
    assert "Comparison" not in text
    assert "Training" not in text


@pytest.mark.usefixtures("blank")
def test_labels_cannot_break_the_page() -> None:
    table = pd.DataFrame({'<script>"&': ["</table>", "x"] * 10})
    scores = plain_scores(np.linspace(0, 1, 20), np.arange(20) > 9, groups=table, labels=("<a>", "b&c"))
    evaluation = evaluate(scores, EvaluateOptions(by=('<script>"&',), resamples=100))
    drawn, absent = pictures(evaluation, Material())
    read = Page(page(evaluation, drawn, absent, Material()))
    assert "script" not in read.tags
    assert "a" not in [tag for tag in read.tags if tag == "<a>"]
    assert "</table>" in read.text
    assert "gender" not in read.text


def test_a_report_appears_whole(tmp_path: Path) -> None:
    evaluation = evaluate(drawn_scores(60), EvaluateOptions(resamples=100))
    out = tmp_path / "report"
    files = write_report(evaluation, out, material=Material(history=HISTORY))
    names = {path.name for path in files}
    assert {path.name for path in out.iterdir()} == names
    assert {"report.html", "evaluation.md", "evaluation.csv", "evaluation.tex", "evaluation.json"} <= names
    assert {"roc.svg", "roc.png", "history.png", "groups.svg"} <= names
    assert "licence: not stated" in (out / "evaluation.md").read_text()
    again = write_report(evaluation, tmp_path / "again", ["html", "tex", "csv", "json"], Material(history=HISTORY))
    assert [(out / path.name).read_bytes() for path in again] == [path.read_bytes() for path in again]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_report_is_replaced_only_when_forced_and_keeps_no_old_picture(evaluation: Evaluation, tmp_path: Path) -> None:
    out = tmp_path / "report"
    write_report(evaluation, out, ["svg", "json"])
    (out / "mine.txt").write_text("kept")
    with pytest.raises(ConversionError, match="folder with files in it"):
        write_report(evaluation, out, ["json"])
    hard = evaluate(counted_scores(3, 1, 1, 3), EvaluateOptions(resamples=100))
    write_report(hard, out, ["svg"], force=True)
    assert {path.name for path in out.iterdir()} == {"mine.txt", "confusion.svg", "groups.svg", "reliability.svg"}


def test_what_does_not_fit_leaves_nothing(evaluation: Evaluation, tmp_path: Path) -> None:
    out = tmp_path / "report"
    with pytest.raises(UsageError, match="cannot be written as pdf, but as html"):
        write_report(evaluation, out, ["pdf"])
    with pytest.raises(UsageError, match="as nothing"):
        write_report(evaluation, out, [])
    with pytest.raises(DataError, match="no column train_loss"):
        write_report(evaluation, out, ["html"], Material(history=HISTORY.drop(columns="train_loss")))
    with pytest.raises(DataError, match="no column 'accuracy'"):
        write_report(evaluation, out, ["md"], Material(runs=RUNS, thresholds=(parse_threshold("accuracy>=1"),)))
    with pytest.raises(ConversionError, match="does not exist"):
        write_report(evaluation, tmp_path / "none" / "report", ["md"])
    assert list(tmp_path.iterdir()) == []


def test_heads_without_epochs_have_no_history(evaluation: Evaluation) -> None:
    drawn, absent = pictures(evaluation, Material(history=HISTORY.head(0)))
    assert "history" not in {picture.name for picture in drawn} | set(absent)
