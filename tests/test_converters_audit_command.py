"""`convert audit` as it is typed: its tables, its last line, its JSON and its exit codes."""

import json
from pathlib import Path

import numpy as np
import pytest

from audit_cases import FLATTENED_LAST, RGB, WHOSE, npz
from audited_files import TINY, caffe_form, caffemodel, flipped, keras2_weights, keras_form
from command_lines import Run, typed
from converters import cli
from converters.command_line import terminal


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setattr(terminal.out, "width", 200)
    return typed("convert", cli.main, monkeypatch, capsys)


def test_the_command_ends_with_one_line_and_0(run: Run, tmp_path: Path) -> None:
    path = keras2_weights(tmp_path / "vgg.h5", keras_form(flipped(caffe_form())))
    done = run("audit", path, "--against", "vgg-face-tiny")
    assert done.status == 0 and done.err == ""
    lines = done.out.splitlines()
    assert lines[-1] == f"{WHOSE}, first convolution flipped to RGB, {FLATTENED_LAST}: {RGB}"
    assert "16 layers: 16 rearranged" in lines
    (row,) = [line for line in lines if line.startswith("conv1_1")]
    assert "axes HWIO for OIHW, input channels flipped (RGB and BGR)" in row and "conv1_1/kernel:0 and 1 more" in row


def test_another_network_ends_with_1_and_the_reason(run: Run, tmp_path: Path) -> None:
    layers = caffe_form()
    layers["fc8"]["weight"] = -layers["fc8"]["weight"]
    del layers["fc7"]
    done = run("audit", npz(tmp_path / "vgg.npz", layers), "--against", "vgg-face-tiny")
    assert done.status == 1
    assert done.err.startswith("error: not the same network: 1 of 16 layers differs, first fc8; fc7 missing")
    (row,) = [line for line in done.out.splitlines() if line.startswith("fc8")]
    assert "weight differs by 2 of its largest value, cosine -1.0000" in row
    assert "Traceback" not in done.err and "16 layers: 14 identical, 1 different, 1 missing" in done.out


def test_json_is_one_document(run: Run, tmp_path: Path) -> None:
    layers = flipped(caffe_form())
    layers["fc8"] = {"weight": np.ones((2, 3), np.float32) * np.arange(3, dtype=np.float32)}
    done = run("audit", npz(tmp_path / "vgg.npz", layers), "--against", "vgg-face-tiny", "--json")
    told = json.loads(done.out)
    assert done.status == 1 and told["same"] is False and told["against"] == "vgg-face-tiny"
    assert told["counts"] == {"identical": 14, "rearranged": 1, "different": 1, "missing": 0}
    first, last = told["layers"][0], told["layers"][-1]
    assert first["layer"] == "conv1_1" and first["arrays"]["weight"]["rearrangement"][0]["kind"] == "channels"
    assert last["arrays"]["weight"]["difference"] is None and last["arrays"]["bias"]["verdict"] == "missing"
    assert last["arrays"]["weight"]["note"] == "shape [2, 3] for [164, 256]"


def test_words_behind_the_file_belong_to_the_reference(run: Run, tmp_path: Path) -> None:
    path = npz(tmp_path / "vgg.npz", caffe_form())
    weights = caffemodel(tmp_path / "other.caffemodel", caffe_form())
    done = run("audit", path, "--against", "vgg-face-tiny", weights)
    assert done.status == 0 and "the weights of vgg-face-tiny in other.caffemodel, unchanged" in done.out
    again = run("audit", path, "--against", TINY.prototxt, "--against", weights)
    assert again.status == 0 and "the weights of other.caffemodel, unchanged" in again.out


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["audit"], 2, "Missing argument"),
        (["audit", "x.h5"], 2, "Missing option"),
        (["audit", "x.h5", "--against", "vgg-face-tiny"], 1, "x.h5: cannot be read: No such file"),
        (["audit", "x.h5", "--against", "vgg-face-tinny"], 1, "did you mean 'vgg-face-tiny'?"),
        (["audit", "x.h5", "--against", "y.onnx"], 1, "is a converted model"),
    ],
)
def test_wrong_words_are_refused(run: Run, words: list[str], status: int, message: str) -> None:
    done = run(*words)
    assert done.status == status and message in done.err and "Traceback" not in done.err
