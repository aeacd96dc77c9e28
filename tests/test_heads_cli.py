"""The command line of heads: a synthetic data set from drawing to one exported file, and what is refused on the way."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from PIL import Image

from command_lines import Run, typed
from heads import cli
from heads.command_line.commands import COMMANDS, DATA_COMMANDS

EMBED = ("--node", "pool3", "--node", "fc6", "--crop", "box")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return typed("heads", cli.main, monkeypatch, capsys)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with faces, split, embeddings and a head, made by the commands themselves."""
    folder = tmp_path_factory.mktemp("made")
    for words in (
        ("data", "draw", "faces", "--people", "60", "--per-person", "4"),
        ("split", "faces", "--layout", "synthetic", "--seed", "3", "-o", "split.csv"),
        ("embed", "vgg-face-tiny", "split.csv", *EMBED, "-o", "embeddings"),
        ("train", "embeddings", "--recipe", "linear", "--recipe", "centroid", "-o", "head"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "heads", *words], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    return folder


@pytest.fixture
def at(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, as the current one."""
    here = tmp_path / "here"
    shutil.copytree(made, here)
    monkeypatch.chdir(here)
    return here


def test_every_command_has_help_and_help_is_fast(run: Run) -> None:
    for name in COMMANDS:
        assert COMMANDS[name].help.partition(",")[0] in " ".join(run(name, "--help").out.split())
    for name in DATA_COMMANDS:
        assert run("data", name, "--help").status == 0
    command = [sys.executable, "-m", "heads", "--help"]
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.3 * 2  # twice what is promised, for slow machines


def test_a_data_set_is_checked(at: Path, run: Run) -> None:
    done = run("data", "check", "faces", "--layout", "synthetic", "--json")
    told = json.loads(done.out)
    assert told["people"]["identities"] == 60 and told["unreadable"] == []
    spoilt = pd.read_csv("split.csv")["path"][0]
    (at / "faces" / spoilt).write_bytes(b"no image")
    done = run("data", "check", "faces", "--layout", "synthetic")
    assert done.status == 0 and spoilt in done.out and "1 image cannot be read" in done.err


def test_an_official_split_has_no_seed(at: Path, run: Run) -> None:
    table = pd.read_csv("split.csv")
    table[["path", "label", "split"]].to_csv(at / "faces/official.csv", index=False)
    done = run(
        "split", "faces", "--layout", "csv", "--file", "official.csv", "--column", "split=split", "--by", "official",
        "-o", "official.csv",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "240 faces, split by official)" in done.out


def test_layouts_are_listed(run: Run) -> None:
    names = [layout["layout"] for layout in json.loads(run("data", "layouts", "--json").out)]
    assert {"celeba", "utkface", "fairface", "folders", "csv", "synthetic"} <= set(names)
    assert "identities" in run("data", "layouts").out


@pytest.mark.usefixtures("at")
def test_nothing_is_embedded_twice(run: Run) -> None:
    again = json.loads(run("embed", "vgg-face-tiny", "split.csv", *EMBED, "-o", "embeddings", "--json").out)
    assert (again["computed"], again["reused"], again["dimension"]) == (0, 240, 272)
    other = run("embed", "vgg-face-tiny", "split.csv", *EMBED[:-2], "-o", "embeddings")
    assert other.status == 1 and "crop" in other.err


def test_faces_in_several_rows_are_told(at: Path, run: Run) -> None:
    lines = (at / "split.csv").read_text().splitlines()
    (at / "twice.csv").write_text("\n".join([*lines, lines[1]]) + "\n")
    done = run("embed", "vgg-face-tiny", "twice.csv", *EMBED, "-o", "embeddings")
    assert done.status == 0 and "twice.csv: 1 rows name a face of another row" in done.err


def test_a_head_is_evaluated_and_reported(at: Path, run: Run) -> None:
    done = run("evaluate", "head", "embeddings", "--by", "tone", "-o", "report")
    assert done.status == 0, done.err
    assert "undefined" in done.out and "tone=" in done.out
    assert (at / "report/report.html").stat().st_size > 10_000
    told = json.loads((at / "head/evaluation-test.json").read_text())
    assert told["facts"]["split"] == "test" and not any("optimistic" in line for line in told["warnings"])
    optimistic = run("evaluate", "head", "embeddings", "--split", "val")
    assert "the figures are optimistic" in optimistic.err
    assert json.loads((at / "head/evaluation-test.json").read_text()) == told


def test_faces_that_a_head_was_trained_on_are_told_whatever_their_split_is_called(at: Path, run: Run) -> None:
    honest = run("evaluate", "head", "embeddings")
    assert "trained on" not in honest.out + honest.err
    assert run("split", "faces", "--layout", "synthetic", "--seed", "9", "-o", "other.csv").status == 0
    assert run("embed", "vgg-face-tiny", "other.csv", *EMBED, "-o", "embeddings").status == 0
    done = run("evaluate", "head", "embeddings", "-o", "report")
    assert "24 of 32 faces are among those that the head was trained on: the figures flatter it" in done.err
    assert "among those that the head was trained on" in (at / "report/report.html").read_text()
    assert run("card", "head", "-o", "CARD.md").status == 0
    assert "among those that the head was trained on" in (at / "CARD.md").read_text()
    (at / "head/seen.safetensors").unlink()
    assert "does not say which faces it was trained on" in run("evaluate", "head", "embeddings").err


def test_people_that_a_head_was_trained_on_are_told(run: Run, at: Path) -> None:
    assert run("split", "faces", "--layout", "synthetic", "--by", "image", "--force", "-o", "split.csv").status == 0
    assert run("embed", "vgg-face-tiny", "split.csv", *EMBED, "-o", "embeddings").status == 0
    assert run("train", "embeddings", "--recipe", "centroid", "-o", str(at / "leaky")).status == 0
    assert "show people that the head was trained on" in run("evaluate", "leaky", "embeddings").err


def test_a_report_without_its_images_is_told(at: Path, run: Run) -> None:
    done = run("evaluate", "head", "embeddings", "--images", str(at / "moved"), "-o", "report")
    assert done.status == 0 and "holds none of the images" in done.err


@pytest.mark.usefixtures("at")
def test_the_cost_of_exchanged_channels_is_told(run: Run) -> None:
    done = run("probe", "vgg-face-tiny", "split.csv", "--node", "fc6", "--crop", "box")
    assert done.status == 0 and "takes BGR: with red and blue exchanged" in done.out
    told = json.loads(run("probe", "vgg-face-tiny", "split.csv", "--node", "fc6", "--json").out)
    assert 0 < told["moved_mean"] <= told["moved_largest"] and told["images"] == 64


def test_a_mean_that_the_file_contradicts_is_told(at: Path, run: Run) -> None:
    done = run("embed", "vgg-face-tiny", "split.csv", "--mean", "129,105,94", "-o", str(at / "other"))
    assert done.status == 0
    assert "mean is taken to be 94, 105, 129, although the model's file says 93.594, 104.762, 129.186" in done.err
    again = run("embed", "vgg-face-tiny", "split.csv", "-o", str(at / "other"))
    assert again.status == 1
    assert "preprocessing mean 94, 105, 129, expected 93.594, 104.7624, 129.1863" in again.err


def test_another_crop_than_in_training_is_told(at: Path, run: Run) -> None:
    image = str(at / "faces" / pd.read_csv("split.csv")["path"][0])
    done = run("predict", image, "--head", "head", "--crop", "none")
    assert done.status == 0 and "trained on faces with the crop box" in done.err


@pytest.mark.usefixtures("at")
def test_two_heads_are_compared(run: Run) -> None:
    assert run("train", "embeddings", "--recipe", "knn", "-o", "other").status == 0
    done = run("evaluate", "head", "embeddings", "--against", "other")
    assert done.status == 0 and "exact McNemar test p = " in done.out


def test_an_exported_head_says_what_prediction_says(at: Path, run: Run) -> None:
    """From a picture of the network's size on, nothing lies between pixels and probability."""
    table = pd.read_csv("split.csv")
    image = Image.open(at / "faces" / table["path"][0]).convert("RGB").resize((64, 64))
    image.save("face.png")
    (said,) = json.loads(run("predict", "face.png", "--head", "head", "--crop", "none", "--json").out)
    done = run("export", "head", "--with-backbone", "-o", "face.onnx")
    assert done.status == 0, done.err
    session = onnxruntime.InferenceSession("face.onnx")
    pixels = np.asarray(image).transpose(2, 0, 1)[None]
    (probability,) = session.run(None, {session.get_inputs()[0].name: pixels})
    assert session.get_inputs()[0].type == "tensor(uint8)"
    assert float(probability.ravel()[0]) == pytest.approx(said["probability"], abs=1e-5)


def test_a_card_tells_the_evaluation(at: Path, run: Run) -> None:
    warned = run("card", "head", "-o", "first.md")
    assert warned.status == 0 and "no evaluation of this head" in warned.err
    assert run("evaluate", "head", "embeddings").status == 0
    assert run("card", "head", "-o", "CARD.md").status == 0
    text = (at / "CARD.md").read_text()
    assert "synthetic" in text and "perceived gender" not in text and "Surveillance" in text


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["data", "check", "nowhere", "--layout", "synthetic"], 1, "nowhere: is no folder"),
        (["data", "check", "faces", "--layout", "synthetik"], 2, "did you mean 'synthetic'"),
        (["split", "faces", "--layout", "synthetic", "-o", "split.csv"], 1, "exists already"),
        (["split", "faces", "--layout", "synthetic", "-o", "x.csv", "--val", "1.5"], 2, "a fraction is at least 0"),
        (["split", "faces", "--layout", "synthetic", "-o", "x.csv", "--stratify", "age"], 2, "no such group"),
        (["embed", "vgg-face-tiny", "-o", "e"], 2, "name the model first"),
        (["embed", "vgg-face-tiny", "nothing.csv", "-o", "e"], 1, "nothing.csv: cannot be read"),
        (["embed", "vgg-face-tini", "split.csv", "-o", "e"], 1, "did you mean 'vgg-face-tiny'"),
        (["embed", "vgg-face-tiny", "split.csv", "-o", "e", "--node", "fc66", "--channel-order", "BGR"], 1, "fc6"),
        (["embed", "vgg-face-tiny", "split.csv", "-o", "e", "--mean", "1,2"], 2, "three numbers"),
        (["embed", "vgg-face-tiny", "split.csv", "-o", "e", "--engine", "spark"], 2, "local or ray"),
        (["embed", "vgg-face-tiny", "split.csv", "-o", "e", "--detector", "faces"], 2, "the crop is none"),
        (["probe", "split.csv"], 2, "heads probe MODEL... TABLE"),
        (["data", "draw", "faces"], 1, "with files in it; choose another name"),
        (["evaluate", "head", "embeddings", "--split", "all"], 2, "--split all: is train, val or test"),
        (["evaluate", "head", "embeddings", "--mark", "val_loss<=1"], 2, "--mark is of use to a report only"),
        (["train", "embeddings", "--recipe", "lineal", "-o", "h"], 2, "did you mean 'linear'"),
        (["train", "faces", "--recipe", "linear", "-o", "h"], 1, "faces"),
        (["train", "embeddings", "--recipe", "linear", "-o", "h", "--positive", "oval"], 2, "oval"),
        (["evaluate", "embeddings", "embeddings"], 1, "holds no head"),
        (["evaluate", "head", "embeddings", "--by", "age"], 1, "age"),
        (["predict", "nothing.jpg", "--head", "head"], 2, "crop 'box'"),
        (["predict", "nothing.jpg", "--head", "head", "--crop", "none"], 1, "no image could be used"),
        (["export", "head", "-o", "head.txt"], 2, "head.txt"),
        (["export", "head", "-o", "h.onnx", "--backbone", "vgg-face-tiny"], 2, "--with-backbone"),
        (["card", "nowhere", "-o", "c.md"], 1, "holds no head"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(at: Path, run: Run, words: list[str], status: int, message: str) -> None:
    before = sorted(path.name for path in at.iterdir())
    done = run(*words)
    assert (done.status, message in done.err) == (status, True), done.err
    assert "unexpected failure" not in done.err and "Traceback" not in done.err
    assert sorted(path.name for path in at.iterdir()) == before
