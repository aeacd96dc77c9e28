"""`convert crosscheck`, and what `convert inspect` says of the channel order."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

import prototxt
from cases import caffe_case, matconvnet_case
from command_lines import Run, typed
from converters import cli, read_caffe
from converters.command_line import terminal
from converters.conversion import names
from converters.conversion.crosschecking import two_models
from converters.conversion.names import Published
from converters.options import UsageError
from releases import mat_release

TINY = prototxt.find("vgg-face-tiny")
RGB_MEAN = (129.186279296875, 104.76238250732422, 93.59396362304688)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setattr(terminal.out, "width", 160)
    return typed("convert", cli.main, monkeypatch, capsys)


@pytest.fixture
def tiny_mat(tmp_path: Path) -> Path:
    assert TINY.weights is not None
    return mat_release(tmp_path / "tiny.mat", read_caffe(TINY.prototxt, TINY.weights), RGB_MEAN)


# Which words are which model


@pytest.mark.parametrize(
    ("words", "models"),
    [
        (["a", "b"], (("a",), ("b",))),
        (["net.prototxt", "net.caffemodel", "net.mat"], (("net.prototxt", "net.caffemodel"), ("net.mat",))),
        (["net.mat", "a.prototxt", "a.caffemodel.h5"], (("net.mat",), ("a.prototxt", "a.caffemodel.h5"))),
        (
            ["name", "A.CAFFEMODEL", "b.prototxt", "b.caffemodel"],
            (("name", "A.CAFFEMODEL"), ("b.prototxt", "b.caffemodel")),
        ),
    ],
)
def test_a_caffemodel_belongs_to_what_stands_before_it(words: list[str], models: tuple[tuple[str, ...], ...]) -> None:
    assert two_models(words) == models


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["net.mat"], "but 1 named: 'net.mat'"),
        (["a.prototxt", "a.caffemodel"], "but 1 named: 'a.prototxt a.caffemodel'"),
        (["a", "b", "c.mat"], "but 3 named: 'a', 'b', 'c.mat'"),
        (["a.prototxt", "weights", "c.mat"], "whose name ends in .caffemodel or .caffemodel.h5"),
    ],
)
def test_one_model_or_three_are_refused(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        two_models(words)
    assert said in str(caught.value)


# The command


def test_real_caffe_and_matconvnet_files_of_one_network(run: Run) -> None:
    caffe, mat = caffe_case("net_vggface_small"), matconvnet_case("net_vggface_caffe")
    done = run("crosscheck", caffe.prototxt, caffe.weights, mat.files[0])
    assert done.status == 0, done.err
    verdict = done.out.splitlines()[-1]
    assert verdict.startswith("the same network; first convolution flipped: deploy.prototxt takes BGR, ")
    assert f"{mat.files[0].name} takes RGB; outputs agree within " in verdict
    for words in ("identical, input channels flipped", "identical, dense as convolution", "mean", "names its classes"):
        assert words in done.out


def test_a_name_and_a_file(run: Run, tiny_mat: Path) -> None:
    done = run("crosscheck", "vgg-face-tiny", tiny_mat)
    assert (done.status, done.err) == (0, "")
    assert "first convolution flipped: vgg-face-tiny takes BGR, tiny.mat takes RGB; outputs agree" in done.out
    assert "means agree (within 3.8e-05): B 93.594, G 104.7624, R 129.1863" in done.out


def test_the_table_has_a_row_for_each_pair(run: Run, tiny_mat: Path) -> None:
    lines = run("crosscheck", "vgg-face-tiny", tiny_mat).out.splitlines()
    assert lines[0].split()[:3] == ["vgg-face-tiny", "tiny.mat", "op"]
    [fc6] = [line for line in lines if line.startswith("fc6")]
    assert fc6.split()[:2] == ["fc6", "fc6"] and "identical, dense as convolution" in fc6


def test_json_is_one_document(run: Run, tiny_mat: Path) -> None:
    told = json.loads(run("crosscheck", tiny_mat, "vgg-face-tiny", "--json").out)
    assert told["ok"] is True and told["models"] == ["tiny.mat", "vgg-face-tiny"]
    assert told["channel_order"] == {
        "relation": "flipped", "first": "RGB", "second": "BGR",
        "found": "first convolution flipped: tiny.mat takes RGB, vgg-face-tiny takes BGR",
    }  # fmt: skip
    assert len(told["layers"]) == 16 and told["values"]["outputs_within"] < 1e-4


def test_a_mean_in_the_wrong_order_fails(run: Run, tmp_path: Path) -> None:
    assert TINY.weights is not None
    mat = mat_release(tmp_path / "wrong.mat", read_caffe(TINY.prototxt, TINY.weights), RGB_MEAN[::-1])
    done = run("crosscheck", "vgg-face-tiny", mat)
    assert done.status == 1
    assert "the same network, but one of the means is in the wrong channel order" in done.out
    assert done.err.startswith(
        "error: one of the means is in the wrong channel order: vgg-face-tiny subtracts B 93.594"
    )


def test_other_networks_fail(run: Run) -> None:
    case = caffe_case("net_vggface_small")
    done = run("crosscheck", "vgg-face-tiny", case.prototxt, case.weights)
    assert done.status == 1
    assert done.out.splitlines()[-1].startswith("not the same network: ")
    assert done.err.startswith("error: ") and "Traceback" not in done.err


def test_a_file_against_itself_has_two_titles(run: Run, tiny_mat: Path) -> None:
    done = run("crosscheck", tiny_mat, tiny_mat, "--tolerance", "1e-9", "--json")
    told = json.loads(done.out)
    assert told["models"] == [str(tiny_mat), str(tiny_mat)] and told["values"]["outputs_within"] == 0.0


def test_an_input_size_may_be_given(run: Run, tiny_mat: Path) -> None:
    done = run("crosscheck", "vgg-face-tiny", tiny_mat, "--input-shape", "1x3x32x32")
    assert done.status == 1 and "'fc6'" in done.err  # its first dense layer is made for 64x64
    assert run("crosscheck", "vgg-face-tiny", tiny_mat, "--input-shape", "1x3x64x64").status == 0


def test_problems_of_both_models_are_told_at_once(run: Run, tmp_path: Path) -> None:
    done = run("crosscheck", tmp_path / "one.mat", tmp_path / "two.mat")
    assert done.status == 1 and done.out == ""
    assert [line.split(": ")[1] for line in done.err.splitlines()] == [f"{tmp_path}/one.mat", f"{tmp_path}/two.mat"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["vgg-face-tiny"], 2, "two models are compared, but 1 named: 'vgg-face-tiny'"),
        (["vgg-face-tiny", "net.onnx"], 1, "net.onnx: is a converted model"),
        (["vgg-face-tiny", "vgg-face-tny"], 1, "did you mean 'vgg-face-tiny'?"),
        (["age-net", "vgg-face-tiny"], 1, "'age-net' comes without weights"),
    ],
)
def test_what_cannot_be_compared_is_refused(run: Run, words: list[str], status: int, message: str) -> None:
    done = run("crosscheck", *words)
    assert (done.status, done.out) == (status, "")
    assert message in " ".join(done.err.split())


# inspect


class Registry:
    """Names that a package makes known: the tiny network as two releases, the second of which may be missing."""

    def __init__(self, mat: Path | None) -> None:
        assert TINY.weights is not None
        files = (TINY.prototxt, TINY.weights)
        self.known = {
            "tiny-caffe": Published(
                name="tiny-caffe", format="caffe", files=files, channel_order="BGR", other_release="tiny-mat"
            ),
            "tiny-mat": Published(
                name="tiny-mat",
                format="matconvnet",
                files=(mat,) if mat else (),
                advice="fetch it with: weights fetch tiny-mat",
                other_release="tiny-caffe",
            ),
        }

    def names(self) -> Iterable[str]:
        return self.known

    def find(self, name: str) -> Published | None:
        return self.known.get(name)


def test_inspect_tells_the_order_by_the_other_release(
    run: Run, tiny_mat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "sources", lambda: (Registry(tiny_mat),))
    told = "first convolution flipped: tiny-caffe takes BGR, tiny-mat takes RGB"
    shown = run("inspect", "tiny-caffe")
    assert shown.status == 0 and f"channel order   {told}" in shown.out
    assert json.loads(run("inspect", "tiny-caffe", "--json").out)["channel_order"] == told
    assert "tiny-mat takes RGB, tiny-caffe takes BGR" in run("inspect", "tiny-mat").out


def test_inspect_says_when_a_statement_contradicts_the_other_release(
    run: Run, tiny_mat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "sources", lambda: (Registry(tiny_mat),))
    shown = run("inspect", "tiny-caffe", "--channel-order", "RGB", "--json")
    assert "one of the two statements is wrong" in json.loads(shown.out)["channel_order"]


def test_inspect_says_that_the_other_release_is_not_here(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "sources", lambda: (Registry(None),))
    assert json.loads(run("inspect", "tiny-caffe", "--json").out)["channel_order"] == (
        "stated as BGR; cannot be told from the weights alone, and its other release cannot be compared: "
        "'tiny-mat' is not here; fetch it with: weights fetch tiny-mat"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("vgg-face-tiny",), "stated as BGR; cannot be told from the weights alone"),
        ((TINY.prototxt, TINY.weights), "not stated; cannot be told from the weights alone"),
        ((TINY.prototxt,), "not stated; without weights there is nothing to compare"),
        (("vgg-face-tiny", "--bake-preprocessing"), None),
    ],
)
def test_inspect_never_guesses_from_one_file(run: Run, words: tuple[object, ...], said: str | None) -> None:
    assert json.loads(run("inspect", *words, "--json").out)["channel_order"] == said
